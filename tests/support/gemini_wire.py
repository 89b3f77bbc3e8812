"""A provider, an account and a model to speak Google's protocol with, and streams written out."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from tests.support.clock import START_MS

from trunkline.domain.events import WireEvent
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    KeyRef,
    KeySource,
    ModelSpec,
    Prefill,
    ProviderSpec,
    Quirks,
    ThinkingControl,
)
from trunkline.providers.gemini.wire import GEMINI
from trunkline.providers.protocol import CallContext

PACIFIC = "America/Los_Angeles"
Json = dict[str, object]


def context_of(
    *,
    model: str = "m",
    thinking: ThinkingControl = ThinkingControl.NONE,
    max_output_tokens: int | None = None,
    prefill: Prefill = Prefill.NONE,
    temperature: bool = True,
    quirks: Quirks | None = None,
    billing: Billing = Billing.FREE,
    now_ms: int = START_MS,
) -> CallContext:
    """A call at the test clock's start, 2026-11-20T12:00:00Z."""
    spec = ModelSpec(
        "google",
        model,
        1_048_576,
        max_output_tokens,
        thinking=thinking,
        prefill=prefill,
        temperature=temperature,
    )
    account = AccountSpec("google", "a", KeyRef(KeySource.NONE), billing)
    provider = ProviderSpec(
        "google", "gemini", "http://127.0.0.1:1", timezone=PACIFIC, quirks=quirks or Quirks(zone=PACIFIC)
    )
    return CallContext(provider, account, spec, now_ms)


def response(
    *parts: Json, finish: str | None = None, usage: Json | None = None, **top: object
) -> dict[str, object]:
    """One generateContent response with those parts."""
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    counted: Json = {} if usage is None else {"usageMetadata": usage}
    return {"candidates": [candidate], **counted, "modelVersion": "m", **top}


def text(said: str, **fields: object) -> Json:
    """A part of text."""
    return {"text": said, **fields}


def call(name: str, args: Json | None = None, call_id: str | None = None, **fields: object) -> Json:
    """A part with a function call."""
    named: Json = {} if call_id is None else {"id": call_id}
    return {"functionCall": {"name": name, "args": args or {}, **named}, **fields}


def event(payload: object) -> bytes:
    """One event with that JSON, its lines ending as Google's do."""
    return b"data: " + orjson.dumps(payload) + b"\r\n\r\n"


def chunk(*parts: Json, finish: str | None = None, usage: Json | None = None, **top: object) -> bytes:
    """One event of a stream."""
    return event(response(*parts, finish=finish, usage=usage, **top))


def decode(*pieces: bytes, context: CallContext | None = None) -> list[WireEvent]:
    """All events of a stream that came in those pieces and then ended."""
    decoder = GEMINI.stream_decoder(context or context_of())
    events: list[WireEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
    return [*events, *decoder.close()]


def kinds(events: Sequence[WireEvent]) -> list[str]:
    """The names of the events' types."""
    return [type(one).__name__ for one in events]
