from __future__ import annotations

import asyncio
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.samples import BALANCE, MINUTE, ask, claim, opened
from tests.support.clock import START_MS, FakeClock
from tests.support.memory_ledger import MemoryLedger

from trunkline.domain.limits import Metric, Window
from trunkline.quota import windows
from trunkline.quota.ledger import Reservation, Shortage
from trunkline.store.store import StoreReader


async def test_books_all_claims_or_none(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        tokens = claim(60, 100, key="tokens", metric=Metric.TOTAL_TOKENS)
        first = await store.ledger.reserve(ask("a", claim(), tokens))
        assert isinstance(first, Reservation)
        assert [(use.key, use.used) for use in first.uses] == [("requests", 1), ("tokens", 60)]
        second = await store.ledger.reserve(ask("b", claim(), tokens))
        assert isinstance(second, Shortage)
        assert (second.claim, second.left) == (tokens, 40)
        assert second.usable_at_ms == START_MS + 61_000
        assert store.ledger.use("requests", MINUTE).used == 1


async def test_a_shortage_names_the_claim_that_waits_longest(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        day = claim(1, 1, key="day", window=Window.parse("day"))
        minute = claim(1, 1, key="minute")
        await store.ledger.reserve(ask("a", day, minute))
        for claims in ((day, minute), (minute, day)):
            short = await store.ledger.reserve(ask("b", *claims))
            assert isinstance(short, Shortage)
            assert short.claim.key == "day"
        never = await store.ledger.reserve(ask("c", day, claim(2, 1, key="other")))
        assert isinstance(never, Shortage)
        assert (never.claim.key, never.usable_at_ms) == ("other", None)


async def test_an_unknown_limit_counts_and_never_refuses(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        for name in "abc":
            assert isinstance(await store.ledger.reserve(ask(name, claim(5, None))), Reservation)
        assert store.ledger.use("requests", MINUTE).used == 15


async def test_settling_replaces_the_estimate_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        tokens = claim(60, 100, key="tokens", metric=Metric.TOTAL_TOKENS)
        await store.ledger.reserve(ask("a", claim(), tokens))
        store.ledger.settle("a", [("tokens", 25), ("not-booked", 7)])
        store.ledger.settle("a", [("tokens", 1)])
        store.ledger.release("a")
        await store.ledger.flush()
        assert store.ledger.use("tokens", MINUTE).used == 25
        assert store.ledger.use("requests", MINUTE).used == 1
        assert store.ledger.use("not-booked", MINUTE).used == 0


async def test_releasing_takes_everything_back(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        await store.ledger.reserve(ask("a", claim(10)))
        store.ledger.release("a")
        assert isinstance(await store.ledger.reserve(ask("b", claim(10))), Reservation)


async def test_concurrency_is_what_is_under_way(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        calls = claim(1, 2, key="calls", window=BALANCE, metric=Metric.CONCURRENCY)
        for name in "ab":
            assert isinstance(await store.ledger.reserve(ask(name, calls)), Reservation)
        short = await store.ledger.reserve(ask("c", calls))
        assert isinstance(short, Shortage)
        assert short.usable_at_ms is None
        store.ledger.settle("a", [("calls", 1)])
        assert isinstance(await store.ledger.reserve(ask("d", calls)), Reservation)
        store.ledger.settle("b", [])
        store.ledger.release("d")
        await store.ledger.flush()
        assert store.ledger.use("calls", BALANCE).used == 0


async def test_the_same_key_claimed_twice_counts_twice(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        assert isinstance(await store.ledger.reserve(ask("a", claim(6), claim(6))), Shortage)
        assert isinstance(await store.ledger.reserve(ask("b", claim(4), claim(6))), Reservation)
        assert store.ledger.use("requests", MINUTE).used == 10


async def test_use_is_lifted_to_what_the_provider_says_and_never_lowered(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        await store.ledger.reserve(ask("a", claim(3)))
        store.ledger.raise_use("requests", MINUTE, 8)
        store.ledger.raise_use("requests", MINUTE, 2)
        await store.ledger.flush()
        assert store.ledger.use("requests", MINUTE).used == 8
        assert isinstance(await store.ledger.reserve(ask("b", claim(3))), Shortage)


async def test_what_is_over_before_it_is_written_begins_no_session(tmp_path: Path) -> None:
    clock, gate = FakeClock(), threading.Event()
    async with opened(tmp_path / "t.db", clock) as store:
        store.post(lambda _: gate.wait())
        store.ledger.raise_use("plan", Window.parse("session:5h"), 8, START_MS + 1_000)
        clock.advance(1_000)
        gate.set()
        await store.ledger.flush()
        assert store.ledger.use("plan", Window.parse("session:5h")).used == 0


async def test_a_cancelled_reserve_leaves_nothing_booked(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        waiting = asyncio.create_task(store.ledger.reserve(ask("a", claim(10))))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await store.ledger.flush()
        assert store.ledger.use("requests", MINUTE).used == 0
        assert await store.running_requests() == ()


async def test_windows_roll_on_and_survive_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store:
        await store.ledger.reserve(ask("a", claim(10)))
        store.ledger.settle("a", [])
    clock.advance(60_999)
    async with opened(tmp_path / "t.db", clock) as store:
        assert store.ledger.use("requests", MINUTE).used == 10
        assert store.ledger.use("requests", MINUTE).resets_at_ms == START_MS + 61_000
        clock.advance(1)
        assert store.ledger.use("requests", MINUTE).used == 0
        assert isinstance(await store.ledger.reserve(ask("b", claim(10))), Reservation)


async def test_a_session_begins_with_its_first_use(tmp_path: Path) -> None:
    clock, window = FakeClock(), Window.parse("session:5h")
    async with opened(tmp_path / "t.db", clock) as store:
        assert store.ledger.use("session", window).resets_at_ms is None
        await store.ledger.reserve(ask("a", claim(1, key="session", window=window)))
        clock.advance(3_600_000)
        again = await store.ledger.reserve(ask("b", claim(1, key="session", window=window)))
        assert isinstance(again, Reservation)
        assert (again.uses[0].used, again.uses[0].resets_at_ms) == (2, START_MS + 5 * 3_600_000)
        clock.advance(4 * 3_600_000)
        assert store.ledger.use("session", window).used == 0


@pytest.mark.parametrize("window", ["60s", "day", "session:1h"])
async def test_a_clock_that_jumps_back_frees_nothing(tmp_path: Path, window: str) -> None:
    clock, within = FakeClock(), Window.parse(window)
    async with opened(tmp_path / "t.db", clock) as store:
        assert isinstance(await store.ledger.reserve(ask("a", claim(10, window=within))), Reservation)
        clock.jump_wall(-3 * 86_400_000)
        assert isinstance(await store.ledger.reserve(ask("b", claim(10, window=within))), Shortage)
    async with opened(tmp_path / "t.db", clock) as store:
        assert isinstance(await store.ledger.reserve(ask("c", claim(10, window=within))), Shortage)


async def test_behind_the_latest_time_seen_windows_still_roll_but_slower(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store:
        await store.ledger.reserve(ask("a", claim(10)))
        clock.jump_wall(-86_400_000)
        clock.advance(61_000)
        assert isinstance(await store.ledger.reserve(ask("b", claim(10))), Shortage)
        clock.advance(61_500)
        assert isinstance(await store.ledger.reserve(ask("c", claim(10))), Reservation)


async def test_processes_see_one_another_in_reserve_at_once_and_in_use_soon(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as one, opened(tmp_path / "t.db") as two:
        changed = asyncio.Event()
        two.on_change(changed.set)
        await one.ledger.reserve(ask("a", claim(8)))
        await asyncio.wait_for(changed.wait(), 5)
        assert two.ledger.use("requests", MINUTE).used == 8
        assert isinstance(await two.ledger.reserve(ask("b", claim(3))), Shortage)
        assert isinstance(await two.ledger.reserve(ask("c", claim(2))), Reservation)
        assert isinstance(await one.ledger.reserve(ask("d", claim(1))), Shortage)


@dataclass
class _Booked:
    at_ms: int
    amount: int
    ended: bool = False


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "settle", "release", "wait"]),
        st.integers(0, 1),
        st.integers(0, 40),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_no_interleaving_of_two_processes_exceeds_or_loses(steps: list[tuple[str, int, int]]) -> None:
    asyncio.run(_interleave(steps))


async def _interleave(steps: list[tuple[str, int, int]]) -> None:
    limit, clock = 60, FakeClock()
    memory = MemoryLedger(clock)
    booked: dict[str, _Booked] = {}

    def brute_force() -> int:
        ends_ms = [
            windows.bucket_end_ms(MINUTE, windows.bucket_at(MINUTE, held.at_ms)) for held in booked.values()
        ]
        return sum(
            held.amount
            for held, end_ms in zip(booked.values(), ends_ms, strict=True)
            if clock.wall_ms() < end_ms
        )

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.db"
        async with opened(path, clock) as one, opened(path, clock) as two:
            for number, (what, who, amount) in enumerate(steps):
                ledger = (one, two)[who].ledger
                running = [name for name, held in booked.items() if not held.ended]
                if what == "wait":
                    clock.advance(amount * 1_000)
                elif what == "reserve":
                    wish = ask(str(number), claim(amount, limit))
                    result = await ledger.reserve(wish)
                    expected = await memory.reserve(wish)
                    assert type(result) is type(expected)
                    if isinstance(result, Reservation):
                        booked[str(number)] = _Booked(clock.wall_ms(), amount)
                    assert result.uses == expected.uses
                    assert result.uses[0].used == brute_force() <= limit
                elif running:
                    name = running[amount % len(running)]
                    held = booked[name]
                    held.ended = True
                    held.amount = 0 if what == "release" else amount % (held.amount + 1)
                    for book in (ledger, memory):
                        book.release(name) if what == "release" else book.settle(
                            name, [("requests", held.amount)]
                        )
                    await ledger.flush()
                    assert ledger.use("requests", MINUTE) == memory.use("requests", MINUTE)
                    assert ledger.use("requests", MINUTE).used == brute_force()
            reader = StoreReader.open(path, clock)
            assert reader.use("requests", MINUTE).used == brute_force()
            reader.close()


async def test_a_change_stamped_by_a_clock_that_jumped_back_is_not_overlooked(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as one, opened(tmp_path / "t.db", clock) as two:
        clock.advance(1_500)
        await one.write(lambda _: None)
        clock.jump_wall(-1_400)
        assert isinstance(await two.ledger.reserve(ask("a", claim(10))), Reservation)
        assert isinstance(await one.ledger.reserve(ask("b", claim(1))), Shortage)
