"""The time limits of one call, watched with a single timer that is moved only when it has fired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from math import inf

from trunkline.domain.preferences import CallLimits


class Limit(Enum):
    """Which limit of a call ran out."""

    CONNECT = "connect"
    FIRST_TOKEN = "first token"  # noqa: S105 - not a password
    STALL = "stall"
    GRACE = "grace"
    TOTAL = "total"


class Watch:
    """Calls `on_expire` once when the current limit or the total runs out; `expired` then says which.

    Moving a deadline later costs an assignment: the timer finds out when it fires. Loop time, seconds inside.
    """

    __slots__ = ("_deadline", "_handle", "_limit", "_loop", "_on_expire", "_total", "expired")

    def __init__(self, limits: CallLimits, on_expire: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_expire = on_expire
        self._total = self._loop.time() + limits.total_ms / 1000
        self._deadline = inf
        self._limit = Limit.TOTAL
        self._handle: asyncio.TimerHandle | None = None
        self.expired: Limit | None = None

    def start(self, limit: Limit, after_ms: float) -> None:
        """From now on `limit` runs out in `after_ms`."""
        self._limit = limit
        self._deadline = self._loop.time() + after_ms / 1000
        self._arm()

    def pause(self) -> None:
        """Only the total runs: whoever reads the events is not waiting for the provider."""
        self._deadline = inf
        if self._handle is None:
            self._arm()

    def stop(self) -> None:
        """Nothing runs out any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self.expired is not None:
            return
        due = min(self._deadline, self._total)
        if self._handle is None:
            self._handle = self._loop.call_at(due, self._fire)
        elif due < self._handle.when():
            self._handle.cancel()
            self._handle = self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        self._handle = None
        due = min(self._deadline, self._total)
        if due > self._loop.time():
            self._arm()
            return
        self.expired = Limit.TOTAL if self._total <= self._deadline else self._limit
        self._on_expire()
