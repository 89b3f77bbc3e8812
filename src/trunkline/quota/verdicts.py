"""What evidence makes of a refusal: its scope, what follows from it for others, and what an answer disproves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.routes import Route
from trunkline.domain.state import Block
from trunkline.quota.breaker import MINUTE_MS

NAMED = 0.9
"""From this confidence on a scope is taken for said rather than guessed."""
# How long what is only inferred is believed before a request tries it.
_BELIEVED_MS = {
    FaultKind.RATE_MINUTE: 30_000,
    FaultKind.QUOTA_WINDOW: 5 * MINUTE_MS,
    FaultKind.ENTITLEMENT: 15 * MINUTE_MS,
    FaultKind.OVERLOADED: 10_000,
}


@dataclass(frozen=True, slots=True)
class Inferred:
    """A fault that nobody met on `route`, but that what was met elsewhere makes likely there. `on_trial`: one request
    may try it at once."""

    route: Route
    fault: Fault
    on_trial: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`fault` as it was met, with the scope that the evidence supports, and what follows from it for others."""

    fault: Fault
    inferred: tuple[Inferred, ...] = ()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """An answer disproved the block of `target`; it holds no further than for `routes`, which were refused."""

    target: str
    routes: tuple[Route, ...]
    evidence: str


def for_more(fault: Fault, scope: FaultScope, sureness: float, why: str, now_ms: int) -> Fault:
    """`fault` as it is inferred for more than what met it: for a while only, whatever was stated."""
    believed_until_ms = now_ms + _BELIEVED_MS[fault.kind]
    stated_ms = fault.usable_at_ms
    if stated_ms is not None or fault.kind is FaultKind.ENTITLEMENT:
        stated_ms = min(stated_ms or believed_until_ms, believed_until_ms)
    return replace(
        fault,
        scope=scope,
        confidence=round(sureness, 2),
        evidence=f"{fault.evidence}; {why}",
        usable_at_ms=stated_ms,
        readings=(),
    )


def is_disproved(block: Block, began_ms: int) -> bool:
    """Whether an answer to a call that began then contradicts the block: its scope was a guess, and it was there."""
    judged = block.kind.is_limit or block.kind in (
        FaultKind.OVERLOADED,
        FaultKind.ENTITLEMENT,
        FaultKind.BILLING,
    )
    return judged and block.confidence < NAMED and began_ms >= block.since_ms
