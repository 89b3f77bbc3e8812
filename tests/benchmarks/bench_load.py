"""1,000 requests at once over 50 accounts, 5 % of all calls meeting a fault: how many are answered, and what is left.

    python tests/benchmarks/bench_load.py [--requests 20000] [--at-once 1000]

The simulator, which enforces every limit, is a process of its own; so a refusal there that no fault made up is a
limit exceeded. Both share the machine, so times are of a machine at its end; shares and counts are what is looked for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

import tomlkit
from tests.benchmarks import pools
from tests.support.simulator import SimulatorProcess

from trunkline.config.places import Places
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.quota.health import quantile


def resident_mib() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def load(requests: int, at_once: int, fault_share: float, per_minute: int) -> bool:
    """Run it and print what came; whether every promise held."""
    allowed = pools.limits(per_minute, 10_000_000)
    home = Path(tempfile.mkdtemp(prefix="trunkline-load-"))
    played = home / "played.toml"
    played.write_text(tomlkit.dumps(pools.description(allowed, fault_share=fault_share, slow=True)))
    async with SimulatorProcess(played) as simulator:
        places = Places(home, home, home)
        places.preferences_file.write_text(pools.PREFERENCES.format(first_token_s=15))
        settings = EngineSettings(
            places, pools.environ(), "load", base_providers_text=pools.catalogue(simulator.port, allowed)
        )
        outcomes: Counter[Outcome] = Counter()
        why: Counter[str] = Counter()
        took_ms: list[float] = []
        failover_ms: list[float] = []
        memory: list[tuple[int, float]] = []
        async with Engine.open(settings) as engine:
            numbers = iter(range(requests))
            began, cpu = time.perf_counter(), time.process_time()

            async def lane() -> None:
                for n in numbers:
                    receipt = (await engine.complete(pools.request(n))).receipt
                    outcomes[receipt.outcome] += 1
                    took_ms.append(receipt.total_ms)
                    failover_ms.extend(a.failover_ms for a in receipt.attempts if a.failover_ms is not None)
                    if receipt.fault is not None:
                        why[_story(receipt)] += 1
                    if receipt.outcome is Outcome.ANSWERED and not receipt.complete:
                        why["answered, and not whole"] += 1
                    if n % (requests // 8) == 0:
                        memory.append((n, resident_mib()))

            await asyncio.gather(*(lane() for _ in range(at_once)))
            took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
            snapshot = await engine.fresh_snapshot()
            memory.append((requests, resident_mib()))
        counters = await simulator.counters()
    took_ms.sort()
    failover_ms.sort()
    answered = outcomes[Outcome.ANSWERED] / requests
    print(f"requests {requests}, {at_once} at once, {fault_share:.0%} faults, load {os.getloadavg()[0]:.1f}")
    print(f"answered {answered:.4%}; {dict(outcomes)} {dict(why)}")
    print(f"{requests / took_s:.0f} a second, {cpu_s / requests * 1000:.2f} ms CPU a request (all threads)")
    print(f"took p50 {quantile(took_ms, 0.5):.0f} p99 {quantile(took_ms, 0.99):.0f} max {took_ms[-1]:.0f} ms")
    print(
        f"failover p50 {quantile(failover_ms, 0.5):.1f} p99 {quantile(failover_ms, 0.99):.1f} ms, {len(failover_ms)}"
    )
    print(f"calls upstream {counters['requests']}, limits exceeded {counters['refused_truly']}")
    left = snapshot.totals.in_flight, snapshot.totals.waiting, _open_reservations(places)
    print(f"left: in flight {left[0]}, waiting {left[1]}, reservations {left[2]}")
    print("memory: " + ", ".join(f"{mib:.0f} MiB at {n}" for n, mib in sorted(memory)))
    return answered >= 0.999 and counters["refused_truly"] == 0 and left == (0, 0, 0)


def _story(receipt: Receipt) -> str:
    """Why a request failed, with what each of its attempts met."""
    met = [
        f"{attempt.fault.code if attempt.fault is not None else attempt.outcome.value} {attempt.ended_ms:.0f} ms"
        for attempt in receipt.attempts
    ]
    return f"{receipt.fault.code if receipt.fault is not None else ''} after {', '.join(met)}"


def _open_reservations(places: Places) -> int:
    import sqlite3

    connection = sqlite3.connect(places.store_file)
    try:
        return int(connection.execute("SELECT count(*) FROM reservation WHERE orphaned = 0").fetchone()[0])
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=1_000)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--per-minute", type=int, default=600, help="requests that each account takes")
    chosen = parser.parse_args()
    good = asyncio.run(load(chosen.requests, chosen.at_once, chosen.faults, chosen.per_minute))
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
