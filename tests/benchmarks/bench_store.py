"""What a request costs in the store: `python -m tests.benchmarks.bench_store [REQUESTS]`.

CPU of this process per reserve + settle + record (four claims, a ranking of twelve), one at a time and 16 at once,
then the wait for `reserve` while two processes write 100 requests a second each, and while both write all they can.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.store.samples import BALANCE, DECISION, ask, claim, receipt

from trunkline.domain.clock import SystemClock
from trunkline.domain.decisions import Ranked, Terms
from trunkline.domain.ids import IdSource
from trunkline.domain.limits import Metric, Window
from trunkline.domain.routes import Route
from trunkline.quota.ledger import Reservation
from trunkline.store.store import Store
from trunkline.store.totals import percentile

CLAIMS = (
    claim(1, 10**9),
    claim(500, 10**12, key="tokens", metric=Metric.TOTAL_TOKENS),
    claim(1, 10**9, key="day", window=Window.parse("day", "America/Los_Angeles")),
    claim(1, 100, key="calls", window=BALANCE, metric=Metric.CONCURRENCY),
)
RANKING = tuple(Ranked(Route("p", f"a{n}", "m"), 0.5, Terms(*[0.123] * 7), 123_456) for n in range(12))
DECIDED = replace(DECISION, ranking=RANKING)


async def one_request(
    store: Store, clock: SystemClock, ids: IdSource, call_s: float, waits_ms: list[float]
) -> None:
    request_id = ids.new()
    began_s = time.perf_counter()
    assert isinstance(await store.ledger.reserve(ask(request_id, *CLAIMS)), Reservation)
    waits_ms.append((time.perf_counter() - began_s) * 1000)
    if call_s:
        await asyncio.sleep(call_s)
    store.ledger.settle(request_id, [("tokens", 321)])
    store.record(replace(receipt(request_id, started_at_ms=clock.wall_ms()), decision=DECIDED))


def said(waits_ms: list[float]) -> str:
    ordered = sorted(waits_ms)
    p50, p99 = percentile(ordered, 0.5), percentile(ordered, 0.99)
    return f"reserve p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {ordered[-1]:.1f} ms"


async def closed_loop(path: Path, requests: int, lanes: int) -> str:
    clock = SystemClock()
    ids, waits_ms = IdSource(clock), []
    store = Store.open(path, clock, ids, process_name="benchmark")
    cpu_s = time.process_time()

    async def lane() -> None:
        for _ in range(requests // lanes):
            await one_request(store, clock, ids, 0, waits_ms)

    await asyncio.gather(*(lane() for _ in range(lanes)))
    await store.flush()
    cpu_ms = (time.process_time() - cpu_s) / len(waits_ms) * 1000
    await store.close()
    return f"CPU {cpu_ms:.3f} ms a request, {said(waits_ms)}"


async def open_loop(path: Path, requests: int, per_s: float) -> str:
    clock = SystemClock()
    ids, waits_ms = IdSource(clock), []
    store = Store.open(path, clock, ids, process_name="benchmark")
    async with asyncio.TaskGroup() as group:
        for _ in range(requests):
            group.create_task(one_request(store, clock, ids, 0.03, waits_ms))
            await asyncio.sleep(random.expovariate(per_s))
    await store.close()
    return said(waits_ms)


async def two_processes(path: Path, *arguments: str) -> list[str]:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.benchmarks.bench_store",
            *arguments,
            str(path),
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    return [json.loads((await process.communicate())[0]) for process in processes]


async def main(requests: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for lanes in (1, 16):
            said_of = await closed_loop(Path(folder) / f"{lanes}.db", requests, lanes)
            print(f"{lanes:2} at once: {said_of}; load {os.getloadavg()[0]:.1f}")
        for name, arguments in (
            ("100/s each", ("paced", str(requests))),
            ("all they can", ("flat-out", str(requests))),
        ):
            for line in await two_processes(Path(folder) / f"{arguments[0]}.db", *arguments):
                print(f"two processes, {name}: {line}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["paced"]:
        print(json.dumps(asyncio.run(open_loop(Path(sys.argv[3]), int(sys.argv[2]), 100))))
    elif sys.argv[1:2] == ["flat-out"]:
        print(json.dumps(asyncio.run(closed_loop(Path(sys.argv[3]), int(sys.argv[2]), 1))))
    else:
        asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 2000))
