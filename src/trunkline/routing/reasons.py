"""The one word for why, the rule that fired, the confidence, and the figures from which a sentence is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from trunkline.domain.crisis import CrisisStep
from trunkline.domain.decisions import WEAK, Reason
from trunkline.routing.candidates import Scan
from trunkline.routing.options import PAST_MARK, PLAIN, STATED, UNLISTED, Option
from trunkline.routing.policy import BY_A_PERSON
from trunkline.routing.rejections import Facts
from trunkline.routing.rules import OFF_PEAK_DEARER
from trunkline.routing.saving import Weighed
from trunkline.routing.stay import carrying
from trunkline.routing.terms import counted_terms, known_terms


class How(Enum):
    """How a route came to be chosen."""

    RANKED = auto()
    SIBLING = auto()
    EXPLORE = auto()
    STAY = auto()
    HOME = auto()
    EMERGENCY = auto()
    SAVING = auto()


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen option. `moved` says why a running conversation was not kept where it was; `weighed` is what staying
    was weighed against, where it was; `kept_from` the better route that may not take the conversation over."""

    option: Option
    how: How
    moved: str | None = None
    weighed: Weighed | None = None
    kept_from: Option | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """The account of a choice."""

    reason: Reason
    rule: str | None
    confidence: float
    facts: Facts


_TERMS: tuple[tuple[str, Reason], ...] = (
    ("preference", Reason.PREFERENCE),
    ("quota", Reason.LIMIT),
    ("context", Reason.CONTEXT),
    ("cost", Reason.COST),
    ("quality", Reason.QUALITY),
    ("speed", Reason.SPEED),
    ("health", Reason.BALANCE),
)


def explain_choice(scan: Scan, choice: Choice, others: Sequence[Option]) -> Why:
    """Why `choice` and not the first of `others`, the best option of every other provider and model."""
    chosen = choice.option
    runner_up = others[0] if others else None
    rule = _rule(scan, choice, runner_up)
    reason, figures = _reason(scan, choice, runner_up, rule)
    facts = (*_common_facts(scan, choice), *figures, *_cost_facts(scan, chosen, runner_up))
    return Why(reason, rule, _confidence(chosen, runner_up), facts)


def _rule(scan: Scan, choice: Choice, runner_up: Option | None) -> str | None:
    """The cost rule by which the choice was made."""
    chosen = choice.option
    if choice.how is not How.RANKED:
        return None
    if scan.rule is not None and chosen.leads and chosen.order == PLAIN:
        return CrisisStep.SIMPLE_TO_CHEAP.value if scan.crisis else scan.rule
    place = chosen.row.place
    liking = scan.profile.by_account.get(place, {}).get(chosen.route.account, scan.profile.likings[place])
    pays = not (chosen.row.price_free or chosen.member.cash_free)
    lifted = scan.profile.footings[place].lifted and pays and not liking.named
    return OFF_PEAK_DEARER if lifted and runner_up is not None and scan.only is None else None


def _reason(scan: Scan, choice: Choice, runner_up: Option | None, rule: str | None) -> tuple[Reason, Facts]:
    chosen = choice.option
    if scan.forced is not None:
        return Reason.OVERRIDE, (("override", str(scan.forced)), ("by", BY_A_PERSON))
    if scan.pin is not None:
        return Reason.PIN, (("pin", str(scan.pin)),)
    if scan.override is not None:
        selector, override = scan.override
        return Reason.OVERRIDE, (("override", str(selector)), ("variable", override.variable))
    if scan.ask.after is not None:
        return _after_reason(scan), (("after", scan.ask.after.id),)
    if choice.how is How.STAY:
        conversation = scan.state.conversation
        tokens = conversation.tokens if conversation is not None else 0
        better = runner_up.route.id if runner_up is not None and runner_up.key < chosen.key else None
        facts = (("conversation_tokens", tokens), ("otherwise", better))
        return Reason.STAY, (*facts, *_sums(choice.weighed), *_kept(scan, choice))
    if choice.how is How.SAVING:
        return Reason.COST, _sums(choice.weighed)
    if choice.how is How.HOME:
        return Reason.STAY, (("home", chosen.route.id),)
    if scan.crisis:
        return Reason.CRISIS, ()
    if runner_up is None:
        return Reason.ONLY, ()
    if choice.how is How.EMERGENCY:
        return Reason.PREFERENCE, (("emergency", scan.task.tier.value),)
    if choice.how is How.EXPLORE:
        return Reason.EXPLORE, (("otherwise", runner_up.route.id),)
    if rule is not None and chosen.leads:
        return Reason.COST, (("floor", scan.profile.floor),)
    if chosen.order == STATED:
        return Reason.PREFERENCE, (("stated_place", chosen.key[2] + 1),)
    if runner_up.order == PAST_MARK > chosen.order and runner_up.score > chosen.score:
        mark = scan.thresholds.route_away_at
        return Reason.LIMIT, (("routed_away_from", runner_up.route.id), ("route_away_at", mark))
    if runner_up.order == UNLISTED > chosen.order and runner_up.score > chosen.score:
        return Reason.BALANCE, (("unlisted", runner_up.route.id),)
    if (
        runner_up.order == chosen.order
        and runner_up.behind > chosen.behind
        and runner_up.score > chosen.score
    ):
        return _put_behind(scan, chosen, runner_up)
    return _dominant(scan, chosen, runner_up)


def _kept(scan: Scan, choice: Choice) -> Facts:
    """What forbids the switch to a better route."""
    kept_from, conversation = choice.kept_from, scan.state.conversation
    if kept_from is None or conversation is None:
        return ()
    left = (conversation.route.provider, conversation.route.model)
    refused = ", ".join(carrying(scan, left, kept_from.row).refused)
    return (("kept_from", kept_from.route.id), ("kept_by", refused))


def _sums(weighed: Weighed | None) -> Facts:
    """What staying and moving cost until the conversation's likely end, the next turn and `turns_left` more."""
    if weighed is None:
        return ()
    sums = weighed.sums
    return (
        ("weighed", weighed.option.route.id),
        ("stay_pico", sums.stay_pico),
        ("move_pico", sums.move_pico),
        ("saving_pico", sums.saving_pico),
        ("cold_pico", sums.cold_pico),
        ("turns_left", round(sums.turns_left, 1)),
        ("cached_tokens", weighed.cached_tokens),
    )


def _put_behind(scan: Scan, chosen: Option, runner_up: Option) -> tuple[Reason, Facts]:
    """The better scored of two is below the floor or above the ceiling, and the other is not."""
    if runner_up.behind >= WEAK > chosen.behind:
        return Reason.QUALITY, (("too_weak", runner_up.route.id), ("floor", scan.profile.floor))
    ceiling = ("ceiling_pico_per_token", scan.profile.standards.ceiling)
    why = "too_dear" if runner_up.price_known else "unpriced"
    return Reason.COST, ((why, runner_up.route.id), ceiling)


def _after_reason(scan: Scan) -> Reason:
    after = scan.ask.after
    if after is None:
        return Reason.FAULT
    route = scan.state.routes.get(after)
    account = scan.state.accounts.get((after.provider, after.account))
    blocks = (
        route.block if route else None,
        account.block if account else None,
        scan.state.providers.get(after.provider),
    )
    limited = any(block is not None and block.kind.is_limit for block in blocks)
    return Reason.LIMIT if limited or scan.rejections.is_limited(after) else Reason.FAULT


def _dominant(scan: Scan, chosen: Option, runner_up: Option) -> tuple[Reason, Facts]:
    """The term in which the chosen one is furthest ahead, by weight; `balance` where it is ahead in none."""
    ahead, behind, weights = counted_terms(scan, chosen), counted_terms(scan, runner_up), scan.profile.weights
    advantages = [
        (getattr(weights, name) * (getattr(ahead, name) - getattr(behind, name)), name, reason)
        for name, reason in _TERMS
    ]
    advantage, name, reason = max(advantages, key=lambda one: one[0])
    if advantage <= 0:
        return Reason.BALANCE, (("over", runner_up.route.id),)
    known = (getattr(known_terms(scan, option), name) for option in (chosen, runner_up))
    figures = (None if figure is None else round(figure, 4) for figure in known)
    return reason, (
        ("over", runner_up.route.id),
        ("term", name),
        *zip(("ahead", "behind"), figures, strict=True),
    )


def _confidence(chosen: Option, runner_up: Option | None) -> float:
    """The score's margin over the runner-up; 1 where there is none."""
    if runner_up is None:
        return 1.0
    return min(1.0, max(0.0, chosen.score - runner_up.score))


def _cost_facts(scan: Scan, chosen: Option, runner_up: Option | None) -> Facts:
    """What the expected cash of the chosen route and of the next one is made of, as far as it is anything."""
    facts: list[tuple[str, str | int | float | None]] = []
    for name, option in (("cost", chosen), ("next", runner_up)):
        cost = scan.cost(option) if option is not None else None
        if cost is not None:
            facts += [
                (f"{name}_{part}_pico", pico) for part, pico in zip(cost._fields, cost, strict=True) if pico
            ]
    return tuple(facts)


def _common_facts(scan: Scan, choice: Choice) -> Facts:
    chosen = choice.option
    facts: list[tuple[str, str | int | float | None]] = [
        ("task_type", scan.task.type),
        ("tier", scan.task.tier.value),
        ("mode", scan.profile.mode.name),
    ]
    pool = scan.policy.pools[chosen.row.provider]
    if len(pool.members) > 1:
        facts.append(("pool", pool.strategy.value))
    conversation = scan.state.conversation
    if conversation is not None and choice.moved and conversation.route != chosen.route:
        facts += [("moved_from", conversation.route.id), ("moved_because", choice.moved)]
    left = scan.ask.after or (conversation.route if conversation is not None else None)
    if left is not None:
        carried = carrying(scan, (left.provider, left.model), chosen.row)
        facts += [(name, ", ".join(what)) for name, what in carried._asdict().items() if what]
    return tuple(facts)
