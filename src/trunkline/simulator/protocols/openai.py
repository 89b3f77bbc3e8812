"""OpenAI's chat completions as a server speaks them, with the departures of its compatible relatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from trunkline.simulator.answers import find_anchor, tokens_of
from trunkline.simulator.answers import pieces as cut_in_pieces
from trunkline.simulator.description import Provider
from trunkline.simulator.play import Asked, Exchange, Play

_CREATED = 1_795_176_000
_DONE = b"data: [DONE]\n\n"
_FIXED_TEXT = "token "


class OpenAIProtocol:
    """Encodes replies; knows the style of the provider where relatives depart (usage, role, comments)."""

    def read(self, body: Mapping[str, Any]) -> Asked | None:
        """What is asked; None where model or messages are missing or of another shape."""
        model, messages = body.get("model"), body.get("messages")
        if not isinstance(model, str) or not isinstance(messages, list) or not messages:
            return None
        if not all(isinstance(message, Mapping) for message in messages):
            return None
        texts = [(message.get("role"), _text_of(message.get("content"))) for message in messages]
        input_tokens = sum(tokens_of(text) + 4 for _, text in texts)
        begun, anchor = None, find_anchor(texts[-1][1]) if texts[-1][0] == "user" else None
        if anchor is not None and len(texts) > 1 and texts[-2][0] == "assistant":
            begun, texts = texts[-2][1], texts[:-2]
        elif texts[-1][0] == "assistant":
            begun, texts = texts[-1][1], texts[:-1]
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        options = body.get("stream_options")
        form = body.get("response_format")
        return Asked(
            model=model,
            stream=body.get("stream") is True,
            prompt="\n".join(text for role, text in texts if role not in ("system", "developer")),
            input_tokens=input_tokens,
            begun=begun,
            anchor=anchor,
            max_output_tokens=limit if isinstance(limit, int) else None,
            json_answer=isinstance(form, Mapping) and form.get("type") in ("json_object", "json_schema"),
            include_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
        )

    def play(self, exchange: Exchange, text: str, finish: str) -> Play:
        """The whole reply that says `text`."""
        asked, style = exchange.asked, exchange.provider.style
        output_tokens = tokens_of(text)
        usage = _usage(asked.input_tokens, output_tokens, style)
        reply_id = f"chatcmpl-sim-{exchange.number}"
        if not asked.stream:
            body = _whole(reply_id, exchange.model.id, text, finish, usage, style)
            return Play(chunks=[orjson.dumps(body)], output_tokens=output_tokens)
        envelope = _Envelope(reply_id, exchange.model.id, asked.include_usage, style)
        return envelope.play(cut_in_pieces(text, exchange.model.chunk_tokens), finish, usage, output_tokens)

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, int, bool, bool], Play] = {}

    def fixed(self, exchange: Exchange) -> Play:
        """The same N chunks every time, encoded once."""
        asked, model, style = exchange.asked, exchange.model, exchange.provider.style
        key = (exchange.provider.id, model.id, model.fixed_chunks, asked.stream, asked.include_usage)
        kept = self._kept.get(key)
        if kept is None:
            usage = _usage(asked.input_tokens, model.fixed_chunks, style)
            if asked.stream:
                envelope = _Envelope("chatcmpl-sim", model.id, asked.include_usage, style)
                texts = [_FIXED_TEXT] * model.fixed_chunks
                kept = envelope.play(texts, "stop", usage, model.fixed_chunks)
            else:
                text = _FIXED_TEXT * model.fixed_chunks
                body = _whole("chatcmpl-sim", model.id, text, "stop", usage, style)
                kept = Play(chunks=[orjson.dumps(body)], output_tokens=model.fixed_chunks)
            self._kept[key] = kept
        return Play(
            content_type=kept.content_type,
            stream=kept.stream,
            head=kept.head,
            chunks=kept.chunks,
            tail=kept.tail,
            terminator=kept.terminator,
            output_tokens=kept.output_tokens,
        )

    def error_event(self, exchange: Exchange, body: Mapping[str, Any]) -> bytes:
        """An error as it comes inside a stream: the error body as data; OpenRouter wraps it in a last chunk."""
        if exchange.provider.style == "openrouter":
            choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
            base = {"id": f"chatcmpl-sim-{exchange.number}", "object": "chat.completion.chunk"}
            return _event(base | {"provider": "sim", "model": exchange.model.id, **body, "choices": [choice]})
        return _event(body)

    def listing(self, provider: Provider) -> Mapping[str, Any]:
        """`GET /v1/models`."""
        data = [
            {
                "id": model.id,
                "object": "model",
                "created": _CREATED,
                "owned_by": provider.id,
                "context_length": model.context_tokens,
            }
            for model in provider.models.values()
        ]
        return {"object": "list", "data": data}


class _Envelope:
    """What is the same around every text of one stream, encoded once."""

    def __init__(self, reply_id: str, model: str, include_usage: bool, style: str) -> None:
        self._base: dict[str, Any] = {
            "id": reply_id,
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": model,
        }
        if style == "openrouter":
            self._base["provider"] = "sim"
        self._include_usage = include_usage or style == "openrouter"
        self._style = style

    def play(self, texts: list[str], finish: str, usage: dict[str, Any], output_tokens: int) -> Play:
        before, after = self._chunk({"content": "\0"}, None).split(b'"\\u0000"')
        role = {"role": "" if self._style == "minimax" else "assistant", "content": ""}
        head = [self._chunk(role, None)]
        if self._style == "openrouter":
            head.insert(0, b": OPENROUTER PROCESSING\n\n")
        return Play(
            content_type="text/event-stream",
            stream=True,
            head=head,
            chunks=[before + orjson.dumps(text) + after for text in texts],
            tail=self._tail(finish, usage),
            terminator=_DONE,
            output_tokens=output_tokens,
        )

    def _tail(self, finish: str, usage: dict[str, Any]) -> list[bytes]:
        if self._style == "moonshot":
            choice = {"index": 0, "delta": {}, "finish_reason": finish, "usage": usage}
            return [_event(self._base | {"choices": [choice]})]
        if self._style == "groq":
            choice = {"index": 0, "delta": {}, "finish_reason": finish}
            last = [_event(self._base | {"choices": [choice], "x_groq": {"id": "req_sim", "usage": usage}})]
        else:
            last = [self._chunk({}, finish)]
        if self._include_usage:
            last.append(_event(self._base | {"choices": [], "usage": usage}))
        return last

    def _chunk(self, delta: dict[str, str], finish: str | None) -> bytes:
        chunk = self._base | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        if self._include_usage and self._style == "openai":
            chunk["usage"] = None
        return _event(chunk)


def _event(body: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def _usage(input_tokens: int, output_tokens: int, style: str) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    if style == "moonshot":
        usage["cached_tokens"] = 0
    else:
        usage["prompt_tokens_details"] = {"cached_tokens": 0}
        usage["completion_tokens_details"] = {"reasoning_tokens": 0}
    return usage


def _whole(
    reply_id: str, model: str, text: str, finish: str, usage: dict[str, Any], style: str
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": reply_id,
        "object": "chat.completion",
        "created": _CREATED,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": usage,
    }
    if style == "openrouter":
        body["provider"] = "sim"
    if style == "minimax":
        body["base_resp"] = {"status_code": 0, "status_msg": ""}
    return body
