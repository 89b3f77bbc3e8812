"""What a client is told of a request that came to nothing: the engine's fault in the gateway's few kinds."""

from __future__ import annotations

from datetime import tzinfo

from trunkline.domain.decisions import NoRoute, RejectionCode
from trunkline.domain.faults import Fault, FaultCode, FaultKind
from trunkline.domain.receipts import AttemptOutcome, Outcome, Receipt
from trunkline.domain.wording import fault_sentence
from trunkline.engine.own_faults import (
    ANCHOR_MISSED,
    DEADLINE,
    INTERNAL_ERROR,
    NO_ROUTE,
    OVER_TOKEN_BUDGET,
    STORE_ERROR,
)
from trunkline.gateway.dialect import Problem, ProblemKind
from trunkline.routing.explain import rejection_sentence

_KINDS = {
    FaultKind.RATE_MINUTE: ProblemKind.LIMIT,
    FaultKind.QUOTA_WINDOW: ProblemKind.LIMIT,
    FaultKind.BILLING: ProblemKind.BILLING,
    FaultKind.ENTITLEMENT: ProblemKind.UPSTREAM,
    FaultKind.OVERLOADED: ProblemKind.OVERLOADED,
    # A key that a provider rejected is one of ours: the client's own token is good.
    FaultKind.AUTH: ProblemKind.UPSTREAM,
    FaultKind.CONTEXT: ProblemKind.CONTEXT,
    FaultKind.CONTENT: ProblemKind.CONTENT,
    FaultKind.BAD_REQUEST: ProblemKind.BAD_REQUEST,
    FaultKind.NETWORK: ProblemKind.UPSTREAM,
}
_OWN = {
    INTERNAL_ERROR: ProblemKind.INTERNAL,
    STORE_ERROR: ProblemKind.INTERNAL,
    DEADLINE: ProblemKind.TIMEOUT,
    FaultCode.TOTAL_TIMEOUT: ProblemKind.TIMEOUT,
    FaultCode.FIRST_TOKEN_TIMEOUT: ProblemKind.TIMEOUT,
}
_LIMITS = frozenset(kind.value for kind in FaultKind if kind.is_limit)
_PASSING = frozenset({RejectionCode.BREAKER_OPEN, RejectionCode.BUSY, RejectionCode.FAILED})
_NEVER_COULD = frozenset(
    {
        RejectionCode.NO_KEY,
        RejectionCode.DISABLED,
        RejectionCode.RETIRED,
        RejectionCode.PINNED_ELSEWHERE,
        RejectionCode.EXCLUDED,
    }
)
_MOST_NAMED = 4
_NOBODY_IS_THERE = "no account has a key or is switched on; `trunkline doctor` says what would add one"
_OVER_BUDGET_REMEDY = "send the header x-trunkline-over-budget: 1 to send it on purpose"
_PASSED_ON = frozenset({FaultKind.CONTENT, FaultKind.BAD_REQUEST, FaultKind.CONTEXT})

CUT = "the answer broke off and could not be carried on: what came is not the whole"
_STOPPED = Problem(
    ProblemKind.OVERLOADED, "this was stopped at the gateway before it was answered", "stopped"
)


def problem_of(receipt: Receipt, now_ms: int, zone: tzinfo | None) -> Problem:
    """Why a request of which nothing was shown has no answer. What its provider said of the request itself is passed
    on; of limits it is said until when, and who answers otherwise is not blamed."""
    fault = receipt.fault
    if receipt.outcome is Outcome.CANCELLED:
        return _STOPPED
    if fault is None:
        return Problem(ProblemKind.UPSTREAM, "the request ended without an answer", code="no_answer")
    message = fault_sentence(fault, now_ms, zone)
    if fault.kind in _PASSED_ON and fault.provider_text and fault.provider_text not in message:
        message = f"{message}: {fault.provider_text}"
    if fault.code == NO_ROUTE and receipt.no_route is not None:
        message = f"{message}{_who_cannot(receipt.no_route, now_ms)}"
    if fault.code == OVER_TOKEN_BUDGET:
        message = f"{message}; or {_OVER_BUDGET_REMEDY}"
    return Problem(_kind(fault, receipt), message, fault.code or None, None, _retry_after_ms(fault, now_ms))


def cut_problem(receipt: Receipt, now_ms: int, zone: tzinfo | None) -> Problem:
    """Why an answer of which something was shown is not whole: the fault that cut it, not that of whoever could not
    carry it on."""
    cut = (
        one.fault for one in receipt.attempts if one.outcome is AttemptOutcome.CUT and one.fault is not None
    )
    real = next((fault for fault in cut if fault.code != ANCHOR_MISSED), receipt.fault)
    if receipt.outcome is Outcome.CANCELLED:
        return _STOPPED
    if real is None:
        return Problem(ProblemKind.UPSTREAM, CUT, code=FaultCode.CUT)
    kind = _kind(real, receipt)
    return Problem(kind, f"{CUT} ({fault_sentence(real, now_ms, zone)})", real.code or None)


def _kind(fault: Fault, receipt: Receipt) -> ProblemKind:
    if fault.code in _OWN:
        return _OWN[fault.code]
    if fault.code == NO_ROUTE and fault.kind.is_limit and receipt.no_route is not None:
        return _kind_of_nobody(receipt.no_route)
    return _KINDS[fault.kind]


def _who_cannot(no_route: NoRoute, now_ms: int) -> str:
    """Who is asked for it and cannot, with why and until when; what would help where nobody is there at all."""
    if _nobody_is_there(no_route):
        return f": {_NOBODY_IS_THERE}"
    able = [one for one in no_route.rejected if one.code not in _NEVER_COULD]
    said = [rejection_sentence(one, now_ms) for one in able[:_MOST_NAMED]]
    if len(able) > _MOST_NAMED:
        said.append(f"and {len(able) - _MOST_NAMED} more")
    return f" ({'; '.join(said)})" if said else ""


def _nobody_is_there(no_route: NoRoute) -> bool:
    """Whether waiting would not help: no account is set up that could be asked."""
    absent = (RejectionCode.NO_KEY, RejectionCode.DISABLED)
    return bool(no_route.rejected) and all(one.code in absent for one in no_route.rejected)


def _kind_of_nobody(no_route: NoRoute) -> ProblemKind:
    """Why nobody can answer, by what keeps out those who come nearest to it."""
    codes = {one.code for one in no_route.rejected}
    limited = any(
        one.code is RejectionCode.BREAKER_OPEN and dict(one.facts).get("kind") in _LIMITS
        for one in no_route.rejected
    )
    if RejectionCode.LIMIT in codes or limited:
        return ProblemKind.LIMIT
    if RejectionCode.OVER_BUDGET in codes or RejectionCode.NOT_FREE in codes:
        return ProblemKind.BILLING
    if codes & _PASSING:
        return ProblemKind.OVERLOADED
    return ProblemKind.BAD_REQUEST if RejectionCode.CAPABILITY in codes else ProblemKind.OVERLOADED


def _retry_after_ms(fault: Fault, now_ms: int) -> int | None:
    return None if fault.usable_at_ms is None else max(0, fault.usable_at_ms - now_ms)
