"""Time as it is passed into everything that needs it."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time in integer milliseconds UTC, durations in monotonic milliseconds, and waiting."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC. May jump; see the ledger for how that is caught."""
        ...

    def mono_ms(self) -> float:
        """Milliseconds of a clock that never runs backwards; only differences mean anything."""
        ...

    async def sleep(self, duration_ms: float) -> None:
        """Wait for at least `duration_ms`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> float:
        return time.monotonic_ns() / 1_000_000

    async def sleep(self, duration_ms: float) -> None:
        await asyncio.sleep(duration_ms / 1000)
