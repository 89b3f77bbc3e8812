"""A gateway on an engine on simulated providers, with a loop of its own in a thread: for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.support.engine_world import Serves, World, open_world

from trunkline.domain.clock import Clock, SystemClock
from trunkline.domain.money import MoneySum
from trunkline.gateway.doors import Doors
from trunkline.gateway.guard import Guard
from trunkline.gateway.metrics import Metrics
from trunkline.gateway.server import Gateway, Pages
from trunkline.gateway.serving import Service

T = TypeVar("T")
HOST = "127.0.0.1"


async def _nothing(_: str | None) -> object | None:
    return None


def _unheard(token_id: str, day: str, cost: MoneySum) -> None:
    """Nobody keeps what tokens are used for."""


def opened(world: World, clock: Clock, *, idle_s: float = 15.0, **more: Any) -> Gateway:
    """A gateway on the engine of `world`, not yet listening."""
    service = Service(world.engine, clock, idle_s=idle_s)
    guard = Guard(lambda: world.engine.generation.config.preferences, clock, host=HOST, used=_unheard)
    doors = Doors(
        clock, most_inside=1, most_waiting=0
    )  # the preferences' bounds hold from the first request on
    return Gateway(service, guard, doors, Metrics(), Pages(_nothing, _nothing), clock, **more)


@asynccontextmanager
async def listening(
    world: World, clock: Clock | None = None, **more: Any
) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway that listens, and its address."""
    gateway = opened(world, clock or SystemClock(), **more)
    port = await gateway.start(HOST, 0)
    try:
        yield gateway, f"http://{HOST}:{port}"
    finally:
        await gateway.stop(0.0)


OPEN = "[gateway]\nrequire_token = false\n"
"""Preferences under which nobody needs a token."""


class GatewayThread:
    """Runs a world and its gateway until it is closed. `root` is the gateway's address."""

    def __init__(self, home: Path, *providers: Serves, preferences: str = OPEN) -> None:
        self._home, self._providers, self._preferences = home, providers, preferences
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._error: BaseException | None = None
        self.root = ""
        self.world: World
        self._loop: asyncio.AbstractEventLoop
        self._leave: asyncio.Event

    def __enter__(self) -> GatewayThread:
        self._thread.start()
        assert self._ready.wait(20)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(20)

    def do(self, work: Callable[[World], T]) -> T:
        """Run `work` on the gateway's loop."""

        async def on_loop() -> T:
            return work(self.world)

        return self.run(on_loop())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _run(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with open_world(self._home, *self._providers, preferences=self._preferences) as world:
                self.world = world
                async with listening(world) as (_, root):
                    self.root = root
                    self._ready.set()
                    await self._leave.wait()
        except BaseException as error:
            self._error = error
            self._ready.set()
            raise
