"""The events of one request: written by its run, read by any number of listeners from the first one on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from trunkline.domain.clock import Clock
from trunkline.domain.events import (
    Answered,
    Cancelled,
    Event,
    Failed,
    RequestBody,
    Restarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from trunkline.domain.receipts import Receipt

# So many events a writer may be ahead of a reader that it keeps step with.
_MOST_UNREAD = 64

# A union of them would be made anew for every event.
_ENDINGS = (Answered, Failed, Cancelled)
_OF_ANSWERS = (TextDelta, ThinkingDelta, ToolCallDelta)


class EventLog:
    """Appends are cheap when nobody listens. Where it is read `in_step`, whoever writes an answer waits for its one
    reader, so that a slow one slows its provider and not this machine's memory down."""

    def __init__(self, request_id: str, clock: Clock, *, in_step: bool = False) -> None:
        self.request_id = request_id
        self._clock = clock
        self._in_step = in_step
        self._read = 0
        self._reader_moved: asyncio.Future[None] | None = None
        self._events: list[Event] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._waiters_for_begin: list[asyncio.Future[None]] = []
        self._waiters_for_end: list[asyncio.Future[None]] = []
        self._begun = False
        self.receipt: Receipt | None = None

    def append(self, body: RequestBody) -> Event:
        """Stamp and add an event; wakes whoever waits for it."""
        event = Event(self.request_id, len(self._events), self._clock.wall_ms(), body)
        self._events.append(event)
        if not self._begun and isinstance(body, _OF_ANSWERS):
            self._begun = True
            _wake(self._waiters_for_begin)
        if isinstance(body, _ENDINGS):
            self.receipt = body.receipt
            _wake(self._waiters_for_begin)
            _wake(self._waiters_for_end)
        if self._waiters:
            _wake(self._waiters)
        return event

    async def follow(self) -> AsyncIterator[Event]:
        """Every event from the first to the ending."""
        position = 0
        while batch := await self.beyond(position):
            for event in batch:
                yield event
            position += len(batch)

    async def beyond(self, position: int) -> tuple[Event, ...]:
        """The events from `position` on, waiting for at least one; none after the ending."""
        self._read = position
        self._move_on()
        while position >= len(self._events) and self.receipt is None:
            await _wait_among(self._waiters)
        return tuple(self._events[position:])

    def so_far(self) -> tuple[Event, ...]:
        """The events that there are; whoever is kept in step with has not read them by that."""
        return tuple(self._events)

    async def begun(self) -> None:
        """Wait until there is something of an answer, or the ending, and be woken by nothing else."""
        while not self._begun and self.receipt is None:
            await _wait_among(self._waiters_for_begin)

    async def room(self) -> None:
        """Wait, where it is read in step, until its reader is near."""
        while self._in_step and len(self._events) - self._read > _MOST_UNREAD:
            self._reader_moved = asyncio.get_running_loop().create_future()
            await self._reader_moved

    def _move_on(self) -> None:
        if self._reader_moved is not None and not self._reader_moved.done():
            self._reader_moved.set_result(None)

    async def ended(self) -> Receipt:
        """Wait for the ending, and be woken by nothing else; nobody is kept in step with any more."""
        self._in_step = False
        self._move_on()
        while self.receipt is None:
            await _wait_among(self._waiters_for_end)
        return self.receipt

    def text(self) -> str:
        """The answer as it stands: what came after the last restart."""
        pieces: list[str] = []
        for event in self._events:
            if type(event.body) is TextDelta:
                pieces.append(event.body.text)
            elif type(event.body) is Restarted:
                pieces.clear()
        return "".join(pieces)


async def _wait_among(waiters: list[asyncio.Future[None]]) -> None:
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.append(waiter)
    await waiter


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
    waiters.clear()
