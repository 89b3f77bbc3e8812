"""The events of one request: written by its run, read by any number of listeners from the first one on."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator
from itertools import pairwise

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
from trunkline.engine.batches import join_deltas

# So many events a writer may be ahead of a reader that it keeps step with.
_MOST_UNREAD = 64
# Of events this far back so many at a time are joined: of a long answer hardly more is kept than its text.
_JOINED_AT_ONCE = 1_024

# A union of them would be made anew for every event.
_ENDINGS = (Answered, Failed, Cancelled)
_OF_ANSWERS = (TextDelta, ThinkingDelta, ToolCallDelta)


class EventLog:
    """Appends are cheap when nobody listens. Where it is read `in_step`, whoever writes an answer waits for its one
    reader, so that a slow one slows its provider and not this machine's memory down.

    Deltas that are long past are joined, never across a place from which a reader has yet to go on: who comes late is
    told as much in fewer events, each with the stamp and number of its last part."""

    def __init__(self, request_id: str, clock: Clock, *, in_step: bool = False) -> None:
        self.request_id = request_id
        self._clock = clock
        self._in_step = in_step
        self._read = 0
        self._reader_moved: asyncio.Future[None] | None = None
        self._events: list[Event] = []
        self._joined = 0  # of the events the first so many were looked through
        self._gone = 0  # so many became part of others
        self._places: dict[int, int] = {}  # by how many readers that go on there
        self._waiters: list[asyncio.Future[None]] = []
        self._waiters_for_begin: list[asyncio.Future[None]] = []
        self._waiters_for_end: list[asyncio.Future[None]] = []
        self._begun = False
        self.receipt: Receipt | None = None

    def append(self, body: RequestBody) -> Event:
        """Stamp and add an event; wakes whoever waits for it."""
        events = self._events
        event = Event(self.request_id, len(events) + self._gone, self._clock.wall_ms(), body)
        events.append(event)
        if len(events) - self._joined > 2 * _JOINED_AT_ONCE:
            self._join()
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
            position = batch[-1].seq + 1

    async def beyond(self, position: int) -> tuple[Event, ...]:
        """The events from `position` on, which is 0 or the number after that of the last one read, waiting for at least
        one; none after the ending."""
        self._read = position
        self._move_on()
        while position >= len(self._events) + self._gone and self.receipt is None:
            await _wait_among(self._waiters)
        batch = tuple(self._events[self._index(position) :])
        if batch:
            self._goes_on(position, batch[-1].seq + 1)
        return batch

    def so_far(self) -> tuple[Event, ...]:
        """The events that there are; whoever is kept in step with has not read them by that."""
        return tuple(self._events)

    async def begun(self) -> None:
        """Wait until there is something of an answer, or the ending, and be woken by nothing else."""
        while not self._begun and self.receipt is None:
            await _wait_among(self._waiters_for_begin)

    async def room(self) -> None:
        """Wait, where it is read in step, until its reader is near."""
        while self._in_step and len(self._events) + self._gone - self._read > _MOST_UNREAD:
            self._reader_moved = asyncio.get_running_loop().create_future()
            await self._reader_moved

    def _index(self, position: int) -> int:
        """Where the events from `position` on begin."""
        index = position - self._gone
        if index >= self._joined:
            return index
        return bisect_left(self._events, position, hi=self._joined, key=_seq)

    def _goes_on(self, position: int, following: int) -> None:
        """Who was to read on from `position` has read up to `following`."""
        places = self._places
        here = places.pop(position, 0)
        if here > 1:
            places[position] = here - 1
        places[following] = places.get(following, 0) + 1

    def _join(self) -> None:
        """Join what is long past."""
        block = self._events[self._joined : self._joined + _JOINED_AT_ONCE]
        first = block[0].seq
        within = sorted(place - first for place in self._places if first < place <= block[-1].seq)
        joined: list[Event] = []
        for begin, end in pairwise((0, *within, len(block))):
            joined += join_deltas(tuple(block[begin:end]))
        self._events[self._joined : self._joined + _JOINED_AT_ONCE] = joined
        self._joined += len(joined)
        self._gone += len(block) - len(joined)

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


def _seq(event: Event) -> int:
    return event.seq


async def _wait_among(waiters: list[asyncio.Future[None]]) -> None:
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.append(waiter)
    await waiter


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
    waiters.clear()
