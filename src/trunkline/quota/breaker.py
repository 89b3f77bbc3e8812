"""The circuit breaker's rules: what a fault blocks and until when, and which of two blocks counts. Pure steps on
`Block`; `breakers.Breakers` keeps those of every target. A target is a provider id, `provider/account` or a route id.
"""

from __future__ import annotations

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.state import Block

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

FIRST_INTERVAL_MS = 1_000
LONGEST_INTERVAL_MS = 60_000
BILLING_RECHECK_MS = HOUR_MS

# The longest stated wait that is believed. Minute limits and overload clear within the hour whatever is said.
_LONGEST_HINT_MS = {
    FaultKind.RATE_MINUTE: HOUR_MS,
    FaultKind.OVERLOADED: HOUR_MS,
    FaultKind.NETWORK: HOUR_MS,
}
_LONGEST_OTHER_HINT_MS = 31 * DAY_MS

LONGEST_UNTRIED_MS = DAY_MS
"""How long a stated wait of more is believed untested: one request a day tries whether it is over before its time,
where no endpoint tells for free. A bought allowance, another plan or a mended account ends it early and nobody says so
(CLIProxyAPI#5758: hints of days kept recovered credentials away); one refused call a day is what knowing costs."""

_OF_THE_REQUEST = (FaultKind.CONTEXT, FaultKind.CONTENT, FaultKind.BAD_REQUEST)
_UNTIL_A_PERSON_ACTS = (FaultKind.AUTH, FaultKind.ENTITLEMENT)
OF_THE_KEY = (FaultKind.AUTH, FaultKind.ENTITLEMENT, FaultKind.BILLING)


def account_target(provider: str, account: str) -> str:
    """The target that stands for a whole account."""
    return f"{provider}/{account}"


def targets_above(route: Route) -> tuple[str, str, str]:
    """Everything whose block keeps a request from `route`: the provider, the account, the route itself."""
    return route.provider, account_target(route.provider, route.account), route.id


def is_of_the_request(fault: Fault) -> bool:
    """Whether the request itself is to blame, so that the failure says nothing against the route."""
    return fault.kind in _OF_THE_REQUEST


def tells_of_success(fault: Fault) -> bool:
    """Whether a failure says how well a route does. Being out of allowance, or not being served a model, or having a
    key that is not taken, is said by limits and blocks: a sound account is not to look unwell for it too."""
    return kind_tells_of_success(fault.kind) and fault.code != FaultCode.MODEL_GONE


def kind_tells_of_success(kind: FaultKind) -> bool:
    """`tells_of_success`, as far as the kind of a fault says."""
    return not (kind.is_limit or kind in OF_THE_KEY or kind in _OF_THE_REQUEST)


def blocks_nothing(fault: Fault) -> bool:
    """Whether the next request may go down the same route."""
    return fault.scope is FaultScope.REQUEST or is_of_the_request(fault)


def targets_of(fault: Fault, route: Route, catalogue: Catalogue) -> tuple[str, ...]:
    """What a fault met on `route` blocks. A rejected key blocks its account, however wide the provider says it is;
    an organisation is all of its accounts at that provider, and shares a model's limit as well (`owner_of`)."""
    if blocks_nothing(fault):
        return ()
    own_account = account_target(route.provider, route.account)
    if fault.kind is FaultKind.AUTH or fault.scope is FaultScope.ACCOUNT:
        return (own_account,)
    if fault.scope is FaultScope.PROVIDER:
        return (route.provider,)
    siblings = _organisation_of(route, catalogue)
    if fault.scope is FaultScope.ORGANISATION:
        return tuple(account_target(route.provider, sibling) for sibling in siblings)
    if not fault.kind.is_limit:
        return (route.id,)
    return tuple(Route(route.provider, sibling, route.model).id for sibling in siblings)


def _organisation_of(route: Route, catalogue: Catalogue) -> tuple[str, ...]:
    """The accounts that share allowances with the route's, itself among them."""
    provider = catalogue.provider(route.provider)
    account = catalogue.account(route.provider, route.account)
    if provider is None or account is None or account.organisation is None:
        return (route.account,)
    return tuple(one.id for one in provider.accounts if one.organisation == account.organisation)


def interval_ms(failures: int) -> int:
    """The longest an unexplained block lasts after that many failures in a row: 1, 2, 4 … 60 s."""
    doublings = min(max(0, failures - 1), 10)
    return min(LONGEST_INTERVAL_MS, FIRST_INTERVAL_MS << doublings)


def until_of(fault: Fault, *, failures: int, now_ms: int, draw: float) -> int | None:
    """When the target may be tried again; None for when a person has acted. A stated moment that has passed counts
    as unstated; then the interval is drawn with full jitter (`draw` 0..1). A model that is gone does not come back by
    waiting, whatever is stated."""
    if fault.code == FaultCode.MODEL_GONE:
        return None
    if fault.usable_at_ms is not None and fault.usable_at_ms > now_ms:
        longest_ms = _LONGEST_HINT_MS.get(fault.kind, _LONGEST_OTHER_HINT_MS)
        return min(fault.usable_at_ms, now_ms + longest_ms)
    if fault.kind in _UNTIL_A_PERSON_ACTS:
        return None
    if fault.kind is FaultKind.BILLING:
        return now_ms + BILLING_RECHECK_MS
    return now_ms + max(1, round(interval_ms(failures) * min(1.0, max(0.0, draw))))


def tried_at_ms(block: Block) -> int | None:
    """When one request may try what a block keeps away: when the block ends, or a day after anybody was last told of
    it; None for when a person has acted."""
    if block.until_ms is None:
        return None
    return min(block.until_ms, max(block.since_ms, block.checked_at_ms or 0) + LONGEST_UNTRIED_MS)


def opened(
    known: Block | None, fault: Fault, target: str, *, forgiven: int, now_ms: int, draw: float
) -> Block:
    """The block of `target` after a fault. `forgiven` is the failure count left of earlier blocks.

    Calls that were under way when a block opened fail after it: while it holds they prolong it if they state a
    later moment, and are not counted again. The later deadline wins.
    """
    if known is not None and known.holds_at(now_ms):
        failures = known.failures
    else:
        failures = 1 + (forgiven if known is None else known.failures)
    block = Block(
        target=target,
        scope=fault.scope,
        kind=fault.kind,
        code=fault.code,
        message=fault.message,
        since_ms=now_ms,
        until_ms=until_of(fault, failures=failures, now_ms=now_ms, draw=draw),
        failures=failures,
        provider_text=fault.provider_text,
        evidence=fault.evidence,
        confidence=fault.confidence,
        flaw=_flaw_of(fault, now_ms),
    )
    if known is None or not known.holds_at(now_ms):
        return block
    return later(known, block)


def agreed(mine: Block, kept: Block) -> Block:
    """Of the block of a target as this process has it and as it is kept: what an account endpoint has said since counts
    for more than what anybody was told before, and a refusal since for more than that it may be tried; else the later
    deadline wins."""
    if kept.checked_at_ms is not None and kept.checked_at_ms > max(mine.since_ms, mine.checked_at_ms or 0):
        return kept
    if mine.checked_at_ms is not None and mine.checked_at_ms > max(kept.since_ms, kept.checked_at_ms or 0):
        return mine
    if mine.half_open and not kept.half_open and kept.since_ms > mine.since_ms:
        return kept  # another process has tried it since, in vain
    return later(mine, kept)


def _flaw_of(fault: Fault, now_ms: int) -> str:
    """What was absurd about the fault's hint, a wait that is longer than is believed among it."""
    longest_ms = _LONGEST_HINT_MS.get(fault.kind, _LONGEST_OTHER_HINT_MS)
    if fault.usable_at_ms is None or fault.usable_at_ms - now_ms <= longest_ms:
        return fault.flaw
    days = round((fault.usable_at_ms - now_ms) / DAY_MS, 1)
    capped = f"a wait of {days:g} days, tried after {longest_ms // HOUR_MS} h"
    return "; ".join(flaw for flaw in (fault.flaw, capped) if flaw)


def later(one: Block, other: Block) -> Block:
    """Of two blocks of a target the one that lasts longer; the first where they last alike."""
    if one.until_ms is None or (other.until_ms is not None and other.until_ms <= one.until_ms):
        return one
    return other
