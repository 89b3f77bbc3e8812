"""The emergency of a tier in the engine: agents' work pauses, whoever waits for an answer gets one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, agent, ask, open_world, told, until_event
from tests.support.parking import HOUR_MS, passing

from trunkline.domain.decisions import RejectionCode
from trunkline.domain.events import Parked
from trunkline.domain.messages import ChatRequest, Hints
from trunkline.domain.tasks import Tier

CHEAP = Serves("cheap", models={"tiny": {"price": {"input": 0.1, "output": 0.2}}}, simulated={"style": "zai"})
DEAR = Serves("dear", models={"best": {"price": {"input": 10.0, "output": 30.0}}})
PREFERENCES = """
[tasks.operations]
prefer = ["cheap"]
[tiers.t1]
ceiling_usd_per_1k = 0.001
emergency = "{emergency}"
{more}
"""
HINTS = Hints(task_type="operations", tier=Tier.T1)


async def exhausted(world: World) -> None:
    """The cheap one says that it is out of allowance for two hours, to a person who is answered all the same."""
    world.fault("limited", provider="cheap", wait_s=7200, first=1)
    answered = await world.run(ask(hints=HINTS))
    assert answered.routes == ["cheap/a/tiny", "dear/a/best"]
    assert (await world.run(ask(hints=HINTS))).routes == ["dear/a/best"]


def heartbeat(**fields: object) -> ChatRequest:
    return agent("HEARTBEAT", hints=HINTS, park=True, **fields)


async def test_work_that_may_wait_pauses_until_the_good_one_is_back(tmp_path: Path) -> None:
    preferences = PREFERENCES.format(emergency="pause", more="")
    async with open_world(tmp_path, CHEAP, DEAR, preferences=preferences, clock=FakeClock()) as world:
        await exhausted(world)
        handle = world.engine.submit(heartbeat())
        waits = await until_event(handle, Parked)
        assert waits.until_ms is not None
        assert waits.until_ms - world.engine.snapshot().at_ms > HOUR_MS
        codes = {one.route: one.code for one in waits.no_route.rejected}
        assert codes["dear/a/best"] is RejectionCode.EXCLUDED
        await passing(world, asyncio.create_task(handle.answer()).done, 600_000)
        assert (await told(handle)).routes == ["cheap/a/tiny"]
        assert world.served("dear") == 2, "both of a person"


@pytest.mark.parametrize(
    ("emergency", "more", "fields"),
    [
        ("anybody", "", {}),
        ("dear", "", {}),
        ("pause", "", {"critical": True}),
        ("pause", "", {"deadline_in_ms": HOUR_MS}),
        ("pause", "[queue]\npark_at_most_h = 1", {}),
    ],
)
async def test_it_does_not_where_nothing_says_so_or_it_may_not_wait_so_long(
    tmp_path: Path, emergency: str, more: str, fields: dict[str, int]
) -> None:
    preferences = PREFERENCES.format(emergency=emergency, more=more)
    async with open_world(tmp_path, CHEAP, DEAR, preferences=preferences, clock=FakeClock()) as world:
        await exhausted(world)
        fields = dict(fields)
        if "deadline_in_ms" in fields:
            assert world.clock is not None
            fields["deadline_at_ms"] = world.clock.wall_ms() + fields.pop("deadline_in_ms")
        assert (await world.run(heartbeat(**fields))).routes == ["dear/a/best"]
