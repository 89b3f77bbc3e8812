"""Every decision is made again from the store alone, and comes out the same to the last bit."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.support.engine_world import Serves, World, agent, ask, open_world

from trunkline.domain.clock import SystemClock
from trunkline.domain.messages import ChatRequest, Hints
from trunkline.domain.tasks import Priority
from trunkline.engine.replay import CannotReplayError, replay
from trunkline.store.store import StoreReader

FEW = {"metric": "requests", "amount": 25, "window": "day"}
TOKENS = {"metric": "total_tokens", "amount": 20_000, "window": "day", "scope": "model"}
PREFERENCES = """
[tasks.coding]
prefer = ["two", "one/m"]
[thresholds]
max_attempts = 4
"""
PROVIDERS = (
    Serves(
        "one",
        ("a", "b"),
        models={"m": {"quality": 40}, "n": {"price": {"input": 0, "output": 0}}},
        limits=[FEW],
    ),
    Serves("two", ("a", "b", "c"), pool="random", limits=[FEW, TOKENS], known=True),
    Serves(
        "three", models={"m": {"context": 300}, "k": {"price": {"input": 9.0, "output": 30.0}}}, pool="random"
    ),
)
TEXTS = (
    "Who owns the queue?",
    "Fix this: ```python\ndef f(x):\n    return x +\n```",
    "Write a long poem about the sea and its ships. " * 20,
    "HEARTBEAT_OK?",
    "Prove that there are infinitely many primes, step by step.",
)


def requests(number: int) -> list[ChatRequest]:
    """Of every kind: in conversations, pinned, avoiding, hinted, of agents, with a budget."""
    draw = random.Random(4)
    made = []
    for n in range(number):
        one = (ask if draw.random() < 0.6 else agent)(
            draw.choice(TEXTS), priority=draw.choice([None, *Priority]), critical=True
        )
        kind = draw.randrange(8)
        if kind < 3:
            one = replace(one, conversation_id=f"c{draw.randrange(4)}", turn_id=f"t{n}")
        if kind == 3:
            one = replace(one, route=draw.choice(["two", "one/a", "three/k", "m"]))
        if kind == 4:
            one = replace(one, prefer=("three/m", "two/b"), avoid=("one",))
        if kind == 5:
            one = replace(one, budget_pico=draw.choice([1, 10**9]), max_output_tokens=200)
        if kind == 6:
            one = replace(one, hints=Hints(task_type=draw.choice(["coding", "simple", "audit"])))
        made.append(one)
    return made


async def served(world: World, asked: list[ChatRequest]) -> list[str]:
    """The ids of these requests, served some at once, while a person gives orders and providers fail."""
    world.fault("http", provider="one", status=500, probability=0.1)
    world.fault("limited", provider="two", account="b", probability=0.2, hint="long", wrong="quota")
    draw, ids = random.Random(5), list[str]()
    for start in range(0, len(asked), 20):
        told = await asyncio.gather(*(world.run(one) for one in asked[start : start + 20]))
        ids += [one.receipt.request_id for one in told]
        world.draw = draw.random()
        order = draw.randrange(6)
        if order == 0:
            world.engine.set_mode(draw.choice(["balanced", "health_first"]))
        if order == 1:
            world.engine.switch(draw.choice([None, "two/c"]))
        if order == 2:
            world.engine.override(draw.choice([None, "one"]))
        if order == 3:
            world.engine.set_account("two/a", enabled=draw.random() < 0.5)
        if order == 4:
            world.engine.reset()
    return ids


def replayed(world: World, ids: list[str]) -> tuple[int, list[str]]:
    """How many of these decisions came out the same, and what is wrong with the others."""
    reader, same, wrong = StoreReader.open(world.places.store_file, SystemClock()), 0, []
    for request_id in ids:
        try:
            made = replay(reader.ask, request_id)
        except CannotReplayError as error:
            wrong.append(str(error))
            continue
        assert made is not None
        same += not made.differences and made.then == made.again
        wrong += [str(one) for one in made.differences]
    reader.close()
    return same, wrong


async def test_hundreds_of_varied_requests_are_decided_again_bit_for_bit(tmp_path: Path) -> None:
    async with open_world(tmp_path, *PROVIDERS, preferences=PREFERENCES) as world:
        ids = await served(world, requests(140))
        await world.engine._core.store.flush()
        same, wrong = replayed(world, ids)
        assert wrong == []
        assert same == len(ids)
        answered = world.query(
            "SELECT count(DISTINCT reason), count(DISTINCT provider || account || model) FROM request"
        )
        assert answered[0][0] >= 5, "the requests are too much alike"
        async with world.open("later"):
            assert replayed(world, ids[::7])[1] == []
    # Nothing is left but the file: another process does it, without the configuration.
    code = """
import json, sys
from pathlib import Path
from trunkline.domain.clock import SystemClock
from trunkline.engine.replay import replay
from trunkline.store.store import StoreReader
reader = StoreReader.open(Path(sys.argv[1]), SystemClock())
print(json.dumps([len(replay(reader.ask, one).differences) for one in sys.argv[2:]]))
"""
    ran = subprocess.run(  # noqa: ASYNC221 - nothing else runs by now
        [sys.executable, "-c", code, str(world.places.store_file), *ids[::40]],
        capture_output=True,
        check=True,
    )
    assert json.loads(ran.stdout) == [0] * len(ids[::40])
