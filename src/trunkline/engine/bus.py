"""News for everybody: bounded, and never in the way of a request."""

from __future__ import annotations

import asyncio
from collections import deque

from trunkline.domain.clock import Clock
from trunkline.domain.events import BusBody, Event, SnapshotChanged


class Subscription:
    """An async iterator over news from now on. When `capacity` wait unread, the oldest is dropped; a
    `SnapshotChanged` that still waits is not repeated."""

    def __init__(self, bus: Bus, capacity: int) -> None:
        self._bus = bus
        self._capacity = capacity
        self._waiting: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self.dropped = 0

    def offer(self, event: Event) -> None:
        """Hand over one event; never blocks."""
        coalesces = type(event.body) is SnapshotChanged
        if coalesces and any(type(waiting.body) is SnapshotChanged for waiting in self._waiting):
            return
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(event)
        self._wake()

    def close(self) -> None:
        """End the iteration once what waits is read."""
        self._closed = True
        self._bus.leave(self)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._waiting.popleft()


class Bus:
    """Hands bus events and request endings to every subscription."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._subscriptions: list[Subscription] = []
        self._seq = 0

    def subscribe(self, capacity: int) -> Subscription:
        """A new subscription, from now on."""
        subscription = Subscription(self, capacity)
        self._subscriptions.append(subscription)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def publish(self, body: BusBody) -> None:
        """Stamp and hand out a bus event."""
        self._seq += 1
        self.forward(Event("", self._seq, self._clock.wall_ms(), body))

    def forward(self, event: Event) -> None:
        """Hand out an event that is already stamped (a request's ending)."""
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)

    def close(self) -> None:
        """End every subscription."""
        for subscription in tuple(self._subscriptions):
            subscription.close()
