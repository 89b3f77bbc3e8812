"""A hosted engine that does only what a test tells it to: it records orders and delivers what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.clock import START_MS

from trunkline.domain.events import Body, Event
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Receipt
from trunkline.engine.api import EngineDied, EngineReady, HostNews, Preview


@dataclass
class FakeEngine:
    """`orders` are the calls in order; `requests` what was submitted, by id."""

    orders: list[tuple[str, object]] = field(default_factory=list)
    requests: dict[str, ChatRequest] = field(default_factory=dict)
    previews: list[tuple[ChatRequest, Callable[[Preview], None]]] = field(default_factory=list)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    closed: bool = False
    listener: Callable[[HostNews], None] | None = None
    ready_at_start: bool = True
    _deliver: dict[str, Callable[[tuple[Event, ...]], None]] = field(default_factory=dict)
    _seq: int = 0

    def start(self, listener: Callable[[HostNews], None]) -> None:
        self.listener = listener
        if self.ready_at_start:
            listener(EngineReady())

    def submit(self, request: ChatRequest, deliver: Callable[[tuple[Event, ...]], None]) -> str:
        request_id = f"R{len(self.requests) + 1}"
        self.requests[request_id] = request
        self._deliver[request_id] = deliver
        self.orders.append(("submit", request_id))
        return request_id

    def cancel(self, request_id: str) -> None:
        self.orders.append(("cancel", request_id))

    def preview(self, request: ChatRequest, deliver: Callable[[Preview], None]) -> None:
        self.previews.append((request, deliver))

    def find_receipt(self, request_id: str, deliver: Callable[[Receipt | None], None]) -> None:
        deliver(self.receipts.get(request_id))

    def switch(self, route: str | None) -> None:
        self.orders.append(("switch", route))

    def set_mode(self, mode: str) -> None:
        self.orders.append(("set_mode", mode))

    def reset(self) -> None:
        self.orders.append(("reset", None))

    def pause(self) -> None:
        self.orders.append(("pause", None))

    def resume(self) -> None:
        self.orders.append(("resume", None))

    def close(self, timeout_s: float = 3.0) -> None:
        self.closed = True

    # -- what a test does -----------------------------------------------------------------------------------

    def tell(self, news: HostNews) -> None:
        """Something for everybody: a snapshot, an event, readiness, death."""
        assert self.listener is not None, "the deck has not started the engine"
        self.listener(news)

    def die(self, text: str) -> None:
        """End by a failure."""
        self.tell(EngineDied(text))

    def happen(self, request_id: str, *bodies: Body, at_ms: int = START_MS) -> None:
        """A batch of events of one request."""
        events = []
        for body in bodies:
            self._seq += 1
            events.append(Event(request_id, self._seq, at_ms, body))
        self._deliver[request_id](tuple(events))

    def announce(self, body: Body, request_id: str = "", at_ms: int = START_MS) -> None:
        """An event of the bus."""
        self._seq += 1
        self.tell(Event(request_id, self._seq, at_ms, body))
