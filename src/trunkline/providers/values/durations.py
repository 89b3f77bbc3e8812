"""Times as providers write them: durations, dates, bare numbers. Junk is None, never zero and never NaN."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
LONGEST_BELIEVED_MS = 400 * DAY_MS

_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}
_GO_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s|d))+", re.ASCII)
_GO_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s|d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s?(Z\b|UTC\b|GMT\b|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


def go_duration_ms(text: str) -> float | None:
    """`9ms`, `1s`, `1m30.5s`, `6m0s`, `2h3m4s`: milliseconds, at most what is believed of a wait."""
    text = text.strip().lower()
    if len(text) > 64 or _GO_DURATION.fullmatch(text) is None:
        return None
    return believed_ms(sum(float(amount) * _UNIT_MS[unit] for amount, unit in _GO_PART.findall(text)))


def believed_ms(duration_ms: float) -> float | None:
    """`duration_ms` if it can be a wait: a positive number of at most 400 days."""
    if not math.isfinite(duration_ms) or not 0 < duration_ms <= LONGEST_BELIEVED_MS:
        return None
    return duration_ms


def number_of(text: str) -> float | None:
    """The finite number that `text` is."""
    text = text.strip().lower()
    if len(text) > 40 or _NUMBER.fullmatch(text) is None:
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def http_date_ms(text: str) -> int | None:
    """An HTTP date as wall milliseconds."""
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return _wall_ms(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def delay_of_number_ms(number: float, now_ms: int) -> float | None:
    """How long from now, where the unit is unknown: above 1e12 it is epoch milliseconds, above 1e9 epoch seconds,
    else seconds from now."""
    if number > 1e12:
        return believed_ms(number - now_ms)
    if number > 1e9:
        return believed_ms(number * 1000 - now_ms)
    return believed_ms(number * 1000)


def delay_ms(text: str, now_ms: int) -> float | None:
    """How long from now: a Go duration, a bare number of unknown unit, an ISO instant (UTC) or an HTTP date."""
    number = number_of(text)
    if number is not None:
        return delay_of_number_ms(number, now_ms)
    duration_ms = go_duration_ms(text)
    if duration_ms is not None:
        return duration_ms
    at_ms = instant_in(text, UTC) or http_date_ms(text)
    return None if at_ms is None else believed_ms(at_ms - now_ms)


def instant_in(text: str, zone: tzinfo) -> int | None:
    """The first ISO instant in `text` as wall milliseconds; one without a zone is in `zone`."""
    found = _INSTANT.search(text)
    if found is None:
        return None
    date, clock, offset = found.groups()
    if offset is not None:
        zone = _offset(offset)
    try:
        return _wall_ms(datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return None


def zone_named(name: str) -> tzinfo:
    """The time zone of that name, UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def next_midnight_ms(now_ms: int, zone: tzinfo) -> int:
    """When the next day begins in `zone`."""
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    tomorrow = today + timedelta(days=1)
    return _wall_ms(datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone))


def next_month_ms(now_ms: int, zone: tzinfo) -> int:
    """When the next calendar month begins in `zone`."""
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    later = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
    return _wall_ms(datetime(later.year, later.month, later.day, tzinfo=zone))


def iso_seconds(at_ms: int) -> str:
    """`at_ms` as `2026-11-20T21:38:28Z`, rounded up, so that it is never too early."""
    return datetime.fromtimestamp(-(-at_ms // 1000), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _offset(text: str) -> tzinfo:
    if text[0] not in "+-":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes)) if minutes < 1440 else UTC


def _wall_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
