"""The drill's surroundings: the simulator as it impersonates the user's routes, and an engine for each fault."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import tomlkit

from trunkline.cli.drill.configuration import OwnConfiguration, drilled, made_up_key, own_configuration
from trunkline.cli.simulated_world import SimulatedWorld
from trunkline.domain.preferences import CrisisPolicy
from trunkline.engine.discovery import SWITCH_VARIABLE
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.simulator.impersonation import impersonated

# Of every random draw of the engine: a block without a stated reset lasts a fifth of its longest, or all of it, which
# outlasts several answers on a busy machine, too.
_DRAW, _LONGEST_DRAW = 0.2, 1.0
_DESCRIPTION = "routes.toml"


class DrillWorld:
    """The user's `own` configuration, and the simulator that plays its providers."""

    def __init__(self, own: OwnConfiguration, simulated: SimulatedWorld, closed_port: int) -> None:
        self.own = own
        self._simulated = simulated
        self._closed_port = closed_port
        self._engines = 0

    @property
    def home(self) -> Path:
        """The folder that holds all of this world's files."""
        return self._simulated.home

    def port(self) -> int:
        """Where the simulator listens; blocks until it does. Raises SimulatorError."""
        return self._simulated.port()

    @asynccontextmanager
    async def engine(
        self,
        *,
        unreachable: frozenset[str] = frozenset(),
        crisis: CrisisPolicy | None = None,
        long_blocks: bool = False,
    ) -> AsyncIterator[Engine]:
        """A new engine that knows nothing yet, on a home of its own. Nobody listens at the providers in
        `unreachable`; with `long_blocks` nothing that failed is tried again soon."""
        self._engines += 1
        home = self.home / f"engine-{self._engines}"
        home.mkdir()
        port = self.port()

        def port_of(provider: str) -> int:
            return self._closed_port if provider in unreachable else port

        given = drilled(self.own.loaded, home, port_of, crisis=crisis)
        environ = {name: os.environ[name] for name in ("HOME", "TZ") if name in os.environ}
        settings = EngineSettings(
            given.places, environ | {SWITCH_VARIABLE: "off"}, "drill", given=given, rehearsal=True
        )
        draw = _LONGEST_DRAW if long_blocks else _DRAW
        engine = Engine.open(settings, draw=lambda: draw)
        engine.load_transport()
        async with engine:
            yield engine


@contextmanager
def drill_world() -> Iterator[DrillWorld]:
    """Start it; nothing of it is left afterwards. Raises ConfigError."""
    own: list[OwnConfiguration] = []

    def describe(home: Path) -> Path:
        own.append(own_configuration(os.environ, home))
        described: dict[str, Any] = impersonated(own[0].catalogue, made_up_key)
        file = home / _DESCRIPTION
        file.write_text(tomlkit.dumps(described), encoding="utf-8")
        return file

    simulated = SimulatedWorld.start("drill", describe)
    # A port that is taken and on which nobody listens: connections to it are refused.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        try:
            yield DrillWorld(own[0], simulated, held.getsockname()[1])
        finally:
            simulated.close()
