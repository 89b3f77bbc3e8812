"""Stopping: by the asker at any moment, by leaving a stream, by closing the engine."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import (
    WHOLE_TEXT,
    Serves,
    agent,
    ask,
    open_world,
    sse,
    told,
    until,
    until_event,
)
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.domain.errors import EngineClosedError
from trunkline.domain.events import Cancelled, Parked, Queued, TextDelta, Waiting
from trunkline.domain.receipts import AttemptOutcome, FinishReason, Outcome

TEN = [{"metric": "requests", "amount": 10, "window": "60s"}]
SLOW = {"tokens_per_s": 200.0, "chunk_tokens": 2}


class Endless:
    """Answers half a sentence and then nothing; notes when the client has gone."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.left_at_s: float | None = None

    async def __call__(self, peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk(sse("Half of the answer ", finish=None, done=False))
        self.begun.set()
        await peer.until_closed()
        self.left_at_s = time.monotonic()


async def test_a_cancel_closes_upstream_at_once_and_keeps_what_came(tmp_path: Path) -> None:
    endless = Endless()
    async with OddServer(endless) as odd:
        only = Serves("only", url=f"{odd.url}/v1", limits=TEN, known=True)
        async with open_world(tmp_path, only) as world:
            handle = world.engine.submit(ask(conversation_id="c1"))
            await until_event(handle, TextDelta)
            assert world.open_reservations() == 1
            cancelled_at_s = time.monotonic()
            handle.cancel()
            answer = await handle.answer()
            await until(lambda: endless.left_at_s is not None)
            assert endless.left_at_s is not None
            assert endless.left_at_s - cancelled_at_s < 0.1
            receipt = answer.receipt
            assert answer.text == "Half of the answer "
            assert receipt.outcome is Outcome.CANCELLED
            assert receipt.finish is FinishReason.CANCELLED
            assert not receipt.complete
            assert [attempt.outcome for attempt in receipt.attempts] == [AttemptOutcome.CANCELLED]
            result = await told(handle)
            assert len(result.of(Cancelled)) == 1
            snapshot = await world.engine.fresh_snapshot()
            assert world.open_reservations() == 0
            # A byte was sent, so the call counts: its input as estimated, the output as far as it was seen.
            assert snapshot.providers[0].accounts[0].limits[0].used == 1
            usage = receipt.attempts[0].usage
            assert usage is not None
            assert usage.estimated
            assert usage.output_tokens == 5
            kept = world.query("SELECT complete, text FROM message WHERE role = 'assistant'")
            assert kept == [(0, "Half of the answer ")]
            assert snapshot.totals.cancelled == 1


async def test_a_cancel_before_the_first_step_makes_no_call(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        handle = world.engine.submit(ask())
        handle.cancel()
        answer = await handle.answer()
        assert answer.receipt.outcome is Outcome.CANCELLED
        assert answer.receipt.attempts == ()
        assert len((await told(handle)).of(Cancelled)) == 1
        assert world.served("only") == 0
        assert world.open_reservations() == 0


@pytest.mark.parametrize("steps", range(12))
async def test_a_cancel_at_any_step_leaves_no_reservation_and_one_ending(tmp_path: Path, steps: int) -> None:
    only = Serves("only", limits=TEN, known=True)
    async with open_world(tmp_path, only) as world:
        await world.run("warm")
        handle = world.engine.submit(ask())
        for _ in range(steps):
            await asyncio.sleep(0)
        handle.cancel()
        receipt = (await told(handle)).receipt
        assert receipt.outcome in (Outcome.CANCELLED, Outcome.ANSWERED)
        snapshot = await world.engine.fresh_snapshot()
        assert world.open_reservations() == 0
        sent = any(attempt.usage and attempt.usage.input_tokens for attempt in receipt.attempts)
        assert snapshot.providers[0].accounts[0].limits[0].used == (2 if sent else 1)
        assert snapshot.providers[0].accounts[0].in_flight == 0
        assert (await world.run("after")).receipt.complete


async def test_a_cancel_while_parked_while_waiting_and_while_paused(tmp_path: Path) -> None:
    clock = FakeClock()
    best = Serves("best", simulated={"style": "zai"})
    async with open_world(tmp_path, best, preferences='default = ["best"]\n', clock=clock) as world:
        world.fault("limited", wait_s=2)
        waiting = world.engine.submit(ask())
        await until_event(waiting, Waiting)
        parked = world.engine.submit(agent())
        await until_event(parked, Parked)
        world.engine.pause()
        paused = world.engine.submit(ask())
        await until_event(paused, Queued)
        assert world.engine.snapshot().totals.in_flight == 3
        for handle in (waiting, parked, paused):
            handle.cancel()
            assert (await handle.answer()).receipt.outcome is Outcome.CANCELLED
        assert world.served("best") == 1
        totals = (await world.engine.fresh_snapshot()).totals
        assert (totals.in_flight, totals.waiting) == (0, 0)
        assert world.open_reservations() == 0


async def test_leaving_a_stream_cancels_and_leaving_the_events_of_a_handle_does_not(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only", played=SLOW)) as world:
        async with aclosing(world.engine.stream(ask())) as stream:
            async for event in stream:
                if type(event.body) is TextDelta:
                    break
        await until(lambda: world.served("only") == 1)
        assert world.simulator.record.outcomes == {"client_closed": 1}
        handle = world.engine.submit(ask("and now?"))
        await until_event(handle, TextDelta)
        assert (await handle.answer()).text == WHOLE_TEXT


async def test_whoever_waits_for_a_whole_answer_cancels_it_by_being_cancelled(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only", played=SLOW)) as world:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await world.engine.complete(ask())
        await until(lambda: world.engine.snapshot().totals.in_flight == 0)
        assert (await world.engine.fresh_snapshot()).totals.cancelled == 1


async def test_two_readers_see_the_same_and_one_that_never_reads_slows_nobody(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        unread = world.engine.subscribe(capacity=4)
        handle = world.engine.submit(ask())
        first, second = await asyncio.gather(told(handle), told(handle))
        third = await told(handle)
        assert first.events == second.events == third.events
        for n in range(10):
            assert (await world.run(f"question {n}")).receipt.complete
        waiting = [await anext(unread) for _ in range(4)]
        assert len(waiting) == 4


async def test_closing_the_engine_ends_what_runs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    endless = Endless()
    async with OddServer(endless) as odd:
        only = Serves("only", url=f"{odd.url}/v1", limits=TEN, known=True)
        before = asyncio.all_tasks()
        async with open_world(tmp_path, only) as world:
            handles = [world.engine.submit(ask(f"question {n}")) for n in range(5)]
            await until_event(handles[0], TextDelta)
            unstarted = world.engine.submit(ask("too late"))
            await world.engine.aclose()
            answers = [await handle.answer() for handle in (*handles, unstarted)]
            assert all(answer.receipt.outcome is Outcome.CANCELLED for answer in answers)
            assert any(answer.text for answer in answers)
            assert world.query("SELECT count(*) FROM reservation") == [(0,)]
            assert world.query("SELECT count(*) FROM request WHERE outcome = 'cancelled'") == [(6,)]
            assert world.query("SELECT count(*) FROM process WHERE ended_at_ms IS NULL") == [(0,)]
            ours = {task for task in asyncio.all_tasks() - before if "trunkline.engine" in repr(task)}
            assert not ours
            with pytest.raises(EngineClosedError):
                world.engine.submit(ask())


async def test_a_cancelled_trial_is_given_to_the_next_at_once(tmp_path: Path) -> None:
    preferences = "[thresholds]\nmax_attempts = 2\n"
    async with open_world(tmp_path, Serves("only"), preferences=preferences) as world:
        world.fault("http", status=503, first=2)
        assert (await world.run(ask())).receipt.outcome is Outcome.FAILED
        await asyncio.sleep(0.05)
        world.fault("silence", first=1)
        trial = world.engine.submit(ask())
        await until(lambda: world.simulator.record.open == 1)
        trial.cancel()
        await trial.answer()
        result = await world.run(ask())
        assert result.receipt.complete
        assert not result.of(Parked)
