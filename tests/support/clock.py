"""A clock that moves only when told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools

START_MS = 1_795_176_000_000  # 2026-11-20T12:00:00Z


class FakeClock:
    """`advance` moves wall and monotonic time together and wakes sleepers in order."""

    def __init__(self, wall_ms: int = START_MS) -> None:
        self._wall_ms = wall_ms
        self._mono_ms = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def wall_ms(self) -> int:
        return self._wall_ms

    def mono_ms(self) -> float:
        return self._mono_ms

    async def sleep(self, duration_ms: float) -> None:
        if duration_ms <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._mono_ms + duration_ms, next(self._order), future))
        await future

    def advance(self, duration_ms: float) -> None:
        """Move time on and wake everybody whose time has come."""
        self._wall_ms += round(duration_ms)
        self._mono_ms += duration_ms
        while self._sleepers and self._sleepers[0][0] <= self._mono_ms:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    def jump_wall(self, by_ms: int) -> None:
        """Set the wall clock forward or back, as a person or NTP does."""
        self._wall_ms += by_ms
