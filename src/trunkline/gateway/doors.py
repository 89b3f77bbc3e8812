"""How many requests are at work at once, and who is let in next."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from trunkline.domain.clock import Clock
from trunkline.domain.tasks import Priority

_RANKS = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}
# What a request is taken to last before any has been seen, and how much the newest one says.
_EXPECTED_MS = 5_000.0
_NEWEST = 0.1


class FullError(Exception):
    """Everybody who may wait does. `retry_after_ms` is when there should be room, by how long requests have taken."""

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__("the gateway's queue is full")
        self.retry_after_ms = retry_after_ms


class Doors:
    """Belongs to one event loop. Waiters go in by priority, then in the order of their coming."""

    def __init__(self, clock: Clock, *, most_inside: int, most_waiting: int) -> None:
        self._clock = clock
        self._most_inside, self._most_waiting = most_inside, most_waiting
        self._inside = 0
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._lasting_ms = _EXPECTED_MS

    @property
    def inside(self) -> int:
        """Requests at work."""
        return self._inside

    @property
    def waiting(self) -> int:
        """Requests that wait to be let in."""
        return sum(not waiter.done() for _, _, waiter in self._waiters)

    def set_bounds(self, *, most_inside: int, most_waiting: int) -> None:
        """These settings are in force; nobody is sent away for it."""
        opens = most_inside > self._most_inside
        self._most_inside, self._most_waiting = most_inside, most_waiting
        if opens:
            self._let_in()

    def let_through(self, coming: int) -> None:
        """Whoever comes to the doors with a body not yet read: `coming` are all that are on their way or there, so that
        no more bodies are held than requests may be. Raises FullError."""
        if coming > self._most_inside + self._most_waiting:
            raise self._full()

    @asynccontextmanager
    async def enter(self, priority: Priority | None) -> AsyncIterator[None]:
        """Be inside, after waiting for it where that is needed. Raises FullError where too many wait already."""
        if self._inside >= self._most_inside:
            await self._wait(_RANKS[priority or Priority.MEDIUM])
        else:
            self._inside += 1
        began_ms = self._clock.mono_ms()
        try:
            yield
        finally:
            self._lasting_ms += _NEWEST * (self._clock.mono_ms() - began_ms - self._lasting_ms)
            self._inside -= 1
            self._let_in()

    async def _wait(self, rank: int) -> None:
        if self.waiting >= self._most_waiting:
            raise self._full()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (rank, next(self._numbers), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if (
                waiter.done() and not waiter.cancelled()
            ):  # let in at the very moment at which it was cancelled
                self._inside -= 1
                self._let_in()
            raise

    def _full(self) -> FullError:
        turns = (self.waiting + 1) / max(1, self._most_inside)
        return FullError(max(1_000, int(self._lasting_ms * turns)))

    def _let_in(self) -> None:
        while self._waiters and self._inside < self._most_inside:
            _, _, waiter = heapq.heappop(self._waiters)
            if not waiter.done():
                self._inside += 1
                waiter.set_result(None)
