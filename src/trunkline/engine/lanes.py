"""Lanes: when a request of each priority is let through (DESIGN §4.6)."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.domain.clock import Clock
from trunkline.domain.events import RequestBody
from trunkline.engine.ticket import Ticket
from trunkline.engine.waiting_room import WaitingRoom


class Lanes:
    """Belongs to one event loop."""

    def __init__(self, clock: Clock, room: WaitingRoom) -> None:
        self._clock = clock
        self._room = room

    async def admit(self, ticket: Ticket, emit: Callable[[RequestBody], None]) -> bool:
        """Wait for the turn of `ticket`; False when its deadline comes first."""
        return True
