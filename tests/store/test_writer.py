from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.store.samples import MINUTE, ask, claim, many_inputs, opened, receipt
from tests.support.clock import FakeClock

from trunkline.domain.errors import StoreError
from trunkline.domain.ids import IdSource
from trunkline.quota.ledger import Reservation
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


async def test_a_full_disk_is_said_counted_and_got_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path / "t.db") as store:
        await store.ledger.reserve(ask("a", claim(1)))
        pages = await store.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await store.write(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchone())
        with pytest.raises(StoreError, match=r"t\.db: .*full.*free some space"):
            await store.write(lambda c: c.execute("INSERT INTO meta VALUES ('big', zeroblob(100000))"))
        with caplog.at_level(logging.ERROR):
            store.record(receipt(), inputs=many_inputs())
            with pytest.raises(StoreError, match="full"):
                await store.write(lambda c: c.execute("INSERT INTO meta VALUES ('big', zeroblob(100000))"))
        assert store.lost_writes == 1
        assert "a write was lost" in caplog.text
        await store.write(lambda c: c.execute("PRAGMA max_page_count=1000000").fetchone())
        lost = store.lost_writes
        store.record(receipt())
        await store.flush()
        assert store.lost_writes == lost
        assert await store.receipt(receipt().request_id) == receipt()
        assert isinstance(await store.ledger.reserve(ask("b", claim(9))), Reservation)
        assert store.ledger.use("requests", MINUTE).used == 10


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
