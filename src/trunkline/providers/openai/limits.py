"""Limits that the headers of a reply, or the words of a refusal, tell of."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.domain.routes import Quirks
from trunkline.providers.openai.durations import delay_ms, number_of
from trunkline.providers.protocol import CallContext

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

# What refusals say, e.g. "tokens per min (TPM): Limit 30000, Used 29000, Requested 2000", "max RPM: 3"
_METERS: tuple[tuple[re.Pattern[str], Metric, str], ...] = (
    (re.compile(r"requests per day|\bRPD\b", re.IGNORECASE), Metric.REQUESTS, "1d"),
    (re.compile(r"tokens per day|\bTPD\b", re.IGNORECASE), Metric.TOTAL_TOKENS, "1d"),
    (re.compile(r"requests per min|\bRPM\b", re.IGNORECASE), Metric.REQUESTS, "60s"),
    (re.compile(r"tokens per min|\bTPM\b", re.IGNORECASE), Metric.TOTAL_TOKENS, "60s"),
    (re.compile(r"concurrency", re.IGNORECASE), Metric.CONCURRENCY, "1s"),
)
_LIMIT = re.compile(
    r"\blimit:?\s+(\d[\d,]*)|\bmax (?:RPM|TPM|TPD|RPD|concurrency):\s*(\d[\d,]*)", re.IGNORECASE
)
_USED = re.compile(r"\bused:?\s+(\d[\d,]*)", re.IGNORECASE)


def read_limits(headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
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
        reading = _reading(
            _METRICS[metric], _window(metric, period, context.provider.quirks), figures, context.now_ms
        )
        if reading is not None:
            readings.append(reading)
    return tuple(readings)


def read_refusal(text: str, scope: LimitScope = LimitScope.MODEL) -> tuple[LimitReading, ...]:
    """The limit that a refusal's words name, with what of it is used where they say so."""
    meter = next(((metric, window) for pattern, metric, window in _METERS if pattern.search(text)), None)
    limit = _LIMIT.search(text)
    if meter is None or limit is None:
        return ()
    amount = _amount((limit[1] or limit[2]).replace(",", ""))
    if amount is None or amount == 0:
        return ()
    used_match = _USED.search(text)
    used = None if used_match is None else _amount(used_match[1].replace(",", ""))
    remaining = None if used is None else max(0, amount - used)
    return (LimitReading(meter[0], Window.parse(meter[1]), amount, remaining, None, scope),)


def _window(metric: str, period: str, quirks: Quirks) -> Window:
    text = _WINDOWS.get(period) or (quirks.tokens_window if metric == "tokens" else quirks.requests_window)
    return Window.parse(text)


def _reading(metric: Metric, window: Window, figures: Mapping[str, str], now_ms: int) -> LimitReading | None:
    amount = _amount(figures.get("limit", ""))
    remaining = _amount(figures.get("remaining", ""))
    if amount == 0 or (amount is None and remaining is None):
        return None
    if amount is not None and remaining is not None:
        remaining = min(amount, remaining)
    until_reset_ms = delay_ms(figures["reset"], now_ms) if "reset" in figures else None
    resets_at_ms = None if until_reset_ms is None else now_ms + math.ceil(until_reset_ms)
    return LimitReading(metric, window, amount, remaining, resets_at_ms)


def _amount(text: str) -> int | None:
    number = number_of(text)
    return int(number) if number is not None and 0 <= number <= _LARGEST_AMOUNT else None
