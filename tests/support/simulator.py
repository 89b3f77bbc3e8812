"""The simulator for tests: in a process of its own, or on the test's own loop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from trunkline.simulator.loading import load_description, read_description
from trunkline.simulator.server import HOST, Simulator

START_LIMIT_S = 20.0


class SimulatorProcess:
    """`async with SimulatorProcess(Path("x.toml")) as simulator:` plays a description in a child process.

    `base_url` gives where a provider is served; the other methods speak to its control endpoint.
    """

    def __init__(self, config: Path, *, seed: int | None = None, speed: float = 1.0, port: int = 0) -> None:
        self._arguments = ["--config", str(config), "--port", str(port), "--speed", str(speed)]
        if seed is not None:
            self._arguments += ["--seed", str(seed)]
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0
        self.pid = 0

    async def __aenter__(self) -> SimulatorProcess:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the child and wait until it listens. Raises RuntimeError with its words if it does not."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "trunkline.simulator",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), START_LIMIT_S)
        if not line:
            _, said = await self._process.communicate()
            raise RuntimeError(f"the simulator did not start: {said.decode()}")
        listening = json.loads(line)
        self.port, self.pid = listening["port"], listening["pid"]

    async def stop(self) -> int:
        """Close its stdin, which ends it; gives its exit code."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode

    def base_url(self, provider: str) -> str:
        """Where that provider is served, as the base URL of OpenAI's protocol has it."""
        return f"{self.root_url(provider)}/v1"

    def root_url(self, provider: str) -> str:
        """The same without a version, as the base URLs of the other protocols have it."""
        return f"http://{HOST}:{self.port}/{provider}"

    async def counters(self) -> dict[str, Any]:
        """Counts since the start or the last reset."""
        return await self._control("GET", "counters")

    async def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Metadata of the requests numbered above `since`."""
        return await self._control("GET", f"requests?since={since}")

    async def add_fault(self, **rule: Any) -> str:
        """Put a fault in force at once; gives its name."""
        reply = await self._control("POST", "faults", rule)
        return reply["added"][0]

    async def remove_fault(self, name: str | None = None) -> None:
        """Take a fault away, or all."""
        await self._control("DELETE", "faults" if name is None else f"faults/{name}")

    async def reset(self) -> None:
        """Counters, use of limits and the story begin anew."""
        await self._control("POST", "reset")

    async def _control(self, method: str, path: str, body: Any = None) -> Any:
        url = f"http://{HOST}:{self.port}/_control/{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as response:
            reply = await response.json()
            if response.status != 200:
                raise ValueError(reply["error"])
            return reply


@asynccontextmanager
async def running_simulator(
    description: Mapping[str, Any] | Path, *, seed: int | None = None, speed: float = 1.0, clock: Any = None
) -> AsyncIterator[Simulator]:
    """A simulator on the test's own loop, from a TOML file or from the tables it would hold. Its `base_url`,
    `record`, `faults`, `control` (`counters`, `requests`, `add_faults`) and `reset` are at hand directly."""
    read = load_description(description) if isinstance(description, Path) else read_description(description)
    simulator = Simulator(read, seed=seed, speed=speed, clock=clock)
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()
