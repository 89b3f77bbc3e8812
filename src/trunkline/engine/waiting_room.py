"""Who waits in this process, why and until when, and how they are called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from trunkline.domain.clock import Clock
from trunkline.domain.queue import HeldFor, QueueItem

_NEVER_MS = 2**62


class OrderedWait(Protocol):
    """A thing waited for in an order that a person may change."""

    def order(self) -> Sequence[str]:
        """The requests that wait for it, in the order in which they will go."""
        ...

    def put_beside(self, request_id: str, neighbour: str, *, before: bool) -> None:
        """Have one of them go right before another, or right after it."""
        ...


@dataclass(slots=True)
class _Seat:
    item: QueueItem
    called: asyncio.Future[None]
    rousable: bool


class WaitingRoom:
    """Every request of this process that waits sits here, whatever for; belongs to one event loop. `orders` are the
    things waited for in an order of their own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seats: dict[str, _Seat] = {}
        self._promoted: set[str] = set()
        self.orders: dict[HeldFor, OrderedWait] = {}

    def __len__(self) -> int:
        return len(self._seats)

    def items(self) -> tuple[QueueItem, ...]:
        """Who waits, in the order in which they will go: promoted first, then who waits for a slot, then by when
        each is expected to go, the longest waiting first where nobody can say."""
        of_slots = self.orders.get(HeldFor.SLOT)
        places = {one: place for place, one in enumerate(of_slots.order() if of_slots else ())}

        def key(item: QueueItem) -> tuple[bool, int, int, int]:
            until_ms = _NEVER_MS if item.until_ms is None else item.until_ms
            return (not item.promoted, places.get(item.request_id, len(places)), until_ms, item.since_ms)

        items = [
            replace(seat.item, promoted=True) if request_id in self._promoted else seat.item
            for request_id, seat in self._seats.items()
        ]
        return tuple(sorted(items, key=key))

    async def rest(self, item: QueueItem, at_most_ms: float | None, *, rousable: bool = True) -> None:
        """Wait that long (None: for ever), or until it is called or promoted, or, where `rousable`, something was
        freed, ordered or configured."""
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._seats[item.request_id] = _Seat(item, called, rousable)
        sleeping = None
        try:
            if at_most_ms is None:
                await called
                return
            sleeping = asyncio.ensure_future(self._clock.sleep(at_most_ms))
            await asyncio.wait((called, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._seats[item.request_id]
            if sleeping is not None:
                sleeping.cancel()

    def call(self, request_id: str) -> None:
        """Have one that waits go on."""
        seat = self._seats.get(request_id)
        if seat is not None and not seat.called.done():
            seat.called.set_result(None)

    def expect(self, request_id: str, until_ms: int) -> None:
        """Say anew when one that waits will go on (wall time)."""
        seat = self._seats.get(request_id)
        if seat is not None:
            seat.item = replace(seat.item, until_ms=until_ms)

    def rouse(self) -> None:
        """Have everybody look again who can be roused."""
        for request_id, seat in self._seats.items():
            if seat.rousable:
                self.call(request_id)

    def promote(self, request_id: str) -> bool:
        """Let a request go before all others, past lanes and pacing, and have it look at once; whether it waits
        here."""
        if request_id not in self._seats:
            return False
        self._promoted.add(request_id)
        self.call(request_id)
        return True

    def is_promoted(self, request_id: str) -> bool:
        """Whether a person let it go before all others."""
        return request_id in self._promoted

    def move(self, request_id: str, places: int) -> bool:
        """Have a request go that many places earlier (negative) or later among those that wait for the same thing, as
        far as there are any; whether it waits here for something that has an order."""
        seat = self._seats.get(request_id)
        order = None if seat is None else self.orders.get(seat.item.held_for)
        if order is None:
            return False
        line = order.order()
        if request_id not in line:
            return False
        place = line.index(request_id)
        there = min(len(line) - 1, max(0, place + places))
        if there != place:
            order.put_beside(request_id, line[there], before=there < place)
        return True

    def leave(self, request_id: str) -> None:
        """The request is over."""
        self._promoted.discard(request_id)
