"""Limits in `x-ratelimit-*` headers, as OpenAI and everybody after it send them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from trunkline.domain.limits import LimitReading, Metric, Window
from trunkline.domain.routes import Quirks
from trunkline.providers.protocol import CallContext
from trunkline.providers.values.durations import DAY_MS, delay_ms, number_of
from trunkline.providers.values.junk import left_out, quoted

_LARGEST_AMOUNT = 10**15
_NO_TIME = re.compile(r"[-+]?0+(?:\.0*)?(?:ms|[smh])?")
_PREFIX = "x-ratelimit-"
_HEADER = re.compile(
    r"x-ratelimit-(limit|remaining|reset)"
    r"(?:-(?:project-)?(requests|req|tokens)(?:_usage_based)?(?:-(second|minute|hour|day|month))?)?"
)
_METRICS = {
    "requests": Metric.REQUESTS,
    "req": Metric.REQUESTS,
    "tokens": Metric.TOTAL_TOKENS,
    "": Metric.REQUESTS,
}
_WINDOWS = {"second": "1s", "minute": "60s", "hour": "1h", "day": "1d", "month": "month"}
_LONGER = (("1d", DAY_MS), ("month", 31 * DAY_MS))


def read_openai_limits(headers: Mapping[str, str], context: CallContext) -> tuple[LimitReading, ...]:
    """What `x-ratelimit-*` headers say: OpenAI's and Groq's (windows from the provider's quirks), Mistral's and
    Cerebras's (window in the name), Kimi's and OpenRouter's (neither metric nor window in the name: requests).
    Of OpenAI's limits of the organisation, the project and by usage, the one with the least left is told. Figures
    that cannot be are left out, and so is a limit of nothing, which some servers send for "none"."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for name, value in headers.items():
        if not name.startswith(_PREFIX):
            continue
        match = _HEADER.fullmatch(name)
        if match is not None:
            figure, metric, period = match[1], match[2] or "", match[3] or ""
            whose = name[len(_PREFIX) + len(figure) :]
            found.setdefault((metric, period, whose), {})[figure] = value
    readings: dict[tuple[Metric, Window], LimitReading] = {}
    for (metric, period, _), figures in found.items():
        window = _window(metric, period, context.provider.quirks)
        if _METRICS[metric] is Metric.REQUESTS and not period:
            window = _long_enough(window, _until_reset_ms(figures, context.now_ms))
        reading = reading_of(_METRICS[metric], window, figures, context.now_ms)
        if reading is not None:
            key = (reading.metric, reading.window)
            readings[key] = min(readings.get(key, reading), reading, key=_least_left)
    return tuple(readings.values())


def reading_of(
    metric: Metric, window: Window, figures: Mapping[str, str], now_ms: int
) -> LimitReading | None:
    """The reading in the headers `limit`, `remaining` and `reset` of one limit; None where they tell of none."""
    amount = amount_of(figures.get("limit", ""))
    remaining = amount_of(figures.get("remaining", ""))
    if amount == 0 or (amount is None and remaining is None):
        return None
    flaw = _flaw_of(figures, amount, remaining, now_ms)
    if amount is not None and remaining is not None:
        remaining = min(amount, remaining)
    return LimitReading(metric, window, amount, remaining, resets_at_ms(figures, now_ms), flaw=flaw)


def _flaw_of(figures: Mapping[str, str], amount: int | None, remaining: int | None, now_ms: int) -> str:
    """What of the figures of one limit is absurd. A reset of no time at all is what a full bucket says."""
    found = [
        f"{name} of {quoted(figures[name])} left out"
        for name, number in (("limit", amount), ("remaining", remaining))
        if number is None and figures.get(name, "").strip()
    ]
    if amount is not None and remaining is not None and remaining > amount:
        found.append(f"remaining of {remaining} taken for the whole {amount}")
    reset = figures.get("reset", "").strip()
    if reset and not _NO_TIME.fullmatch(reset) and _until_reset_ms(figures, now_ms) is None:
        found.append(left_out("reset", reset, now_ms))
    return "; ".join(flaw for flaw in found if flaw)


def resets_at_ms(figures: Mapping[str, str], now_ms: int) -> int | None:
    """When the header `reset` says that the limit is whole again."""
    until_reset_ms = _until_reset_ms(figures, now_ms)
    return None if until_reset_ms is None else now_ms + math.ceil(until_reset_ms)


def _window(metric: str, period: str, quirks: Quirks) -> Window:
    text = _WINDOWS.get(period) or (quirks.tokens_window if metric == "tokens" else quirks.requests_window)
    return Window.parse(text)


def _long_enough(window: Window, until_reset_ms: float | None) -> Window:
    """`window`, or a longer one where the reset is further away than its end can be: OpenAI tells small accounts of
    their requests of the day under the name of those of the minute."""
    length_ms = window.nominal_ms
    if until_reset_ms is None or length_ms is None or until_reset_ms <= 2 * length_ms:
        return window
    return next((Window.parse(text) for text, longer_ms in _LONGER if until_reset_ms <= longer_ms), window)


def _least_left(reading: LimitReading) -> tuple[bool, int, int]:
    left = reading.amount if reading.remaining is None else reading.remaining
    return left is None, left or 0, reading.amount or 0


def _until_reset_ms(figures: Mapping[str, str], now_ms: int) -> float | None:
    """How long until the reset; of a header sent twice, the later."""
    text = figures.get("reset", "")
    whole_ms = delay_ms(text, now_ms)
    if whole_ms is not None or "," not in text:
        return whole_ms
    waits = (delay_ms(part, now_ms) for part in text.split(","))
    return max((wait for wait in waits if wait is not None), default=None)


def amount_of(text: str) -> int | None:
    """The whole number that `text` is, None where it can be no allowance; of a header sent twice, the least."""
    amounts: list[int] = []
    for part in text.split(","):
        number = number_of(part)
        if number is None or not 0 <= number <= _LARGEST_AMOUNT:
            return None
        amounts.append(int(number))
    return min(amounts)
