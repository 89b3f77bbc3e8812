"""Forecasts of simulated traffic, against what then really happens."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from tests.support.clock import START_MS

from trunkline.domain.limits import (
    FigureSource,
    Forecast,
    LimitScope,
    LimitUse,
    Metric,
    Window,
    WindowKind,
)
from trunkline.quota import windows
from trunkline.quota.burn import BurnBook, PastUse, PastUses
from trunkline.quota.forecast import SURE_ENOUGH, pace_ms

LOOK_MS = 30_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
NOON_MS = START_MS  # of a Friday, UTC
DAY = Window.parse("day")
Traffic = Callable[[int], int]


class Meter:
    """One limit that is used and looked at as time goes by. `now_ms` is the machine's wall time."""

    def __init__(
        self, window: str, amount: int, *, metric: Metric = Metric.TOTAL_TOKENS, now_ms: int = NOON_MS
    ) -> None:
        self.window = Window.parse(window)
        self.amount = amount
        self.metric = metric
        self.now_ms = now_ms
        self.mono_ms = 0.0
        self.held: dict[int, int] = {}
        self.book = BurnBook(self)

    def buckets(self, key: str) -> dict[int, int]:
        return {bucket: amount for bucket, amount in self.held.items() if amount}

    def use(self, amount: int) -> None:
        bucket = windows.bucket_at(self.window, self.now_ms, self.held)
        self.held[bucket] = self.held.get(bucket, 0) + amount

    def look(self) -> Forecast | None:
        self.book.look([("p", "a", self.limit)], self.now_ms, self.mono_ms)
        return self.book.forecasts.get("k")

    @property
    def limit(self) -> LimitUse:
        return LimitUse(
            key="k",
            metric=self.metric,
            window=self.window,
            scope=LimitScope.ACCOUNT,
            model=None,
            amount=self.amount,
            used=windows.used_at(self.window, self.held, self.now_ms),
            resets_at_ms=windows.resets_at_ms(self.window, self.held, self.now_ms),
            source=FigureSource.CONFIGURED,
            as_of_ms=self.now_ms,
            forecast=self.book.forecasts.get("k"),
        )

    def run(self, duration_ms: int, traffic: Traffic) -> Forecast | None:
        """`traffic` says what is used between one look and the next, by how long it has been running."""
        for at_ms in range(0, duration_ms, LOOK_MS):
            self.now_ms += LOOK_MS
            self.mono_ms += LOOK_MS
            if used := traffic(at_ms):
                self.use(used)
            self.look()
        return self.book.forecasts.get("k")


def steady(per_hour: float) -> Traffic:
    """The same at every look."""
    return lambda at_ms: round(per_hour * LOOK_MS / HOUR_MS)


def bursts(every_ms: int, amount: int) -> Traffic:
    """All at once, every so often."""
    return lambda at_ms: amount if at_ms % every_ms == 0 else 0


def scattered(per_hour: float, mean: int, seed: int) -> Traffic:
    """Calls at random, their sizes as uneven as those of real calls are (log-normal, sigma 1)."""
    draw = random.Random(seed)
    chance = per_hour / mean * LOOK_MS / HOUR_MS
    return lambda at_ms: round(mean * draw.lognormvariate(-0.5, 1.0)) if draw.random() < chance else 0


def runs_out_at(meter: Meter, traffic: Traffic) -> int:
    """When the allowance is really used up if `traffic` goes on; `meter` stays where it is."""
    later = Meter(str(meter.window), meter.amount, now_ms=meter.now_ms)
    later.held = dict(meter.held)
    while later.limit.left > 0:
        later.now_ms += LOOK_MS
        later.use(traffic(0))
    return later.now_ms


def empty_ms(expected: Forecast | None) -> int:
    assert expected is not None
    assert expected.lasts_until_ms is not None
    return expected.lasts_until_ms


@pytest.mark.parametrize("window", ["day", "session:5h", "week", "balance", "1d", "5h"])
def test_steady_use_is_known_within_five_percent_and_when_it_ends_too(window: str) -> None:
    meter = Meter(window, 1_200_000)
    # An hour or two is too little to say what two days will be like.
    expected = meter.run((7 if window in ("week", "balance") else 4) * HOUR_MS, steady(120_000))
    assert expected is not None
    assert expected.burn_per_hour == pytest.approx(120_000, rel=0.05)
    if window in ("session:5h", "5h"):
        assert expected.lasts_until_ms is None
    else:
        left_ms = empty_ms(expected) - meter.now_ms
        assert left_ms == pytest.approx(runs_out_at(meter, steady(120_000)) - meter.now_ms, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_uneven_calls_are_averaged_within_a_quarter(seed: int) -> None:
    meter = Meter("day", 5_000_000, now_ms=NOON_MS - 6 * HOUR_MS)
    expected = meter.run(6 * HOUR_MS, scattered(120_000, 2_000, seed))
    assert expected is not None
    assert expected.burn_per_hour == pytest.approx(120_000, rel=0.25)
    assert expected.confidence > 0.7


def test_bursts_that_come_again_are_their_average_within_a_quarter_at_any_moment() -> None:
    meter = Meter("day", 100_000, now_ms=NOON_MS - 8 * HOUR_MS)
    meter.run(6 * HOUR_MS, bursts(20 * MINUTE_MS, 1_000))
    for _ in range(4):
        for traffic in (bursts(20 * MINUTE_MS, 1_000), *[steady(0)] * 3):
            expected = meter.run(5 * MINUTE_MS, traffic)
            assert expected is not None
            assert expected.burn_per_hour == pytest.approx(3_000, rel=0.25)
            assert expected.confidence > 0.7


def test_one_burst_among_even_use_hardly_moves_the_forecast() -> None:
    meter = Meter("day", 1_000_000, now_ms=NOON_MS - 6 * HOUR_MS)
    before = meter.run(6 * HOUR_MS, steady(24_000))
    meter.use(80_000)
    after = meter.run(MINUTE_MS, steady(24_000))
    assert before is not None
    assert after is not None
    # Of an average over three hours it would be twice as much.
    assert after.burn_per_hour < 1.4 * before.burn_per_hour
    assert after.confidence <= before.confidence


def test_more_than_before_is_believed_within_a_memory() -> None:
    meter = Meter("day", 10_000_000, now_ms=NOON_MS - 8 * HOUR_MS)
    meter.run(6 * HOUR_MS, steady(24_000))
    expected = meter.run(3 * HOUR_MS, steady(240_000))
    assert expected is not None
    # After one memory length 1 - 1/e of the new rate and 1/e of the old one.
    assert 120_000 < expected.burn_per_hour < 240_000


def test_use_that_stops_is_forgotten() -> None:
    meter = Meter("day", 1_000_000, now_ms=NOON_MS - 8 * HOUR_MS)
    burning = meter.run(6 * HOUR_MS, steady(60_000))
    calming = meter.run(3 * HOUR_MS, steady(0))
    over = meter.run(6 * HOUR_MS, steady(0))
    assert burning is not None
    assert calming is not None
    assert over is not None
    assert calming.burn_per_hour < 0.45 * burning.burn_per_hour
    assert over.burn_per_hour == 0
    assert over.lasts_until_ms is None


def test_a_reset_gives_the_allowance_back_and_the_burn_goes_on() -> None:
    meter = Meter("day", 650_000, now_ms=NOON_MS)
    before = meter.run(11 * HOUR_MS, steady(50_000))
    assert before is not None
    assert before.lasts_until_ms is None  # 550,000 by eleven at night, and midnight comes first
    after = meter.run(2 * HOUR_MS, steady(50_000))
    assert after is not None
    assert meter.limit.used < 60_000
    assert after.burn_per_hour == pytest.approx(50_000, rel=0.05)
    assert empty_ms(after) == pytest.approx(meter.now_ms + 12 * HOUR_MS, abs=HOUR_MS)


def test_reservations_that_settle_for_less_leave_only_what_was_used() -> None:
    meter = Meter("day", 1_000_000, now_ms=NOON_MS - 4 * HOUR_MS)
    booked = False

    def reserved_then_settled(at_ms: int) -> int:
        nonlocal booked
        booked = not booked
        return 4_000 if booked else -3_500

    expected = meter.run(4 * HOUR_MS, reserved_then_settled)
    assert expected is not None
    assert expected.burn_per_hour == pytest.approx(250 * 120, rel=0.15)


def test_a_wall_clock_that_jumps_back_neither_adds_nor_loses_use() -> None:
    meter = Meter("day", 600_000, now_ms=NOON_MS)
    before = meter.run(4 * HOUR_MS, steady(60_000))
    meter.now_ms -= 2 * HOUR_MS
    after = meter.run(30 * MINUTE_MS, steady(60_000))
    assert before is not None
    assert after is not None
    assert after.burn_per_hour == pytest.approx(before.burn_per_hour, rel=0.05)
    assert empty_ms(after) == pytest.approx(meter.now_ms + meter.limit.left / 60_000 * HOUR_MS, rel=1e-3)


def test_a_wall_clock_that_jumps_ahead_counts_as_time_without_use() -> None:
    meter = Meter("week", 10_000_000, now_ms=NOON_MS)
    meter.run(6 * HOUR_MS, steady(60_000))
    meter.now_ms += 6 * HOUR_MS
    after = meter.run(15 * MINUTE_MS, steady(60_000))
    assert after is not None
    assert 15_000 < after.burn_per_hour < 45_000


def test_a_rolling_window_that_gives_back_as_much_as_is_used_is_never_full() -> None:
    meter = Meter("1h", 100_000)
    expected = meter.run(3 * HOUR_MS, steady(90_000))
    assert expected is not None
    assert expected.burn_per_hour == pytest.approx(90_000, rel=0.05)
    assert expected.lasts_until_ms is None


def test_a_rolling_window_fills_when_more_comes_in_than_falls_out() -> None:
    meter = Meter("5h", 100_000)
    expected = meter.run(2 * HOUR_MS, steady(30_000))
    assert empty_ms(expected) == pytest.approx(runs_out_at(meter, steady(30_000)), abs=10 * MINUTE_MS)


def test_old_use_that_falls_out_of_a_rolling_window_is_counted_on() -> None:
    meter = Meter("5h", 100_000)
    meter.run(HOUR_MS, steady(80_000))  # falls out from the fifth hour to the sixth
    meter.run(3 * HOUR_MS, steady(0))
    expected = meter.run(2 * HOUR_MS, steady(9_600))
    assert expected is not None
    # 80,000 less what is gone meanwhile: at 9,600 an hour a window holds 48,000 at most.
    assert expected.lasts_until_ms is None


def test_too_little_says_nothing() -> None:
    meter = Meter("day", 1_000_000)
    assert meter.look() is None
    assert meter.run(10 * MINUTE_MS, steady(600_000)) is None
    lone = Meter("day", 1_000_000)
    assert lone.run(HOUR_MS, lambda at_ms: 20_000 if at_ms == LOOK_MS else 0) is None


@pytest.mark.parametrize(
    ("window", "metric"), [("60s", Metric.REQUESTS), ("day", Metric.CONCURRENCY), ("30m", Metric.COST)]
)
def test_what_only_paces_is_not_forecast(window: str, metric: Metric) -> None:
    meter = Meter(window, 1_000, metric=metric)
    assert meter.run(4 * HOUR_MS, steady(2_400)) is None


def test_an_unused_limit_lasts() -> None:
    meter = Meter("day", 1_000)
    expected = meter.run(6 * HOUR_MS, steady(0))
    assert expected is not None
    assert (expected.burn_per_hour, expected.lasts_until_ms) == (0.0, None)


def test_use_of_others_that_a_provider_tells_late_is_no_burst() -> None:
    """A first report of a balance says that 40 of 100 are gone: nobody knows since when."""
    meter = Meter("balance", 100_000)
    meter.run(7 * HOUR_MS, steady(240))
    meter.use(40_000)
    expected = meter.run(HOUR_MS, steady(240))
    assert expected is not None
    assert expected.burn_per_hour == pytest.approx(240, rel=0.05)


def test_use_of_others_within_a_window_is_spread_over_it() -> None:
    meter = Meter("day", 100_000)  # half of the day is gone
    meter.look()
    meter.use(60_000)
    assert meter.look() is None
    expected = meter.run(2 * HOUR_MS, steady(1_200))
    assert expected is not None
    assert 2_500 < expected.burn_per_hour < 4_000
    assert expected.confidence < SURE_ENOUGH


def test_a_look_after_a_long_time_makes_nothing_sure() -> None:
    meter = Meter("day", 1_000_000, now_ms=NOON_MS - 4 * HOUR_MS)
    sure = meter.run(4 * HOUR_MS, steady(60_000))
    meter.now_ms += HOUR_MS
    meter.mono_ms += HOUR_MS
    meter.use(60_000)
    expected = meter.look()
    assert sure is not None
    assert expected is not None
    assert expected.burn_per_hour == pytest.approx(60_000, rel=0.05)
    assert expected.confidence < sure.confidence


def past(hours: int, per_minute: int, until_ms: int) -> PastUses:
    since_ms = until_ms - hours * HOUR_MS
    moments = range(since_ms, until_ms, MINUTE_MS)
    uses = [PastUse(at_ms, "p", "a", "m", 1, per_minute, 0, 0) for at_ms in moments]
    other = [PastUse(at_ms, "p", "b", "m", 1, 10**6, 0, 0) for at_ms in moments]
    return PastUses(since_ms, (*uses, *other))


@pytest.mark.parametrize("window", ["day", "session:5h", "balance"])
def test_a_fresh_process_forecasts_at_once_from_what_is_recorded(window: str) -> None:
    meter = Meter(window, 1_000_000)
    meter.use(240_000)
    meter.book.recall(past(8, 1_000, NOON_MS))
    expected = meter.look()
    assert expected is not None
    assert expected.burn_per_hour == pytest.approx(60_000, rel=0.05)
    assert expected.confidence > (0.2 if window == "balance" else 0.7)


def test_a_rolling_window_tells_its_own_past() -> None:
    before = Meter("5h", 1_000_000)
    before.run(4 * HOUR_MS, steady(60_000))
    after = Meter("5h", 1_000_000, now_ms=before.now_ms)
    after.held = before.held
    expected = after.look()
    assert expected is not None
    assert expected.burn_per_hour == pytest.approx(60_000, rel=0.05)


def test_what_is_remembered_is_bounded() -> None:
    meter = Meter("session:5h", 10**9)
    meter.run(30 * HOUR_MS, scattered(120_000, 2_000, 1))
    (history,) = meter.book._histories.values()
    assert len(history.steps) <= 64


# -- pacing -----------------------------------------------------------------------------------------------------


def paced(window: str = "day", *, left: int = 100, confidence: float = 0.9, out: bool = True) -> LimitUse:
    kind = Window.parse(window).kind
    resets_at_ms = None if kind is WindowKind.BALANCE else NOON_MS + 10 * HOUR_MS
    expected = Forecast(100.0, NOON_MS + HOUR_MS if out else None, confidence)
    return LimitUse(
        "k",
        Metric.REQUESTS,
        Window.parse(window),
        LimitScope.ACCOUNT,
        None,
        1_000,
        1_000 - left,
        resets_at_ms,
        FigureSource.CONFIGURED,
        NOON_MS,
        forecast=expected,
    )


def test_what_is_left_is_spread_over_the_time_left() -> None:
    assert pace_ms(paced(), 1, NOON_MS) == 6 * MINUTE_MS
    assert pace_ms(paced(left=200), 4, NOON_MS) == 12 * MINUTE_MS


def test_a_rolling_window_is_spread_over_its_length() -> None:
    assert pace_ms(paced("5h"), 1, NOON_MS) == 18_000


@pytest.mark.parametrize(
    "limit", [paced(out=False), paced(confidence=0.3), paced("balance"), paced(left=0)], ids=repr
)
def test_nothing_is_paced_that_lasts_or_is_not_known_or_never_renews(limit: LimitUse) -> None:
    assert pace_ms(limit, 1, NOON_MS) == 0


def test_paced_traffic_lasts_until_the_reset() -> None:
    """Work that wants to go twice as fast as the day can bear, held to the pace from noon on."""
    meter = Meter("day", 2_400, metric=Metric.REQUESTS)
    meter.run(2 * HOUR_MS, steady(240))
    free_mono_ms = 0.0
    for _ in range(10 * HOUR_MS // LOOK_MS - 1):
        if meter.mono_ms >= free_mono_ms:
            meter.use(1)
            free_mono_ms = meter.mono_ms + pace_ms(meter.limit, 1, meter.now_ms)
        meter.run(LOOK_MS, steady(0))
    assert meter.limit.left > 0
    assert meter.limit.used > 1_600
