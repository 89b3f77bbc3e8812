"""What keeping a decision's inputs costs a request: `python tests/benchmarks/bench_inputs.py`.

The loop's part is to freeze the state, the writer's to pack it into a store in memory. Twelve accounts with four limits
each as most people have, and 100 accounts of 20 models, with three limits an account and two more for every model.
Between two decisions the limits of one account change, as they do in the engine.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bench_decide import quantiles
from tests.store.samples import receipt
from tests.support.clock import START_MS
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.limits import LimitUse
from trunkline.domain.routes import Route
from trunkline.domain.state import RouteState, RoutingState
from trunkline.routing import Inputs, frozen_state
from trunkline.store.inputs import InputsBook
from trunkline.store.schema import MIGRATIONS

ROUNDS = 1_000


def main() -> None:
    print(f"load average {' '.join(f'{load:.2f}' for load in os.getloadavg())}")
    measure("12 accounts x 4 limits", providers=4, accounts=3, models=4, per_model=0)
    measure("100 accounts x 3 limits", providers=10, accounts=10, models=20, per_model=0)
    measure("100 accounts x 43 limits", providers=10, accounts=10, models=20, per_model=2)


def measure(title: str, *, providers: int, accounts: int, models: int, per_model: int) -> None:
    named = {
        f"p{p}": {
            "accounts": [f"a{a}" for a in range(accounts)],
            "models": {f"m{m}": {} for m in range(models)},
        }
        for p in range(providers)
    }
    limits = [
        ["requests", "60s", 60, 1],
        ["total_tokens", "60s", 1_000_000, 5],
        ["requests", "day", 1_000, 9],
    ]
    limits += [
        {"metric": metric, "window": window, "amount": 1_000_000, "used": m, "model": f"m{m}"}
        for m in range(models)
        for metric, window in (("requests", "60s"), ("total_tokens", "day"))[:per_model]
    ]
    config = build_config({"providers": named})
    known = build_state(
        config, {"accounts": {f"{p}/a{a}": {"limits": limits} for p in named for a in range(accounts)}}
    )
    live = dict(known.accounts)
    routes = {
        Route(p, f"a{a}", f"m{m}"): RouteState(health=90, first_token_ms=400.0 + a, tokens_per_s=33.3)
        for p in named
        for a in range(accounts)
        for m in range(models)
    }
    connection, ask, draw = _store(), build_ask(config, {"type": "coding"}), random.Random(1)
    book, loop_ms, writer_ms, sizes = InputsBook(), [], [], []
    for n in range(ROUNDS):
        key = draw.choice(list(live))
        live[key] = replace(live[key], limits=tuple(map(_used, live[key].limits)), last_used_ms=START_MS + n)
        routes[Route(*key, "m0")] = RouteState(health=90, first_token_ms=400.0 + n, tokens_per_s=33.3)
        state = RoutingState(START_MS + n, live, routes, draw=draw.random())
        started = time.thread_time()
        inputs = Inputs(ask, frozen_state(state), config)
        loop_ms.append(1000 * (time.thread_time() - started))
        over = receipt(f"r{n}")
        connection.execute("INSERT INTO request VALUES (?, ?)", (n, over.request_id))
        started = time.thread_time()
        packed = book.add(connection, n, over, inputs)
        writer_ms.append(1000 * (time.thread_time() - started))
        sizes.append(len(packed))
        connection.execute("INSERT INTO decision VALUES (?, ?)", (n, packed))
    mean = sum(writer_ms) / ROUNDS
    print(f"{title}: loop {quantiles(loop_ms)}; writer {quantiles(writer_ms)}, mean {mean:.3f} ms")
    print(
        f"    {sum(sizes) / ROUNDS:,.0f} bytes a request, {max(sizes):,} at most; {sum(sizes) / 1e6:.1f} MB for 1,000"
    )


def _used(limit: LimitUse) -> LimitUse:
    return replace(limit, used=limit.used + 1)


def _store() -> sqlite3.Connection:
    """The tables that are asked while packing."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE request (row INTEGER PRIMARY KEY, id TEXT UNIQUE)")
    connection.execute("CREATE TABLE decision (request INTEGER PRIMARY KEY, inputs BLOB)")
    connection.execute(
        next(sql for step in MIGRATIONS for sql in step if sql.startswith("CREATE TABLE generation"))
    )
    return connection


if __name__ == "__main__":
    main()
