"""The limit that the words of a refusal name."""

from __future__ import annotations

import re

from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.providers.limits.openai_family import amount_of

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


def read_refusal(
    text: str, scope: LimitScope = LimitScope.MODEL, *, wait_stated: bool = False
) -> tuple[LimitReading, ...]:
    """The limit that a refusal's words name, with what of it is used where they say so. With a `wait_stated` its use is
    left out: it is over then, and not when its whole window is, as use is counted."""
    meter = next(((metric, window) for pattern, metric, window in _METERS if pattern.search(text)), None)
    limit = _LIMIT.search(text)
    if meter is None or limit is None:
        return ()
    amount = amount_of((limit[1] or limit[2]).replace(",", ""))
    if amount is None or amount == 0:
        return ()
    used_match = _USED.search(text)
    used = None if used_match is None else amount_of(used_match[1].replace(",", ""))
    remaining = None if used is None else max(0, amount - used)
    left = None if wait_stated else remaining
    return (LimitReading(meter[0], Window.parse(meter[1]), amount, left, None, scope),)
