"""Analyse and decide together, as a request waits for it: `python tests/benchmarks/bench_choose.py`.

A prompt of 1 KB that was never seen before, 100 accounts x 20 models (ten providers of ten accounts), three limits an
account and two more for every model. Before each request the limits of one account have changed. The aim is under 2 ms
at the 99th percentile. Measured with Python's collector as it comes and as the deck and `serve` set it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bench_decide import COLLECTOR, collector, large_config, large_state, quantiles
from tests.support.clock import START_MS
from tests.support.routing import build_config, build_state

from trunkline.analysis import TokenCounter, analyse
from trunkline.domain.decisions import Decision
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.counting import counting_plan
from trunkline.routing import RoutingAsk, compile_policy, decide

ROUNDS = 3_000
LENGTH = 1_024
WORDS = [
    "please",
    "fix",
    "the",
    "function",
    "that",
    "merges",
    "two",
    "sorted",
    "lists",
    "when",
    "one",
    "is",
    "empty",
    "and",
    "explain",
    "why",
    "the",
    "loop",
    "is",
    "linear",
    "def",
    "merge(a,",
    "b):",
    "return",
    "sorted",
    "table",
    "error",
    "trace",
    "42",
    "3.5",
    "review",
    "the",
    "report",
    "for",
    "the",
    "team",
    "by",
    "Friday",
]


def main() -> None:
    print(f"load average {' '.join(f'{load:.2f}' for load in os.getloadavg())}")
    for settled in (False, True):
        print(COLLECTOR[settled])
        measure(settled=settled)


def measure(*, settled: bool) -> None:
    draw = random.Random(7)
    config = build_config(large_config(draw, rules=True))
    policy, plan = compile_policy(config), counting_plan(config.catalogue)
    states = [build_state(config, large_state(draw, per_model=True)) for _ in range(8)]
    fixed, accounts = states[0], dict(states[0].accounts)
    keys, counter = list(accounts), TokenCounter()
    thresholds = config.preferences.thresholds
    analysing, deciding, together = Timed(), Timed(), Timed()
    with collector(settled=settled):
        for number in range(ROUNDS):
            text = " ".join(draw.choices(WORDS, k=LENGTH // 4))[:LENGTH]
            request = ChatRequest((Message.of(Role.USER, text),), Origin(OriginKind.CHAT))
            key = keys[number % len(keys)]
            accounts[key] = replace(accounts[key], limits=states[number % 8].accounts[key].limits)
            state = replace(fixed, now_ms=START_MS + number, accounts=accounts)
            started = _now()
            task = analyse(request, thresholds=thresholds, task_priorities={}, counter=counter, plan=plan)
            analysed = _now()
            made = decide(RoutingAsk(task), policy, state)
            ended = _now()
            assert isinstance(made, Decision)
            analysing.add(started, analysed)
            deciding.add(analysed, ended)
            together.add(started, ended)
    print(f"analyse, {LENGTH} characters: {analysing}")
    print(f"decide, 100 accounts x 20 models: {deciding}")
    print(f"together: {together}")


class Timed:
    """Durations by the clock and by the processor, which on a busy machine are far apart."""

    def __init__(self) -> None:
        self._wall_ms: list[float] = []
        self._cpu_ms: list[float] = []

    def add(self, began: tuple[float, float], ended: tuple[float, float]) -> None:
        self._wall_ms.append(1000 * (ended[0] - began[0]))
        self._cpu_ms.append(1000 * (ended[1] - began[1]))

    def __str__(self) -> str:
        return f"{quantiles(self._wall_ms)}; CPU {quantiles(self._cpu_ms)}"


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


if __name__ == "__main__":
    main()
