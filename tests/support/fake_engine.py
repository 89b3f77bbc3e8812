"""A hosted engine that does only what a test tells it to: it records orders and delivers what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.clock import START_MS

from trunkline.domain.chats import ConversationSettings, ConversationSummary, KeptConversation
from trunkline.domain.checks import CheckResult
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.events import Body, Event
from trunkline.domain.latency_history import LatencyHistory
from trunkline.domain.learned import Received, Verdict
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Receipt
from trunkline.domain.trials import PreferencesTrial
from trunkline.engine.api import EngineDied, EngineReady, HostNews, Preview


@dataclass
class FakeEngine:
    """`orders` are the calls that change something or cost something, in order; `latency_asked` each (since, bucket)
    asked for; `requests` what was submitted, by id. `kept` are the conversations that a store would hold, `history`
    and `trial` what it is asked for and delivers."""

    orders: list[tuple[str, object]] = field(default_factory=list)
    latency_asked: list[tuple[int, int]] = field(default_factory=list)
    requests: dict[str, ChatRequest] = field(default_factory=dict)
    previews: list[tuple[ChatRequest, Callable[[Preview], None]]] = field(default_factory=list)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    kept: dict[str, KeptConversation] = field(default_factory=dict)
    deleted: dict[str, KeptConversation] = field(default_factory=dict)
    history: LatencyHistory | None = None
    trial: PreferencesTrial = field(default_factory=lambda: PreferencesTrial(0, ()))
    checked: tuple[CheckResult, ...] = ()
    past_crises: tuple[CrisisSummary, ...] = ()
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

    def check(self, selector: str | None, deliver: Callable[[tuple[CheckResult, ...]], None]) -> None:
        self.orders.append(("check", selector))
        deliver(self.checked)

    def switch(self, route: str | None, *, expires_at_ms: int | None = None) -> None:
        self.orders.append(("switch", route if expires_at_ms is None else (route, expires_at_ms)))

    def set_account(self, account: str, *, enabled: bool) -> None:
        self.orders.append(("enable" if enabled else "disable", account))

    def latency(self, since_ms: int, bucket_ms: int, deliver: Callable[[LatencyHistory], None]) -> None:
        self.latency_asked.append((since_ms, bucket_ms))
        deliver(self.history or LatencyHistory(since_ms, START_MS, bucket_ms, (), ()))

    def conversations(
        self, search: str, limit: int, deliver: Callable[[tuple[ConversationSummary, ...]], None]
    ) -> None:
        words = search.lower().split()
        found = [
            one.summary
            for one in self.kept.values()
            if all(word in f"{one.summary.title} {one.turns}".lower() for word in words)
        ]
        deliver(tuple(sorted(found, key=lambda one: one.updated_at_ms, reverse=True)[:limit]))

    def conversation(self, conversation_id: str, deliver: Callable[[KeptConversation | None], None]) -> None:
        deliver(self.kept.get(conversation_id))

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        self.orders.append(("rename", (conversation_id, title)))
        one = self.kept[conversation_id]
        self.kept[conversation_id] = replace(one, summary=replace(one.summary, title=title))

    def set_conversation(self, conversation_id: str, settings: ConversationSettings) -> None:
        self.orders.append(("set_conversation", (conversation_id, settings)))
        if conversation_id in self.kept:
            self.kept[conversation_id] = replace(self.kept[conversation_id], settings=settings)

    def delete_conversation(self, conversation_id: str) -> None:
        self.orders.append(("delete", conversation_id))
        self.deleted[conversation_id] = self.kept.pop(conversation_id)

    def restore_conversation(self, conversation_id: str) -> None:
        self.orders.append(("restore", conversation_id))
        self.kept[conversation_id] = self.deleted.pop(conversation_id)

    def drop_turns(self, conversation_id: str, turn_ids: tuple[str, ...], *, dropped: bool = True) -> None:
        self.orders.append(("drop" if dropped else "undrop", (conversation_id, turn_ids)))

    def try_preferences(self, texts: Mapping[Path, str], deliver: Callable[[PreferencesTrial], None]) -> None:
        self.orders.append(("try", dict(texts)))
        deliver(self.trial)

    def set_mode(self, mode: str) -> None:
        self.orders.append(("set_mode", mode))

    def override(self, route: str | None) -> None:
        self.orders.append(("override", route))

    def free(self, target: str) -> None:
        self.orders.append(("free", target))

    def promote(self, request_id: str) -> None:
        self.orders.append(("promote", request_id))

    def move(self, request_id: str, places: int) -> None:
        self.orders.append(("move", (request_id, places)))

    def drop(self, request_id: str) -> None:
        self.orders.append(("drop", request_id))

    def crises(self, limit: int, deliver: Callable[[tuple[CrisisSummary, ...]], None]) -> None:
        deliver(self.past_crises[:limit])

    def feedback(self, request_id: str, verdict: Verdict | None, deliver: Callable[[Received], None]) -> None:
        self.orders.append(("feedback", (request_id, verdict)))
        verdicts = () if verdict is None else (verdict,)
        deliver(Received(request_id, "google/google-2/gemini", "coding", "t2", verdicts))

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
