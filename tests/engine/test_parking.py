"""Requests that may be kept: they wait in the store, go on when somebody can serve, and belong to one process."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, agent, open_world, told, until, until_event

from trunkline.domain.events import Alert, Cancelled, Held, Parked
from trunkline.domain.messages import ChatRequest
from trunkline.domain.queue import HeldFor
from trunkline.domain.receipts import AttemptOutcome, Outcome
from trunkline.domain.tasks import Priority
from trunkline.engine.engine import Engine, Handle
from trunkline.engine.own_faults import DEADLINE, NO_ROUTE
from trunkline.engine.patience import MOST_RETURNS

ONLY = Serves("only", simulated={"style": "zai"})
HOUR_MS = 3_600_000
LOOK_MS = 2_100


@asynccontextmanager
async def parked_world(home: Path, *, wait_s: float = 7200, preferences: str = "") -> AsyncIterator[World]:
    """A world of one account that is out of allowance for so long after the next call."""
    clock = FakeClock()
    async with open_world(home, ONLY, preferences=preferences, clock=clock) as world:
        world.fault("limited", wait_s=wait_s, first=1)
        yield world


def advance(world: World, duration_ms: float) -> None:
    """Let time pass."""
    assert isinstance(world.clock, FakeClock)
    world.clock.advance(duration_ms)


def keeper(world: World, name: str) -> Engine:
    """An engine of a process that stays, not yet started."""
    settings = replace(world.engine._settings, process_name=name, long_lived=True)
    return Engine.open(settings, clock=world.clock, draw=lambda: world.draw)


def rows(world: World) -> int:
    """How many requests are kept, by the file."""
    return int(world.query("SELECT count(*) FROM parked")[0][0])


def keepable(**fields: Any) -> ChatRequest:
    """A request of a conversation that may be kept."""
    fields.setdefault("priority", Priority.HIGH)
    return agent(park=True, conversation_id="talk", turn_id="turn", **fields)


async def parked(world: World, **fields: Any) -> Handle:
    """Such a request, once it waits."""
    handle = world.engine.submit(keepable(**fields))
    await until_event(handle, Parked)
    return handle


async def passing(
    world: World, condition: Any, step_ms: float = LOOK_MS, *, while_waits: Engine | None = None
) -> None:
    """Let time pass bit by bit, while something waits in that engine, until `condition` holds."""
    async with asyncio.timeout(8):
        while not condition():
            if (while_waits or world.engine).snapshot().queue:
                advance(world, step_ms)
            await asyncio.sleep(0.005)


# -- in one process -------------------------------------------------------------------------------------------------


async def test_it_waits_in_the_store_beyond_the_engines_own_deadline_and_is_answered(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        handle = await parked(world)
        assert rows(world) == 1
        (item,) = world.engine.snapshot().queue
        assert (item.kept, item.held_for, item.process) == (True, HeldFor.RESET, "test")
        assert item.title == "Who owns the queue?"
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


# -- closing, dying, taking over ------------------------------------------------------------------------------------


async def test_closing_leaves_it_for_the_next_process_which_answers_into_its_conversation(
    tmp_path: Path,
) -> None:
    async with parked_world(tmp_path) as world:
        handle = await parked(world)
        await world.engine.aclose()
        (ending,) = (await told(handle)).of(Cancelled)
        assert ending.kept
        assert world.query("SELECT process_id FROM parked") == [(None,)]
        assert world.query("SELECT count(*) FROM request") == [(0,)]
        advance(world, 3 * HOUR_MS)
        async with world.open("command") as passer_by:
            await passer_by.fresh_snapshot()
            assert [item.process for item in passer_by.snapshot().queue] == [None]
        async with keeper(world, "deck") as deck:
            await until(lambda: not rows(world))
            receipt = await deck.receipt(handle.request_id)
            assert receipt is not None
            assert receipt.complete
            assert [attempt.outcome for attempt in receipt.attempts] == [
                AttemptOutcome.REFUSED,
                AttemptOutcome.OK,
            ]
            assert receipt.total_ms >= 3 * HOUR_MS
            kept = await deck.chats.open("talk")
            assert kept is not None
            (turn,) = kept.turns
            assert turn.turn_id == "turn"
            assert turn.answer
        assert world.query("SELECT role, request_id FROM message ORDER BY at_ms, role") == [
            ("user", handle.request_id),
            ("assistant", handle.request_id),
        ]


async def test_what_was_not_asked_yet_is_not_lost_by_closing(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONLY, clock=FakeClock()) as world:
        handle = world.engine.submit(keepable())
        await world.engine.aclose()
        assert isinstance((await told(handle)).bodies[-1], Cancelled)
        assert rows(world) == 1
        async with keeper(world, "deck"):
            await until(lambda: not rows(world))
        assert world.query("SELECT outcome FROM request") == [("answered",)]


async def test_of_two_engines_one_takes_it_over_and_one_call_is_made(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        handles = [await parked(world) for _ in range(6)]
        await world.engine.aclose()
        advance(world, 3 * HOUR_MS)
        served = world.served("only")
        async with keeper(world, "one"), keeper(world, "two"):
            await until(lambda: not rows(world))
        assert world.served("only") == served + len(handles)
        assert world.query("SELECT count(*), sum(outcome = 'answered') FROM request") == [(6, 6)]


async def test_a_process_that_was_taken_for_dead_leaves_it_to_the_other(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        handle = await parked(world)
        async with keeper(world, "deck") as deck:
            await until(lambda: len(deck.snapshot().queue) == 1)
            await deck._core.store.write(
                lambda c: c.execute("UPDATE process SET ended_at_ms = 1 WHERE name = 'test'")
            )
            await deck.look_after_kept()
            assert world.query("SELECT name FROM process JOIN parked ON process_id = id") == [("deck",)]
            await passing(world, lambda: not rows(world), 600_000, while_waits=deck)
            (ending,) = (await told(handle)).of(Cancelled)
            assert ending.kept
            receipt = await deck.receipt(handle.request_id)
            assert receipt is not None
            assert receipt.complete
        assert world.served("only") == 2


async def test_a_process_without_the_keys_leaves_it_to_one_that_has_them(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        handle = await parked(world)
        await world.engine.aclose()
        advance(world, 3 * HOUR_MS)
        key = world.environ.pop(ONLY.variable("a"))
        async with keeper(world, "keyless") as keyless:
            await until(lambda: keyless._core.parking._left)
            await passing(world, lambda: [one.process for one in keyless.snapshot().queue] == [None])
            assert not await keyless.look_after_kept()
            world.environ[ONLY.variable("a")] = key
            async with keeper(world, "deck"):
                await until(lambda: not rows(world))
            receipt = await keyless.receipt(handle.request_id)
        assert receipt is not None
        assert receipt.complete


async def test_a_deadline_that_passed_while_no_process_ran_is_said_by_the_next(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        handle = await parked(world, deadline_at_ms=world.engine.snapshot().at_ms + HOUR_MS)
        await world.engine.aclose()
        advance(world, 3 * HOUR_MS)
        async with keeper(world, "deck") as deck:
            await until(lambda: not rows(world))
            receipt = await deck.receipt(handle.request_id)
        assert receipt is not None
        assert receipt.outcome is Outcome.FAILED
        assert receipt.fault is not None
        assert receipt.fault.code == DEADLINE


# -- orders from elsewhere ------------------------------------------------------------------------------------------


async def test_another_process_promotes_moves_and_cancels_what_this_one_runs(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world, world.open("other") as other:
        first, second, third = [await parked(world) for _ in range(3)]
        ids = [first.request_id, second.request_id, third.request_id]
        await passing(world, lambda: [one.request_id for one in other.snapshot().queue] == ids)
        other.move(third.request_id, -2)
        ids = [third.request_id, first.request_id, second.request_id]
        await passing(world, lambda: [one.request_id for one in world.engine.snapshot().queue] == ids)
        other.drop(first.request_id)
        (ending,) = (await told(first)).of(Cancelled)
        assert not ending.kept
        other.free("only/a")
        other.promote(second.request_id)
        assert (await told(second)).receipt.complete
        third.cancel()
        await third.answer()
        await world.engine.fresh_snapshot()
        assert rows(world) == 0


async def test_what_no_process_runs_is_cancelled_by_whoever_says_so(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        handle = await parked(world)
        await world.engine.aclose()
        async with world.open("command") as command:
            command.drop(handle.request_id)
            receipt = await command.receipt(handle.request_id)
        assert receipt is not None
        assert receipt.outcome is Outcome.CANCELLED
        assert rows(world) == 0


async def test_what_a_newer_version_kept_is_left_to_it(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        await parked(world)
        await world.engine.aclose()
        async with keeper(world, "deck") as deck:
            await deck._core.store.flush()
        async with world.open("command") as command:
            await command._core.store.write(
                lambda c: c.execute("UPDATE parked SET request = '{}', process_id = NULL")
            )
        async with keeper(world, "deck") as deck:
            await until(lambda: deck._core.parking._left)
            await passing(world, lambda: [item.process for item in deck.snapshot().queue] == [None])
        assert rows(world) == 1


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
