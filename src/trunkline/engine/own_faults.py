"""Faults that the engine itself states: nobody can serve, a continuation that was none, time that ran out, a bug."""

from __future__ import annotations

from dataclasses import replace

from trunkline.domain.decisions import NoRoute, RejectionCode
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.messages import ChatRequest
from trunkline.domain.money import Usage
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.quota.breaker import OF_THE_KEY
from trunkline.routing import way_out
from trunkline.routing.token_budget import OverBudget

INTERNAL_ERROR = "internal_error"
STORE_ERROR = "store_error"
WATCHING = "watching"
NO_ROUTE = "no_route"
ANCHOR_MISSED = "anchor_missed"
DEADLINE = "deadline"
OVER_TOKEN_BUDGET = "over_token_budget"  # noqa: S105 - not a password
_HOUR_MS = 3_600_000
_NOT_THERE = frozenset(
    {
        RejectionCode.DISABLED,
        RejectionCode.NO_KEY,
        RejectionCode.PINNED_ELSEWHERE,
        RejectionCode.RETIRED,
        RejectionCode.EXCLUDED,
    }
)


def nobody_fault(no_route: NoRoute, last: Fault | None) -> Fault:
    """The fault of a request that nobody can serve: the last provider's own where it says more than a limit, with
    the earliest moment at which somebody may be free again; for a rejected key that moment is somebody else's. Where an
    override keeps others from answering, it says how to undo that."""
    return _with_way_out(_nobody_fault(no_route, last), no_route)


def _with_way_out(fault: Fault, no_route: NoRoute) -> Fault:
    out = way_out(no_route)
    return replace(fault, message=f"{fault.message}; {out}") if out else fault


def _nobody_fault(no_route: NoRoute, last: Fault | None) -> Fault:
    until_ms = no_route.earliest_reset_at_ms
    if last is not None and not last.kind.is_limit and last.code != ANCHOR_MISSED:
        if last.usable_at_ms is not None or until_ms is None:
            return last
        if last.kind not in OF_THE_KEY:
            return replace(last, usable_at_ms=until_ms)
    if last is None and (too_long := _too_long(no_route)) is not None:
        return Fault(FaultKind.CONTEXT, FaultScope.REQUEST, NO_ROUTE, too_long, request_sent=False)
    return Fault(
        last.kind if last is not None and last.kind.is_limit else FaultKind.QUOTA_WINDOW,
        FaultScope.REQUEST,
        NO_ROUTE,
        "no account can answer this now",
        provider_text=last.provider_text if last is not None else "",
        usable_at_ms=until_ms,
        request_sent=False,
    )


def _too_long(no_route: NoRoute) -> str | None:
    """Says so where length alone keeps everybody who is there from answering: waiting would not help."""
    there = [one for one in no_route.rejected if one.code not in _NOT_THERE]
    if not there or any(one.code is not RejectionCode.CONTEXT_WINDOW for one in there):
        return None
    figures = [dict(one.facts) for one in there]
    needed = max(int(one.get("needed_tokens") or 0) for one in figures)
    widest = max(int(one.get("window_tokens") or 0) for one in figures)
    return f"this is too long for everybody here: about {needed:,} tokens, and the widest window takes {widest:,}"


def kept_too_long_fault(no_route: NoRoute, longest_ms: int) -> Fault:
    """Nobody can serve the request for longer than a person wants one kept."""
    longest_h = longest_ms / _HOUR_MS
    fault = Fault(
        FaultKind.QUOTA_WINDOW,
        FaultScope.REQUEST,
        NO_ROUTE,
        f"no account can answer this for longer than a request is kept ({longest_h:g} h: queue.park_at_most_h)",
        usable_at_ms=no_route.earliest_reset_at_ms,
        request_sent=False,
    )
    return _with_way_out(fault, no_route)


def over_budget_fault(excess: OverBudget) -> Fault:
    """More than its task is given, and nobody said that it may be (cost rule 5)."""
    return Fault(
        FaultKind.BAD_REQUEST,
        FaultScope.REQUEST,
        OVER_TOKEN_BUDGET,
        f"about {excess.expected_tokens:,} tokens with the answer, over the {excess.budget_tokens:,} that "
        f"{excess.work} may take: shorten or split it, send it on purpose (ask --over-budget; r in the "
        f"control centre), raise {excess.setting}, or set rules.token_budgets = false",
        request_sent=False,
    )


def anchor_fault() -> Fault:
    """The reply did not begin with the anchor that it was asked to repeat."""
    return Fault(
        FaultKind.NETWORK,
        FaultScope.REQUEST,
        ANCHOR_MISSED,
        "the model did not carry on where the answer was cut; it begins anew",
    )


def too_slow_fault(tokens_per_s: float) -> Fault:
    """The stream drips, and somebody else can carry the answer on."""
    return Fault(
        FaultKind.NETWORK,
        FaultScope.MODEL,
        FaultCode.TOO_SLOW,
        f"the answer came too slowly, {tokens_per_s:.2g} tokens a second; it is carried on elsewhere",
        evidence="pace of the stream",
    )


def deadline_fault(last: Fault | None, *, waited_for: str = "") -> Fault:
    """The request's own time is over, that it spent waiting where `waited_for` says what for; that says nothing against
    the route it was at."""
    meanwhile = f" while it waited: {waited_for}" if waited_for else ""
    before = f"; before that: {last.message}" if last is not None else ""
    return Fault(
        FaultKind.NETWORK,
        FaultScope.REQUEST,
        DEADLINE,
        f"the time for this request ran out{meanwhile}{before}",
        request_sent=False,
    )


def books_fault(why: str) -> Fault:
    """Nothing may be called whose use cannot be booked: no limit would hold."""
    return Fault(
        FaultKind.BAD_REQUEST,
        FaultScope.REQUEST,
        STORE_ERROR,
        f"what this would use cannot be booked: {why}",
        request_sent=False,
    )


def internal_fault() -> Fault:
    """A bug of Trunkline's own."""
    return Fault(
        FaultKind.BAD_REQUEST,
        FaultScope.REQUEST,
        INTERNAL_ERROR,
        "Trunkline itself failed on this request; the log file says where",
    )


def watching_receipt(request: ChatRequest, now_ms: int, why: str) -> Receipt:
    """The receipt of a request that was not even looked at, for nothing is sent from here."""
    task = Task(request.hints.task_type or "", 0.0, 0.0, Tier.T2, 0, 0, Priority.MEDIUM)
    return Receipt(
        request_id=request.request_id or "",
        origin=request.origin,
        outcome=Outcome.FAILED,
        task=task,
        decision=None,
        route=None,
        attempts=(),
        started_at_ms=now_ms,
        total_ms=0.0,
        first_token_ms=None,
        usage=Usage(),
        cost_pico=0,
        fault=Fault(FaultKind.BAD_REQUEST, FaultScope.REQUEST, WATCHING, why, request_sent=False),
        conversation_id=request.conversation_id,
        turn_id=request.turn_id,
    )
