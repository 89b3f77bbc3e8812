"""A world in which requests have to wait, and time that passes while they do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, agent, open_world, until_event

from trunkline.domain.events import Parked
from trunkline.domain.messages import ChatRequest
from trunkline.domain.tasks import Priority
from trunkline.engine.engine import Engine
from trunkline.engine.requests import Handle

ONLY = Serves("only", simulated={"style": "zai"})
HOUR_MS = 3_600_000
LOOK_MS = 2_100


@asynccontextmanager
async def parked_world(home: Path, *, wait_s: float = 7200, preferences: str = "") -> AsyncIterator[World]:
    """A world of one account that is out of allowance for so long after the next call."""
    clock = FakeClock()
    async with open_world(home, ONLY, preferences=preferences, clock=clock) as world:
        world.fault("limited", wait_s=wait_s, first=1)
        yield world


def advance(world: World, duration_ms: float) -> None:
    """Let time pass."""
    assert isinstance(world.clock, FakeClock)
    world.clock.advance(duration_ms)


def keeper(world: World, name: str) -> Engine:
    """An engine of a process that stays, not yet started."""
    settings = replace(world.engine._settings, process_name=name, long_lived=True)
    return Engine.open(settings, clock=world.clock, draw=lambda: world.draw)


def rows(world: World) -> int:
    """How many requests are kept, by the file."""
    return int(world.query("SELECT count(*) FROM parked")[0][0])


def keepable(**fields: Any) -> ChatRequest:
    """A request of a conversation that may be kept."""
    fields.setdefault("priority", Priority.HIGH)
    return agent(park=True, conversation_id="talk", turn_id="turn", **fields)


async def parked(world: World, **fields: Any) -> Handle:
    """Such a request, once it waits."""
    handle = world.engine.submit(keepable(**fields))
    await until_event(handle, Parked)
    return handle


async def passing(
    world: World, condition: Any, step_ms: float = LOOK_MS, *, while_waits: Engine | None = None
) -> None:
    """Let time pass bit by bit, while something waits in that engine, until `condition` holds."""
    async with asyncio.timeout(8):
        while not condition():
            if (while_waits or world.engine).snapshot().queue:
                advance(world, step_ms)
            await asyncio.sleep(0.005)
