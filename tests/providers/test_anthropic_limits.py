"""What `anthropic-ratelimit-*` headers say. The clock stands at 2026-11-20T12:00:00Z."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.anthropic_wire import context_of
from tests.support.clock import START_MS

from trunkline.domain.limits import WHOLE_SHARE, LimitReading, LimitScope, LimitSpec, Metric, Window
from trunkline.providers.limits.families import read_limits

MINUTE, FIVE_HOURS, WEEK = Window.parse("60s"), Window.parse("session:5h"), Window.parse("session:7d")
HOUR_MS = 3_600_000


def read(headers: dict[str, str], limits: tuple[LimitSpec, ...] = ()) -> list[LimitReading]:
    prefixed = {f"anthropic-ratelimit-{name}": value for name, value in headers.items()}
    return [*read_limits(prefixed, context_of(limits=limits))]


def bucket(
    metric: Metric, amount: int | None, remaining: int | None, reset_in_ms: int | None
) -> LimitReading:
    resets_at_ms = None if reset_in_ms is None else START_MS + reset_in_ms
    return LimitReading(metric, MINUTE, amount, remaining, resets_at_ms)


def share(
    window: Window,
    remaining: int,
    reset_in_ms: int | None,
    amount: int = WHOLE_SHARE,
    metric: Metric = Metric.SHARE,
) -> LimitReading:
    resets_at_ms = None if reset_in_ms is None else START_MS + reset_in_ms
    return LimitReading(metric, window, amount, remaining, resets_at_ms, LimitScope.ACCOUNT)


def epoch_s(in_ms: int) -> str:
    return str((START_MS + in_ms) // 1000)


def test_the_buckets_of_a_key() -> None:
    headers = {
        "requests-limit": "1000", "requests-remaining": "999", "requests-reset": "2026-11-20T12:00:01Z",
        "tokens-limit": "600000", "tokens-remaining": "590000", "tokens-reset": "2026-11-20T12:00:02Z",
        "input-tokens-limit": "500000", "input-tokens-remaining": "495000",
        "input-tokens-reset": "2026-11-20T12:00:02.500Z",
        "output-tokens-limit": "100000", "output-tokens-remaining": "0",
        "output-tokens-reset": "2026-11-20T13:00:30+01:00",
    }  # fmt: skip
    assert read(headers) == [
        bucket(Metric.REQUESTS, 1_000, 999, 1_000),
        bucket(Metric.TOTAL_TOKENS, 600_000, 590_000, 2_000),
        bucket(Metric.INPUT_TOKENS, 500_000, 495_000, 2_000),
        bucket(Metric.OUTPUT_TOKENS, 100_000, 0, 30_000),
    ]


def test_the_windows_of_a_subscription() -> None:
    headers = {
        "unified-status": "allowed", "unified-reset": epoch_s(HOUR_MS),
        "unified-representative-claim": "five_hour", "unified-fallback-percentage": "0.5",
        "unified-5h-status": "allowed", "unified-5h-utilization": "0.42", "unified-5h-reset": epoch_s(HOUR_MS),
        "unified-7d-status": "allowed_warning", "unified-7d-utilization": "0.97",
        "unified-7d-reset": epoch_s(50 * HOUR_MS),
        "unified-7d_oi-utilization": "0.1", "unified-overage-status": "rejected",
    }  # fmt: skip
    of_account = [share(FIVE_HOURS, 580_000, HOUR_MS), share(WEEK, 30_000, 50 * HOUR_MS)]
    assert read(headers) == [*of_account, replace(share(WEEK, 900_000, None), scope=LimitScope.MODEL)]


@pytest.mark.parametrize(
    ("headers", "remaining"),
    [
        pytest.param({"utilization": "1"}, 0, id="used-up"),
        pytest.param({"utilization": "1.07"}, 0, id="more-than-used-up"),
        pytest.param({"utilization": "0.9999999"}, 1, id="nearly-used-up-is-not-used-up"),
        pytest.param({"utilization": "0"}, WHOLE_SHARE, id="untouched"),
        pytest.param({"utilization": "0.9", "status": "rejected"}, 0, id="refused-is-used-up"),
        pytest.param({"status": "rejected"}, 0, id="refused-without-a-figure"),
    ],
)
def test_a_share_of_a_window(headers: dict[str, str], remaining: int) -> None:
    given = {f"unified-5h-{name}": value for name, value in headers.items()}
    assert read(given) == [share(FIVE_HOURS, remaining, None)]


def test_a_share_is_told_in_the_unit_of_the_accounts_own_limit() -> None:
    own = LimitSpec(Metric.REQUESTS, 900, FIVE_HOURS)
    of_a_model = LimitSpec(Metric.REQUESTS, 100, WEEK, LimitScope.MODEL)
    tokens = LimitSpec(Metric.TOTAL_TOKENS, 10_000_000, WEEK)
    given = {"unified-5h-utilization": "0.5", "unified-7d-utilization": "0.25"}
    five_hours, week = read(given, (own, of_a_model, tokens))
    assert five_hours == share(FIVE_HOURS, 450, None, 900, Metric.REQUESTS)
    assert (week.metric, week.amount, week.remaining) == (Metric.TOTAL_TOKENS, 10_000_000, 7_500_000)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"requests-limit": "0", "requests-remaining": "0"},
        {"requests-limit": "-5"},
        {"tokens-remaining": "NaN"},
        {"tokens-limit": "1e99"},
        {"requests-reset": "2026-11-20T12:00:01Z"},
        {"output-limit": "5", "requests-limits": "5", "unified-30d-utilization": "0.5"},
        {"unified-5h-utilization": "-0.1"},
        {"unified-5h-utilization": "NaN"},
        {"unified-5h-utilization": "42%", "unified-5h-status": "allowed"},
        {"unified-5h-reset": "1795179600"},
    ],
)
def test_junk_is_left_out(headers: dict[str, str]) -> None:
    assert read(headers) == []


@pytest.mark.parametrize(
    "reset", ["", "soon", "2026-13-45T99:99:99Z", "2026-11-20T11:59:59Z", "NaN", "0", "9" * 40]
)
def test_a_reset_that_cannot_be_is_none(reset: str) -> None:
    readings = read({"requests-limit": "5", "requests-reset": reset})
    assert [replace(one, flaw="") for one in readings] == [bucket(Metric.REQUESTS, 5, None, None)]


def test_beside_the_headers_of_a_gateway() -> None:
    headers = {"anthropic-ratelimit-requests-limit": "5", "x-ratelimit-limit-requests": "7"}
    assert [reading.amount for reading in read_limits(headers, context_of())] == [7, 5]


@given(
    headers=st.dictionaries(
        st.sampled_from(["requests-limit", "requests-remaining", "requests-reset", "tokens-limit",
                         "unified-5h-utilization", "unified-5h-status", "unified-5h-reset", "unified-7d-utilization"]),
        st.text(max_size=20) | st.floats().map(str) | st.integers().map(str) | st.sampled_from(["rejected", "inf"]),
    )
)  # fmt: skip
def test_no_header_makes_it_raise(headers: dict[str, str]) -> None:
    for reading in read(headers):
        assert reading.amount is None or reading.amount > 0
        assert reading.remaining is None or 0 <= reading.remaining <= (reading.amount or reading.remaining)
        assert reading.resets_at_ms is None or reading.resets_at_ms > START_MS


def test_one_of_the_two_weekly_windows_is_of_the_model_alone() -> None:
    readings = read(
        {"unified-7d-utilization": "0.2", "unified-7d_oi-utilization": "1.0", "unified-status": "allowed"}
    )
    assert {(one.scope, one.remaining) for one in readings} == {
        (LimitScope.ACCOUNT, 800_000),
        (LimitScope.MODEL, 0),
    }
