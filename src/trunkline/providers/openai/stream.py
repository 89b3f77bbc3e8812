"""One streamed reply decoded: bytes in, events out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import orjson

from trunkline.domain.events import Started, TextDelta, ThinkingDelta, WireEvent
from trunkline.domain.faults import Fault
from trunkline.domain.text import provider_sentence, strip_controls
from trunkline.providers.openai.ending import Gathered, breaks_off
from trunkline.providers.openai.pieces import content_pieces, thinking_piece
from trunkline.providers.sse_decoder import SseStreamDecoder
from trunkline.providers.values.jsontext import loads, mapping, text_of

_DONE = b"[DONE]"

_log = logging.getLogger(__name__)


def is_error(body: dict[str, Any]) -> bool:
    """Whether the body of a 200 reply, or one chunk of it, is an error: any truthy `error`, the flat form of vLLM
    and Mistral, or a MiniMax `base_resp` that is not zero."""
    if body.get("error") or body.get("object") == "error":
        return True
    base_resp = body.get("base_resp")
    return isinstance(base_resp, dict) and bool(base_resp.get("status_code"))


def more_text(chunk: Any) -> str:
    """The text of the most usual chunk of all, which brings more text and nothing else; empty for any other."""
    if type(chunk) is not dict or chunk.get("usage") or chunk.get("error") or "base_resp" in chunk:
        return ""
    choices = chunk.get("choices")
    if type(choices) is not list or not choices or type(choices[0]) is not dict:
        return ""
    choice = choices[0]
    delta = choice.get("delta")
    if choice.get("finish_reason") or type(delta) is not dict or (len(delta) != 1 and _brings_more(delta)):
        return ""
    content = delta.get("content")
    return strip_controls(content) if type(content) is str and chunk.get("object") != "error" else ""


def _brings_more(delta: dict[str, Any]) -> bool:
    """Whether a delta brings anything beside content and the role, which OpenRouter repeats in every chunk."""
    return any(value and name not in ("content", "role") for name, value in delta.items())


class OpenAIStreamDecoder(SseStreamDecoder):
    """Decodes one streamed reply of status 200. `classify_error` says what an error inside the stream means.

    Usage is told once, at the end, however often it was reported; tool calls are told whole, at the end:
    `pieces_seen` counts their fragments (see `StreamDecoder`).
    """

    __slots__ = ("_classify_error", "_gathered", "_started", "pieces_seen")

    def __init__(self, classify_error: Callable[[dict[str, Any]], Fault], gathered: Gathered) -> None:
        super().__init__()
        self._classify_error = classify_error
        self._gathered = gathered
        self.pieces_seen = 0
        self._started = False

    @property
    def finish_seen(self) -> bool:
        """A finish reason was seen; only usage and the terminator may follow."""
        return self._over or bool(self._gathered.finish_reason)

    def _read(self, wire_events: list[tuple[str, bytes]], events: list[WireEvent]) -> None:
        for name, data in wire_events:
            try:
                chunk = orjson.loads(data)
                if not name and self._gathered.text.has_text and (more := more_text(chunk)):
                    events.append(TextDelta(more))
                    continue
            except orjson.JSONDecodeError:
                if data.strip() == _DONE:
                    self._end(events)
                    return
                try:
                    chunk = loads(data)
                except ValueError:
                    _log.info("skipped an event of a stream that is no JSON, of %d bytes", len(data))
                    continue
            if isinstance(chunk, list):
                chunk = chunk[0] if chunk else None
            if not isinstance(chunk, dict):
                continue
            if is_error(chunk) or name == "error":
                self._fail(self._classify_error(chunk), events)
                return
            self._chunk(chunk, events)
            if breaks_off(self._gathered.finish_reason):
                self._end(events)
                return

    def _chunk(self, chunk: dict[str, Any], events: list[WireEvent]) -> None:
        if not self._started:
            self._started = True
            events.append(Started(provider_sentence(text_of(chunk.get("model")), longest=200) or None))
        gathered = self._gathered
        usage = chunk.get("usage")
        if usage:
            gathered.add_usage(usage)
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices:
            self._groq_usage(chunk)
            return
        choice = choices[0]
        if not isinstance(choice, dict):
            return
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._delta(delta, events)
        elif not gathered.text.has_text:
            self._delta(mapping(choice.get("message")), events)
        finish_reason = choice.get("finish_reason")
        if finish_reason:
            gathered.finish_reason = text_of(finish_reason) or "unknown"
            gathered.add_usage(choice.get("usage"))
            self._groq_usage(chunk)

    def _delta(self, delta: dict[str, Any], events: list[WireEvent]) -> None:
        gathered = self._gathered
        text, thinking = content_pieces(delta.get("content"))
        thinking = strip_controls(thinking_piece(delta) or thinking)
        if thinking:
            gathered.has_thinking = True
            events.append(ThinkingDelta(thinking))
        if text:
            new = gathered.text.feed(text)
            gathered.has_thinking = gathered.has_thinking or any(isinstance(e, ThinkingDelta) for e in new)
            events += new
        refusal = delta.get("refusal")
        if isinstance(refusal, str):
            gathered.refusal += refusal
        if gathered.details is not None and "reasoning_details" in delta:
            gathered.details.feed(delta["reasoning_details"])
        if delta.get("tool_calls"):
            self.pieces_seen += gathered.calls.feed(delta["tool_calls"])
        if delta.get("function_call"):
            gathered.calls.feed_function_call(delta["function_call"])
            self.pieces_seen += 1

    def _groq_usage(self, chunk: dict[str, Any]) -> None:
        extra = chunk.get("x_groq")
        if isinstance(extra, dict):
            self._gathered.add_usage(extra.get("usage"))

    def _end(self, events: list[WireEvent]) -> None:
        self._over = True
        events += self._gathered.ending() if self._gathered.finish_reason else self._gathered.cut()

    def _fail(self, fault: Fault, events: list[WireEvent]) -> None:
        self._over = True
        events += [*self._gathered.text.close(), *self._gathered.usage_seen(), fault]
