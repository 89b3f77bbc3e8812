"""A limit that a refusal says is used up is so until the refusal's own moment, not for its whole window."""

from __future__ import annotations

import json

import pytest
from tests.support.clock import START_MS
from tests.support.openai_wire import context_of

from trunkline.providers.protocol import WireReply
from trunkline.providers.refusals.classify import classify


@pytest.mark.parametrize(
    ("used", "again", "resets_in_ms"),
    [(3, " Please try again in 1s.", 1_000), (3, "", None), (2, " Please try again in 1s.", None)],
)
def test_it_resets_when_the_refusal_says(used: int, again: str, resets_in_ms: int | None) -> None:
    message = (
        f"Rate limit reached for m in organization org-a on requests per min (RPM): Limit 3, Used {used}, "
        f"Requested 2.{again}"
    )
    body = {"error": {"message": message, "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    fault = classify(WireReply(429, {}, json.dumps(body).encode()), context_of())
    (reading,) = fault.readings
    assert (reading.amount, reading.remaining) == (3, 3 - used)
    assert reading.resets_at_ms == (None if resets_in_ms is None else START_MS + resets_in_ms)
