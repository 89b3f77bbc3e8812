"""Anthropic's Messages API as a server speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from trunkline.simulator.answers import pieces as cut_in_pieces
from trunkline.simulator.description import Model, Provider
from trunkline.simulator.play import Answer, Asked, Exchange, Play, Target, Usage
from trunkline.simulator.protocols import anthropic_reading
from trunkline.simulator.signing import sign
from trunkline.simulator.styles import Complaint, Wrong

_ARGUMENT_CHARS = 12
_CREATED = "2026-11-01T00:00:00Z"
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "refused": "refusal"}
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'

Block = dict[str, Any]


class AnthropicProtocol:
    """Encodes messages, their events, and what else lives beside them."""

    strict = anthropic_reading.STRICT
    malformed = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":\n\n'
    call_prefix = "toolu_"

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """`x-api-key`, or the bearer token of a subscription."""
        return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ").strip()

    def target(self, method: str, path: str, query: Mapping[str, str]) -> Target | None:
        """Messages, their length, the list of models, or one of them."""
        if method == "POST":
            what = {"v1/messages": "chat", "v1/messages/count_tokens": "count"}.get(path)
            return None if what is None else Target(what)
        if path == "v1/models":
            return Target("models")
        return Target("model", path.removeprefix("v1/models/")) if path.startswith("v1/models/") else None

    def read(self, body: Mapping[str, Any], target: Target, provider: Provider) -> Asked | Complaint:
        """What is asked, or what is wrong with it."""
        return anthropic_reading.read(body, provider, counting=target.what == "count")

    def check_headers(self, headers: Mapping[str, str]) -> Complaint | None:
        """The version must be named."""
        if "anthropic-version" in headers:
            return None
        return Complaint(Wrong.BAD_REQUEST, said="anthropic-version: header is required")

    def count(self, asked: Asked) -> Mapping[str, Any]:
        """`POST /v1/messages/count_tokens`."""
        return {"input_tokens": asked.input_tokens}

    def play(self, exchange: Exchange, answer: Answer) -> Play:
        """The whole reply that says `answer`."""
        blocks = _blocks(exchange, answer)
        message = {
            "id": f"msg_sim{exchange.number:08d}",
            "type": "message",
            "role": "assistant",
            "model": exchange.model.id,
            "content": [block for block, _ in blocks],
            "stop_reason": _STOPS[answer.finish],
            "stop_sequence": None,
            "usage": _usage(answer.usage),
        }
        if answer.finish == "refused":
            message["stop_details"] = _refused_for()
        if not exchange.asked.stream:
            return Play(chunks=[orjson.dumps(message)], output_tokens=answer.usage.output_tokens)
        return _stream(message, blocks, answer)

    def error_event(self, exchange: Exchange, body: Any) -> bytes:
        """An error as it comes inside a stream."""
        return b"event: error\ndata: " + orjson.dumps(body) + b"\n\n"

    def listing(self, provider: Provider, model: str | None) -> Any:
        """`GET /v1/models` and `GET /v1/models/ID`."""
        if model is not None:
            found = provider.models.get(model)
            return None if found is None else _listed(found)
        data = [_listed(one) for one in provider.models.values()]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def _blocks(exchange: Exchange, answer: Answer) -> list[tuple[Block, list[bytes]]]:
    """The blocks of the answer, each with the deltas in which a stream brings it."""
    chunk_tokens = exchange.model.chunk_tokens
    blocks: list[tuple[Block, list[bytes]]] = []
    if answer.thinking:
        shown = answer.thinking if exchange.asked.shows_thinking else ""
        signature = sign(exchange.provider.id, shown)
        deltas = _deltas(0, "thinking_delta", "thinking", cut_in_pieces(shown, chunk_tokens))
        deltas += _deltas(0, "signature_delta", "signature", [signature])
        blocks.append(({"type": "thinking", "thinking": shown, "signature": signature}, deltas))
    if answer.text:
        texts = answer.pieces or cut_in_pieces(answer.text, chunk_tokens)
        deltas = _deltas(len(blocks), "text_delta", "text", texts)
        blocks.append(({"type": "text", "text": answer.text}, deltas))
    for call in answer.calls:
        told = "" if call.arguments == "{}" else call.arguments
        cut = [told[at : at + _ARGUMENT_CHARS] for at in range(0, len(told), _ARGUMENT_CHARS)]
        deltas = _deltas(len(blocks), "input_json_delta", "partial_json", ["", *cut])
        block = {
            "type": "tool_use",
            "id": call.call_id,
            "name": call.name,
            "input": orjson.loads(call.arguments),
        }
        blocks.append((block, deltas))
    return blocks


def _deltas(index: int, kind: str, field: str, texts: list[str] | tuple[str, ...]) -> list[bytes]:
    usual = {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: "\0"}}
    before, after = _event(usual).split(b'"\\u0000"')
    return [before + orjson.dumps(text) + after for text in texts]


def _stream(message: dict[str, Any], blocks: list[tuple[Block, list[bytes]]], answer: Answer) -> Play:
    begun = message | {"content": [], "stop_reason": None}
    begun.pop("stop_details", None)
    begun["usage"] = _usage(answer.usage) | {"output_tokens": 1}
    head = [_event({"type": "message_start", "message": begun})]
    chunks: list[bytes] = []
    for index, (block, deltas) in enumerate(blocks):
        start = _event({"type": "content_block_start", "index": index, "content_block": _empty(block)})
        if index == 0:
            head += [start, _PING]
        else:
            start = _event({"type": "content_block_stop", "index": index - 1}) + start
            deltas = [start + deltas[0], *deltas[1:]]
        chunks += deltas
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    if "stop_details" in message:
        delta["stop_details"] = message["stop_details"]
    ending = {"type": "message_delta", "delta": delta, "usage": _usage(answer.usage)}
    tail = [_event({"type": "content_block_stop", "index": len(blocks) - 1})] if blocks else []
    return Play(
        content_type="text/event-stream; charset=utf-8",
        stream=True,
        head=head,
        chunks=chunks,
        tail=[*tail, _event(ending)],
        terminator=_event({"type": "message_stop"}),
        output_tokens=answer.usage.output_tokens,
    )


def _empty(block: Block) -> Block:
    empty = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: empty.get(name, value) if name != "type" else value for name, value in block.items()}


def _event(body: Mapping[str, Any]) -> bytes:
    return b"event: " + str(body["type"]).encode() + b"\ndata: " + orjson.dumps(body) + b"\n\n"


def _refused_for() -> dict[str, Any]:
    return {"type": "refusal", "category": "cyber", "explanation": "The request was refused."}


def _usage(usage: Usage) -> dict[str, Any]:
    """`input_tokens` is what was neither read from the cache nor written to it."""
    return {
        "input_tokens": usage.input_tokens - usage.cached - usage.written,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output_tokens,
        "service_tier": "standard",
    }


def _listed(model: Model) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": _CREATED,
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
        "lifecycle": "active",
    }
