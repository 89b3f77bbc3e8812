"""One streamed reply decoded: bytes in, events out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from trunkline.domain.events import TextDelta, WireEvent
from trunkline.domain.faults import Fault
from trunkline.domain.text import strip_controls
from trunkline.providers.gemini.answer import Gathered
from trunkline.providers.sse_decoder import SseStreamDecoder
from trunkline.providers.text_stream import TextStream
from trunkline.providers.values.jsontext import loads


def more_text(response: Any) -> str:
    """The text of the most usual response of all, which brings more text and usage; empty for any other."""
    try:
        candidate = response["candidates"][0]
        (part,) = candidate["content"]["parts"]
        text = part["text"]
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    if type(text) is not str or len(part) != 1 or "finishReason" in candidate:
        return ""
    return "" if "error" in response or "promptFeedback" in response else strip_controls(text)


class GeminiStreamDecoder(SseStreamDecoder):
    """Decodes one streamed reply of status 200, which has no terminator: it ends with the connection.
    `classify_error` says what an error inside the stream means. Usage and function calls are told at the end."""

    __slots__ = ("_classify_error", "_gathered")

    def __init__(
        self, classify_error: Callable[[dict[str, Any]], Fault], *, think_tags: bool = False
    ) -> None:
        super().__init__()
        self._classify_error = classify_error
        self._gathered = Gathered(TextStream(think_tags))

    @property
    def finish_seen(self) -> bool:
        """A finish reason was seen; only usage may follow."""
        return self._over or bool(self._gathered.finish_reason)

    @property
    def pieces_seen(self) -> int:
        """How many pieces of content were seen, function calls included, which are told at the end."""
        return self._gathered.pieces_seen

    def _read(self, wire_events: list[tuple[str, bytes]], events: list[WireEvent]) -> None:
        gathered = self._gathered
        for name, data in wire_events:
            try:
                response = orjson.loads(data)
            except orjson.JSONDecodeError:
                try:
                    response = loads(data)
                except ValueError:
                    continue
            if not name and gathered.text.has_text and (more := more_text(response)):
                events.append(TextDelta(more))
                gathered.pieces_seen += 1
                if usage := response.get("usageMetadata"):
                    gathered.raw_usage = usage
                continue
            if isinstance(response, list):
                response = response[0] if response else None
            if not isinstance(response, dict):
                continue
            if response.get("error") or name == "error":
                self._fail(self._classify_error(response), events)
                return
            events += gathered.take(response)
            if gathered.fault is not None:
                self._end(events)
                return

    def _end(self, events: list[WireEvent]) -> None:
        self._over = True
        events += self._gathered.close()

    def _fail(self, fault: Fault, events: list[WireEvent]) -> None:
        self._gathered.fault = fault
        self._end(events)
