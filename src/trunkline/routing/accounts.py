"""Which accounts of a pool may be called at all, and how a request fits the limits that all models share."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.domain.decisions import RejectionCode
from trunkline.domain.routes import Selector
from trunkline.domain.state import AccountState, Block, RoutingState
from trunkline.routing.limits import (
    NO_LIMITS,
    Claims,
    FlatLimit,
    FlatLimits,
    claims_of,
    flatten,
    quota_of,
    shortage,
)
from trunkline.routing.policy import CompiledPolicy, PoolAccount
from trunkline.routing.prompt import PromptTokens
from trunkline.routing.rejections import Facts, Refused, Rejections

# A member of a pool that may be called now: whether a limit that all models share is past the route-away mark,
# minus the quota of those limits, how it sorts among equals, and what is known of it (None: nothing).
Live = tuple[bool, float, str, PoolAccount, AccountState | None, FlatLimits]


class Refusal(NamedTuple):
    """Whether a block keeps a request out. Where a person forces a route (`forced`), only a block that waits for a
    person does: the others are tried before their time, once for each request."""

    now_ms: int
    forced: bool = False

    def __call__(self, block: Block) -> bool:
        return block.holds_at(self.now_ms) and not (self.forced and block.until_ms is not None)


class LiveAccounts:
    """The accounts that one request may use, found provider by provider when first asked for: those that hold what it
    takes at the least of the provider's models."""

    def __init__(
        self,
        policy: CompiledPolicy,
        state: RoutingState,
        rejections: Rejections,
        prompt: PromptTokens,
        output_tokens: int,
        only: Selector | None,
        refuses: Refusal,
    ) -> None:
        self._policy, self._state, self._rejections = policy, state, rejections
        self._prompt, self._output_tokens = prompt, output_tokens
        self._only, self._refuses, self._flat_limits = only, refuses, policy.flat_limits
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
        if block is not None and self._refuses(block):
            if members:
                refused = Refused(
                    provider, None, None, RejectionCode.BREAKER_OPEN, block_facts(block), block.until_ms
                )
                self._rejections.add(refused)
            return []
        only = None if self._only is None else self._only.account
        claims = claims_of(
            input_tokens=self._prompt.least(provider), output_tokens=self._output_tokens, cost_pico=0
        )
        live = [
            found
            for member in members
            if only is None or only == member.id
            if (found := self._examine(member, state.accounts.get(member.key), claims)) is not None
        ]
        live.sort()
        return live

    def _examine(self, member: PoolAccount, account: AccountState | None, claims: Claims) -> Live | None:
        if account is None:
            return (False, -1.0, member.tie, member, None, NO_LIMITS)
        block, now_ms = account.block, self._state.now_ms
        if block is not None and self._refuses(block):
            self._refuse(member, RejectionCode.BREAKER_OPEN, block_facts(block), block.until_ms)
            return None
        if account.at_most is not None and account.busy:
            under_way = account.in_flight + account.elsewhere
            facts: Facts = (("under_way", under_way), ("takes", account.at_most))
            self._refuse(member, RejectionCode.BUSY, facts, None)
            return None
        _, _, key, _, _, tie = member
        flat = self._flat_limits.get(key)
        if flat is None or flat[0] is not account.limits:
            flat = self._flat_limits[key] = flatten(account.limits, self._mark)
        quota = flat.steady_quota
        if quota is not None and flat.varying:
            quota = quota_of(flat.varying, claims, now_ms, quota)
        if quota is None:
            self._refuse(member, RejectionCode.LIMIT, *limit_facts(flat, (), claims))
            return None
        return (flat.past_mark, -quota, tie, member, account, flat)

    def _refuse(self, member: PoolAccount, code: RejectionCode, facts: Facts, until_ms: int | None) -> None:
        self._rejections.add(Refused(member.key[0], member.id, None, code, facts, until_ms))


def block_facts(block: Block) -> Facts:
    """What is said of a block."""
    return (("kind", block.kind.value), ("code", block.code), ("message", block.message))


def limit_facts(flat: FlatLimits, further: tuple[FlatLimit, ...], claims: Claims) -> tuple[Facts, int | None]:
    """What is said of the limit that keeps a request out longest, and until when it does."""
    found = shortage((*flat.shared, *further), claims)
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
