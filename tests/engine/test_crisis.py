"""A crisis from its beginning to its end, on simulated providers: who is moved, who waits, who goes on, and what is
said of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.engine_world import Serves, Told, World, agent, ask, open_world, told, until, until_event

from trunkline.domain.crisis import CrisisStep, CrisisSummary, MoveKind
from trunkline.domain.decisions import Reason
from trunkline.domain.events import Alert, Held
from trunkline.domain.messages import Hints, ResponseFormat
from trunkline.domain.queue import HeldFor
from trunkline.domain.receipts import Outcome
from trunkline.domain.tasks import Priority
from trunkline.engine.engine import Engine

DEAR = {"price": {"input": 5.0, "output": 15.0}, "max_output": 4_000}
CHEAP = {"price": {"input": 0.1, "output": 0.2}, "max_output": 4_000}
MIDDLE = {"price": {"input": 1.0, "output": 2.0}, "max_output": 4_000}
THREE = (
    Serves("east", models={"big": DEAR}),
    Serves("west", models={"mid": MIDDLE}),
    Serves("south", models={"dear": DEAR, "cheap": CHEAP}),
)
SIMPLE = Hints(task_type="simple", complexity=0.1)
HARD = Hints(task_type="creative", complexity=0.5)


def preferences(crisis: str = "") -> str:
    return (
        'default = ["east", "south/dear"]\n'
        "[thresholds]\nmedium_lane_s = 0.001\nlow_lane_s = 0.001\n"
        f"[crisis]\nafter_s = 0.1\nleast_output_tokens = 100\n{crisis}"
    )


def simple(**fields: Any) -> Any:
    return agent("Say yes.", hints=SIMPLE, priority=Priority.MEDIUM, **fields)


def hard(**fields: Any) -> Any:
    return agent("Write a poem about the queue.", hints=HARD, priority=Priority.MEDIUM, **fields)


async def lose(world: World, *providers: str, kind: str = "key_revoked", **params: Any) -> list[str]:
    """Have providers refuse, and be asked once, so that it is known."""
    rules = []
    for name in providers:
        rules.append(world.fault(kind, provider=name, **params))
        failed = await world.run(ask(route=name, deadline_at_ms=world.engine.snapshot().at_ms + 50))
        assert failed.receipt.outcome is Outcome.FAILED
    return rules


def recover(world: World, *rules: str) -> None:
    """The providers answer again."""
    for rule in rules:
        world.simulator.control.answer("DELETE", f"faults/{rule}", {}, b"")


async def crisis_of(engine: Engine) -> CrisisSummary:
    """The crisis under way, once there is one."""
    await until(lambda: engine.snapshot().crisis)
    found = engine.snapshot().crisis
    assert found is not None
    return found


async def over(engine: Engine) -> CrisisSummary:
    """The crisis that was, once it is over."""
    await until(lambda: engine.snapshot().crisis is None and engine.snapshot().last_crisis)
    found = engine.snapshot().last_crisis
    assert found is not None
    return found


def moves_of(world: World) -> dict[str, set[str]]:
    """What the store says that crises did, by request."""
    found: dict[str, set[str]] = {}
    for request_id, kind in world.query(
        "SELECT request_id, json_extract(one.value, '$.kind') FROM crisis_move, json_each(crisis_move.body) AS one"
    ):
        found.setdefault(request_id, set()).add(kind)
    return found


async def test_the_whole_story(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences()) as world:
        engine = world.engine
        before = await world.run(simple(conversation_id="c1"))
        assert before.routes == ["east/a/big"]
        rules = await lose(world, "east")
        await lose(world, "west", kind="limited", wait_s=3_600.0)
        found = await crisis_of(engine)
        assert set(found.crisis.lost) == {"east", "west"}
        assert found.crisis.enabled == 3
        assert found.crisis.back_at_ms is not None

        moved = await world.run(simple(conversation_id="c1"))
        assert moved.routes == ["south/a/cheap"]
        assert moved.receipt.decision is not None
        assert moved.receipt.decision.reason is Reason.CRISIS
        assert moved.receipt.warnings == ("crisis: the answer was held to 2,000 tokens in place of 4,000",)

        waiting = engine.submit(hard(conversation_id="c2"))
        held = await until_event(waiting, Held)
        assert held.held_for is HeldFor.CRISIS
        (item,) = engine.snapshot().queue
        assert (item.held_for, item.home) == (HeldFor.CRISIS, "east/a/big")
        assert item.until_ms == found.crisis.back_at_ms

        critical = await world.run(hard(critical=True))
        assert critical.routes == ["south/a/dear"]
        assert critical.receipt.warnings == ()

        recover(world, *rules)
        engine.free("east")
        assert (await told(waiting)).routes == ["east/a/big"]
        home = await world.run(simple(conversation_id="c1"))
        assert home.routes == ["east/a/big"]
        assert home.receipt.decision is not None
        assert home.receipt.decision.reason is Reason.STAY
        await engine.fresh_snapshot()

        (summary,) = await engine.crises(5)
        assert summary.recovered == ("east",)
        assert summary.crisis.ended_at_ms is not None
        assert (summary.answered, summary.failed) == (3, 0)
        assert (summary.moved, summary.parked, summary.shrunk, summary.returned) == (1, 1, 1, 2)
        by_kind = {move.kind: move for move in summary.moves}
        assert by_kind[MoveKind.MOVED].home == "east/a/big"
        assert by_kind[MoveKind.MOVED].route == "south/a/cheap"
        assert by_kind[MoveKind.PARKED].home == "east/a/big"
        assert world.query("SELECT what, why FROM audit WHERE what = 'crisis'") == [
            ("crisis", "2 of 3 providers are lost: east, west"),
            ("crisis", "back: east"),
        ]
