from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.store.samples import MINUTE, ask, claim, many_inputs, opened, receipt
from tests.support.clock import FakeClock

from trunkline.domain.errors import StoreError
from trunkline.domain.ids import IdSource
from trunkline.quota.ledger import Reservation
from trunkline.store import writer
from trunkline.store.store import Store, StoreReader


def note(name: str, *, fail: bool = False) -> object:
    def unit(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO meta VALUES (?, 1)", (name,))
        if fail:
            raise ValueError("this unit fails")
        return name

    return unit


def names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM meta WHERE value = 1 ORDER BY 1")]


async def test_a_failing_unit_takes_only_itself_back(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        results = await asyncio.gather(
            store.write(note("a")),
            store.write(note("b", fail=True)),
            store.ledger.reserve(ask("r", claim(2))),
            store.write(note("c")),
            return_exceptions=True,
        )
        assert (results[0], results[3]) == ("a", "c")
        assert isinstance(results[1], ValueError)
        assert isinstance(results[2], Reservation)
        assert await store.write(names) == ["a", "c"]
        assert store.ledger.use("requests", MINUTE).used == 2


async def test_a_reservation_is_booked_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        again = ask("same", claim(2))
        await store.ledger.reserve(again)
        with pytest.raises(StoreError, match="UNIQUE"):
            await store.ledger.reserve(again)
        assert store.ledger.use("requests", MINUTE).used == 2


async def test_a_unit_that_books_and_then_fails_books_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        ledger = store.ledger

        def book_and_fail(connection: sqlite3.Connection) -> None:
            assert isinstance(ledger._reserve(connection, ask("a", claim(9))), Reservation)
            raise ValueError("this unit fails")

        failed, booked = await asyncio.gather(
            store.write(book_and_fail), ledger.reserve(ask("b", claim(8))), return_exceptions=True
        )
        assert isinstance(failed, ValueError)
        assert isinstance(booked, Reservation)
        assert ledger.use("requests", MINUTE).used == 8


async def test_one_transaction_and_one_wake_up_for_a_batch(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        entered, go = threading.Event(), threading.Event()

        def hold(_: sqlite3.Connection) -> None:
            entered.set()
            go.wait(5)

        store.post(hold)
        await asyncio.to_thread(entered.wait, 5)
        wake_ups = 0
        loop = asyncio.get_running_loop()
        original = loop.call_soon_threadsafe

        def counted(*args: object, **kwargs: object) -> object:
            nonlocal wake_ups
            wake_ups += 1
            return original(*args, **kwargs)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign,assignment]
        writes = [asyncio.ensure_future(store.write(note(f"n{number:02}"))) for number in range(20)]
        await asyncio.sleep(0)
        go.set()
        assert await asyncio.gather(*writes) == [f"n{number:02}" for number in range(20)]
        loop.call_soon_threadsafe = original  # type: ignore[method-assign]
        assert wake_ups == 1


BIG = "INSERT INTO meta VALUES ('big', zeroblob(100000))"


async def heartbeat(store: Store, clock: FakeClock) -> None:
    """Have the writer look after itself once."""
    clock.advance(2_000)
    await store.write(lambda _: None)  # the heartbeat follows it
    await store.write(lambda _: None)


async def test_a_full_disk_is_said_and_got_over_and_nothing_is_lost(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store:
        await store.ledger.reserve(ask("a", claim(1)))
        pages = await store.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await store.write(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchone())
        with pytest.raises(StoreError, match=r"t\.db: .*full.*free some space"):
            await store.write(lambda c: c.execute(BIG))
        store.record(receipt(), inputs=many_inputs())
        store.ledger.settle("a", [("requests", 3)])
        with pytest.raises(StoreError, match="full"):
            await store.write(lambda c: c.execute(BIG))
        with pytest.raises(StoreError, match="full"):
            await store.flush()
        await store.write(lambda c: c.execute("PRAGMA max_page_count=1000000").fetchone())
        await heartbeat(store, clock)
        assert (store.trouble, store.lost_writes) == (None, 0)
        await store.flush()
        assert await store.receipt(receipt().request_id) == receipt()
        assert isinstance(await store.ledger.reserve(ask("b", claim(7))), Reservation)
        assert store.ledger.use("requests", MINUTE).used == 10


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is not waited for."""
    monkeypatch.setattr(writer, "_LOCK_PAUSES_S", ())
    monkeypatch.setattr(writer, "_SHORT_LOCK_PAUSES_S", ())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Held by somebody else."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.usefixtures("impatient")
async def test_what_a_locked_file_did_not_take_is_written_later_and_in_order(tmp_path: Path) -> None:
    clock, ran = FakeClock(), list[str]()

    def append(name: str) -> Callable[[sqlite3.Connection], None]:
        return lambda _: ran.append(name)

    async with opened(tmp_path / "t.db", clock) as store:
        with locked(tmp_path / "t.db"):
            store.post(append("first"))
            with pytest.raises(StoreError, match="locked"):
                await store.write(append("asked for"))
        store.post(append("second"))
        assert await store.write(append("not kept back")) is None
        assert ran == ["not kept back"]
        with pytest.raises(StoreError, match="locked"):
            await store.flush()
        await heartbeat(store, clock)
        await store.flush()
        assert (ran, store.lost_writes) == (["not kept back", "first", "second"], 0)


async def test_one_for_which_there_is_no_room_keeps_no_other_back(tmp_path: Path) -> None:
    def too_large(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")  # as SQLite does it by itself where the disk is full
        raise sqlite3.OperationalError("database or disk is full")

    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store:
        for unit in (note("before"), too_large, note("after")):
            store.post(unit)  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="full"):
            await store.flush()
        assert await store.write(names) == []
        await heartbeat(store, clock)
        assert await store.write(names) == ["after", "before"]
        assert store.lost_writes == 0


@pytest.mark.usefixtures("impatient")
async def test_what_is_held_has_a_bound_and_what_is_beyond_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "_MOST_HELD", 2)
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store:
        with locked(tmp_path / "t.db"), caplog.at_level(logging.ERROR):
            for name in "abc":
                store.post(note(name))  # type: ignore[arg-type]
            with pytest.raises(StoreError, match="locked"):
                await store.write(names)
        assert store.lost_writes == 1
        assert "a write was lost" in caplog.text
        await heartbeat(store, clock)
        assert await store.write(names) == ["a", "b"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("in_time", [True, False])
async def test_who_closes_writes_what_is_held_or_counts_it(tmp_path: Path, in_time: bool) -> None:
    clock = FakeClock()
    store = Store.open(tmp_path / "t.db", clock, IdSource(clock), process_name="test")
    with locked(tmp_path / "t.db"):
        store.post(note("a"))  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="locked"):
            await store.write(names)
        if not in_time:
            assert store.close_now()
    assert store.close_now()
    with closing(sqlite3.connect(tmp_path / "t.db")) as after:
        assert names(after) == (["a"] if in_time else [])
    assert store.lost_writes == (0 if in_time else 2), "the note, and that the process has ended"


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_taken_away_is_said_until_it_is_back(tmp_path: Path, replaced: bool) -> None:
    path, away = tmp_path / "t.db", tmp_path / "away.db"
    async with opened(path) as store:
        path.rename(away)
        if replaced:
            path.write_bytes(b"something else")
        with pytest.raises(StoreError, match=r"t\.db: was taken away or replaced"):
            await store.write(note("lost"))
        assert "taken away" in (store.trouble or "")
        away.replace(path)
        assert await store.write(note("kept")) == "kept"


async def test_a_lock_held_elsewhere_is_waited_for(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(store.write(note("a")))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        other.execute("ROLLBACK")
        other.close()
        assert await waiting == "a"


def test_a_question_given_up_while_the_file_is_opened_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    before, opening, go, connect = (
        threading.active_count(),
        threading.Event(),
        threading.Event(),
        sqlite3.connect,
    )

    def connect_slowly(*given: Any, **named: Any) -> sqlite3.Connection:
        opening.set()
        go.wait(5)
        return connect(*given, **named)

    async def run() -> None:
        async with opened(tmp_path / "t.db") as store:
            monkeypatch.setattr(sqlite3, "connect", connect_slowly)
            question = asyncio.create_task(store.recent(1))
            await asyncio.to_thread(opening.wait, 5)
            question.cancel()
            asyncio.get_running_loop().call_later(0.05, go.set)
            with pytest.raises(asyncio.CancelledError):
                await question

    asyncio.run(run())
    go.set()
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(5)
    assert failed == []
    assert threading.active_count() == before


async def test_a_question_given_up_does_not_spoil_the_next(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        assert await store.recent(1) == ()
        for steps in range(6):
            question = asyncio.create_task(store.recent(1))
            for _ in range(steps):
                await asyncio.sleep(0)
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)
            assert await store.recent(1) == ()


def test_posted_writes_outlive_the_loop_and_are_drained_without_one(tmp_path: Path) -> None:
    clock = FakeClock()
    stores: list[Store] = []

    async def run() -> None:
        store = Store.open(tmp_path / "t.db", clock, IdSource(clock), process_name="test")
        stores.append(store)
        await store.ledger.reserve(ask("a", claim(5)))
        store.record(receipt())
        store.ledger.settle("a", [("requests", 2)])

    asyncio.run(run())
    store = stores[0]
    assert store.close_now()
    assert store.close_now()
    store.ledger.settle("late", [])
    assert store.lost_writes == 1
    reader = StoreReader.open(tmp_path / "t.db", clock)
    assert reader.use("requests", MINUTE).used == 2
    reader.close()


async def test_after_closing_nothing_can_be_written(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.ledger.reserve(ask("a", claim()))
