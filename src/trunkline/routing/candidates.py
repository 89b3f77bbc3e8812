"""Which routes may answer, and how each scores: DESIGN §4.2 and §4.3 for one request."""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.domain.crisis import CrisisStep
from trunkline.domain.decisions import FAVOURED, WEAK, Pin, RejectionCode
from trunkline.domain.faults import FaultCode
from trunkline.domain.output_limit import reserved_output
from trunkline.domain.preferences import BudgetMode
from trunkline.domain.routes import Capability, Selector
from trunkline.domain.state import EMPTY_ROUTE_STATE, RoutingState
from trunkline.routing.accounts import Live, LiveAccounts, Refusal, limit_facts
from trunkline.routing.ask import RoutingAsk
from trunkline.routing.costs import RequestCosts
from trunkline.routing.crisis_steps import held_to, is_moved, shrunk_by
from trunkline.routing.gate import Gate
from trunkline.routing.limits import NOTHING_FURTHER, Claims, claims_of, quota_of, quota_of_all
from trunkline.routing.options import PAST_MARK, PLAIN, STATED, UNLISTED, Bound, Key, Option
from trunkline.routing.policy import CompiledPolicy, ModelRow
from trunkline.routing.profiles import (
    BEHIND,
    UNSTATED,
    Basis,
    Profile,
    ProfileKey,
    fixed_score,
    placed_behind,
)
from trunkline.routing.prompt import PromptTokens
from trunkline.routing.rejections import NOT_ASKED_FOR, ONLY_EMBEDS, Facts, Refused, Rejections
from trunkline.routing.rules import CHEAPEST_FIRST, PREFER_FREE
from trunkline.routing.speed import speed_of
from trunkline.routing.turn_cost import FREE_TURN, TurnCost

_CONTEXT_ROOM = 4
# No score is as high.
_NO_SCORE = -2.0


class Scan:
    """One request against the policy and the state. Costs of routes that are never looked at are not paid."""

    def __init__(self, ask: RoutingAsk, policy: CompiledPolicy, state: RoutingState) -> None:
        self.ask, self.policy, self.state = ask, policy, state
        self.task = ask.task
        self.preferences = policy.config.preferences
        self.thresholds = self.preferences.thresholds
        self._embeds = Capability.EMBEDDINGS in ask.task.needs
        self.rejections = Rejections(policy, embeds=self._embeds)
        mode = state.mode or self.preferences.mode
        self.forced = state.override
        self.pin = None if self.forced is not None else _pinned(ask, state.pin, state.now_ms)
        self.crisis = self.forced is self.pin is None and is_moved(self.task, state.crisis_steps)
        self.profile: Profile = self._profile(mode)
        answers_freely = self.forced is self.pin is None and not self._embeds
        self.override = self.profile.override if answers_freely else None
        self.only: Selector | None = (
            self.override[0] if self.override is not None else self.pin or self.forced
        )
        self.rule: str | None = None
        self._prompt = PromptTokens(self.task, policy, state.token_factors)
        self._held_by = shrunk_by(self.task, state.crisis_steps, self.preferences.crisis, ask.may_shrink)
        self.output_tokens = held_to(self.task.output_tokens, ask.asked_output_tokens, self._held_by)
        self._needs = frozenset(self.task.needs)
        self._allowed = ask.only if self.forced is None else ()
        self._costs = RequestCosts(self._prompt.usual, self.output_tokens, policy, state)
        self._reference_pico = self._costs.reference_pico
        weights = self.profile.weights
        self._changing_weights = (weights.quota, weights.speed, weights.health)
        self._context_weight, self._cost_weight = weights.context, weights.cost
        self._most_changing = weights.speed + weights.health
        free_only = self.profile.mode.budget is BudgetMode.FREE_ONLY and self.only is None
        self._refuses = Refusal(state.now_ms, forced=self.forced is not None and ask.after is None)
        self._gate = Gate(ask, state, self.preferences, self._refuses, free_only=free_only)
        self._live = self._live_accounts()

    def _profile(self, mode: str) -> Profile:
        """That of the request's kind, with what is known of its answers, and off-peak of its price ceiling (rule 4)."""
        task, state, preferences = self.task, self.state, self.preferences
        if self.crisis:
            any_local = CrisisStep.ALLOW_LOCAL in state.crisis_steps
            kind = ProfileKey(task.type, task.tier, mode, cheapest=True, any_local=any_local)
        else:
            dearer = state.off_peak and preferences.rules.off_peak_dearer and not task.critical
            kind = ProfileKey(task.type, task.tier, mode, self.ask.prefer, dearer)
        known = state.quality.get((task.type, task.tier.value)) if preferences.learning.enabled else None
        return self.policy.profile(kind, known)

    def _live_accounts(self) -> LiveAccounts:
        known = (self.policy, self.state, self.rejections, self._prompt, self.output_tokens)
        return LiveAccounts(*known, self.only, self._refuses)

    @property
    def only_by(self) -> str:
        """What narrows the choice: the emergency override, a pin, an environment variable, or the wish to wait at a
        limit."""
        if self.forced is not None:
            return "override"
        if self.pin is not None:
            return "pin"
        return self.override[1].variable if self.override is not None else "switch_on_limit"

    def narrow(self, only: Selector) -> None:
        """Let nothing else answer."""
        self.only = only
        self._live = self._live_accounts()

    # -- rows ---------------------------------------------------------------------------------------------------

    def considered(self, row: ModelRow) -> bool:
        """Whether a row passes what does not depend on the account; if not, the reason is noted."""
        only = self.only
        if only is not None and not (
            only.provider in (None, row.provider) and only.model in (None, row.model)
        ):
            return False
        if row.embeds and not self._embeds:
            return self._names(row) and self._refuse(row, RejectionCode.CAPABILITY, ONLY_EMBEDS)
        if self._allowed and not any(one.covers(row.provider, row.model) for one in self._allowed):
            return self._refuse(row, RejectionCode.EXCLUDED, (("rule", NOT_ASKED_FOR),))
        if row.retired_at_ms is not None and row.retired_at_ms <= self.state.now_ms:
            since: Facts = (("retired_at_ms", row.retired_at_ms), ("successor", row.successor))
            return self._refuse(row, RejectionCode.RETIRED, since)
        if self._needs and not self._needs <= row.capabilities:
            missing = ", ".join(sorted(need.value for need in self._needs - row.capabilities))
            return self._refuse(row, RejectionCode.CAPABILITY, (("missing", missing),))
        need = self.need_tokens(row)
        if need > row.context_tokens:
            facts = (("window_tokens", row.context_tokens), ("needed_tokens", need))
            return self._refuse(row, RejectionCode.CONTEXT_WINDOW, facts)
        return True

    def _names(self, row: ModelRow) -> bool:
        """Whether the row's model, and not only its provider, was asked for: of a model that gives no answers nothing
        is said otherwise."""
        named = self._allowed if self.only is None else (self.only,)
        return any(one.model is not None and one.covers(row.provider, row.model) for one in named)

    def _refuse(self, row: ModelRow, code: RejectionCode, facts: Facts) -> bool:
        if row.routes:
            self.rejections.add(Refused(row.provider, None, row.model, code, facts))
        return False

    def need_tokens(self, row: ModelRow) -> int:
        """The window that the request takes, with room for its answer. Of texts to embed each has the window for
        itself, and its provider counts it exactly: only one that it has refused already needs a larger window."""
        if self._embeds:
            return self.task.least_input_tokens + 1 if self.task.least_input_tokens else 0
        room = row.max_output_tokens
        return self._prompt.of(row) + min(room, held_to(self.output_tokens, room, self._held_by))

    def bounds(self, bases: Iterable[Basis]) -> list[Bound]:
        """What no option of each considered row can beat, the best first.

        `considered` and `_base` are written out: this runs for every model of the catalogue, and calls and fields
        by name were half of a decision."""
        input_tokens, output_tokens = self._prompt.usual, self.output_tokens
        by_place = self._prompt.by_place
        reference_pico, warm_row = self._reference_pico, self._costs.warm_row
        rule, by_cost = self.rule, self.rule in CHEAPEST_FIRST
        context_weight, cost_weight = self._context_weight, self._cost_weight
        quota_weight, most_changing = self._changing_weights[0], self._most_changing
        choosy = self.only is not None or bool(self._needs) or bool(self._allowed)
        only_provider = None if self.only is None else self.only.provider
        found: list[Bound] = []
        for basis in bases:
            fixed, window, room, prices, cash_free, looked_at, stated, behind, meets, row = basis
            if only_provider is not None and row.provider != only_provider:
                continue
            plain, written, price_output, least = prices
            if by_place is not None:
                input_tokens = by_place[row[0]]
            room = room if self._held_by is None else held_to(room, room, self._held_by)
            need = input_tokens + (output_tokens if output_tokens < room else room)
            if (choosy or looked_at or need > window) and not self.considered(row):
                continue
            price_input = written if input_tokens >= least else plain
            if price_input is None or price_output is None:
                cold_pico = self._costs.cold(row, input_tokens)
            else:
                cold_pico = input_tokens * price_input + output_tokens * price_output
            cost_pico = 0 if cash_free else cold_pico
            if row is warm_row and cost_pico:
                cost_pico = self._costs.least(row, input_tokens, cold_pico)
            need *= _CONTEXT_ROOM
            context = 1.0 if need <= window else window / need
            cheapness = 1.0 if cost_pico == 0 else reference_pico / (reference_pico + cost_pico)
            base = (fixed + context_weight * context) + cost_weight * cheapness
            minus_score = -((base + quota_weight) + most_changing)
            order, lead = PLAIN, 0
            if stated < UNSTATED and behind < WEAK:
                order, behind, lead = STATED, FAVOURED, stated
            elif behind >= WEAK:
                lead = stated
            elif rule is not None and meets and (by_cost or cash_free):
                behind, lead = FAVOURED, cost_pico if by_cost else 0
            found.append((order, behind, lead, minus_score, row[0], base, cost_pico, cold_pico, row))
        found.sort()
        return found

    def ceiling(self, basis: Basis) -> tuple[int, int, int, float]:
        """What the start of no unstated option's key can be below, for this row and all after it in `by_fixed`."""
        if self.rule is not None and basis[BEHIND] < WEAK:
            return (PLAIN, FAVOURED, 0, _NO_SCORE)
        base = (basis[0] + self._context_weight) + self._cost_weight
        highest = (base + self._changing_weights[0]) + self._most_changing
        return (PLAIN, basis[BEHIND], 0, -highest)

    # -- options ------------------------------------------------------------------------------------------------

    def options(self, row: ModelRow) -> list[Option]:
        """Every account of the row that may answer, in the order of the file; what may not is noted."""
        found = [
            option
            for bound in self.bounds([self.profile.bases[row.place]])
            for live in self._live.of(row.provider)
            if (option := self._option(bound, live))
        ]
        found.sort(key=lambda option: option.member.position)
        return found

    def best(self, bound: Bound, limit: Key | None = None) -> Option | None:
        """The row on its best account; None where none can answer, or none can be better than `limit`."""
        to_beat = limit
        best: Option | None = None
        order, behind, lead, _, _, base, cost_pico, _, row = bound
        quota_weight, most_changing = self._changing_weights[0], self._most_changing
        for live in self._live.of(row.provider):
            past_mark, minus_quota, _, member, _, flat = live
            if to_beat is not None:
                minus_highest = -((base - quota_weight * minus_quota) + most_changing)
                if past_mark:
                    least: Key = (PAST_MARK, 0, 0, minus_highest, cost_pico, row.ids[member.position])
                else:
                    least = (order, behind, lead, minus_highest, cost_pico, row.ids[member.position])
                if to_beat <= least:
                    break
                further = flat.of_model(row.model) if flat.some_further else None
                if further is not None and further.steady_quota is not None:
                    head = (PAST_MARK, 0, 0) if further.past_mark else least[:3]
                    minus_further = -((base + quota_weight * further.steady_quota) + most_changing)
                    if to_beat <= (*head, max(minus_highest, minus_further), *least[4:]):
                        continue
            option = self._option(bound, live, to_beat)
            if option is not None:
                best, to_beat = option, option.key
        return best

    def _option(self, bound: Bound, live: Live, to_beat: Key | None = None) -> Option | None:
        """One account of the row; None where it may not answer, which is noted, or is not better than `to_beat`."""
        _, _, _, _, place, base, least_pico, cold_pico, row = bound
        _, _, _, member, account, _ = live
        route = row.routes[member.position]
        routes = self.state.routes
        state = routes.get(route, EMPTY_ROUTE_STATE) if routes else EMPTY_ROUTE_STATE
        cash_free = row.price_free or member.cash_free
        share = state.success_share
        if cash_free:
            cost_pico = 0
        elif row is self._costs.warm_row or (share is not None and share < 1.0):
            cost_pico = self._costs.expected(row, route, self._prompt.of(row), share).pico
        else:
            cost_pico = cold_pico
        accounts = self.profile.by_account.get(place)
        liking = self.profile.likings[place] if accounts is None else accounts[member.id]
        footing = self.profile.footings[place]
        stated = liking.stated < UNSTATED and not footing.below
        if state.block is not None or not self._gate.is_open:
            refusal = self._gate.refusal(row, route, state, cost_pico, stated=stated)
            if refusal is not None:
                self.rejections.add(Refused(row.provider, member.id, row.model, *refusal))
                return None
        fitting = self._fit(row, live, cold_pico)
        if fitting is None:
            return None
        quota, past_mark = fitting
        health = state.health if account is None else min(account.health, state.health)
        weights = self._changing_weights
        speed = speed_of(row, state, self.output_tokens) if weights[1] else 0.0
        changing = (quota, speed, health / 100)
        if accounts is not None or cost_pico != least_pico:
            fixed = fixed_score(self.profile.weights, liking.preference, footing.quality)
            base = self._base(fixed, row, cost_pico)
        score = (base + weights[0] * quota) + (weights[1] * speed + weights[2] * changing[2])
        free = row.price_free or member.free
        if stated:
            order, before, lead = STATED, FAVOURED, liking.stated
        else:
            order = PLAIN
            dear = footing.dear and not cash_free and not liking.named
            before, lead = placed_behind(footing, dear=dear), liking.stated if footing.below else 0
            if footing.meets and not past_mark and self._favours(free, health):
                before, lead = FAVOURED, cost_pico if self.rule in CHEAPEST_FIRST else 0
        if past_mark:
            order = PAST_MARK
        if state.block is not None and state.block.code == FaultCode.NOT_LISTED:
            order = UNLISTED
        key = (order, before, lead, -score, cost_pico, row.ids[member.position])
        if to_beat is not None and to_beat <= key:
            return None
        known = cash_free or row.price_known
        return Option(
            key, route, row, member, account, score, cost_pico, known, liking.preference, changing, share
        )

    def _favours(self, free: bool, health: int) -> bool:
        """Whether the cost rule in force puts a route in front that is good enough."""
        if self.rule == PREFER_FREE:
            return free and health > self.thresholds.rule3_health_above
        return self.rule is not None

    def _fit(self, row: ModelRow, live: Live, cold_pico: int) -> tuple[float, bool] | None:
        """The quota term over all limits of this route, and whether one is past the route-away mark; None, and
        noted, where the request does not fit."""
        past_mark, minus_quota, _, member, _, flat = live
        further = flat.of_model(row.model) if flat.some_further else None
        takes_more = row.reserving is not None or self._prompt.is_above_least(row)
        if further is None and not takes_more:
            return -minus_quota, past_mark
        limits, further_past, steady_quota, varying = NOTHING_FURTHER if further is None else further
        now_ms = self.state.now_ms
        quota: float | None = None
        claims = self._claims(row, self._prompt.of(row), cold_pico)
        if takes_more:
            quota = quota_of_all((*flat.shared, *limits), claims, now_ms)
        elif steady_quota is not None:
            quota = quota_of(varying, claims, now_ms, steady_quota)
        if quota is not None:
            return min(-minus_quota, quota), past_mark or further_past
        facts, until_ms = limit_facts(flat, limits, claims)
        refused = Refused(row.provider, member.id, row.model, RejectionCode.LIMIT, facts, until_ms)
        self.rejections.add(refused)
        return None

    def _claims(self, row: ModelRow, input_tokens: int, cold_pico: int) -> Claims:
        """What one call takes: of output the whole limit where that is reserved."""
        output_tokens, limit_tokens = self.output_tokens, row.max_output_tokens
        if row.reserving is not None:
            limit_tokens = reserved_output(self.ask.asked_output_tokens, *row.reserving, input_tokens) or 0
            output_tokens = limit_tokens
        output_tokens = held_to(output_tokens, limit_tokens, self._held_by)
        return claims_of(input_tokens=input_tokens, output_tokens=output_tokens, cost_pico=cold_pico)

    # -- terms --------------------------------------------------------------------------------------------------

    def _base(self, fixed: float, row: ModelRow, cost_pico: int) -> float:
        """The weighted terms that no account changes; grows with every term, so that a bound bounds exactly."""
        return (fixed + self._context_weight * self.context(row)) + self._cost_weight * self.cheapness(
            cost_pico
        )

    def context(self, row: ModelRow) -> float:
        """The context term, 0..1."""
        need = _CONTEXT_ROOM * self.need_tokens(row)
        return 1.0 if need <= row.context_tokens else row.context_tokens / need

    def cheapness(self, cost_pico: int) -> float:
        """The cost term, 0..1."""
        return 1.0 if cost_pico == 0 else self._reference_pico / (self._reference_pico + cost_pico)

    def score_at(self, option: Option, cost_pico: int) -> float:
        """An option's score if its expected cash were `cost_pico`."""
        gain = self.cheapness(cost_pico) - self.cheapness(option.cost_pico)
        return option.score + self._cost_weight * gain

    def input_tokens(self, row: ModelRow) -> int:
        """The prompt as the row's model counts it, at the upper end."""
        return self._prompt.of(row)

    def cost(self, option: Option) -> TurnCost | None:
        """What an option's expected cash is made of; None where its price is not known."""
        if not option.price_known:
            return None
        row = option.row
        if row.price_free or option.member.cash_free:
            return FREE_TURN
        return self._costs.expected(row, option.route, self._prompt.of(row), option.success_share)


def _pinned(ask: RoutingAsk, pin: Pin | None, now_ms: int) -> Selector | None:
    """The pin in force: the message's own before a standing one."""
    if ask.selector is not None:
        return ask.selector
    if pin is None or (pin.expires_at_ms is not None and pin.expires_at_ms <= now_ms):
        return None
    return pin.selector
