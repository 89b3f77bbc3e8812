"""A process that books on a ledger as fast as it can: `python hammer.py STORE COUNT LIMIT`.

It prints one JSON line per booking, {"booked": id}, at once, and in the end {"granted": n, "refused": n,
"reserve_ms": [...]}. Its wall clock stands still, so that no window rolls on.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from tests.store.samples import ask, claim
from tests.support.clock import FakeClock

from trunkline.domain.ids import IdSource
from trunkline.domain.limits import Metric, Window
from trunkline.quota.ledger import Reservation
from trunkline.store.store import Store

LANES = 4
TOKENS_BOOKED = 10
TOKENS_USED = 3
BALANCE = Window.parse("balance")


async def hammer(path: Path, count: int, limit: int) -> None:
    clock = FakeClock()
    ids = IdSource(clock)
    store = Store.open(path, clock, ids, process_name="hammer")
    granted = refused = 0
    reserve_ms: list[float] = []

    async def lane() -> None:
        nonlocal granted, refused
        for _ in range(count):
            reservation_id = ids.new()
            wish = ask(
                reservation_id,
                claim(1, limit, key="requests"),
                claim(TOKENS_BOOKED, None, key="tokens", window=BALANCE, metric=Metric.TOTAL_TOKENS),
                claim(1, 6, key="calls", window=BALANCE, metric=Metric.CONCURRENCY),
            )
            began_s = time.perf_counter()
            result = await store.ledger.reserve(wish)
            reserve_ms.append((time.perf_counter() - began_s) * 1000)
            for use, bound in zip(result.uses, (limit, 10**9, 6), strict=True):
                assert use.used <= bound, result
            if isinstance(result, Reservation):
                granted += 1
                print(json.dumps({"booked": reservation_id}), flush=True)
                await asyncio.sleep(0)
                store.ledger.settle(reservation_id, [("tokens", TOKENS_USED)])
            else:
                refused += 1

    await asyncio.gather(*(lane() for _ in range(LANES)))
    await store.close()
    print(json.dumps({"granted": granted, "refused": refused, "reserve_ms": reserve_ms}), flush=True)


if __name__ == "__main__":
    asyncio.run(hammer(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
