"""How long a decision and an analysis take: `python tests/benchmarks/bench_decide.py`, with Python's collector as it
comes and as the deck and `serve` set it.

100 accounts x 20 models: ten providers with ten accounts and twenty models each, three limits an account (and, in
the second figure, two more for every model). The state changes between decisions as it does in the engine.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.clock import START_MS
from tests.support.routing import build_ask, build_config, build_state

from trunkline.analysis import TokenCounter, analyse
from trunkline.domain.decisions import Decision
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.preferences import Thresholds
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.collector import settle_collector
from trunkline.routing import compile_policy, decide

ROUNDS = 3_000
PROVIDERS, ACCOUNTS, MODELS = 10, 10, 20
COLLECTOR = {False: "-- Python's collector as it comes", True: "-- as the deck and `serve` set it"}


def main() -> None:
    print(f"load average {' '.join(f'{load:.2f}' for load in os.getloadavg())}")
    for settled in (False, True):
        print(COLLECTOR[settled])
        for title, per_model, rules in (
            ("3 limits an account", False, False),
            ("3 limits an account, rules 1 and 3 on", False, True),
            ("3 limits an account and 2 a model", True, False),
        ):
            decisions(title, settled=settled, per_model=per_model, rules=rules)
        analyses(settled=settled)


def decisions(title: str, *, settled: bool, per_model: bool, rules: bool) -> None:
    draw = random.Random(7)
    config = build_config(large_config(draw, rules))
    started = time.perf_counter()
    policy = compile_policy(config)
    print(f"compile {1000 * (time.perf_counter() - started):.1f} ms")
    states = [build_state(config, large_state(draw, per_model)) for _ in range(8)]
    asks = [
        build_ask(config, {"type": kind, "tier": tier})
        for kind in ("coding", "simple")
        for tier in ("t1", "t2")
    ]

    fixed = states[0]
    assert isinstance(decide(asks[0], policy, fixed), Decision)
    accounts = dict(fixed.accounts)
    keys = list(accounts)

    def one(number: int) -> Callable[[], object]:
        """As in the engine: between two decisions one account's limits have changed."""
        key = keys[number % len(keys)]
        accounts[key] = replace(accounts[key], limits=states[number % 8].accounts[key].limits)
        state = replace(fixed, now_ms=START_MS + number, accounts=accounts)
        return lambda: decide(asks[number % 4], policy, state)

    _measure(f"decide, {title}", one, settled=settled)
    _measure(
        f"decide, {title}, every account changed",
        lambda n: lambda: decide(asks[n % 4], policy, states[n % 8]),
        settled=settled,
    )
    explain = replace(asks[1], exhaustive=True)
    _measure(
        f"decide, {title}, exhaustive", lambda n: lambda: decide(explain, policy, fixed), settled=settled
    )


def analyses(*, settled: bool) -> None:
    text = ("Write a function that merges two sorted lists and explain why it is linear.\n" * 30)[:2_000]
    counter = TokenCounter()
    thresholds = Thresholds()
    earlier = tuple(Message.of(Role.USER, f"{n} {text}") for n in range(40))

    def one(number: int, messages: tuple[Message, ...] = ()) -> Callable[[], object]:
        last = Message.of(Role.USER, f"{number}{text}"[:2_000])
        request = ChatRequest((*messages, last), Origin(OriginKind.CHAT))
        return lambda: analyse(request, thresholds=thresholds, task_priorities={}, counter=counter)

    _measure("analyse, 2,000 characters", one, settled=settled)
    _measure("analyse, 40 earlier messages of 2,000 characters", lambda n: one(n, earlier), settled=settled)


@contextmanager
def collector(*, settled: bool) -> Iterator[None]:
    """Python's collector as it comes, or as a process that stays sets it once the engine is up."""
    thresholds = gc.get_threshold()
    gc.collect()
    if settled:
        settle_collector()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def _measure(title: str, make: Callable[[int], Callable[[], object]], *, settled: bool) -> None:
    times, cpu = [], []
    with collector(settled=settled):
        for number in range(ROUNDS):
            call = make(number)
            started, started_cpu = time.perf_counter(), time.thread_time()
            call()
            cpu.append(1000 * (time.thread_time() - started_cpu))
            times.append(1000 * (time.perf_counter() - started))
    print(f"{title}: {quantiles(times)}; CPU {quantiles(cpu)}")


def quantiles(times_ms: list[float]) -> str:
    ordered = sorted(times_ms)
    p50, p95, p99 = (ordered[int(len(ordered) * share)] for share in (0.50, 0.95, 0.99))
    return f"p50 {p50:.3f} p95 {p95:.3f} p99 {p99:.3f} ms"


def large_config(draw: random.Random, rules: bool) -> dict[str, Any]:
    return {
        "providers": {
            f"p{p}": {
                "accounts": [f"a{a}" for a in range(ACCOUNTS)],
                "models": {
                    f"m{m}": {
                        "price": [draw.choice([0, 0.1, 0.5, 1, 3]), draw.choice([0.2, 1, 5, 15])],
                        "quality": draw.random(),
                        "preference": draw.randrange(100),
                        "context": draw.choice([8_000, 32_000, 128_000, 1_000_000]),
                    }
                    for m in range(MODELS)
                },
            }
            for p in range(PROVIDERS)
        },
        "preferences": {
            "default": ["p3/m3"],
            "tasks": {"coding": {"prefer": ["p1", "p2/m3", "p4", "p5/m1"]}},
            "rules": {"cheap_simple": rules, "prefer_free": rules},
            "floor": 0.5,
        },
    }


def large_state(draw: random.Random, per_model: bool) -> dict[str, Any]:
    return {
        "accounts": {
            f"p{p}/a{a}": {
                "limits": [
                    ["requests", "60s", 60, draw.randrange(60)],
                    ["total_tokens", "60s", 1_000_000, draw.randrange(1_000_000)],
                    ["requests", "day", 1_000, draw.randrange(1_000)],
                ]
                + [
                    {
                        "metric": metric,
                        "window": window,
                        "amount": 1_000_000,
                        "used": draw.randrange(900_000),
                        "model": f"m{m}",
                    }
                    for m in range(MODELS if per_model else 0)
                    for metric, window in (("requests", "60s"), ("total_tokens", "day"))
                ],
                "block": {"until_s": 60} if draw.random() < 0.05 else None,
            }
            for p in range(PROVIDERS)
            for a in range(ACCOUNTS)
        },
        "routes": {
            f"p{p}/a1/m{m}": {"health": 90, "first_token_ms": 500.0}
            for p in range(PROVIDERS)
            for m in range(5)
        },
    }


if __name__ == "__main__":
    main()
