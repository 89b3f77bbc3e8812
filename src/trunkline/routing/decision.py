"""Who answers: rank, pick the account, say why. A pure function of ask, policy and state."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from trunkline.domain.decisions import Decision, NoRoute, Ranked, Rejection, RejectionCode
from trunkline.domain.routes import Route, Selector
from trunkline.domain.state import ConversationState, RoutingState
from trunkline.routing.ask import RoutingAsk
from trunkline.routing.candidates import Scan
from trunkline.routing.emergency import emergency_of, emergency_options, note_paused, pauses_until_ms
from trunkline.routing.exploring import explored
from trunkline.routing.options import PAST_MARK, STATED, Key, Option
from trunkline.routing.policy import CompiledPolicy
from trunkline.routing.pools import pick_account
from trunkline.routing.profiles import Basis
from trunkline.routing.reasons import Choice, How, explain_choice
from trunkline.routing.rejections import Facts
from trunkline.routing.rules import rule_in_force
from trunkline.routing.saving import weigh
from trunkline.routing.stay import (
    BY_CHOICE,
    HOME,
    SAVING,
    cache_is_warm,
    home_option,
    may_carry,
    own_options,
    reason_to_move,
)
from trunkline.routing.terms import known_terms

LONGEST_RANKING = 12
# So many models are looked at before it is asked whether any of the rest can still matter.
_CHUNK = 40
# Sorts after every row's place.
_LAST = 1 << 60


def decide(ask: RoutingAsk, policy: CompiledPolicy, state: RoutingState) -> Decision | NoRoute:
    """The route for one request, with at most 12 routes behind it, one for each provider and model, on its best
    account; only the chosen one's account is the pool's pick. DESIGN §4.2–§4.4, precedence as in policy.md:
    override by a person > pin > crisis, for simple work that is not critical > environment override > stated preference
    > free_only > rule 3 > mode > rule 4. What is above its tier's price ceiling goes behind what is not, and what is
    below the quality floor behind that; neither is ever excluded, for the promise is that somebody answers, unless the
    request may wait and its tier says that it does (see `emergency`).

    After a fault (`ask.after`) or a shortage call it again with what failed in `ask.failed`: another account of
    the same model comes first, then the next of the ranking.
    """
    scan = Scan(ask, policy, state)
    _hold_at_limit(scan)
    ranking = rank(scan)
    if not ranking:
        return _no_route(scan)
    choice = _choose(scan, ranking)
    tier = emergency_of(scan, ranking) if choice.how is How.RANKED else None
    if tier is not None:
        if (back_at_ms := pauses_until_ms(scan, tier)) is not None:
            note_paused(scan, tier, ranking)
            return NoRoute(_rejected(scan), back_at_ms)
        if options := emergency_options(scan, tier):
            choice = Choice(_account(scan, options), How.EMERGENCY, choice.moved)
    chosen = choice.option
    others = [option for option in ranking if option.row is not chosen.row]
    why = explain_choice(scan, choice, others)
    shown = (chosen, *others[: LONGEST_RANKING - 1])
    return Decision(
        route=chosen.route,
        reason=why.reason,
        rule=why.rule,
        confidence=why.confidence,
        ranking=tuple(_ranked(scan, option) for option in shown),
        rejected=_rejected(scan),
        stayed=choice.how is How.STAY,
        facts=why.facts,
    )


def rank(scan: Scan) -> list[Option]:
    """The best option of each row, sorted; the best 12, or all where the ask is exhaustive."""
    profile, found = scan.profile, list[Option]()
    if profile.stated:
        _evaluate(scan, profile.stated, found)
    bases = profile.by_fixed
    if any(option.order == STATED for option in found):
        bases = profile.unstated
    else:
        scan.rule = rule_in_force(
            scan.task,
            profile,
            scan.preferences,
            spent_day_pico=scan.state.spent_day_pico,
            crisis=scan.crisis,
        )
        found = []
    for start in range(0, len(bases), _CHUNK):
        limit = _limit(scan, found)
        if limit is not None and limit[:4] < scan.ceiling(bases[start]):
            break
        _evaluate(scan, bases[start : start + _CHUNK], found)
    return found


def _evaluate(scan: Scan, bases: Iterable[Basis], found: list[Option]) -> None:
    """Add the rows' best options to `found`, in the order of what they could reach at best, until the twelfth is
    better than anything that can still come of them."""
    limit = _limit(scan, found)
    for bound in scan.bounds(bases):
        if limit is not None and (*limit[:4], _LAST) < bound:
            return
        option = scan.best(bound, limit)
        if option is not None:
            insort(found, option, key=_key)
            if limit is not None:
                found.pop()
            limit = _limit(scan, found)


def _limit(scan: Scan, found: list[Option]) -> Key | None:
    """What an option must beat to be among the twelve; None where all are wanted or there is room."""
    if scan.ask.exhaustive or len(found) < LONGEST_RANKING:
        return None
    return found[LONGEST_RANKING - 1].key


def _key(option: Option) -> Key:
    return option.key


# -- choosing ---------------------------------------------------------------------------------------------------------


def _choose(scan: Scan, ranking: list[Option]) -> Choice:
    after, conversation = scan.ask.after, scan.state.conversation
    if after is not None:
        sibling = _sibling(scan)
        if sibling is not None:
            return Choice(sibling, How.SIBLING)
    moved: str | None = None
    if conversation is not None:
        moved = reason_to_move(scan, conversation)
        home = home_option(scan, conversation, moved)
        if home is not None:
            return Choice(home, How.HOME, HOME)
        own = own_options(scan, conversation)
        if own and moved is None:
            return _settled(scan, conversation, _account(scan, own), ranking)
        if own and moved in BY_CHOICE:
            best = ranking[0]
            ranking = [option for option in ranking if may_carry(scan, conversation, option.row)]
            if not ranking or (ranking[0] is not best and ranking[0].row is own[0].row):
                return Choice(_account(scan, own), How.STAY, kept_from=best)
        if not own and moved not in ("asked", "fault", "crisis"):
            moved = "avoided" if _is_avoided(scan, conversation.route) else "unavailable"
    tried = explored(scan, ranking[:LONGEST_RANKING])
    how, best = (How.RANKED, ranking[0]) if tried is None else (How.EXPLORE, tried)
    return Choice(_account(scan, scan.options(best.row)), how, moved)


def _is_avoided(scan: Scan, route: Route) -> bool:
    """Whether the asker does not want that route to answer."""
    return any(one.matches(route.provider, route.account, route.model) for one in scan.ask.avoid)


def _settled(scan: Scan, conversation: ConversationState, own: Option, ranking: list[Option]) -> Choice:
    """A conversation that nothing else makes move stays, unless it saves to move."""
    weighed = weigh(scan, conversation, own, ranking)
    if weighed is not None and weighed.sums.pays:
        return Choice(_account(scan, scan.options(weighed.option.row)), How.SAVING, SAVING, weighed)
    return Choice(own, How.STAY, weighed=weighed)


def _account(scan: Scan, options: list[Option]) -> Option:
    """The account for one row: the running conversation's own while its cache is warm, else the pool's pick
    among those as good as the best in all but what is left and how well they are."""
    conversation = scan.state.conversation
    if conversation is not None and cache_is_warm(scan, conversation):
        own = next((option for option in options if option.route == conversation.route), None)
        if own is not None:
            return own
    strategy = scan.policy.pools[options[0].row.provider].strategy
    return pick_account(strategy, _equals_of_best(options), scan.state)


def _equals_of_best(options: list[Option]) -> list[Option]:
    best = min(options, key=lambda option: option.key)
    standing = (*best.key[:3], best.preference, best.cost_pico)
    return [
        option for option in options if (*option.key[:3], option.preference, option.cost_pico) == standing
    ]


def _sibling(scan: Scan) -> Option | None:
    """Another account of the model that has just failed, if one under the route-away mark can serve."""
    after = scan.ask.after
    row = scan.policy.row_by_model.get((after.provider, after.model)) if after is not None else None
    if after is None or row is None or not scan.considered(row):
        return None
    options = [option for option in scan.options(row) if option.route != after and option.order < PAST_MARK]
    if not options:
        return None
    position = next((i for i, route in enumerate(row.routes) if route == after), None)
    return pick_account(
        scan.policy.pools[row.provider].strategy, _equals_of_best(options), scan.state, after=position
    )


def _hold_at_limit(scan: Scan) -> None:
    """With `switch_on_limit` off, what is out of allowance is waited for: only its own model may answer."""
    conversation = scan.state.conversation
    home = scan.ask.after or (conversation.route if conversation is not None else None)
    if home is None or scan.preferences.rules.switch_on_limit or scan.only is not None or scan.crisis:
        return
    row = scan.policy.row_by_model.get((home.provider, home.model))
    if row is None or not scan.considered(row) or any(o.route == home for o in scan.options(row)):
        return
    if scan.rejections.is_limited(home):
        scan.narrow(Selector(provider=home.provider, model=home.model))


# -- results ----------------------------------------------------------------------------------------------------------


def _ranked(scan: Scan, option: Option) -> Ranked:
    cost_pico = option.cost_pico if option.price_known else None
    return Ranked(
        option.route, option.score, known_terms(scan, option), cost_pico, option.order, option.behind
    )


def _rejected(scan: Scan) -> tuple[Rejection, ...]:
    grouped = scan.rejections.grouped()
    only = scan.only
    if only is None:
        return grouped
    matching = sum(
        only.matches(route.provider, route.account, route.model)
        for row in scan.policy.rows
        if only.provider in (None, row.provider)
        for route in row.routes
    )
    elsewhere = scan.policy.route_count - matching
    if not elsewhere:
        return grouped
    facts: Facts = (("only", str(only)), ("by", scan.only_by))
    return (*grouped, Rejection("*", RejectionCode.PINNED_ELSEWHERE, facts, count=elsewhere))


def _no_route(scan: Scan) -> NoRoute:
    rejected = _rejected(scan)
    # A figure may be read anew a moment after its reset; then that is now, and not never.
    resets = (max(one.until_ms, scan.state.now_ms) for one in rejected if one.until_ms is not None)
    return NoRoute(rejected, min(resets, default=None))
