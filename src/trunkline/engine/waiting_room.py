"""Who waits in this process, why and until when, and how they are called."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from trunkline.domain.clock import Clock
from trunkline.domain.queue import QueueItem


@dataclass(slots=True)
class _Seat:
    item: QueueItem
    called: asyncio.Future[None]


class WaitingRoom:
    """Every request of this process that waits sits here, whatever for; belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seats: dict[str, _Seat] = {}
        self._promoted: set[str] = set()

    def __len__(self) -> int:
        return len(self._seats)

    def items(self) -> tuple[QueueItem, ...]:
        """Who waits, the longest waiting first."""
        return tuple(
            replace(seat.item, promoted=seat.item.request_id in self._promoted)
            for seat in sorted(self._seats.values(), key=lambda seat: seat.item.since_ms)
        )

    async def rest(self, item: QueueItem, at_most_ms: float) -> None:
        """Wait that long, or until something was freed, ordered or configured."""
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeping = asyncio.ensure_future(self._clock.sleep(at_most_ms))
        self._seats[item.request_id] = _Seat(item, called)
        try:
            await asyncio.wait((called, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._seats[item.request_id]
            sleeping.cancel()

    def rouse(self) -> None:
        """Have everybody look again."""
        for seat in self._seats.values():
            if not seat.called.done():
                seat.called.set_result(None)

    def promote(self, request_id: str) -> bool:
        """Let a request go before all others, past lanes and pacing, and have it look at once; whether it waits
        here."""
        seat = self._seats.get(request_id)
        if seat is None:
            return False
        self._promoted.add(request_id)
        if not seat.called.done():
            seat.called.set_result(None)
        return True

    def is_promoted(self, request_id: str) -> bool:
        """Whether a person let it go before all others."""
        return request_id in self._promoted

    def leave(self, request_id: str) -> None:
        """The request is over."""
        self._promoted.discard(request_id)
