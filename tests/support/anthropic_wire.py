"""A provider, an account and a model to speak Anthropic's protocol with, and streams written out."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from tests.support.clock import START_MS

from trunkline.domain.events import WireEvent
from trunkline.domain.limits import LimitSpec
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
from trunkline.providers.anthropic.wire import ANTHROPIC
from trunkline.providers.protocol import CallContext


def context_of(
    *,
    billing: Billing = Billing.CREDITS,
    quirks: Quirks | None = None,
    prefill: Prefill = Prefill.NONE,
    temperature: bool = True,
    thinking: ThinkingControl = ThinkingControl.NONE,
    max_output_tokens: int | None = 64_000,
    limits: tuple[LimitSpec, ...] = (),
    provider: str = "p",
) -> CallContext:
    """A call at the test clock's start, 2026-11-20T12:00:00Z."""
    model = ModelSpec(
        provider,
        "m",
        200_000,
        max_output_tokens=max_output_tokens,
        prefill=prefill,
        temperature=temperature,
        thinking=thinking,
    )
    account = AccountSpec(provider, "a", KeyRef(KeySource.NONE), billing, limits=limits)
    spec = ProviderSpec(provider, "anthropic", "http://127.0.0.1:1", quirks=quirks or Quirks())
    return CallContext(spec, account, model, START_MS)


def event(kind: str, **fields: object) -> bytes:
    """One event of a stream, its name before its data."""
    return f"event: {kind}\ndata: ".encode() + orjson.dumps({"type": kind, **fields}) + b"\n\n"


def start(usage: Mapping[str, object] | None = None) -> bytes:
    """The first event."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
               "stop_reason": None, "usage": usage or {"input_tokens": 5, "output_tokens": 1}}  # fmt: skip
    return event("message_start", message=message)


def block(index: int, content: Mapping[str, object], *deltas: Mapping[str, object]) -> bytes:
    """A whole content block, from its start to its stop."""
    pieces = (event("content_block_delta", index=index, delta=delta) for delta in deltas)
    begin = event("content_block_start", index=index, content_block=content)
    return begin + b"".join(pieces) + event("content_block_stop", index=index)


def text(*pieces: str, index: int = 0) -> bytes:
    """A block of text."""
    deltas = ({"type": "text_delta", "text": piece} for piece in pieces)
    return block(index, {"type": "text", "text": ""}, *deltas)


def thinking(*pieces: str, signature: str = "", index: int = 0) -> bytes:
    """A block of reasoning, signed where a signature is given."""
    deltas: list[Mapping[str, object]] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    if signature:
        deltas.append({"type": "signature_delta", "signature": signature})
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *deltas)


def tool_use(*pieces: str, index: int = 0, call_id: str = "toolu_1", name: str = "weather") -> bytes:
    """A tool call."""
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return block(index, {"type": "tool_use", "id": call_id, "name": name, "input": {}}, *deltas)


def stop(reason: str | None = "end_turn", **fields: object) -> bytes:
    """The reason of the stop and the usage."""
    delta = {"stop_reason": reason, "stop_sequence": None, **fields}
    return event("message_delta", delta=delta, usage={"output_tokens": 12})


DONE = event("message_stop")


def decode(*pieces: bytes, context: CallContext | None = None) -> list[WireEvent]:
    """All events of a stream that came in those pieces and then ended."""
    decoder = ANTHROPIC.stream_decoder(context or context_of())
    events: list[WireEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
    return [*events, *decoder.close()]
