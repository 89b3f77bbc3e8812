from __future__ import annotations

import pytest

from trunkline.domain.decisions import Decision, Ranked, Reason, Rejection, RejectionCode, Terms
from trunkline.domain.events import Answered, Decided, Event, RerouteCause, Rerouted, TextDelta
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, Metric, Window
from trunkline.domain.money import Usage
from trunkline.domain.receipts import Attempt, AttemptOutcome, FinishReason, Outcome, Receipt
from trunkline.domain.routes import Route
from trunkline.domain.secret import Secret
from trunkline.domain.tasks import Origin, OriginKind, Priority, Task, Tier
from trunkline.store import codec

ROUTE = Route("google", "google-1", "gemini/with/slashes")
TASK = Task("coding", 0.9, 0.4, Tier.T2, 120, 400, Priority.HIGH, interactive=True)
DECISION = Decision(
    ROUTE,
    Reason.COST,
    None,
    0.25,
    (Ranked(ROUTE, 0.7, Terms(preference=1.0), 1_000_000),),
    (Rejection("zai/main/*", RejectionCode.LIMIT, (("left", 3), ("metric", "requests"))),),
)
FAULT = Fault(
    FaultKind.RATE_MINUTE,
    FaultScope.ACCOUNT,
    "rate_limit_exceeded",
    "limit hit",
    readings=(LimitReading(Metric.REQUESTS, Window.parse("60s"), 20, 0, None),),
)
RECEIPT = Receipt(
    "01J",
    Origin(OriginKind.CHAT),
    Outcome.ANSWERED,
    TASK,
    DECISION,
    ROUTE,
    (Attempt(1, ROUTE, AttemptOutcome.OK, 0.0, 12.5, 3.25, usage=Usage(1, 2)),),
    1,
    12.5,
    3.25,
    Usage(1, 2),
    None,
    finish=FinishReason.STOP,
    complete=True,
)


@pytest.mark.parametrize(
    "body",
    [
        TextDelta("naïve [bold] text"),
        Decided(TASK, DECISION),
        Rerouted(ROUTE, Route("a", "b", "c"), RerouteCause.REFUSED, FAULT, 4.5),
        FAULT,
        Answered(RECEIPT),
    ],
)
def test_an_event_survives_its_json(body: object) -> None:
    event = Event("01J", 7, 1_795_176_000_000, body)  # type: ignore[arg-type]
    assert codec.decode_event(codec.encode_event(event)) == event


def test_a_receipt_survives_its_json() -> None:
    assert codec.decode(codec.encode(RECEIPT), Receipt) == RECEIPT


def test_a_secret_cannot_be_encoded() -> None:
    with pytest.raises(TypeError):
        codec.encode({"key": Secret("sk-canary")})


def test_junk_is_refused() -> None:
    with pytest.raises(ValueError, match="no event"):
        codec.decode_event('{"request_id":"", "seq":0, "at_ms":0, "kind":"Nonsense", "body":{}}')
