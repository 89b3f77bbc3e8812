"""Which window of a plan a refusal in words says is used up. The clock stands at 2026-11-20T12:00:00Z."""

from __future__ import annotations

import json

import pytest
from tests.support.anthropic_wire import context_of
from tests.support.clock import START_MS

from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.limits import WHOLE_SHARE, LimitReading, LimitScope, LimitSpec, Metric, Window
from trunkline.providers.protocol import WireReply
from trunkline.providers.refusals.classify import classify

HOUR_MS = 3_600_000
SOON_MS = START_MS + 2 * HOUR_MS
ZAI = "Your limit will reset at 2026-11-20 22:00:00"  # Beijing's
MINIMAX = "resets at 2026-11-20T14:00:00Z (2056)"
FIVE_HOURS, WEEK = "session:5h", "session:7d"


def refused(error: dict[str, str], limits: tuple[LimitSpec, ...] = ()) -> Fault:
    body = json.dumps({"error": error}).encode()
    return classify(WireReply(429, {}, body), context_of(limits=limits))


@pytest.mark.parametrize(
    ("error", "window"),
    [
        ({"code": "1308", "message": f"Usage limit reached for 5 hour. {ZAI}"}, FIVE_HOURS),
        ({"code": "1310", "message": f"Usage limit reached for 7 day. {ZAI}"}, WEEK),
        ({"code": "1310", "message": f"Weekly limit reached. {ZAI}"}, WEEK),
        ({"code": "1310", "message": f"Weekly/Monthly limit exhausted. {ZAI}"}, None),
        ({"code": "1316", "message": f"Used up. {ZAI}"}, FIVE_HOURS),
        ({"code": "1317", "message": f"Used up. {ZAI}"}, WEEK),
        ({"code": "1308", "message": "Usage limit reached for 5 hour."}, None),
        ({"code": "1308", "message": "Usage limit reached for 5 hour. Reset at 2026-11-29 22:00:00"}, None),
        ({"code": "1308", "message": f"Usage limit reached, try again in 5 hours. {ZAI}"}, None),
        ({"type": "rate_limit_error", "message": f"5-hour usage limit exceeded, {MINIMAX}"}, FIVE_HOURS),
        ({"type": "rate_limit_error", "message": f"weekly token plan limit exceeded, {MINIMAX}"}, WEEK),
        ({"type": "rate_limit_error", "message": f"usage limit exceeded, {MINIMAX}"}, None),
    ],
)
def test_a_window_and_its_reset_are_a_reading_where_both_are_told(
    error: dict[str, str], window: str | None
) -> None:
    fault = refused(error)
    assert fault.kind is FaultKind.QUOTA_WINDOW
    if window is None:
        assert fault.readings == ()
        return
    at = Window.parse(window)
    used_up = LimitReading(Metric.SHARE, at, WHOLE_SHARE, 0, SOON_MS, LimitScope.ACCOUNT)
    assert (fault.usable_at_ms, fault.readings) == (SOON_MS, (used_up,))


def test_it_is_told_in_the_unit_of_the_accounts_own_limit() -> None:
    own = LimitSpec(Metric.REQUESTS, 900, Window.parse(FIVE_HOURS))
    (told,) = refused({"code": "1308", "message": f"Usage limit reached for 5 hour. {ZAI}"}, (own,)).readings
    assert (told.metric, told.amount, told.remaining) == (Metric.REQUESTS, 900, 0)
