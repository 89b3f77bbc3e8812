"""One streamed reply decoded: bytes in, events out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import orjson

from trunkline.domain.events import Started, TextDelta, WireEvent
from trunkline.domain.faults import Fault
from trunkline.domain.text import provider_sentence, strip_controls
from trunkline.providers.anthropic.answer import Gathered
from trunkline.providers.sse_decoder import SseStreamDecoder
from trunkline.providers.text_stream import TextStream
from trunkline.providers.values.jsontext import loads, mapping, text_of

_log = logging.getLogger(__name__)


def is_error(body: dict[str, Any]) -> bool:
    """Whether the body of a 200 reply, or one event of it, is an error: `type` or a truthy `error` says so, or a
    MiniMax `base_resp` that is not zero."""
    base_resp = body.get("base_resp")
    if isinstance(base_resp, dict) and base_resp.get("status_code"):
        return True
    return body.get("type") == "error" or bool(body.get("error"))


def more_text(event: Any) -> str:
    """The text of the most usual event of all, which brings more text and nothing else; empty for any other."""
    if type(event) is not dict or event.get("type") != "content_block_delta" or len(event) != 3:
        return ""
    delta = event.get("delta")
    if type(delta) is not dict or delta.get("type") != "text_delta":
        return ""
    text = delta.get("text")
    return strip_controls(text) if type(text) is str else ""


class AnthropicStreamDecoder(SseStreamDecoder):
    """Decodes one streamed reply of status 200. `classify_error` says what an error inside the stream means.

    An event's `type` says what it is, whatever its name. Usage is told once, at the end, however often it was
    reported; tool calls are told whole, at the end.
    """

    __slots__ = ("_classify_error", "_gathered", "_started")

    def __init__(
        self, classify_error: Callable[[dict[str, Any]], Fault], *, think_tags: bool = False
    ) -> None:
        super().__init__()
        self._classify_error = classify_error
        self._gathered = Gathered(TextStream(think_tags))
        self._started = False

    @property
    def finish_seen(self) -> bool:
        """A stop reason was seen; only the terminator may follow."""
        return self._over or bool(self._gathered.stop_reason)

    @property
    def pieces_seen(self) -> int:
        """How many pieces of content were seen, fragments of tool calls included."""
        return self._gathered.pieces_seen

    def _read(self, wire_events: list[tuple[str, bytes]], events: list[WireEvent]) -> None:
        gathered = self._gathered
        for name, data in wire_events:
            try:
                event = orjson.loads(data)
                if gathered.text.has_text and (more := more_text(event)):
                    gathered.pieces_seen += 1
                    events.append(TextDelta(more))
                    continue
            except orjson.JSONDecodeError:
                try:
                    event = loads(data)
                except ValueError:
                    _log.info("skipped an event of a stream that is no JSON, of %d bytes", len(data))
                    continue
            if not isinstance(event, dict):
                continue
            if name == "error" or is_error(event):
                self._fail(self._classify_error(event), events)
                return
            self._event(text_of(event.get("type")) or name, event, events)
            if self._over:
                return

    def _event(self, kind: str, event: dict[str, Any], events: list[WireEvent]) -> None:
        gathered = self._gathered
        if kind == "message_start":
            message = mapping(event.get("message"))
            gathered.tally.add(message.get("usage"))
            self._start(message, events)
        elif kind == "content_block_start":
            self._start({}, events)
            events += gathered.begin_block(event.get("index"), mapping(event.get("content_block")))
        elif kind == "content_block_delta":
            self._start({}, events)
            events += gathered.add_delta(event.get("index"), mapping(event.get("delta")))
        elif kind == "message_delta":
            gathered.tally.add(event.get("usage"))
            gathered.stop(mapping(event.get("delta")))
        elif kind == "message_stop":
            self._end(events)

    def _start(self, message: dict[str, Any], events: list[WireEvent]) -> None:
        if not self._started:
            self._started = True
            events.append(Started(provider_sentence(text_of(message.get("model")), longest=200) or None))

    def _end(self, events: list[WireEvent]) -> None:
        self._over = True
        events += self._gathered.ending() if self._gathered.stop_reason else self._gathered.cut()

    def _fail(self, fault: Fault, events: list[WireEvent]) -> None:
        self._over = True
        events += self._gathered.broken(fault)
