"""Which routes may answer, and how each scores: DESIGN §4.2 and §4.3 for one request."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.domain.decisions import Pin, RejectionCode, Terms
from trunkline.domain.preferences import BudgetMode
from trunkline.domain.routes import Route, Selector
from trunkline.domain.state import EMPTY_ROUTE_STATE, AccountState, Block, RouteState, RoutingState
from trunkline.routing.ask import RoutingAsk
from trunkline.routing.limits import (
    ROOMY,
    Claims,
    Fit,
    FlatLimit,
    FlatLimits,
    claims_of,
    fit,
    flatten,
    shortage,
)
from trunkline.routing.policy import CompiledPolicy, ModelRow, PoolAccount
from trunkline.routing.profiles import UNSTATED, Profile, ProfileKey
from trunkline.routing.rejections import Facts, Refused, Rejections

STATED, PLAIN, PAST_MARK = 0, 1, 2
# Cost rules 1 and 3, by the names of the settings that turn them off.
CHEAP_SIMPLE = "cheap_simple"
PREFER_FREE = "prefer_free"
# A route that nobody has measured and the catalogue says nothing of.
_UNKNOWN_SPEED = 0.5
# The whole reply in this time is a speed of one half.
_HALF_SPEED_MS = 4_000.0
_CONTEXT_ROOM = 4


# Quota, speed and health of a route, each 0..1.
Changing = tuple[float, float, float]
_BEST: Changing = (1.0, 1.0, 1.0)


class Live(NamedTuple):
    """A member of a pool that may be called now, with how the request fits its model-independent limits."""

    member: PoolAccount
    state: AccountState | None
    flat: FlatLimits | None
    shared: Fit


class Key(NamedTuple):
    """How options sort, the least first. `rule` is 0 for those that a cost rule puts in front, whose `lead` is
    then their cost; `lead` is the place in a stated list for stated ones."""

    order: int
    rule: int
    lead: int
    minus_score: float
    cost_pico: int
    route_id: str


class Option(NamedTuple):
    """A route that may answer. `cost_pico` is the expected cash, an estimate at the dearest known price where
    `price_known` is False."""

    key: Key
    route: Route
    row: ModelRow
    live: Live
    score: float
    cost_pico: int
    price_known: bool
    preference: float
    changing: Changing


class Scan:
    """One request against the policy and the state. Costs of routes that are never looked at are not paid."""

    def __init__(self, ask: RoutingAsk, policy: CompiledPolicy, state: RoutingState) -> None:
        self.ask, self.policy, self.state = ask, policy, state
        self.task = ask.task
        self.rejections = Rejections(policy)
        mode = state.mode or policy.config.preferences.mode
        key = ProfileKey(self.task.type, self.task.tier, mode, ask.prefer)
        self.profile: Profile = policy.profile(key)
        self.pin: Selector | None = _pinned(ask, state.pin, state.now_ms)
        self.override = self.profile.override if self.pin is None else None
        self.only = self.override[0] if self.override is not None else self.pin
        self.rule: str | None = None
        self.preferences = policy.config.preferences
        weights = self.profile.weights
        self._weights = (
            weights.preference,
            weights.quota,
            weights.context,
            weights.cost,
            weights.quality,
            weights.speed,
            weights.health,
        )
        self._input_tokens, self._output_tokens = self.task.input_tokens, self.task.output_tokens
        self.thresholds = self.preferences.thresholds
        self._needs = frozenset(self.task.needs)
        self._live: dict[str, tuple[Live, ...]] = {}
        self._reference_pico = self._cost(*policy.reference_price)
        dearest = policy.dearest_price
        self._dearest_pico = self._reference_pico if dearest is None else self._cost(*dearest)
        self._shared_claims = claims_of(
            input_tokens=self.task.input_tokens, output_tokens=self.task.output_tokens, cost_pico=0
        )

    def _cost(self, price_input: int, price_output: int) -> int:
        return self.task.input_tokens * price_input + self.task.output_tokens * price_output

    @property
    def only_by(self) -> str:
        """What narrows the choice: a pin, an environment variable, or the wish to wait at a limit."""
        if self.pin is not None:
            return "pin"
        return self.override[1].variable if self.override is not None else "switch_on_limit"

    # -- rows ---------------------------------------------------------------------------------------------------

    def considered(self, row: ModelRow) -> bool:
        """Whether a row passes what does not depend on the account; if not, the reason is noted."""
        only = self.only
        if only is not None and not (
            only.provider in (None, row.provider) and only.model in (None, row.model)
        ):
            return False
        if row.retired_at_ms is not None and row.retired_at_ms <= self.state.now_ms:
            return self._refuse(row, RejectionCode.RETIRED, (("retired_at_ms", row.retired_at_ms),))
        if not self._needs <= row.capabilities:
            missing = ", ".join(sorted(need.value for need in self._needs - row.capabilities))
            return self._refuse(row, RejectionCode.CAPABILITY, (("missing", missing),))
        need = self.need_tokens(row)
        if need > row.context_tokens:
            facts = (("window_tokens", row.context_tokens), ("needed_tokens", need))
            return self._refuse(row, RejectionCode.CONTEXT_WINDOW, facts)
        return True

    def _refuse(self, row: ModelRow, code: RejectionCode, facts: Facts) -> bool:
        self.rejections.add(Refused(row.provider, None, row.model, code, facts))
        return False

    def need_tokens(self, row: ModelRow) -> int:
        """The window that the request takes, with room for its answer."""
        return self.task.input_tokens + min(self.task.output_tokens, row.max_output_tokens)

    def list_cost_pico(self, row: ModelRow) -> tuple[int, bool]:
        """Cost at list price, and whether that price is known."""
        if row.price_input is None or row.price_output is None:
            return self._dearest_pico, False
        return self._cost(row.price_input, row.price_output), True

    def bound(self, row: ModelRow) -> Key:
        """A key that no option of the row can beat."""
        preference, lead = self._best_liking(row)
        cost_pico = 0 if row.any_cash_free else self.list_cost_pico(row)[0]
        score = self._score(row, preference, cost_pico, _BEST)
        order = STATED if lead < UNSTATED else PLAIN
        favoured = order == PLAIN and self.rule is not None and self.profile.meets_floor[row.place]
        if favoured and self.rule == PREFER_FREE:
            favoured = row.any_cash_free
        if order == PLAIN:
            lead = cost_pico if favoured and self.rule == CHEAP_SIMPLE else 0
        return Key(order, 0 if favoured or order == STATED else 1, lead, -score, -1, "")

    def _best_liking(self, row: ModelRow) -> tuple[float, int]:
        accounts = self.profile.by_account.get(row.place)
        if accounts is None:
            return self.profile.likings[row.place]
        likings = accounts.values()
        return max(liking.preference for liking in likings), min(liking.stated for liking in likings)

    # -- accounts -----------------------------------------------------------------------------------------------

    def live(self, provider: str) -> tuple[Live, ...]:
        """The provider's accounts that may be called at all, in the order of the file."""
        found = self._live.get(provider)
        if found is None:
            found = self._live[provider] = self._find_live(provider)
        return found

    def _find_live(self, provider: str) -> tuple[Live, ...]:
        now_ms = self.state.now_ms
        block = self.state.providers.get(provider)
        members = self.policy.pools[provider].members
        if block is not None and block.holds_at(now_ms):
            if members:
                self.rejections.add(
                    Refused(
                        provider, None, None, RejectionCode.BREAKER_OPEN, block_facts(block), block.until_ms
                    )
                )
            return ()
        only = self.only
        live: list[Live] = []
        for member in members:
            if only is not None and only.account not in (None, member.id):
                continue
            account = self.state.accounts.get(member.key)
            if account is None:
                live.append(Live(member, None, None, ROOMY))
                continue
            if account.block is not None and account.block.holds_at(now_ms):
                facts = block_facts(account.block)
                self._refuse_account(member, RejectionCode.BREAKER_OPEN, facts, account.block.until_ms)
                continue
            flat = self._flat(member.key, account)
            shared = fit(flat.shared, self._shared_claims, now_ms, self.thresholds.route_away_at)
            if shared.fits:
                live.append(Live(member, account, flat, shared))
                continue
            facts, until_ms = limit_facts(flat, (), self._shared_claims)
            self._refuse_account(member, RejectionCode.LIMIT, facts, until_ms)
        return tuple(live)

    def _refuse_account(
        self, member: PoolAccount, code: RejectionCode, facts: Facts, until_ms: int | None
    ) -> None:
        self.rejections.add(Refused(member.key[0], member.id, None, code, facts, until_ms))

    def _flat(self, key: tuple[str, str], account: AccountState) -> FlatLimits:
        memo = self.policy.flat_limits
        flat = memo.get(key)
        if flat is None or flat.source is not account.limits:
            flat = memo[key] = flatten(account.limits)
        return flat

    # -- options ------------------------------------------------------------------------------------------------

    def options(self, row: ModelRow) -> list[Option]:
        """Every account of the row that may answer, in the order of the file; what may not is noted."""
        list_pico, known = self.list_cost_pico(row)
        need = (row, list_pico, known)
        return [option for live in self.live(row.provider) if (option := self._option(*need, live))]

    def best(self, row: ModelRow) -> Option | None:
        """The row on its best account."""
        return min(self.options(row), key=lambda option: option.key, default=None)

    def _option(self, row: ModelRow, list_pico: int, known: bool, live: Live) -> Option | None:
        route = row.routes[live.member.position]
        state = self.state.routes.get(route, EMPTY_ROUTE_STATE) if self.state.routes else EMPTY_ROUTE_STATE
        cash_free = row.price_free or live.member.cash_free
        cost_pico = 0 if cash_free else list_pico
        accounts = self.profile.by_account.get(row.place)
        liking = self.profile.likings[row.place] if accounts is None else accounts[live.member.id]
        refusal = self._route_refusal(route, state, cost_pico, liking.stated < UNSTATED)
        if refusal is not None:
            code, facts, until_ms = refusal
            self.rejections.add(Refused(row.provider, route.account, row.model, code, facts, until_ms))
            return None
        fitting = self._fit(row, live, list_pico)
        if fitting is None:
            return None
        health = state.health if live.state is None else min(live.state.health, state.health)
        speed = self._speed(row, state) if self.profile.weights.speed else 0.0
        changing = (fitting.quota, speed, health / 100)
        score = self._score(row, liking.preference, cost_pico, changing)
        order = PAST_MARK if fitting.past_mark else STATED if liking.stated < UNSTATED else PLAIN
        favoured, lead = self._favour(row, live.member, health, cost_pico, order, liking.stated)
        key = Key(order, 0 if favoured else 1, lead, -score, cost_pico, route.id)
        known = known or cash_free
        return Option(key, route, row, live, score, cost_pico, known, liking.preference, changing)

    def _route_refusal(
        self, route: Route, state: RouteState, cost_pico: int, stated: bool
    ) -> tuple[RejectionCode, Facts, int | None] | None:
        if route in self.ask.failed:
            return RejectionCode.FAILED, (), None
        block = state.block
        if block is not None and block.holds_at(self.state.now_ms):
            return RejectionCode.BREAKER_OPEN, block_facts(block), block.until_ms
        for selector in self.ask.avoid:
            if selector.matches(route.provider, route.account, route.model):
                return RejectionCode.EXCLUDED, (("rule", f"avoid {selector}"),), None
        if cost_pico == 0:
            return None
        free_only = self.profile.mode.budget is BudgetMode.FREE_ONLY
        if free_only and not stated and self.only is None:
            return RejectionCode.NOT_FREE, (("cost_pico", cost_pico),), None
        budget_pico = self.ask.budget_pico
        if budget_pico is not None and cost_pico > budget_pico:
            facts = (("cost_pico", cost_pico), ("budget_pico", budget_pico), ("per", "request"))
            return RejectionCode.OVER_BUDGET, facts, None
        day_pico = self.preferences.budget_day_pico
        if day_pico is not None and self.state.spent_day_pico + cost_pico > day_pico:
            left_pico = max(0, day_pico - self.state.spent_day_pico)
            facts = (("cost_pico", cost_pico), ("budget_pico", left_pico), ("per", "day"))
            return RejectionCode.OVER_BUDGET, facts, None
        return None

    def _fit(self, row: ModelRow, live: Live, list_pico: int) -> Fit | None:
        """How the request fits all limits of this route; None, and noted, where it does not."""
        flat = live.flat
        if flat is None:
            return ROOMY
        own = flat.by_model.get(row.model, ()) if flat.by_model else ()
        if not own and not flat.priced:
            return live.shared
        claims: Claims = (*self._shared_claims[:4], list_pico, 1)
        mark = self.thresholds.route_away_at
        further = fit((*flat.priced, *own), claims, self.state.now_ms, mark)
        if further.fits:
            quota = min(live.shared.quota, further.quota)
            return Fit(True, quota, live.shared.past_mark or further.past_mark)
        facts, until_ms = limit_facts(flat, own, claims)
        account = row.routes[live.member.position].account
        self.rejections.add(Refused(row.provider, account, row.model, RejectionCode.LIMIT, facts, until_ms))
        return None

    def _favour(
        self, row: ModelRow, member: PoolAccount, health: int, cost_pico: int, order: int, stated: int
    ) -> tuple[bool, int]:
        """Whether the option goes before others of its order, and by what it is sorted there."""
        if order != PLAIN:
            return stated < UNSTATED, stated
        if self.rule is None or not self.profile.meets_floor[row.place]:
            return False, 0
        if self.rule == CHEAP_SIMPLE:
            return True, cost_pico
        healthy = health > self.thresholds.rule3_health_above
        return healthy and (row.price_free or member.free), 0

    # -- terms --------------------------------------------------------------------------------------------------

    def _score(self, row: ModelRow, preference: float, cost_pico: int, changing: Changing) -> float:
        """The weighted sum of the terms, 0..1; grows with every term, so that `bound` bounds it exactly."""
        weights = self._weights
        return (
            weights[0] * preference
            + weights[1] * changing[0]
            + weights[2] * self._context(row)
            + weights[3] * self._cheapness(cost_pico)
            + weights[4] * (row.quality or 0.0)
            + weights[5] * changing[1]
            + weights[6] * changing[2]
        )

    def terms(self, option: Option) -> Terms:
        """The terms behind an option's score."""
        row, (quota, speed, health) = option.row, option.changing
        context, cost = self._context(row), self._cheapness(option.cost_pico)
        return Terms(option.preference, quota, context, cost, row.quality or 0.0, speed, health)

    def _context(self, row: ModelRow) -> float:
        need = self._input_tokens + min(self._output_tokens, row.max_output_tokens)
        return min(1.0, row.context_tokens / (_CONTEXT_ROOM * need)) if need else 1.0

    def _cheapness(self, cost_pico: int) -> float:
        return 1.0 if cost_pico == 0 else self._reference_pico / (self._reference_pico + cost_pico)

    def _speed(self, row: ModelRow, state: RouteState) -> float:
        """1 ÷ (1 + expected time of the whole reply ÷ 4 s), measured where it was, else as catalogued."""
        first_ms = row.first_token_ms if state.first_token_ms is None else state.first_token_ms
        per_s = row.tokens_per_s if state.tokens_per_s is None else state.tokens_per_s
        if first_ms is None and not per_s:
            return _UNKNOWN_SPEED
        rest_ms = self.task.output_tokens / per_s * 1000 if per_s else 0.0
        return 1.0 / (1.0 + ((first_ms or 0.0) + rest_ms) / _HALF_SPEED_MS)


def block_facts(block: Block) -> Facts:
    """What is said of a block."""
    return (("kind", block.kind.value), ("code", block.code), ("message", block.message))


def limit_facts(flat: FlatLimits, own: tuple[FlatLimit, ...], claims: Claims) -> tuple[Facts, int | None]:
    """What is said of the limit that keeps a request out longest, and until when it does."""
    found = shortage((*flat.shared, *flat.priced, *own), claims)
    if found is None:
        return (), None
    limit, until_ms = found
    use = limit.use
    facts: Facts = (
        ("metric", use.metric.value),
        ("window", str(use.window)),
        ("amount", use.amount),
        ("left", use.left),
        ("needed", claims[limit.metric]),
        ("source", use.source.value),
    )
    return facts, until_ms


def _pinned(ask: RoutingAsk, pin: Pin | None, now_ms: int) -> Selector | None:
    """The pin in force: the message's own before a standing one."""
    if ask.selector is not None:
        return ask.selector
    if pin is None or (pin.expires_at_ms is not None and pin.expires_at_ms <= now_ms):
        return None
    return pin.selector
