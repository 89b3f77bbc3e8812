"""Google's generateContent as a server speaks it: CRLF line ends, whole calls, no terminator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from trunkline.simulator.answers import pieces as cut_in_pieces
from trunkline.simulator.description import Model, Provider
from trunkline.simulator.play import Answer, Asked, Call, Exchange, Play, Target, Usage
from trunkline.simulator.protocols import embedding, gemini_reading
from trunkline.simulator.signing import call_content, sign
from trunkline.simulator.styles import Complaint

_PATH = re.compile(r"v1(?:beta|alpha)?/models(?:/([^:]+)(?::(\w+))?)?")
_FINISHES = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
_END = b"\r\n\r\n"

Part = dict[str, Any]


class GeminiProtocol:
    """Encodes replies, each event a whole response with what is new."""

    strict = gemini_reading.STRICT
    malformed = b'data: {"candidates":[{"content":{"parts":[\r\n\r\n'
    call_prefix = "fc_"

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """`x-goog-api-key`, or `?key=`."""
        return headers.get("x-goog-api-key") or query.get("key", "")

    def target(self, method: str, path: str, query: Mapping[str, str]) -> Target | None:
        """The methods of a model, or the list."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        model, called = found[1], found[2]
        if method == "GET":
            return Target("models") if model is None else Target("model", model) if called is None else None
        if called == "generateContent":
            return Target("chat", model, stream=False)
        if called == "streamGenerateContent":
            return Target("chat", model, stream=True, as_array=query.get("alt") != "sse")
        if called == "batchEmbedContents":
            return Target("embed", model)
        return Target("count", model) if called == "countTokens" else None

    def check_headers(self, headers: Mapping[str, str]) -> Complaint | None:
        """None is needed."""
        return None

    def read(self, body: Mapping[str, Any], target: Target, provider: Provider) -> Asked | Complaint:
        """What is asked, or what is wrong with it."""
        if target.what == "embed":
            return embedding.read_gemini(body, target, provider)
        return gemini_reading.read(body, target, provider)

    def count(self, asked: Asked) -> Mapping[str, Any]:
        """`:countTokens`."""
        details = [{"modality": "TEXT", "tokenCount": asked.input_tokens}]
        return {"totalTokens": asked.input_tokens, "promptTokensDetails": details}

    def play(self, exchange: Exchange, answer: Answer) -> Play:
        """The whole reply that says `answer`."""
        if exchange.asked.embeds:
            return embedding.play_gemini(exchange)
        writer = _Writer(exchange, answer)
        return writer.stream() if exchange.asked.stream else writer.whole()

    def error_event(self, exchange: Exchange, body: Any) -> bytes:
        """An error as it comes inside a stream."""
        if exchange.asked.as_array:
            return b",\r\n" + orjson.dumps(body)
        return b"data: " + orjson.dumps(body) + _END

    def listing(self, provider: Provider, model: str | None) -> Any:
        """`GET /v1beta/models` and `GET /v1beta/models/ID`."""
        if model is not None:
            found = provider.models.get(model)
            return None if found is None else _listed(found)
        return {"models": [_listed(one) for one in provider.models.values()]}


class _Writer:
    """Writes one answer, as a stream or whole."""

    def __init__(self, exchange: Exchange, answer: Answer) -> None:
        self._exchange, self._answer = exchange, answer
        self._signature = sign(exchange.provider.id, gemini_reading.SIGNED_TEXT)
        self._about = {"modelVersion": exchange.model.id, "responseId": f"sim{exchange.number:08d}"}
        self._usage = _usage(answer.usage)

    def whole(self) -> Play:
        """As one body."""
        answer = self._answer
        if answer.finish == "refused":
            body = self._blocked()
        else:
            parts: list[Part] = (
                [{"text": self._shown_thinking(), "thought": True}] if self._shown_thinking() else []
            )
            if answer.text:
                parts.append({"text": answer.text} | self._signed())
            body = self._response([*parts, *self._calls()], _FINISHES[answer.finish])
        return Play(
            content_type="application/json; charset=UTF-8",
            chunks=[orjson.dumps(body)],
            output_tokens=answer.usage.output_tokens,
        )

    def stream(self) -> Play:
        """As server-sent events, or as one array whose elements are the same."""
        answer, chunk_tokens = self._answer, self._exchange.model.chunk_tokens
        responses = [
            self._response([{"text": text, "thought": True}]) for text in self._thoughts(chunk_tokens)
        ]
        bodies = [orjson.dumps(response) for response in responses]
        texts = answer.pieces or cut_in_pieces(answer.text, chunk_tokens)
        before, after = orjson.dumps(self._response([{"text": "\0"}])).split(b'"\\u0000"')
        bodies += [before + orjson.dumps(text) + after for text in texts]
        bodies += [orjson.dumps(self._response([part])) for part in self._calls()]
        if answer.finish == "refused":
            last = self._blocked()
        else:
            last = self._response([{"text": ""} | self._signed()], _FINISHES[answer.finish])
        return self._framed(bodies, orjson.dumps(last))

    def _framed(self, bodies: list[bytes], last: bytes) -> Play:
        tokens = self._answer.usage.output_tokens
        if self._exchange.asked.as_array:
            chunks = [body + b",\r\n" for body in bodies]
            json = "application/json; charset=UTF-8"
            return Play(
                content_type=json, stream=True, head=[b"["], chunks=chunks, tail=[last], terminator=b"]",
                output_tokens=tokens,
            )  # fmt: skip
        return Play(
            content_type="text/event-stream",
            stream=True,
            chunks=[b"data: " + body + _END for body in bodies],
            tail=[b"data: " + last + _END],
            output_tokens=tokens,
        )

    def _thoughts(self, chunk_tokens: int) -> list[str]:
        shown = self._shown_thinking()
        return cut_in_pieces(shown, chunk_tokens) if shown else []

    def _shown_thinking(self) -> str:
        return self._answer.thinking if self._exchange.asked.shows_thinking else ""

    def _signed(self) -> Part:
        """The signature that a text ends with, after thinking without a call."""
        return (
            {"thoughtSignature": self._signature} if self._answer.thinking and not self._answer.calls else {}
        )

    def _calls(self) -> list[Part]:
        """Whole calls; of those made at once only the first is signed."""
        return [self._call(call, signed=index == 0) for index, call in enumerate(self._answer.calls)]

    def _call(self, call: Call, *, signed: bool) -> Part:
        arguments = orjson.loads(call.arguments)
        part: Part = {"functionCall": {"id": call.call_id, "name": call.name, "args": arguments}}
        if signed:
            part["thoughtSignature"] = sign(self._exchange.provider.id, call_content(call.name, arguments))
        return part

    def _response(self, parts: list[Part], finish: str | None = None) -> dict[str, Any]:
        content: dict[str, Any] = {"role": "model"} | ({"parts": parts} if parts else {})
        candidate: dict[str, Any] = {"content": content, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "usageMetadata": self._usage} | self._about

    def _blocked(self) -> dict[str, Any]:
        """A blocked prompt: no candidates at all."""
        return {
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": self._usage,
        } | self._about


def _usage(usage: Usage) -> dict[str, Any]:
    """The prompt with what was cached, the answer without what was thought."""
    told = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input_tokens}],
    }
    if usage.cached:
        told["cachedContentTokenCount"] = usage.cached
    if usage.reasoning:
        told["thoughtsTokenCount"] = usage.reasoning
    return told


def _listed(model: Model) -> dict[str, Any]:
    return {
        "name": f"models/{model.id}",
        "version": "001",
        "displayName": model.id,
        "inputTokenLimit": model.context_tokens,
        "outputTokenLimit": model.max_output_tokens,
        "supportedGenerationMethods": (
            ["embedContent", "batchEmbedContents"] if model.dimensions else ["generateContent", "countTokens"]
        ),
        "temperature": 1,
        "maxTemperature": 2,
        "thinking": model.thinks != "never",
    }
