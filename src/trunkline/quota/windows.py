"""How use is counted within a window: which bucket a moment falls into, and until when that bucket counts.

Use is kept as one amount per bucket; a bucket is named by the wall time at which it begins, one of which a provider
said when it ends by minus that time. Everything here is a pure function of a window, such buckets and a time. Whatever
rounding there is never counts too little: a bucket counts until every moment in it is outside its window.

A session begins with the first use booked after the last one ended, and lasts as long whatever becomes of that use,
if another was booked in it. While a provider's word on when its session ends holds, use belongs to that session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from trunkline.domain.limits import CalendarUnit, Window, WindowKind

STANDING_BUCKET = -1
"""What is under way right now (concurrency): counts until it is given back, in any window."""

NEVER_MS = 2**62
"""The end of a bucket that never stops counting."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_MS = 1000


def bucket_width_ms(window: Window) -> int:
    """How many milliseconds one bucket of a rolling window spans: a second, less for windows under 20 s and more
    for windows over four minutes, so that a window has 20 to 240 buckets."""
    length_ms = window.length_ms or 0
    return max(1, min(_SECOND_MS, length_ms // 20), length_ms // 240)


def bucket_at(window: Window, at_ms: int, known: Iterable[int] = ()) -> int:
    """The bucket for use at `at_ms`. `known` are buckets that hold use already; they decide whether a session
    window's session is still running."""
    if window.kind is WindowKind.ROLLING:
        width_ms = bucket_width_ms(window)
        return at_ms - at_ms % width_ms
    if window.kind is WindowKind.CALENDAR:
        return calendar_period(window, at_ms)[0]
    if window.kind is WindowKind.SESSION:
        length_ms = window.length_ms or 0
        buckets = [bucket for bucket in known if at_ms < bucket_end_ms(window, bucket)]
        stated = [-bucket - length_ms for bucket in buckets if _is_stated(bucket)]
        running = [start for start in stated if start <= at_ms] or [start for start in buckets if start >= 0]
        return max(running, default=at_ms)
    return 0


def stated_bucket(until_ms: int) -> int:
    """The bucket for use that counts until a moment a provider has stated, rounded up to a whole second."""
    return -(-(-until_ms // _SECOND_MS) * _SECOND_MS)


def _is_stated(bucket: int) -> bool:
    return bucket < STANDING_BUCKET


def bucket_end_ms(window: Window, bucket: int) -> int:
    """The first moment at which that bucket no longer counts; `NEVER_MS` where it always does."""
    if _is_stated(bucket):
        return -bucket
    if bucket == STANDING_BUCKET or window.kind is WindowKind.BALANCE:
        return NEVER_MS
    if window.kind is WindowKind.ROLLING:
        return bucket + bucket_width_ms(window) + (window.length_ms or 0)
    if window.kind is WindowKind.SESSION:
        return bucket + (window.length_ms or 0)
    return calendar_period(window, bucket)[1]


def used_at(window: Window, buckets: Mapping[int, int], now_ms: int) -> int:
    """The sum of what still counts at `now_ms`."""
    return sum(amount for bucket, amount in buckets.items() if now_ms < bucket_end_ms(window, bucket))


def resets_at_ms(window: Window, buckets: Mapping[int, int], now_ms: int) -> int | None:
    """When something is given back: the end that a provider stated, else that of the calendar period or of the
    session, or for a rolling window the moment its oldest use falls out. None for a balance, an idle rolling window, a
    session not begun."""
    used = [bucket for bucket, amount in buckets.items() if amount > 0]
    stated_ms = [-bucket for bucket in used if _is_stated(bucket) and now_ms < -bucket]
    if window.kind is WindowKind.CALENDAR:
        return min((calendar_period(window, now_ms)[1], *stated_ms))
    if window.kind is WindowKind.SESSION and stated_ms:
        return min(stated_ms)
    ends_ms = [bucket_end_ms(window, bucket) for bucket in used]
    live_ms = [end_ms for end_ms in ends_ms if now_ms < end_ms < NEVER_MS]
    if not live_ms:
        return None
    return max(live_ms) if window.kind is WindowKind.SESSION else min(live_ms)


def usable_at_ms(
    window: Window, buckets: Mapping[int, int], now_ms: int, *, limit_amount: int, amount: int
) -> int | None:
    """The first moment, from `now_ms` on, at which `amount` more fits under `limit_amount` if nobody takes
    anything meanwhile. None where waiting alone never makes it fit."""
    used = used_at(window, buckets, now_ms)
    if used + amount <= limit_amount:
        return now_ms
    for end_ms, gone in sorted((bucket_end_ms(window, bucket), had) for bucket, had in buckets.items()):
        if end_ms == NEVER_MS:
            break
        if end_ms <= now_ms:
            continue
        used -= gone
        if used + amount <= limit_amount:
            return end_ms
    return None


def calendar_period(window: Window, at_ms: int) -> tuple[int, int]:
    """First moment of the day, week (from Monday) or month around `at_ms` in the window's zone, and of the next
    one. Raises zoneinfo.ZoneInfoNotFoundError for an unknown zone, ValueError for a window of another kind."""
    if window.unit is None:
        raise ValueError(f"{window} is no calendar window")
    local = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(window.zone))
    return _period_of_day(window.unit, window.zone, local.year, local.month, local.day)


@lru_cache(maxsize=256)
def _period_of_day(unit: CalendarUnit, zone: str, year: int, month: int, day: int) -> tuple[int, int]:
    first = datetime(year, month, day, tzinfo=ZoneInfo(zone))
    if unit is CalendarUnit.WEEK:
        first -= timedelta(days=first.weekday())
    elif unit is CalendarUnit.MONTH:
        first = first.replace(day=1)
    if unit is CalendarUnit.MONTH:
        following = (first + timedelta(days=32)).replace(day=1)
    else:
        following = first + timedelta(days=7 if unit is CalendarUnit.WEEK else 1)
    return _ms(first), _ms(following)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
