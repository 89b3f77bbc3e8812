"""Values and a store that the tests of this room share."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.clock import START_MS, FakeClock

from trunkline.domain.clock import Clock
from trunkline.domain.decisions import Decision, Ranked, Reason, Rejection, RejectionCode, Terms
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.ids import IdSource
from trunkline.domain.limits import Metric, Window
from trunkline.domain.money import Usage
from trunkline.domain.preferences import Config, Preferences
from trunkline.domain.receipts import Attempt, AttemptOutcome, FinishReason, Outcome, Receipt
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.state import RoutingState
from trunkline.domain.tasks import Origin, OriginKind, Priority, Task, Tier
from trunkline.quota.ledger import Claim, ReserveAsk
from trunkline.routing import Inputs, RoutingAsk
from trunkline.store.store import Store

ROUTE = Route("google", "google-1", "gemini/with/slashes")
OTHER = Route("zai", "main", "glm")
MINUTE = Window.parse("60s")
BALANCE = Window.parse("balance")
TASK = Task("coding", 0.9, 0.4, Tier.T2, 120, 400, Priority.HIGH, interactive=True)
REFUSAL = Fault(FaultKind.RATE_MINUTE, FaultScope.ACCOUNT, "rate_limit_exceeded", "limit hit")
DECISION = Decision(
    ROUTE,
    Reason.COST,
    "rule1",
    0.25,
    (Ranked(ROUTE, 0.7, Terms(preference=1.0), 1_000_000), Ranked(OTHER, 0.4, Terms(), None)),
    (Rejection("kimi/*", RejectionCode.LIMIT, (("left", 3), ("metric", "requests")), START_MS, 4),),
)


@asynccontextmanager
async def opened(path: Path, clock: Clock | None = None, name: str = "test") -> AsyncIterator[Store]:
    """A store on `path`, closed in the end."""
    clock = clock or FakeClock()
    store = Store.open(path, clock, IdSource(clock), process_name=name)
    try:
        yield store
    finally:
        await store.close()


def ask(reservation_id: str, *claims: Claim, route: Route = ROUTE) -> ReserveAsk:
    """A wish to book `claims`."""
    return ReserveAsk(reservation_id, f"request-of-{reservation_id}", 1, route, claims)


def claim(
    amount: int = 1,
    limit: int | None = 10,
    *,
    key: str = "requests",
    window: Window = MINUTE,
    metric: Metric = Metric.REQUESTS,
) -> Claim:
    """What one call would take."""
    return Claim(key, metric, window, limit, amount)


def receipt(
    request_id: str = "01J0000000000000000000000A",
    *,
    outcome: Outcome = Outcome.ANSWERED,
    rerouted: bool = False,
    cost_pico: int | None = 2_000,
    started_at_ms: int = START_MS,
    origin: Origin | None = None,
) -> Receipt:
    """The receipt of a request, answered by `ROUTE`, after a refusal by `OTHER` where `rerouted`."""
    answered = outcome is Outcome.ANSWERED
    refused = Attempt(1, OTHER, AttemptOutcome.REFUSED, 1.0, 5.0, fault=REFUSAL, cost_pico=7)
    usage = Usage(100, 20)
    served = Attempt(
        2 if rerouted else 1,
        ROUTE,
        AttemptOutcome.OK if answered else AttemptOutcome.FAILED,
        6.0,
        46.0,
        first_token_ms=16.0,
        failover_ms=0.5 if rerouted else None,
        fault=None if answered else REFUSAL,
        usage=usage,
        cost_pico=cost_pico,
    )
    return Receipt(
        request_id,
        origin or Origin(OriginKind.CHAT),
        outcome,
        TASK,
        DECISION,
        ROUTE if answered else None,
        (refused, served) if rerouted else (served,),
        started_at_ms,
        46.0,
        16.0,
        usage,
        cost_pico,
        waste_pico=7 if rerouted else 0,
        finish=FinishReason.STOP if answered else None,
        complete=answered,
        fault=None if answered else REFUSAL,
        warnings=("a word",),
    )


def inputs(state: RoutingState | None = None, config: Config | None = None) -> Inputs:
    """What a decision was made from."""
    known = state or RoutingState(START_MS)
    return Inputs(RoutingAsk(TASK), known, config or Config("g", Catalogue(), Preferences()))


def many_inputs() -> Inputs:
    """The same of more than fits into a few pages, however well it is packed."""
    names = [hashlib.blake2b(b"%d" % n).hexdigest() for n in range(2_000)]
    return inputs(RoutingState(START_MS, cursors={name: name[::-1] for name in names}))
