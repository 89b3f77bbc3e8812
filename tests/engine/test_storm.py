"""Everything goes wrong at once: whatever comes out is whole or says that it is not, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from tests.support.engine_world import WHOLE_TEXT, Serves, agent, ask, open_world, told

from trunkline.domain.events import Restarted, TextDelta, ToolCallDelta
from trunkline.domain.receipts import AttemptOutcome, Outcome

LIMITS = """
[timeouts]
first_token_s = 0.8
stall_s = 0.8
request_s = 6.0
"""
FAULTS = (
    "cut",
    "drop",
    "reset_stream",
    "no_finish",
    "error_in_stream",
    "malformed_event",
    "no_terminator",
    "reset",
    "html",
    "empty",
    "error_in_200",
    "silence",
    "stall",
    "limited",
)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_storm_of_faults_and_cancels(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    per_minute = {"metric": "requests", "amount": 400, "window": "60s"}
    providers = [
        Serves(name, ("a", "b"), limits=[per_minute], known=True) for name in ("one", "two", "three")
    ]
    async with open_world(tmp_path, *providers, preferences=LIMITS, seed=seed) as world:
        for name in FAULTS:
            world.fault(name, probability=0.02)

        async def one(n: int) -> None:
            await asyncio.sleep(rng.random() * 0.5)
            make = ask if n % 3 else agent
            handle = world.engine.submit(make(f"question {n}", stream=n % 5 > 0))
            if n % 10 == 0:
                asyncio.get_running_loop().call_later(rng.random() * 0.05, handle.cancel)
            result = await told(handle)
            receipt, text = result.receipt, ""
            for body in result.bodies:
                text = "" if isinstance(body, Restarted) else text + getattr(body, "text", "")
                assert not isinstance(body, ToolCallDelta)
                assert isinstance(body, TextDelta) or not hasattr(body, "text")
            assert WHOLE_TEXT.startswith(text)
            assert (receipt.outcome is Outcome.ANSWERED) == receipt.complete == (text == WHOLE_TEXT)
            assert receipt.complete or receipt.fault is not None or receipt.outcome is Outcome.CANCELLED
            called = [attempt for attempt in receipt.attempts if attempt.outcome is not AttemptOutcome.SHORT]
            assert len(called) <= 6
            assert [attempt.outcome is AttemptOutcome.OK for attempt in called].count(True) <= 1
            outcomes.append(receipt.outcome)
            if receipt.outcome is Outcome.FAILED:
                failed.append(
                    (receipt.fault, [(a.route.id, a.fault and a.fault.code) for a in receipt.attempts])
                )

        outcomes: list[Outcome] = []
        failed: list[object] = []
        await asyncio.gather(*(one(n) for n in range(150)))
        assert outcomes.count(Outcome.ANSWERED) >= 120, failed
        snapshot = await world.engine.fresh_snapshot()
        assert world.open_reservations() == 0
        assert (snapshot.totals.in_flight, snapshot.totals.waiting) == (0, 0)
        assert snapshot.totals.answered == outcomes.count(Outcome.ANSWERED)
        assert snapshot.totals.failed == outcomes.count(Outcome.FAILED)
        assert snapshot.totals.cancelled == outcomes.count(Outcome.CANCELLED)
        assert all(account.in_flight == 0 for provider in snapshot.providers for account in provider.accounts)
        struck = world.simulator.control.counters()["faults"]
        assert len(struck) > len(FAULTS) // 2
