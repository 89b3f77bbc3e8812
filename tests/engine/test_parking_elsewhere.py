"""Kept requests and several processes: closing, dying, taking over, and orders from elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.clock import FakeClock
from tests.support.engine_world import open_world, told, until
from tests.support.parking import (
    HOUR_MS,
    ONLY,
    advance,
    keepable,
    keeper,
    parked,
    parked_world,
    passing,
    rows,
)

from trunkline.domain.events import Cancelled, Event
from trunkline.domain.receipts import AttemptOutcome, Outcome
from trunkline.domain.tasks import Priority
from trunkline.engine.host import EngineHost
from trunkline.engine.own_faults import DEADLINE

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


async def test_a_deck_that_closes_leaves_it_too_and_tells_its_listener(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONLY) as world:
        world.fault("limited", wait_s=600, first=1)
        delivered: list[Event] = []
        host = EngineHost(lambda: world.open("deck"))
        host.start(lambda _: None)
        host.submit(keepable(), delivered.extend)
        await until(lambda: rows(world))
        await asyncio.to_thread(host.close)
        (ending,) = [event.body for event in delivered if isinstance(event.body, Cancelled)]
        assert ending.kept
        assert world.query("SELECT process_id FROM parked") == [(None,)]
        assert world.query("SELECT count(*) FROM request") == [(0,)]


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
        # It may look before this process has heard that the account is free, and then rests once more.
        await passing(world, asyncio.create_task(second.answer()).done)
        assert (await told(second)).receipt.complete
        third.cancel()
        await third.answer()
        await world.engine.fresh_snapshot()
        assert rows(world) == 0


async def test_what_is_urgent_goes_before_what_was_kept_earlier_and_is_not(tmp_path: Path) -> None:
    async with parked_world(tmp_path) as world:
        low, medium, high = [
            (await parked(world, priority=one)).request_id
            for one in (Priority.LOW, Priority.MEDIUM, Priority.HIGH)
        ]
        await passing(
            world, lambda: [one.request_id for one in world.engine.snapshot().queue] == [high, medium, low]
        )
        lot = world.engine._core.parking
        assert lot.turn(high) == 0 < lot.turn(medium) < lot.turn(low)
        # Before what is kept is read again, too.
        last = (await parked(world)).request_id
        await until(lambda: lot.has(last))
        assert lot.turn(last) > lot.turn(high)


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
