"""What is told of limits, and when it may be told again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from tests.support.clock import START_MS

from trunkline.domain.events import AlertLevel
from trunkline.domain.limits import FigureSource, Forecast, LimitScope, LimitUse, Metric, Window
from trunkline.domain.preferences import Thresholds
from trunkline.quota.alerts import (
    Mark,
    QuotaAlert,
    alerts_of,
    cause_of,
    causes_over,
    span_text,
    without_repeats,
)
from trunkline.quota.windows import NEVER_MS

HOUR_MS = 3_600_000
NOW_MS = START_MS  # a Friday, 12:00 UTC
RULES = Thresholds()


def limit(used: int, window: str = "day", metric: Metric = Metric.TOTAL_TOKENS, **fields: object) -> LimitUse:
    made = LimitUse(
        key="k",
        metric=metric,
        window=Window.parse(window),
        scope=LimitScope.ACCOUNT,
        model=None,
        amount=1_000_000,
        used=used,
        resets_at_ms=NOW_MS + 12 * HOUR_MS,
        source=FigureSource.CONFIGURED,
        as_of_ms=NOW_MS,
    )
    return replace(made, **fields)  # type: ignore[arg-type] # whatever a test sets


def told(one: LimitUse) -> tuple[QuotaAlert, ...]:
    return alerts_of("zai/main", one, RULES, NOW_MS, UTC)


@pytest.mark.parametrize(
    ("used", "marks"),
    [
        (0, []),
        (800_000, []),
        (800_001, [(Mark.WARNING, AlertLevel.WARNING)]),
        (950_000, [(Mark.WARNING, AlertLevel.WARNING)]),
        (950_001, [(Mark.CRITICAL, AlertLevel.CRITICAL)]),
        (1_000_000, [(Mark.CRITICAL, AlertLevel.CRITICAL)]),
    ],
)
def test_the_higher_mark_that_is_passed_is_told(used: int, marks: list[tuple[Mark, AlertLevel]]) -> None:
    alerts = told(limit(used))
    assert [(one.cause, one.level) for one in alerts] == [
        (cause_of(limit(0), mark), level) for mark, level in marks
    ]
    assert all(one.until_ms == NOW_MS + 12 * HOUR_MS for one in alerts)


def test_who_is_told_of_the_higher_mark_is_not_told_of_the_lower_one_after_it() -> None:
    (alert,) = told(limit(990_000))
    assert alert.also == (cause_of(limit(0), Mark.WARNING),)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (
            limit(812_000),
            "zai/main: 81 % of 1,000,000 tokens a day used; it resets Sat 00:00 (in 12 h)",
        ),
        (
            limit(960_000, "session:5h", Metric.REQUESTS, resets_at_ms=NOW_MS + 9_000_000),
            "zai/main: 96 % of 1,000,000 requests in 5 h used; it resets Fri 14:30 (in 2 h 30 min)",
        ),
        (
            limit(960_000, "month", model="glm", resets_at_ms=NOW_MS + 240 * HOUR_MS),
            "zai/main/glm: 96 % of 1,000,000 tokens a month used; it resets 2026-11-30 12:00 (in 10 d)",
        ),
        (
            limit(19 * 10**12, "balance", Metric.COST, amount=20 * 10**12, resets_at_ms=None),
            "zai/main: 95 % of a balance of $20.00 used; a balance does not renew by itself",
        ),
        (
            limit(900_000, "1d", source=FigureSource.ESTIMATED, resets_at_ms=NOW_MS + 60_000),
            "zai/main: 90 % of about 1,000,000 tokens in 1 d used; it renews bit by bit as use gets older",
        ),
        (
            limit(840_000, "session:5h", Metric.SHARE, resets_at_ms=NOW_MS + 9_000_000),
            "zai/main: 84 % of the plan's 5 h used; it resets Fri 14:30 (in 2 h 30 min)",
        ),
        (
            limit(500_000, "week", Metric.SHARE, forecast=Forecast(90_000.0, NOW_MS + 5 * HOUR_MS, 0.8)),
            "zai/main: at this rate the plan's week will be used up Fri 17:00 (in 5 h); "
            "it resets Sat 00:00 (in 12 h)",
        ),
        (
            limit(2_000_000),
            "zai/main: 100 % of 1,000,000 tokens a day used; it resets Sat 00:00 (in 12 h)",
        ),
        (
            limit(500_000, forecast=Forecast(90_000.0, NOW_MS + 5 * HOUR_MS, 0.8)),
            "zai/main: at this rate 1,000,000 tokens a day will be used up Fri 17:00 (in 5 h); "
            "it resets Sat 00:00 (in 12 h)",
        ),
    ],
)
def test_it_is_said_in_plain_words(one: LimitUse, text: str) -> None:
    assert [alert.text for alert in told(one)] == [text]


@pytest.mark.parametrize(
    "one",
    [
        limit(990_000, "60s"),
        limit(990_000, "30m"),
        limit(990_000, metric=Metric.CONCURRENCY),
        limit(0, amount=0),
        limit(500_000, forecast=Forecast(90_000.0, NOW_MS + 5 * HOUR_MS, 0.3)),
        limit(500_000, forecast=Forecast(90_000.0, None, 0.9)),
        limit(500_000, forecast=Forecast(42_000.0, NOW_MS + 11 * HOUR_MS + 1, 0.9)),
    ],
)
def test_nothing_is_told_of_what_paces_is_unsure_or_runs_out_just_before_its_reset(one: LimitUse) -> None:
    assert told(one) == ()


def test_a_balance_is_told_of_until_it_is_filled_up() -> None:
    alerts = told(limit(900_000, "balance", resets_at_ms=None))
    assert [one.until_ms for one in alerts] == [NEVER_MS]
    over = causes_over(limit(0, "balance", resets_at_ms=None), RULES)
    assert set(over) == {cause_of(limit(0), mark) for mark in Mark}


def test_hovering_at_a_mark_is_not_over_and_over_new() -> None:
    assert cause_of(limit(0), Mark.WARNING) not in causes_over(limit(790_000), RULES)
    assert cause_of(limit(0), Mark.WARNING) in causes_over(limit(740_000), RULES)
    assert cause_of(limit(0), Mark.CRITICAL) in causes_over(limit(810_000), RULES)
    assert cause_of(limit(0), Mark.RUNS_OUT) not in causes_over(limit(400_000), RULES)


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [
        (0, "less than a minute"),
        (90_000, "2 min"),
        (HOUR_MS, "1 h"),
        (26 * HOUR_MS, "1 d 2 h"),
        (24 * HOUR_MS + 60_000, "1 d 1 min"),
    ],
)
def test_spans(span_ms: int, text: str) -> None:
    assert span_text(span_ms) == text


def test_one_allowance_in_two_shapes_is_told_of_once() -> None:
    whole, reported = limit(900_000), limit(900_000, "1d", key="r", model="glm")
    other = limit(900_000, "1d", Metric.REQUESTS, key="q", model="glm")
    alerts = without_repeats([*told(reported), *told(whole), *told(other)])
    assert [one.cause for one in alerts] == [cause_of(one, Mark.WARNING) for one in (whole, other)]
    assert len(without_repeats(told(reported))) == 1
