"""Limits in the `QuotaFailure` of a refusal, as Google's APIs send it; their replies carry no headers on limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.providers.limits.openai_family import amount_of
from trunkline.providers.values.jsontext import mapping, text_of

_METRICS = (
    (re.compile(r"input_?token", re.IGNORECASE), Metric.INPUT_TOKENS),
    (re.compile(r"token", re.IGNORECASE), Metric.TOTAL_TOKENS),
    (re.compile(r"request", re.IGNORECASE), Metric.REQUESTS),
)
_WINDOWS = (("PerDay", "day"), ("PerHour", "1h"), ("PerMinute", "60s"))


def read_quota_failure(
    tables: Iterable[Mapping[str, Any]], zone: str, *, of_day: bool, usable_at_ms: int | None
) -> tuple[LimitReading, ...]:
    """The limits that the violations in `tables`, the details of a refusal, name; days are those of `zone`.
    `usable_at_ms` is when the refused may be asked again: it is the reset of the days where the refusal is `of_day`,
    else of the shorter windows. Of requests nothing is left; of tokens there may be, though less than was asked for."""
    readings = (
        _reading(violation, zone, of_day=of_day, usable_at_ms=usable_at_ms)
        for violation in _violations(tables)
    )
    return tuple(reading for reading in readings if reading is not None)


def allows_nothing(tables: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of the violated limits is of nothing: this tier does not have the model."""
    return any(text_of(violation.get("quotaValue")).strip() == "0" for violation in _violations(tables))


def _violations(tables: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for table in tables:
        violations = table.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            yield mapping(violation)


def _reading(
    violation: Mapping[str, Any], zone: str, *, of_day: bool, usable_at_ms: int | None
) -> LimitReading | None:
    quota_id = text_of(violation.get("quotaId"))
    names = f"{quota_id} {text_of(violation.get('quotaMetric')).rpartition('/')[2]}"
    metric = next((metric for pattern, metric in _METRICS if pattern.search(names)), None)
    window = next((window for word, window in _WINDOWS if word in quota_id), None)
    if metric is None or window is None:
        return None
    amount = amount_of(text_of(violation.get("quotaValue")))
    if not amount and metric is not Metric.REQUESTS:
        return None
    of_model = "PerModel" in quota_id or bool(mapping(violation.get("quotaDimensions")).get("model"))
    return LimitReading(
        metric,
        Window.parse(window, zone),
        amount or None,
        0 if metric is Metric.REQUESTS else None,
        usable_at_ms if of_day == (window == "day") else None,
        LimitScope.MODEL if of_model else LimitScope.ACCOUNT,
    )
