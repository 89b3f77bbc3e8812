"""Limits in `x-ratelimit-*` headers, as OpenAI and everybody after it send them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from trunkline.domain.limits import LimitReading, Metric, Window
from trunkline.domain.routes import Quirks
from trunkline.providers.protocol import CallContext
from trunkline.providers.values.durations import delay_ms, number_of

_LARGEST_AMOUNT = 10**15
_PREFIX = "x-ratelimit-"
_HEADER = re.compile(
    r"x-ratelimit-(limit|remaining|reset)(?:-(requests|req|tokens)(?:-(second|minute|hour|day|month))?)?"
)
_METRICS = {
    "requests": Metric.REQUESTS,
    "req": Metric.REQUESTS,
    "tokens": Metric.TOTAL_TOKENS,
    "": Metric.REQUESTS,
}
_WINDOWS = {"second": "1s", "minute": "60s", "hour": "1h", "day": "1d", "month": "month"}


def read_openai_limits(headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
    """What `x-ratelimit-*` headers say: OpenAI's and Groq's (windows from the provider's quirks), Mistral's and
    Cerebras's (window in the name), Kimi's and OpenRouter's (neither metric nor window in the name: requests).
    Figures that cannot be are left out, and so is a limit of nothing, which some servers send for "none"."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name, value in headers.items():
        if not name.startswith(_PREFIX):
            continue
        match = _HEADER.fullmatch(name)
        if match is not None:
            figure, metric, period = match[1], match[2] or "", match[3] or ""
            found.setdefault((metric, period), {})[figure] = value
    readings: list[LimitReading] = []
    for (metric, period), figures in found.items():
        reading = reading_of(
            _METRICS[metric], _window(metric, period, context.provider.quirks), figures, context.now_ms
        )
        if reading is not None:
            readings.append(reading)
    return tuple(readings)


def _window(metric: str, period: str, quirks: Quirks) -> Window:
    text = _WINDOWS.get(period) or (quirks.tokens_window if metric == "tokens" else quirks.requests_window)
    return Window.parse(text)


def reading_of(
    metric: Metric, window: Window, figures: Mapping[str, str], now_ms: int
) -> LimitReading | None:
    """The reading in the headers `limit`, `remaining` and `reset` of one limit; None where they tell of none."""
    amount = amount_of(figures.get("limit", ""))
    remaining = amount_of(figures.get("remaining", ""))
    if amount == 0 or (amount is None and remaining is None):
        return None
    if amount is not None and remaining is not None:
        remaining = min(amount, remaining)
    return LimitReading(metric, window, amount, remaining, resets_at_ms(figures, now_ms))


def resets_at_ms(figures: Mapping[str, str], now_ms: int) -> int | None:
    """When the header `reset` says that the limit is whole again."""
    until_reset_ms = delay_ms(figures["reset"], now_ms) if "reset" in figures else None
    return None if until_reset_ms is None else now_ms + math.ceil(until_reset_ms)


def amount_of(text: str) -> int | None:
    """The whole number that `text` is, None where it can be no allowance."""
    number = number_of(text)
    return int(number) if number is not None and 0 <= number <= _LARGEST_AMOUNT else None
