from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.simulator import SimulatorProcess

WORLD = Path(__file__).parent / "world.toml"


@pytest.fixture(scope="session")
def simulated() -> Iterator[SimulatorProcess]:
    """One simulator process for the whole directory; no test of it changes what another sees."""
    with asyncio.Runner() as runner:
        simulator = SimulatorProcess(WORLD)
        runner.run(simulator.start())
        try:
            yield simulator
        finally:
            runner.run(simulator.stop())
