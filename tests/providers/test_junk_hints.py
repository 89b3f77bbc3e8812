"""Hints and figures that cannot be true: left out, and said."""

from __future__ import annotations

import pytest
from tests.support.clock import START_MS
from tests.support.openai_wire import context_of, refusal

from trunkline.providers.limits.families import read_limits
from trunkline.providers.refusals.classify import classify
from trunkline.providers.values.durations import DAY_MS

YEARS = "which is more than 400 days ahead"
RATE = {"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ("-5", "retry-after of '-5' left out, which is in the past"),
        ("0", "retry-after of '0' left out, which is no time at all"),
        ("NaN", "retry-after of 'NaN' left out, which is no number"),
        ("inf", "retry-after of 'inf' left out, which is no number"),
        ("soon", "retry-after of 'soon' left out, which cannot be read"),
        ("315360000", f"retry-after of '315360000' left out, {YEARS}"),
        ("Sat, 01 Jan 2039 00:00:00 GMT", f"retry-after of 'Sat, 01 Jan 2039 00:00:…' left out, {YEARS}"),
        ("Fri, 20 Nov 2026 11:00:00 GMT", "retry-after of 'Fri, 20 Nov 2026 11:00:…' left out, which is in the past"),
        ("Fri, 20 Nov 2026 11:59:59 GMT", ""),
        ("20", ""),
    ],
)  # fmt: skip
def test_a_wait_that_cannot_be_is_left_out_and_said(value: str, flaw: str) -> None:
    fault = classify(refusal(429, RATE, {"retry-after": value}), context_of())
    assert fault.flaw.split("…")[0] == flaw.split("…")[0]
    assert bool(fault.flaw) is bool(flaw)
    assert fault.usable_at_ms == (START_MS + 20_000 if value == "20" else None)


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        ({"resets_at": -1}, "resets_at of '-1' left out, which is in the past"),
        ({"resets_in_seconds": 1e12}, f"resets_in_seconds of '1000000000000.0' left out, {YEARS}"),
        ({"retryDelay": "-3s"}, "retryDelay of '-3s' left out, which is in the past"),
        ({"retryDelay": "26s"}, ""),
        ({"resets_at": True}, ""),
    ],
)  # fmt: skip
def test_fields_of_the_body_too(body: dict[str, object], flaw: str) -> None:
    fault = classify(refusal(429, {"error": {**RATE["error"], **body}}), context_of())
    assert fault.flaw == flaw


def test_a_good_hint_beside_a_junk_one_is_kept() -> None:
    fault = classify(refusal(429, RATE, {"retry-after-ms": "nan", "retry-after": "3"}), context_of())
    assert fault.usable_at_ms == START_MS + 3_000
    assert fault.flaw == "retry-after-ms of 'nan' left out, which is no number"


def test_no_control_code_of_a_hint_reaches_a_sentence() -> None:
    fault = classify(refusal(429, RATE, {"retry-after": "\x1b[31m9\x07" + "9" * 90}), context_of())
    assert "\x1b" not in fault.flaw
    assert len(fault.flaw) < 90


@pytest.mark.parametrize(
    ("figures", "flaw"),
    [
        ({"limit": "10", "remaining": "-4"}, "remaining of '-4' left out"),
        ({"limit": "nan", "remaining": "4"}, "limit of 'nan' left out"),
        ({"limit": "10", "remaining": "11"}, "remaining of 11 taken for the whole 10"),
        ({"limit": "10", "reset": "9999999999h"}, f"reset of '9999999999h' left out, {YEARS}"),
        ({"limit": "10", "remaining": "4", "reset": "0s"}, ""),
        ({"limit": "10", "remaining": "4", "reset": "1m30s"}, ""),
    ],
)  # fmt: skip
def test_figures_of_a_limit_that_cannot_be(figures: dict[str, str], flaw: str) -> None:
    (reading,) = read_limits(
        {f"x-ratelimit-{name}-requests": value for name, value in figures.items()}, context_of()
    )
    assert reading.flaw == flaw
    assert reading.resets_at_ms is None or reading.resets_at_ms < START_MS + DAY_MS
