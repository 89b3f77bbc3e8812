from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.domain.limits import Window
from trunkline.quota import windows
from trunkline.quota.windows import NEVER_MS, STANDING_BUCKET

START_MS = 1_795_176_000_000
ZONES = (
    "UTC",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "America/Santiago",
    "Africa/Cairo",
    "Australia/Lord_Howe",
)

# Gaps of many sizes, so that uses fall into the same bucket, the next one, and far apart.
GAPS_MS = st.one_of(st.integers(0, 30), st.integers(0, 5_000), st.integers(0, 4_000_000))
USES = st.lists(st.tuples(GAPS_MS, st.integers(1, 9)), max_size=30)
ROLLING = st.sampled_from([Window.parse(text) for text in ("40ms", "1s", "7s", "60s", "5m", "1h", "1d")])


def booked(window: Window, uses: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], dict[int, int], int]:
    """The uses at absolute times, their buckets, and the time of the last one."""
    now_ms, moments = START_MS, []
    buckets: dict[int, int] = {}
    for gap_ms, amount in uses:
        now_ms += gap_ms
        moments.append((now_ms, amount))
        bucket = windows.bucket_at(window, now_ms, buckets)
        buckets[bucket] = buckets.get(bucket, 0) + amount
    return moments, buckets, now_ms


@given(ROLLING, USES, GAPS_MS)
def test_a_rolling_window_counts_every_use_in_it_and_little_more(
    window: Window, uses: list[tuple[int, int]], later_ms: int
) -> None:
    moments, buckets, last_ms = booked(window, uses)
    now_ms, length_ms = last_ms + later_ms, window.length_ms or 0
    width_ms = windows.bucket_width_ms(window)
    within = sum(amount for at_ms, amount in moments if at_ms > now_ms - length_ms)
    within_and_a_bucket = sum(amount for at_ms, amount in moments if at_ms > now_ms - length_ms - width_ms)
    assert within <= windows.used_at(window, buckets, now_ms) <= within_and_a_bucket
    assert width_ms <= max(1, length_ms / 20)
    assert len(buckets) == 0 or max(buckets) <= last_ms


@given(ROLLING, USES, GAPS_MS, st.integers(1, 40), st.integers(1, 60))
def test_usable_is_the_first_moment_at_which_it_fits(
    window: Window, uses: list[tuple[int, int]], later_ms: int, amount: int, limit: int
) -> None:
    _, buckets, last_ms = booked(window, uses)
    now_ms = last_ms + later_ms
    usable_ms = windows.usable_at_ms(window, buckets, now_ms, limit_amount=limit, amount=amount)
    if usable_ms is None:
        assert amount > limit
        return
    assert windows.used_at(window, buckets, usable_ms) + amount <= limit
    if usable_ms > now_ms:
        assert windows.used_at(window, buckets, usable_ms - 1) + amount > limit


@given(ROLLING, USES, GAPS_MS)
def test_a_rolling_window_gives_something_back_at_its_reset(
    window: Window, uses: list[tuple[int, int]], later_ms: int
) -> None:
    _, buckets, last_ms = booked(window, uses)
    now_ms = last_ms + later_ms
    used = windows.used_at(window, buckets, now_ms)
    resets_ms = windows.resets_at_ms(window, buckets, now_ms)
    if resets_ms is None:
        assert used == 0
        return
    assert resets_ms > now_ms
    assert windows.used_at(window, buckets, resets_ms - 1) == used
    assert windows.used_at(window, buckets, resets_ms) < used


@given(
    st.sampled_from(["day", "week", "month"]),
    st.sampled_from(ZONES),
    st.integers(1_577_836_800_000, 2_000_000_000_000),
)
def test_a_calendar_period_is_what_a_wall_calendar_says(unit: str, zone: str, at_ms: int) -> None:
    window = Window.parse(unit, zone)
    first_ms, next_ms = windows.calendar_period(window, at_ms)

    def page(moment_ms: int) -> tuple[int, ...]:
        local = datetime.fromtimestamp(moment_ms // 1000, tz=UTC).astimezone(ZoneInfo(zone))
        if unit == "week":
            return local.isocalendar()[:2]
        return (local.year, local.month) if unit == "month" else (local.year, local.month, local.day)

    assert first_ms <= at_ms < next_ms
    assert page(first_ms) == page(at_ms) == page(next_ms - 1)
    assert page(first_ms - 1) != page(at_ms)
    assert page(next_ms) != page(at_ms)
    assert windows.bucket_end_ms(window, first_ms) == next_ms


@pytest.mark.parametrize(("noon", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-07-01", 24)])
def test_a_day_is_as_long_as_its_zone_makes_it(noon: str, hours: int) -> None:
    window = Window.parse("day", "America/Los_Angeles")
    at_ms = round(datetime.fromisoformat(f"{noon}T20:00:00+00:00").timestamp() * 1000)
    first_ms, next_ms = windows.calendar_period(window, at_ms)
    assert next_ms - first_ms == hours * 3_600_000


@given(USES, GAPS_MS)
def test_a_session_runs_from_its_first_use(uses: list[tuple[int, int]], later_ms: int) -> None:
    window = Window.parse("session:1h")
    length_ms = window.length_ms or 0
    moments, buckets, last_ms = booked(window, uses)
    now_ms = last_ms + later_ms
    began_ms, used = None, 0
    for at_ms, amount in moments:
        if began_ms is None or at_ms >= began_ms + length_ms:
            began_ms, used = at_ms, 0
        used += amount
    if began_ms is None or now_ms >= began_ms + length_ms:
        assert windows.used_at(window, buckets, now_ms) == 0
        assert windows.resets_at_ms(window, buckets, now_ms) is None
    else:
        assert windows.used_at(window, buckets, now_ms) == used
        assert windows.resets_at_ms(window, buckets, now_ms) == began_ms + length_ms


def test_a_balance_never_comes_back() -> None:
    window = Window.parse("balance")
    _, buckets, last_ms = booked(window, [(0, 3), (10**9, 4)])
    later_ms = last_ms + 10**12
    assert windows.used_at(window, buckets, later_ms) == 7
    assert windows.resets_at_ms(window, buckets, later_ms) is None
    assert windows.usable_at_ms(window, buckets, later_ms, limit_amount=8, amount=2) is None
    assert windows.usable_at_ms(window, buckets, later_ms, limit_amount=8, amount=1) == later_ms


@given(ROLLING)
def test_what_is_under_way_counts_in_any_window(window: Window) -> None:
    assert windows.bucket_end_ms(window, STANDING_BUCKET) == NEVER_MS
    assert windows.used_at(window, {STANDING_BUCKET: 3}, START_MS) == 3
    assert windows.resets_at_ms(window, {STANDING_BUCKET: 3}, START_MS) is None


def test_only_a_calendar_has_periods() -> None:
    with pytest.raises(ValueError, match="no calendar"):
        windows.calendar_period(Window.parse("60s"), START_MS)
