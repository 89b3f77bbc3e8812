"""Requests that may be kept: they wait in the store, and go on when somebody can serve."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, open_world, told, until, until_event
from tests.support.odd_server import free_port
from tests.support.parking import (
    HOUR_MS,
    LOOK_MS,
    ONLY,
    advance,
    keepable,
    parked,
    parked_world,
    passing,
    rows,
)

from trunkline.domain.events import Alert, AttemptStarted, Cancelled, Event, Held, Parked
from trunkline.domain.queue import HeldFor
from trunkline.domain.receipts import Outcome
from trunkline.domain.tasks import Priority
from trunkline.engine.own_faults import DEADLINE, NO_ROUTE
from trunkline.engine.patience import MOST_RETURNS


async def test_it_waits_in_the_store_beyond_the_engines_own_deadline_and_is_answered(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        handle = await parked(world)
        assert rows(world) == 1
        (item,) = world.engine.snapshot().queue
        assert (item.kept, item.held_for, item.process) == (True, HeldFor.RESET, "test")
        assert (item.title, item.conversation_id, item.turn_id) == ("Who owns the queue?", "talk", "turn")
        assert item.until_ms is not None
        await passing(world, asyncio.create_task(handle.answer()).done, 600_000)
        result = await told(handle)
        assert result.receipt.complete
        assert result.outcomes == ["refused", "ok"]
        assert result.receipt.total_ms >= 2 * HOUR_MS
        (waits,) = result.of(Parked)
        assert (waits.kept, waits.until_ms) == (True, item.until_ms)
        assert result.receipt.attempts[1].failover_ms is None
        await world.engine.fresh_snapshot()
        assert rows(world) == 0
        assert world.query("SELECT outcome FROM request") == [("answered",)]


async def test_a_wait_of_seconds_does_not_touch_the_store(tmp_path: Path) -> None:
    async with parked_world(tmp_path, wait_s=4) as world:
        handle = await parked(world)
        assert rows(world) == 0
        (item,) = world.engine.snapshot().queue
        assert not item.kept
        advance(world, 4_300)
        result = await told(handle)
        assert result.receipt.complete
        assert [one.kept for one in result.of(Parked)] == [False]


async def test_longer_than_a_person_wants_one_kept_fails_at_once_and_says_so(tmp_path: Path) -> None:
    async with parked_world(tmp_path, preferences="[queue]\npark_at_most_h = 1\n") as world:
        result = await world.run(keepable())
        assert result.receipt.outcome is Outcome.FAILED
        assert result.receipt.fault is not None
        assert result.receipt.fault.code == NO_ROUTE
        assert "longer than a request is kept (1 h" in result.receipt.fault.message
        assert result.receipt.fault.usable_at_ms is not None
        assert rows(world) == 0


async def test_its_own_deadline_ends_it_while_it_waits_and_says_what_it_waited_for(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        handle = await parked(world, deadline_at_ms=world.engine.snapshot().at_ms + HOUR_MS)
        await passing(world, asyncio.create_task(handle.answer()).done, 600_000)
        result = await told(handle)
        assert result.receipt.outcome is Outcome.FAILED
        assert result.receipt.fault is not None
        assert result.receipt.fault.code == DEADLINE
        assert "while it waited: nobody can serve it now" in result.receipt.fault.message
        assert result.receipt.no_route is not None
        assert HOUR_MS <= result.receipt.total_ms < HOUR_MS + 700_000
        await world.engine.fresh_snapshot()
        assert rows(world) == 0


async def test_without_a_stated_moment_it_looks_again_every_so_often(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONLY, clock=FakeClock()) as world:
        revoked = world.fault("key_revoked", first=1)
        handle = await parked(world)
        (item,) = world.engine.snapshot().queue
        assert (item.until_ms, item.kept) == (None, True)
        assert world.query("SELECT until_ms FROM parked") == [(None,)]
        world.engine.free("only/a")
        assert (await told(handle)).receipt.complete
        assert revoked


async def test_nothing_waits_for_what_no_time_brings(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONLY, clock=FakeClock()) as world:
        assert (await world.run(keepable(avoid=("only",)))).receipt.outcome is Outcome.FAILED
        too_dear = await world.run(keepable(budget_pico=1))
        assert too_dear.receipt.outcome is Outcome.FAILED
        assert rows(world) == 0


async def test_after_a_wait_every_attempt_is_to_be_had_again_but_not_for_ever(tmp_path: Path) -> None:
    preferences = "[thresholds]\nmax_attempts = 2\n"
    async with open_world(tmp_path, ONLY, preferences=preferences, clock=FakeClock()) as world:
        world.fault("limited", wait_s=600, first=5)
        handle = await parked(world)
        first = asyncio.create_task(handle.answer())
        await passing(world, first.done, 100_000)
        result = await told(handle)
        assert result.outcomes == ["refused"] * 5 + ["ok"]
        world.fault("limited", wait_s=600)
        second = world.engine.submit(keepable())
        await until_event(second, Parked)
        ended = asyncio.create_task(second.answer())
        await passing(world, ended.done, 100_000)
        answer = await ended
        assert answer.receipt.outcome is Outcome.FAILED
        assert len(answer.receipt.attempts) == MOST_RETURNS + 1


async def test_without_a_network_it_waits_for_as_long_as_that_lasts(tmp_path: Path) -> None:
    gone = Serves("only", url=f"http://127.0.0.1:{free_port()}/v1")
    async with open_world(tmp_path, gone, clock=FakeClock()) as world:
        handle = world.engine.submit(keepable())
        calls: list[Event] = []

        async def count() -> None:
            async for event in handle.events():
                calls.extend([event] if isinstance(event.body, AttemptStarted) else [])

        counting = asyncio.create_task(count())
        async with asyncio.timeout(8):
            while len(calls) <= 2 * MOST_RETURNS:
                assert not counting.done()
                advance(world, LOOK_MS)
                await asyncio.sleep(0.002)
        handle.cancel()
        assert (await told(handle)).receipt.outcome is Outcome.CANCELLED
        await counting


async def test_when_every_attempt_was_in_vain_it_begins_anew_later(tmp_path: Path) -> None:
    preferences = "[thresholds]\nmax_attempts = 2\n"
    async with open_world(tmp_path, ONLY, preferences=preferences, clock=FakeClock()) as world:
        world.draw = 0.0
        world.fault("limited", wrong="server", first=4)
        handle = world.engine.submit(keepable())
        answering = asyncio.create_task(handle.answer())
        await passing(world, answering.done, 1_000)
        result = await told(handle)
        assert result.receipt.complete
        assert result.outcomes == ["refused"] * 4 + ["ok"]
        first, second = result.of(Parked)
        assert first.kept
        assert first.until_ms is not None
        assert second.until_ms is not None
        assert second.until_ms - first.until_ms >= 2 * 60_000


async def test_when_every_attempt_met_a_limit_it_goes_on_when_the_first_of_them_resets(
    tmp_path: Path,
) -> None:
    preferences = "[thresholds]\nmax_attempts = 2\n"
    both = Serves("only", accounts=("a", "b"))
    async with open_world(tmp_path, both, preferences=preferences, clock=FakeClock()) as world:
        world.fault("limited", wait_s=20, first=2)
        handle = world.engine.submit(keepable())
        parked = await until_event(handle, Parked)
        assert parked.until_ms is not None
        assert 0 < parked.until_ms - world.engine.snapshot().at_ms <= 20_000
        answering = asyncio.create_task(handle.answer())
        await passing(world, answering.done, 1_000)
        result = await told(handle)
        assert result.outcomes == ["refused", "refused", "ok"]
        assert len(result.of(Parked)) == 1


async def test_a_fault_of_the_request_itself_is_not_put_off(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONLY, clock=FakeClock()) as world:
        world.fault("content", first=1)
        assert (await world.run(keepable())).receipt.outcome is Outcome.FAILED
        assert rows(world) == 0


async def test_a_held_request_whose_time_runs_out_says_what_held_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONLY, clock=FakeClock()) as world:
        world.engine.pause()
        deadline_at_ms = world.engine.snapshot().at_ms + HOUR_MS
        handle = world.engine.submit(keepable(priority=Priority.MEDIUM, deadline_at_ms=deadline_at_ms))
        await until_event(handle, Held)
        answering = asyncio.create_task(handle.answer())
        await passing(world, answering.done, 600_000)
        fault = (await answering).receipt.fault
        assert fault is not None
        assert fault.code == DEADLINE
        assert "while it waited: paused" in fault.message


async def test_a_person_who_changes_their_mind_erases_it_and_it_is_in_the_log(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        first, second = await parked(world), await parked(world)
        assert rows(world) == 2
        first.cancel()
        world.engine.drop(second.request_id)
        for handle in (first, second):
            (ending,) = (await told(handle)).of(Cancelled)
            assert not ending.kept
        await world.engine.fresh_snapshot()
        assert rows(world) == 0
        assert world.query("SELECT outcome FROM request") == [("cancelled",)] * 2


async def test_what_is_held_back_is_kept_too(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONLY, clock=FakeClock()) as world:
        world.engine.pause()
        handle = world.engine.submit(keepable(priority=Priority.MEDIUM))
        held = await until_event(handle, Held)
        assert (held.kept, held.held_for) == (True, HeldFor.PAUSE)
        assert rows(world) == 1
        world.engine.resume()
        assert (await told(handle)).receipt.complete
        await world.engine.fresh_snapshot()
        assert rows(world) == 0


async def test_a_locked_store_leaves_it_waiting_here_and_says_that_it_would_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.writer._LOCK_PAUSES_S", (0.001,))
    async with parked_world(tmp_path, wait_s=90) as world:
        alerts: list[Alert] = []
        listening = asyncio.create_task(_hear(world, alerts))
        assert (await parked(world)).request_id
        world.engine.promote(world.engine.snapshot().queue[0].request_id)
        await world.engine.fresh_snapshot()
        with locked(world):
            handle = await parked(world)
            (waits,) = [one for one in world.engine.snapshot().queue if one.request_id == handle.request_id]
            assert not waits.kept
            assert any("would be lost" in alert.text for alert in alerts)
        assert rows(world) == 1
        advance(world, 60_000)
        await until(lambda: rows(world) == 2)
        listening.cancel()


async def _hear(world: World, alerts: list[Alert]) -> None:
    async for event in world.engine.subscribe():
        if isinstance(event.body, Alert):
            alerts.append(event.body)


@contextmanager
def locked(world: World) -> Iterator[None]:
    """While another process holds the store's lock."""
    connection = sqlite3.connect(world.places.store_file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()
