"""The simulator's control endpoint, asked from outside."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import aiohttp


class SimulatorControl:
    """Arms faults and reads what came in; `async with` it."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/_control"
        self._session = aiohttp.ClientSession(raise_for_status=True)

    async def __aenter__(self) -> SimulatorControl:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def begin(self) -> None:
        """No faults, nothing counted, every limit whole."""
        await self.disarm()
        async with self._session.post(f"{self._url}/reset"):
            pass

    async def arm(self, rule: dict[str, Any]) -> None:
        """Put a rule in force, written as in a description."""
        async with self._session.post(f"{self._url}/faults", json=rule):
            pass

    async def disarm(self) -> None:
        """Take every rule away."""
        async with self._session.delete(f"{self._url}/faults"):
            pass

    async def calls(self) -> list[tuple[str, str, str]]:
        """The requests for answers that have come in and were given a reply, as (provider, account, model), in their
        order: a connection that is closed without one may be tried again and counts as nothing (DESIGN §5)."""
        async with self._session.get(f"{self._url}/requests") as reply:
            received = await reply.json()
        return [
            (one["provider"], one["account"], one["model"])
            for one in received
            if one["account"] and one["model"] and one["status"] is not None
        ]
