"""Calls wasted on accounts that are out: three accounts of 20 a minute, 480 requests, minutes passing on their own.

    python tests/benchmarks/bench_pool.py [--at-once 6]

Once with the limits configured, once learned from headers, once from refusals that say when, and once from refusals
that say nothing. LiteLLM's Router wastes 48 to 85 calls of 480 where limits are not configured (reference figures).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import tomlkit
from tests.support.clock import FakeClock
from tests.support.simulator import running_simulator

from trunkline.config.places import Places
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.receipts import AttemptOutcome, Outcome
from trunkline.domain.tasks import Origin, OriginKind, Priority
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.simulator.server import Simulator

REQUESTS = 480
ACCOUNTS = ("a", "b", "c")
LIMITS: list[dict[str, Any]] = [{"metric": "requests", "amount": 20, "window": "60s"}]
PREFERENCES = "[timeouts]\nrequest_s = 86400\n[thresholds]\nmedium_lane_s = 0.001\n"
_CREEP_MS = 2.0
_CREEP_FACTOR = 50


async def play(name: str, at_once: int, *, known: bool, headers: str, retry_after: bool) -> None:
    """Ask 480 times and print what it took."""
    provider = {
        "accounts": [{"id": one, "key": f"sim-{one}", "limits": LIMITS} for one in ACCOUNTS],
        "models": {"m": {"fixed_chunks": 4}},
        "headers": headers,
        "retry_after": retry_after,
    }
    clock = FakeClock()
    home = Path(tempfile.mkdtemp(prefix="trunkline-pool-"))
    places = Places(home, home, home)
    places.preferences_file.write_text(PREFERENCES)
    async with running_simulator({"providers": {"p": provider}}, clock=clock) as simulator:
        settings = EngineSettings(
            places, {f"K{one}": f"sim-{one}" for one in ACCOUNTS}, "pool", _catalogue(simulator, known=known)
        )
        async with Engine.open(settings, clock=clock) as engine:
            engine.load_transport()
            numbers = iter(range(REQUESTS))
            wasted = failed = 0

            async def lane() -> None:
                nonlocal wasted, failed
                for n in numbers:
                    request = ChatRequest(
                        (Message.of(Role.USER, f"Look {n}"),),
                        Origin(OriginKind.GATEWAY, "agent"),
                        priority=Priority.HIGH,
                    )
                    receipt = (await engine.complete(request)).receipt
                    failed += receipt.outcome is not Outcome.ANSWERED
                    wasted += sum(attempt.outcome is AttemptOutcome.REFUSED for attempt in receipt.attempts)

            async def creep() -> None:
                while True:
                    await asyncio.sleep(_CREEP_MS / 1000)
                    clock.advance(_CREEP_MS * _CREEP_FACTOR)

            began_ms = clock.wall_ms()
            creeping = asyncio.create_task(creep())
            await asyncio.gather(*(lane() for _ in range(at_once)))
            creeping.cancel()
            minutes = (clock.wall_ms() - began_ms) / 60_000
        refused = simulator.record.refused_truly
    print(
        f"{name:28} wasted {wasted:3} calls, failed {failed}, refused upstream {refused}, {minutes:.1f} minutes"
    )


def _catalogue(simulator: Simulator, *, known: bool) -> str:
    provider = {
        "protocol": "openai",
        "base_url": simulator.base_url("p"),
        "accounts": [
            {"id": one, "key": f"env:K{one}", **({"limits": LIMITS} if known else {})} for one in ACCOUNTS
        ],
        "models": {"m": {"context": 32_768, "price": {"input": 1.0, "output": 2.0}}},
    }
    return tomlkit.dumps({"providers": {"p": provider}})


async def run(at_once: int) -> None:
    """All four."""
    print(f"{REQUESTS} requests, {at_once} at once, 3 accounts of 20 a minute, load {os.getloadavg()[0]:.1f}")
    await play("configured", at_once, known=True, headers="none", retry_after=False)
    await play("told in headers", at_once, known=False, headers="openai", retry_after=True)
    await play("told in refusals", at_once, known=False, headers="none", retry_after=True)
    await play("never told", at_once, known=False, headers="none", retry_after=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, default=6)
    asyncio.run(run(parser.parse_args().at_once))


if __name__ == "__main__":
    main()
