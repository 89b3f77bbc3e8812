"""OpenAI's chat completions as a server speaks them, with the departures of its compatible relatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from trunkline.simulator.answers import pieces as cut_in_pieces
from trunkline.simulator.description import Model, Provider
from trunkline.simulator.play import Answer, Asked, Call, Exchange, Play, Target, Usage
from trunkline.simulator.protocols import embedding, openai_reading
from trunkline.simulator.protocols.dialects import (
    DIALECTS,
    USUAL,
    CachedPlace,
    Dialect,
    ReasoningForm,
    UsagePlace,
)
from trunkline.simulator.styles import Complaint

_CREATED = 1_795_176_000
_DONE = b"data: [DONE]\n\n"
_ARGUMENT_CHARS = 12
_REFUSAL = "I cannot help with that."
_USD_PER_TOKEN = 1e-6


class OpenAIProtocol:
    """Encodes replies in the dialect of the provider's style."""

    strict = frozenset(openai_reading.CHECKS)
    malformed = b'data: {"choices":[{"delta":{"content":\n\n'
    call_prefix = "call_"

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """A bearer token, or what stands in its place bare."""
        return headers.get("authorization", "").removeprefix("Bearer ").strip()

    def target(self, method: str, path: str, query: Mapping[str, str]) -> Target | None:
        """Chat, embeddings, the list of models, or one of them; the version before them may be any (`/v1`,
        `/paas/v4`) or none."""
        if method == "POST" and path.endswith("chat/completions"):
            return Target("chat")
        if method == "POST" and path.endswith("embeddings"):
            return Target("embed")
        head, found, model = f"/{path}".rpartition("/models")
        if method != "GET" or not found or head.count("/") > 3:
            return None
        return Target("model", model[1:]) if model else Target("models")

    def check_headers(self, headers: Mapping[str, str]) -> Complaint | None:
        """None is needed."""
        return None

    def read(self, body: Mapping[str, Any], target: Target, provider: Provider) -> Asked | Complaint:
        """What is asked, or what is wrong with it."""
        if target.what == "embed":
            return embedding.read_openai(body, provider)
        return openai_reading.read(body, provider)

    def count(self, asked: Asked) -> Mapping[str, Any]:
        """There is no such endpoint; llama.cpp's and vLLM's `/tokenize` gives this."""
        return {"count": asked.input_tokens}

    def play(self, exchange: Exchange, answer: Answer) -> Play:
        """The whole reply that says `answer`."""
        if exchange.asked.embeds:
            return embedding.play_openai(exchange)
        writer = _Writer(exchange, answer)
        return writer.stream() if exchange.asked.stream else writer.whole()

    def error_event(self, exchange: Exchange, body: Any) -> bytes:
        """An error as it comes inside a stream: the error body as data; OpenRouter wraps it in a last chunk."""
        if exchange.provider.style == "openrouter":
            choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
            base = {"id": f"chatcmpl-sim-{exchange.number}", "object": "chat.completion.chunk"}
            return _event(base | {"provider": "sim", "model": exchange.model.id, **body, "choices": [choice]})
        return _event(body)

    def listing(self, provider: Provider, model: str | None) -> Any:
        """`GET /models` and `GET /models/ID`."""
        dialect = DIALECTS.get(provider.style, USUAL)
        if model is not None:
            found = provider.models.get(model.removeprefix(dialect.id_prefix))
            return None if found is None else _listed(provider, found, dialect)
        return {
            "object": "list",
            "data": [_listed(provider, one, dialect) for one in provider.models.values()],
        }


class _Writer:
    """Writes one answer, as a stream or whole."""

    def __init__(self, exchange: Exchange, answer: Answer) -> None:
        self._exchange, self._answer = exchange, answer
        self._style = exchange.provider.style
        self._dialect = DIALECTS.get(self._style, USUAL)
        self._usage = _usage(answer.usage, self._dialect, is_free=exchange.model.id.endswith(":free"))
        word = "content_filter" if answer.finish == "refused" else answer.finish
        self._finish = self._dialect.finishes.get(word, word)
        asked = exchange.asked
        always = self._dialect.usage is UsagePlace.TRAILING_ALWAYS
        self._tells_usage = asked.include_usage or always
        self._base: dict[str, Any] = {
            "id": f"chatcmpl-sim-{exchange.number}",
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": exchange.model.id,
        } | dict(self._dialect.chunk_extras)

    def stream(self) -> Play:
        """As chunks."""
        answer, dialect = self._answer, self._dialect
        texts = answer.pieces or cut_in_pieces(self._text(), self._exchange.model.chunk_tokens)
        before, after = self._chunk({"content": "\0"}).split(b'"\\u0000"')
        chunks = [*self._thoughts(), *(before + orjson.dumps(text) + after for text in texts), *self._calls()]
        if answer.finish == "refused":
            chunks.append(self._chunk({"refusal": _REFUSAL}))
        if chunks and dialect.between:
            chunks[0] = dialect.between + chunks[0]
        opening = [dialect.opening] if dialect.opening else []
        return Play(
            content_type="text/event-stream",
            stream=True,
            head=[*opening, self._chunk({"role": dialect.role, "content": ""})],
            chunks=chunks,
            tail=self._tail(),
            terminator=_DONE if dialect.done else b"",
            output_tokens=answer.usage.output_tokens,
        )

    def whole(self) -> Play:
        """As one body."""
        answer, dialect = self._answer, self._dialect
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self._text() or (None if answer.calls else ""),
        }
        if answer.finish == "refused":
            message |= {"content": None, "refusal": _REFUSAL}
        if answer.thinking:
            message |= self._thought_fields(message["content"] or "")
        if answer.calls:
            message["tool_calls"] = [_call(call) for call in answer.calls]
        choice = {"index": 0, "message": message, "finish_reason": self._finish}
        body = self._base | {"object": "chat.completion", "choices": [choice], "usage": self._usage}
        body |= dict(dialect.whole_extras)
        return Play(chunks=[dialect.leading + orjson.dumps(body)], output_tokens=answer.usage.output_tokens)

    def _text(self) -> str:
        """The text, with the reasoning in it where the dialect tells it there."""
        thinking = self._answer.thinking
        if thinking and self._dialect.reasoning is ReasoningForm.TAGS:
            return f"<think>\n{thinking}\n</think>\n\n{self._answer.text}"
        return self._answer.text

    def _thoughts(self) -> list[bytes]:
        thinking, form = self._answer.thinking, self._dialect.reasoning
        if not thinking or form in (ReasoningForm.HIDDEN, ReasoningForm.TAGS):
            return []
        cut = cut_in_pieces(thinking, self._exchange.model.chunk_tokens)
        return [self._chunk(_thought_delta(piece, form)) for piece in cut]

    def _thought_fields(self, content: str) -> dict[str, Any]:
        thinking, form = self._answer.thinking, self._dialect.reasoning
        if form in (ReasoningForm.HIDDEN, ReasoningForm.TAGS):
            return {}
        fields = _thought_delta(thinking, form)
        if form is ReasoningForm.LIST:
            fields["content"] = [*fields["content"], {"type": "text", "text": content}]
        return fields

    def _calls(self) -> list[bytes]:
        chunks = []
        for index, call in enumerate(self._answer.calls):
            first = _call(call)
            number = {"index": index} if self._dialect.call_index else {}
            if self._dialect.call_whole:
                chunks.append(self._chunk({"tool_calls": [number | first]}))
                continue
            first["function"] = {"name": call.name, "arguments": ""}
            chunks.append(self._chunk({"tool_calls": [number | first]}))
            for at in range(0, len(call.arguments), _ARGUMENT_CHARS):
                fragment = {"function": {"arguments": call.arguments[at : at + _ARGUMENT_CHARS]}}
                chunks.append(self._chunk({"tool_calls": [number | fragment]}))
        return chunks

    def _tail(self) -> Sequence[bytes]:
        choice: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": self._finish}
        more: dict[str, Any] = {}
        match self._dialect.usage:
            case UsagePlace.CHOICE:
                choice["usage"] = self._usage
            case UsagePlace.FINISH:
                more["usage"] = self._usage
            case UsagePlace.X_GROQ:
                more["x_groq"] = {"id": "req_sim", "usage": self._usage}
            case _ if self._tells_usage and self._dialect.usage_null:
                more["usage"] = None
        tail = [_event(self._base | {"choices": [choice]} | more)]
        if self._tells_usage and self._dialect.usage is not UsagePlace.FINISH:
            tail.append(_event(self._base | {"choices": [], "usage": self._usage}))
        return tail

    def _chunk(self, delta: Mapping[str, Any]) -> bytes:
        chunk = self._base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        if self._tells_usage and self._dialect.usage_null:
            chunk["usage"] = None
        return _event(chunk)


def _event(body: Any) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _call(call: Call) -> dict[str, Any]:
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _thought_delta(text: str, form: ReasoningForm) -> dict[str, Any]:
    match form:
        case ReasoningForm.REASONING:
            return {"reasoning": text}
        case ReasoningForm.DETAILS:
            detail = {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
            return {"reasoning": text, "reasoning_details": [detail]}
        case ReasoningForm.LIST:
            return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
        case _:
            return {"reasoning_content": text}


def _usage(usage: Usage, dialect: Dialect, *, is_free: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    match dialect.cached:
        case CachedPlace.TOP:
            told["cached_tokens"] = usage.cached
        case CachedPlace.HIT_MISS:
            told["prompt_cache_hit_tokens"] = usage.cached
            told["prompt_cache_miss_tokens"] = usage.input_tokens - usage.cached
        case _:
            told["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    if dialect.cost:
        cost = 0 if is_free else round(told["total_tokens"] * _USD_PER_TOKEN, 9)
        told |= {"cost": cost, "is_byok": False, "cost_details": {"upstream_inference_cost": cost}}
    return told


def _listed(provider: Provider, model: Model, dialect: Dialect) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": f"{dialect.id_prefix}{model.id}",
        "object": "model",
        "created": _CREATED,
        "owned_by": provider.id,
    }
    if dialect.context_field:
        entry[dialect.context_field] = model.context_tokens
    if provider.style == "openrouter":
        free = model.id.endswith(":free")
        price = "0" if free else "0.000001"
        entry |= {
            "pricing": {"prompt": price, "completion": price},
            "top_provider": {
                "context_length": model.context_tokens,
                "max_completion_tokens": model.max_output_tokens,
            },
            "supported_parameters": ["max_tokens", "temperature", "tools", "reasoning", "response_format"],
        }
    if provider.style == "llamacpp":
        entry["meta"] = {"n_ctx_train": model.context_tokens}
    return entry
