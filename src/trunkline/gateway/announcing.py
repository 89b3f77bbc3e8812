"""Tells the store where this process listens and what has gone through, so that every deck and monitor shows it."""

from __future__ import annotations

from functools import partial

from trunkline.domain.clock import Clock
from trunkline.gateway.doors import Doors
from trunkline.gateway.guard import Guard
from trunkline.gateway.metrics import Metrics
from trunkline.store import gateways
from trunkline.store.store import Store

# As often as a deck looks.
_AT_MOST_EVERY_MS = 1_000.0


class Announcement:
    """Of one gateway, from `follow` until `withdraw`. Belongs to one event loop."""

    def __init__(
        self, store: Store, clock: Clock, base_url: str, guard: Guard, doors: Doors, metrics: Metrics
    ) -> None:
        self._store = store
        self._clock = clock
        self._base_url = base_url
        self._guard = guard
        self._doors = doors
        self._metrics = metrics
        self._told: tuple[object, ...] = ()

    async def follow(self) -> None:
        """Tell it at once, and again when something of it has changed, until cancelled."""
        while True:
            self._tell()
            await self._clock.sleep(_AT_MOST_EVERY_MS)

    def withdraw(self) -> None:
        """Nobody listens any more."""
        self._store.post(partial(gateways.withdraw, process_id=self._store.process_id))

    def _tell(self) -> None:
        needs_token, at_work = self._guard.needs_token, self._doors.inside + self._doors.waiting
        answered, failed = self._metrics.answered, self._metrics.failed
        now = (needs_token, at_work, answered, failed)
        if now == self._told:
            return
        self._told = now
        self._store.post(
            partial(
                gateways.tell,
                process_id=self._store.process_id,
                base_url=self._base_url,
                needs_token=needs_token,
                at_work=at_work,
                answered=answered,
                failed=failed,
            )
        )
