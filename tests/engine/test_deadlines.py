"""One deadline holds over all calls of a request, and says nothing against the routes it cut short."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, agent, ask, open_world, told, until_event

from trunkline.domain.events import Parked
from trunkline.domain.faults import FaultCode
from trunkline.domain.receipts import AttemptOutcome, Outcome
from trunkline.engine.own_faults import DEADLINE

TWO = (Serves("first"), Serves("second"))
FIRST = 'default = ["first"]\n'


def limits(**seconds: float) -> str:
    """Time limits in seconds."""
    return "[timeouts]\n" + "".join(f"{name} = {value}\n" for name, value in seconds.items())


async def test_several_calls_share_one_deadline(tmp_path: Path) -> None:
    preferences = FIRST + limits(first_token_s=0.2, request_s=0.35)
    async with open_world(tmp_path, *TWO, Serves("third"), preferences=preferences) as world:
        world.fault("silence")
        began_s = time.monotonic()
        result = await world.run(ask())
        took_s = time.monotonic() - began_s
        assert result.receipt.outcome is Outcome.FAILED
        assert len(result.routes) == 2
        assert 0.3 < took_s < 1.5
        assert [attempt.fault.code for attempt in result.receipt.attempts if attempt.fault] == [
            FaultCode.FIRST_TOKEN_TIMEOUT,
            FaultCode.TOTAL_TIMEOUT,
        ]
        assert result.receipt.fault is not None
        assert result.receipt.fault.code == DEADLINE


async def test_an_askers_own_deadline_blames_no_route(tmp_path: Path) -> None:
    slow = Serves("only", played={"first_token_ms": 400.0})
    async with open_world(tmp_path, slow) as world:
        world.draw = 1.0
        hurried = ask(deadline_at_ms=world.engine.snapshot().at_ms + 200)
        result = await world.run(hurried)
        assert result.receipt.outcome is Outcome.FAILED
        assert result.receipt.fault is not None
        assert result.receipt.fault.code == DEADLINE
        account = world.engine.snapshot().providers[0].accounts[0]
        assert account.health == 100
        assert account.block is None
        assert (await world.run(ask())).receipt.complete


async def test_a_deadline_in_the_middle_of_an_answer_keeps_what_came(tmp_path: Path) -> None:
    slow = Serves("only", played={"tokens_per_s": 150.0, "chunk_tokens": 2})
    async with open_world(tmp_path, slow) as world:
        await world.run(ask(max_output_tokens=4))
        handle = world.engine.submit(ask(deadline_at_ms=world.engine.snapshot().at_ms + 300))
        answer = await handle.answer()
        assert answer.receipt.outcome is Outcome.FAILED
        assert not answer.receipt.complete
        assert answer.text
        assert [attempt.outcome for attempt in answer.receipt.attempts] == [AttemptOutcome.CUT]


async def test_a_deadline_that_has_passed_makes_no_call(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        result = await world.run(ask(deadline_at_ms=1))
        assert result.receipt.outcome is Outcome.FAILED
        assert result.receipt.attempts == ()
        assert result.receipt.fault is not None
        assert result.receipt.fault.code == DEADLINE
        assert world.served("only") == 0


async def test_nobody_parks_beyond_the_deadline(tmp_path: Path) -> None:
    clock = FakeClock()
    only = Serves("only", simulated={"style": "zai"})
    async with open_world(tmp_path, only, preferences=limits(request_s=100), clock=clock) as world:
        world.fault("limited", wait_s=90, first=1)
        parked = world.engine.submit(agent())
        await until_event(parked, Parked)
        hurried = await world.run(agent(deadline_at_ms=clock.wall_ms() + 60_000))
        assert hurried.receipt.outcome is Outcome.FAILED
        assert hurried.receipt.attempts == ()
        assert hurried.receipt.fault is not None
        assert hurried.receipt.fault.usable_at_ms == clock.wall_ms() + 90_000
        clock.advance(92_300)
        assert (await told(parked)).receipt.complete
