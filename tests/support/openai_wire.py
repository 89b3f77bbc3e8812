"""A provider, an account and a model to speak OpenAI's protocol with, and streams written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from tests.support.clock import START_MS

from trunkline.domain.events import TextDelta, ThinkingDelta, ToolCallDelta, UsageSeen, WireEvent
from trunkline.domain.money import Usage
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    KeyRef,
    KeySource,
    ModelSpec,
    Prefill,
    ProviderSpec,
    Quirks,
)
from trunkline.providers.openai.wire import OPENAI
from trunkline.providers.protocol import CallContext, WireReply


def context_of(
    *,
    billing: Billing = Billing.CREDITS,
    quirks: Quirks | None = None,
    prefill: Prefill = Prefill.NONE,
    temperature: bool = True,
    provider: str = "p",
) -> CallContext:
    """A call at the test clock's start, 2026-11-20T12:00:00Z."""
    model = ModelSpec(provider, "m", 128_000, prefill=prefill, temperature=temperature)
    account = AccountSpec(provider, "a", KeyRef(KeySource.NONE), billing)
    spec = ProviderSpec(provider, "openai", "http://127.0.0.1:1/v1", quirks=quirks or Quirks())
    return CallContext(spec, account, model, START_MS)


def refusal(status: int, body: object, headers: Mapping[str, str] | None = None) -> WireReply:
    """A reply; `body` is bytes as they are, else made JSON."""
    return WireReply(status, headers or {}, body if isinstance(body, bytes) else orjson.dumps(body))


def chunk(delta: Mapping[str, object], finish: str | None = None, **top: object) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **top})


def event(payload: object) -> bytes:
    """One event with that JSON."""
    return b"data: " + orjson.dumps(payload) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def decode(*pieces: bytes, context: CallContext | None = None) -> list[WireEvent]:
    """All events of a stream that came in those pieces and then ended."""
    decoder = OPENAI.stream_decoder(context or context_of())
    events: list[WireEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
    return [*events, *decoder.close()]


def text_in(events: Sequence[WireEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def thinking_in(events: Sequence[WireEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ThinkingDelta))


def usage_in(events: Sequence[WireEvent]) -> Usage:
    """The usage of a reply that told it exactly once."""
    (usage,) = [event.usage for event in events if isinstance(event, UsageSeen)]
    return usage


def calls_in(events: Sequence[WireEvent]) -> list[tuple[str, str, str]]:
    return [(e.call_id, e.name, e.arguments) for e in events if isinstance(e, ToolCallDelta)]
