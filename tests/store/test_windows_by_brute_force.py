"""Both ledgers against a model that keeps every single use: any windows, any story, two processes, odd clocks."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.samples import ask, opened
from tests.support.clock import FakeClock
from tests.support.memory_ledger import MemoryLedger
from tests.support.quota_model import NEVER_MS, BookTime, LimitModel, Use, waits_longest

from trunkline.domain.limits import Metric, Window
from trunkline.quota.ledger import Claim, Ledger, Reservation, Shortage
from trunkline.store.store import Store

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

PLAIN = [
    Window.parse(text)
    for text in ("2s", "7s", "60s", "5m", "5h", "7d", "session:10s", "session:5h", "session:7d", "balance")
]


def moment_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# A plain day, days a quarter of an hour off, and the hours before the nights of 23, 25, 23.5 or 24.5 hours.
PLACES = [
    (moment_ms(text), zone)
    for text, zone in (
        ("2026-11-20 12:00", "UTC"),
        ("2026-11-22 18:00", "Asia/Kolkata"),
        ("2026-11-30 18:00", "Asia/Kathmandu"),
        ("2026-12-31 09:30", "Pacific/Kiritimati"),
        ("2026-03-28 22:30", "Europe/Berlin"),
        ("2026-10-24 21:30", "Europe/Berlin"),
        ("2026-03-08 07:30", "America/Los_Angeles"),
        ("2026-11-01 06:30", "America/Los_Angeles"),
        ("2026-04-23 21:30", "Africa/Cairo"),  # there is no midnight
        ("2026-10-29 20:30", "Africa/Cairo"),  # 23:00 comes twice
        ("2026-09-06 03:30", "America/Santiago"),  # no midnight
        ("2026-04-05 02:30", "America/Santiago"),
        ("2026-03-08 04:30", "America/Havana"),  # no midnight
        ("2026-11-01 03:30", "America/Havana"),  # midnight comes twice
        ("2026-10-03 13:30", "Australia/Lord_Howe"),  # half an hour forward
        ("2026-04-04 12:30", "Australia/Lord_Howe"),
    )
]
# Even, so that half speed comes out even.
STEPS_MS = st.one_of(
    st.integers(0, 40).map(lambda n: 2 * n),
    st.integers(0, 6_000).map(lambda n: 2 * n),
    st.integers(0, 900_000).map(lambda n: 2 * n),
    st.integers(0, 8 * DAY_MS).map(lambda n: 2 * n),
    st.sampled_from([2_000, 7_000, 10_000, HOUR_MS, 5 * HOUR_MS, DAY_MS, 7 * DAY_MS]),
)


@dataclass(frozen=True)
class Limit:
    """Counted under a key of its own; `concurrent` ones count calls under way."""

    key: str
    window: Window
    concurrent: bool


@dataclass
class Open:
    """A call under way, with the use it made of each limit."""

    name: str
    who: int
    uses: list[Use]


@st.composite
def scenes(draw: st.DrawFn) -> tuple[int, list[Limit]]:
    """When it begins, and one to three limits, most of them calendar windows of a place where that is odd."""
    start_ms, zone = draw(st.sampled_from(PLACES))
    calendar = [Window.parse(unit, zone) for unit in ("day", "week", "month")]
    windows = draw(st.lists(st.sampled_from([*PLAIN, *calendar, *calendar]), min_size=1, max_size=3))
    concurrent = [draw(st.sampled_from([False, False, False, True])) for _ in windows]
    return start_ms, [Limit(f"k{n}", *found) for n, found in enumerate(zip(windows, concurrent, strict=True))]


AMOUNTS = st.lists(st.sampled_from([None, 1, 5, 12, 40]), min_size=3, max_size=3)
WHO = st.integers(0, 1)
# Calls and the ends of what they took make up most of a story: there the edges are.
CALLS = st.one_of(
    st.tuples(st.just("reserve"), WHO, st.integers(0, 9)),
    st.tuples(st.just("reserve"), WHO, st.integers(1, 9)),
    st.tuples(st.just("settle"), WHO, st.integers(0, 15)),
    st.tuples(st.just("release"), WHO, st.integers(0, 15)),
)
WAITS = st.one_of(
    st.tuples(st.just("wait for an end"), WHO, st.sampled_from([-2, 0, 0, 2])),
    st.tuples(st.just("wait"), WHO, STEPS_MS),
)
TURNS = st.one_of(
    st.tuples(st.just("raise"), WHO, st.integers(0, 45)),
    st.tuples(st.just("raise until"), WHO, STEPS_MS),
    st.tuples(st.just("jump"), WHO, STEPS_MS),
    st.tuples(st.just("jump back"), WHO, STEPS_MS),
    st.tuples(st.just("restart"), WHO, st.just(0)),
    st.tuples(st.just("configure"), WHO, AMOUNTS),
)
STORY = st.lists(
    st.integers(0, 9).flatmap(lambda die: CALLS if die < 5 else WAITS if die < 8 else TURNS),
    min_size=3,
    max_size=40,
)


class Trial:
    """A story told to ledgers and to the model at once."""

    def __init__(
        self, clock: FakeClock, limits: list[Limit], amounts: list[int | None], speed: float
    ) -> None:
        self.clock, self.limits, self.amounts = clock, limits, amounts
        self.time = BookTime(clock.wall_ms(), clock.mono_ms(), speed)
        self.models = [LimitModel(limit.window, limit.concurrent) for limit in limits]
        self.open: list[Open] = []
        self.asked = 0

    def now_ms(self) -> int:
        return self.time.see(self.clock.wall_ms(), self.clock.mono_ms())

    async def reserve(self, ledger: Ledger, who: int, amount: int) -> None:
        now_ms = self.now_ms()
        self.asked += 1
        wanted = [1 if limit.concurrent else amount for limit in self.limits]
        claims = [
            Claim(
                limit.key,
                Metric.CONCURRENCY if limit.concurrent else Metric.TOTAL_TOKENS,
                limit.window,
                most,
                take,
            )
            for limit, most, take in zip(self.limits, self.amounts, wanted, strict=False)
        ]
        short = [
            (claim, model.fits_at_ms(claim.amount, claim.limit_amount, now_ms))
            for claim, model in zip(claims, self.models, strict=True)
            if claim.limit_amount is not None
            and claim.amount
            and not model.fits(claim.amount, claim.limit_amount, now_ms)
        ]
        result = await ledger.reserve(ask(f"r{self.asked}", *claims))
        if short:
            assert isinstance(result, Shortage), short
            assert result.usable_at_ms == waits_longest(wait for _, wait in short)
            assert (result.claim, result.usable_at_ms) in short
            model = self.models[claims.index(result.claim)]
            assert result.left == max(0, (result.claim.limit_amount or 0) - model.used(now_ms))
            return
        assert isinstance(result, Reservation)
        uses = [model.take(take, now_ms) for model, take in zip(self.models, wanted, strict=True)]
        self.open.append(Open(f"r{self.asked}", who, uses))

    def end(self, ledgers: Sequence[Ledger], what: str, figure: int) -> None:
        if not self.open:
            return
        call = self.open.pop(figure % len(self.open))
        ledger = ledgers[call.who]
        if what == "release":
            ledger.release(call.name)
        else:
            named = [limit.key for limit in self.limits if not limit.concurrent][:2]
            ledger.settle(call.name, [(key, figure) for key in named])
        for limit, use in zip(self.limits, call.uses, strict=True):
            use.over = True
            if what == "release":
                use.amount = 0
            elif not limit.concurrent and limit.key in named:
                use.amount = figure

    def raise_use(self, ledger: Ledger, what: str, figure: int) -> None:
        """A provider says so much is used, or that 20 are until a moment some time from now."""
        now_ms = self.now_ms()
        at_least, until_ms = (20, now_ms + figure - 4) if what == "raise until" else (figure, None)
        for limit, model in zip(self.limits, self.models, strict=True):
            if not limit.concurrent:
                ledger.raise_use(limit.key, limit.window, at_least, until_ms)
                model.raise_to(at_least, now_ms, until_ms)

    def left_by(self, who: int) -> None:
        """That process has ended: what it had under way stays at its estimate, and is under way no more."""
        for call in [call for call in self.open if call.who == who]:
            self.open.remove(call)
            for use in call.uses:
                use.over = True

    def move_clock(self, what: str, by_ms: int) -> None:
        if what == "wait for an end":
            now_ms = self.now_ms()
            ends_ms = [model.end_ms(use) for model in self.models for use in model.uses]
            later_ms = min((end_ms for end_ms in ends_ms if now_ms < end_ms < NEVER_MS), default=now_ms)
            self.clock.advance(max(0, later_ms - now_ms + by_ms) // 2 * 2)
        elif what == "wait":
            self.clock.advance(by_ms)
        else:
            self.clock.jump_wall(by_ms if what == "jump" else -by_ms)

    def check(self, ledger: Ledger) -> None:
        now_ms = self.now_ms()
        for limit, model in zip(self.limits, self.models, strict=True):
            use = ledger.use(limit.key, limit.window)
            assert (use.used, use.resets_at_ms) == (model.used(now_ms), model.resets_at_ms(now_ms)), limit


Scene = tuple[int, list[Limit]]
Story = list[tuple[str, int, int | list[int | None]]]


@settings(max_examples=200, deadline=None)
@given(scenes(), AMOUNTS, STORY)
async def test_in_memory(scene: Scene, amounts: list[int | None], story: Story) -> None:
    trial = Trial(FakeClock(scene[0]), scene[1], amounts, speed=0.0)
    ledger = MemoryLedger(trial.clock)
    for what, who, figure in story:
        if isinstance(figure, list):
            trial.amounts = figure
        elif what == "reserve":
            await trial.reserve(ledger, who, figure)
        elif what in ("settle", "release"):
            trial.end((ledger, ledger), what, figure)
        elif what in ("raise", "raise until"):
            trial.raise_use(ledger, what, figure)
        elif what != "restart":
            trial.move_clock(what, figure)
        trial.check(ledger)


@settings(max_examples=100, deadline=None)
@given(scenes(), AMOUNTS, STORY)
async def test_two_processes_on_one_file(scene: Scene, amounts: list[int | None], story: Story) -> None:
    trial = Trial(FakeClock(scene[0]), scene[1], amounts, speed=0.5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.db"
        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(opened(path, trial.clock, name)) for name in "ab"]
            for what, who, figure in story:
                await tell(trial, stores, what, who, figure)
                if what == "restart":
                    await stores[who].close()
                    trial.left_by(who)
                    stores[who] = await stack.enter_async_context(opened(path, trial.clock))
                for store in (*stores, *stores):  # so that each has seen what the other wrote
                    await store.flush()
                for store in stores:
                    trial.check(store.ledger)


async def tell(
    trial: Trial, stores: list[Store], what: str, who: int, figure: int | list[int | None]
) -> None:
    ledger = stores[who].ledger
    if isinstance(figure, list):
        trial.amounts = figure
    elif what == "reserve":
        await trial.reserve(ledger, who, figure)
    elif what in ("settle", "release"):
        trial.end([store.ledger for store in stores], what, figure)
    elif what in ("raise", "raise until"):
        trial.raise_use(ledger, what, figure)
    elif what != "restart":
        trial.move_clock(what, figure)
        trial.now_ms()
        for store in stores:
            await store.beat()
