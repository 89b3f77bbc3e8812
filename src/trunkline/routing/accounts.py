"""Which accounts of a pool may be called at all, and how a request fits the limits that all models share."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.domain.decisions import RejectionCode
from trunkline.domain.routes import Selector
from trunkline.domain.state import AccountState, Block, RoutingState
from trunkline.routing.limits import (
    NO_LIMITS,
    ROOMY,
    Claims,
    Fit,
    FlatLimit,
    FlatLimits,
    fit,
    flatten,
    shortage,
)
from trunkline.routing.policy import CompiledPolicy, PoolAccount
from trunkline.routing.rejections import Facts, Refused, Rejections


class Live(NamedTuple):
    """A member of a pool that may be called now. `shared` is how the request fits its model-independent limits;
    `state` is None where nothing is known of the account."""

    past_mark: bool
    minus_quota: float
    tie: str
    member: PoolAccount
    state: AccountState | None
    flat: FlatLimits
    shared: Fit


class LiveAccounts:
    """The accounts that one request may use, found provider by provider when first asked for."""

    def __init__(
        self,
        policy: CompiledPolicy,
        state: RoutingState,
        rejections: Rejections,
        claims: Claims,
        only: Selector | None,
    ) -> None:
        self._policy, self._state, self._rejections = policy, state, rejections
        self._claims, self._only = claims, only
        self._mark = policy.config.preferences.thresholds.route_away_at
        self._found: dict[str, list[Live]] = {}

    def of(self, provider: str) -> list[Live]:
        """Sorted so that, all else being equal, none can do better than the one before it."""
        found = self._found.get(provider)
        if found is None:
            found = self._found[provider] = self._find(provider)
        return found

    def _find(self, provider: str) -> list[Live]:
        state = self._state
        block = state.providers.get(provider)
        members = self._policy.pools[provider].members
        if block is not None and block.holds_at(state.now_ms):
            if members:
                refused = Refused(
                    provider, None, None, RejectionCode.BREAKER_OPEN, block_facts(block), block.until_ms
                )
                self._rejections.add(refused)
            return []
        only = None if self._only is None else self._only.account
        live = [
            found
            for member in members
            if only is None or only == member.id
            if (found := self._examine(member, state.accounts.get(member.key))) is not None
        ]
        live.sort(key=_by_room)
        return live

    def _examine(self, member: PoolAccount, account: AccountState | None) -> Live | None:
        if account is None:
            return Live(False, -1.0, member.tie, member, None, NO_LIMITS, ROOMY)
        block = account.block
        if block is not None and block.holds_at(self._state.now_ms):
            self._refuse(member, RejectionCode.BREAKER_OPEN, block_facts(block), block.until_ms)
            return None
        memo = self._policy.flat_limits
        flat = memo.get(member.key)
        if flat is None or flat.source is not account.limits:
            flat = memo[member.key] = flatten(account.limits)
        shared = fit(flat.shared, self._claims, self._state.now_ms, self._mark)
        if shared is None:
            self._refuse(member, RejectionCode.LIMIT, *limit_facts(flat, (), self._claims))
            return None
        return Live(shared.past_mark, -shared.quota, member.tie, member, account, flat, shared)

    def _refuse(self, member: PoolAccount, code: RejectionCode, facts: Facts, until_ms: int | None) -> None:
        self._rejections.add(Refused(member.key[0], member.id, None, code, facts, until_ms))


def _by_room(live: Live) -> tuple[bool, float, str]:
    return live[:3]


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
