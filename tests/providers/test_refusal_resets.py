"""What a refusal's words say of use is counted, for a whole window, only where they state no wait of their own."""

from __future__ import annotations

import json

import pytest
from tests.support.clock import START_MS
from tests.support.openai_wire import context_of

from trunkline.providers.protocol import WireReply
from trunkline.providers.refusals.classify import classify


@pytest.mark.parametrize(
    ("used", "again", "remaining"),
    [(3, " Please try again in 1s.", None), (2, " Please try again in 1s.", None), (3, "", 0), (2, "", 1)],
)
def test_use_is_told_where_no_wait_is_stated(used: int, again: str, remaining: int | None) -> None:
    message = (
        f"Rate limit reached for m in organization org-a on requests per min (RPM): Limit 3, Used {used}, "
        f"Requested 2.{again}"
    )
    body = {"error": {"message": message, "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    fault = classify(WireReply(429, {}, json.dumps(body).encode()), context_of())
    (reading,) = fault.readings
    assert (reading.amount, reading.remaining, reading.resets_at_ms) == (3, remaining, None)
    assert fault.usable_at_ms == (START_MS + 1_000 if again else None)
