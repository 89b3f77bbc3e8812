"""What ledger and breakers cost a request: `python tests/benchmarks/bench_quota.py [REQUESTS]`.

CPU of this process, all threads, for asking leave, claiming, reserving, settling and learning how it went, over 50
accounts with four limits each on a real store; one call in twenty is refused. No HTTP, no decision, no record.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from trunkline.domain.clock import SystemClock
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.ids import IdSource
from trunkline.domain.limits import LimitScope, LimitSpec, Metric, Window
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Catalogue,
    KeyRef,
    KeySource,
    ModelSpec,
    ProviderSpec,
    Route,
)
from trunkline.quota.ledger import Reservation, ReserveAsk
from trunkline.quota.tracker import QuotaTracker
from trunkline.store.store import Store

LIMITS = (
    LimitSpec(Metric.REQUESTS, 10**8, Window.parse("60s")),
    LimitSpec(Metric.TOTAL_TOKENS, 10**12, Window.parse("60s"), LimitScope.MODEL),
    LimitSpec(Metric.REQUESTS, 10**9, Window.parse("day", "America/Los_Angeles")),
    LimitSpec(Metric.CONCURRENCY, 10**4, Window.parse("balance")),
)
REFUSED = Fault(FaultKind.RATE_MINUTE, FaultScope.MODEL, "slow_down", "quota limit hit", http_status=429)


def catalogue() -> Catalogue:
    """Ten providers of five accounts and two models."""
    return Catalogue(
        tuple(
            ProviderSpec(
                id=f"p{n}",
                protocol="openai",
                base_url="http://127.0.0.1:1",
                accounts=tuple(
                    AccountSpec(f"p{n}", f"a{m}", KeyRef(KeySource.NONE), Billing.CREDITS, limits=LIMITS)
                    for m in range(5)
                ),
                models=(ModelSpec(f"p{n}", "m", 32_768), ModelSpec(f"p{n}", "n", 32_768)),
            )
            for n in range(10)
        )
    )


async def cost_ms(path: Path, requests: int, lanes: int) -> float:
    """CPU milliseconds a request."""
    clock = SystemClock()
    ids = IdSource(clock)
    store = Store.open(path, clock, ids, process_name="benchmark")
    specs = catalogue()
    tracker = QuotaTracker(specs, store.ledger, Thresholds())
    routes = [Route(p.id, a.id, "m") for p in specs.providers for a in p.accounts]
    tracker.routing_state(clock.wall_ms())
    began_s = time.process_time()

    async def one(n: int) -> None:
        route, now_ms = routes[n % len(routes)], clock.wall_ms()
        if not tracker.try_half_open(route, now_ms):
            return
        claims = tracker.claims(route, input_tokens=300, output_tokens=200, cost_pico=10**6)
        booked = await store.ledger.reserve(ReserveAsk(ids.new(), "request", 1, route, claims))
        assert isinstance(booked, Reservation)
        tracker.note_uses(booked.uses, now_ms)
        tracker.began(route, now_ms)
        tracker.ended(route)
        store.ledger.settle(booked.reservation_id, [(claim.key, claim.amount) for claim in claims[:1]])
        if n % 20:
            tracker.succeeded(route, now_ms, total_ms=900, first_token_ms=300, tokens_per_s=80)
        else:
            tracker.faulted(route, REFUSED, now_ms, 0.0)
        tracker.routing_state(clock.wall_ms())

    async def lane(first: int) -> None:
        for n in range(first, requests, lanes):
            await one(n)

    await asyncio.gather(*(lane(n) for n in range(lanes)))
    await store.flush()
    spent_s = time.process_time() - began_s
    await store.close()
    return spent_s / requests * 1000


def main() -> None:
    requests = int(sys.argv[1]) if sys.argv[1:] else 5000
    with tempfile.TemporaryDirectory() as folder:
        for lanes in (1, 16):
            cpu_ms = asyncio.run(cost_ms(Path(folder) / f"{lanes}.db", requests, lanes))
            print(f"{lanes:2} at once: {cpu_ms:.3f} ms CPU a request; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
