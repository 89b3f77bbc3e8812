"""200,000 requests while days pass: windows, resets and breakers of 50 accounts under an injected clock.

    python tests/benchmarks/bench_soak.py [--requests 200000] [--days 14]

Simulator and engine share one clock that moves on by itself, so that minute and day windows, half-open blocks and the
date all turn over many times. HTTP, SQLite and their threads are real. A refusal at the simulator that no fault made
up is a limit exceeded.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.benchmarks import pools
from tests.benchmarks.bench_load import _open_reservations, resident_mib
from tests.support.clock import START_MS, FakeClock
from tests.support.simulator import running_simulator

from trunkline.config.places import Places
from trunkline.domain.receipts import Outcome
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings

DAY_MS = 86_400_000
LANES = 16
_CREEP_MS = 2.0
_CREEP_FACTOR = 50
_LEAP_MS = 60_000
_LOOK_EVERY = 25


async def soak(requests: int, days: float, fault_share: float) -> bool:
    """Run it and print what came; whether every promise held."""
    per_request_ms = days * DAY_MS / requests
    # Half as much again as is needed on average, so that days and minutes bind again and again.
    accounts = pools.PROVIDERS * pools.ACCOUNTS
    allowed = pools.limits(4, round(1.5 * requests / days / accounts))
    home = Path(tempfile.mkdtemp(prefix="trunkline-soak-"))
    clock = FakeClock()
    places = Places(home, home, home)
    places.preferences_file.write_text(
        pools.PREFERENCES.format(first_token_s=30).replace("request_s = 120", "request_s = 86400")
    )
    played = pools.description(allowed, fault_share=fault_share, slow=False)
    async with running_simulator(played, clock=clock) as simulator:
        settings = EngineSettings(
            places, pools.environ(), "soak", base_providers_text=pools.catalogue(simulator.port, allowed)
        )
        outcomes: Counter[Outcome] = Counter()
        why: Counter[str] = Counter()
        memory: list[tuple[int, float]] = []
        async with Engine.open(settings, clock=clock) as engine:
            began = time.perf_counter()

            async def one(n: int) -> None:
                receipt = (await engine.complete(pools.request(n))).receipt
                outcomes[receipt.outcome] += 1
                if receipt.fault is not None:
                    why[f"{receipt.fault.code} after {len(receipt.attempts)} attempts"] += 1

            async def creep() -> None:
                """While calls are under way time goes fifty times as fast; while all wait for a reset, in leaps."""
                looked_at, leap_ms = 0, 0.0
                while True:
                    await asyncio.sleep(_CREEP_MS / 1000)
                    clock.advance(leap_ms or _CREEP_MS * _CREEP_FACTOR)
                    looked_at += 1
                    if looked_at % _LOOK_EVERY == 0:
                        totals = engine.snapshot().totals
                        leap_ms = _LEAP_MS if 0 < totals.in_flight == totals.waiting else 0.0

            creeping = asyncio.create_task(creep())
            for first in range(0, requests, LANES):
                await asyncio.gather(*(one(n) for n in range(first, min(requests, first + LANES))))
                due_ms = START_MS + first * per_request_ms
                while clock.wall_ms() < due_ms:
                    clock.advance(min(_LEAP_MS, due_ms - clock.wall_ms()))
                    await asyncio.sleep(0)
                if first % (requests // 8) < LANES:
                    memory.append((first, resident_mib()))
                    passed_s, day = time.perf_counter() - began, first * per_request_ms / DAY_MS
                    print(f"  {first} after {passed_s:.0f} s, day {day:.1f}")
            creeping.cancel()
            snapshot = await engine.fresh_snapshot()
            memory.append((requests, resident_mib()))
        exceeded = simulator.record.refused_truly
    answered = outcomes[Outcome.ANSWERED] / requests
    print(f"requests {requests} over {days:g} days, {fault_share:.0%} faults, load {os.getloadavg()[0]:.1f}")
    print(f"answered {answered:.4%}; {dict(outcomes)} {dict(why)}; {time.perf_counter() - began:.0f} s")
    left = snapshot.totals.in_flight, snapshot.totals.waiting, _open_reservations(places)
    print(f"limits exceeded {exceeded}; left: in flight {left[0]}, waiting {left[1]}, reservations {left[2]}")
    print("memory: " + ", ".join(f"{mib:.0f} MiB at {n}" for n, mib in sorted(memory)))
    return answered >= 0.999 and exceeded == 0 and left == (0, 0, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--days", type=float, default=14)
    parser.add_argument("--faults", type=float, default=0.05)
    chosen = parser.parse_args()
    raise SystemExit(0 if asyncio.run(soak(chosen.requests, chosen.days, chosen.faults)) else 1)


if __name__ == "__main__":
    main()
