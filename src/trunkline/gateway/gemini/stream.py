"""One answer as Google's stream of responses, each with what is new."""

from __future__ import annotations

from typing import Any

import orjson

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import AnswerHead, Problem
from trunkline.gateway.gemini.errors import error_fields
from trunkline.gateway.gemini.read import Shape
from trunkline.gateway.gemini.signatures import seal
from trunkline.gateway.gemini.whole import Piece, call_piece, last_response
from trunkline.providers.values.jsontext import dumps

_EVENT = b"data: "
_EVENT_END = b"\r\n\r\n"
_NEXT = b",\r\n"
_PIECE_HEAD = b'{"candidates":[{"content":{"parts":['
_TEXT_HEAD = _PIECE_HEAD + b'{"text":'


class GeminiStream:
    """Implements `AnswerStream`: responses as events, or as the members of one JSON `array`. The last one brings the
    finish reason, the usage and all function calls, so that none is carried out of an answer that is cut off.

    A row of thoughts says in its first piece whose it is. Without thoughts only such signatures are told as vouch for
    no words that are withheld.
    """

    __slots__ = (
        "_array",
        "_calls",
        "_end",
        "_head",
        "_include_thoughts",
        "_lead",
        "_tail",
        "_text_tail",
        "_thinker",
        "_withheld",
    )

    def __init__(self, shape: Shape, head: AnswerHead, *, array: bool = False) -> None:
        self._include_thoughts = shape.include_thoughts
        self._array = array
        self._lead = b"" if array else _EVENT
        self._end = b"" if array else _EVENT_END
        self.carried_on(head)
        self._calls: list[Piece] = []
        self._thinker: Route | None = None
        self._withheld = False

    def carried_on(self, head: AnswerHead) -> None:
        """Every response names who answers."""
        self._head = head
        self._tail = _tail(head) + self._end
        self._text_tail = b"}" + self._tail

    def begin(self) -> bytes:
        """Nothing but an array's bracket: the first response comes with the first piece of the answer."""
        return b"[" if self._array else b""

    def text(self, text: str) -> bytes:
        """A response with more text."""
        if not text:
            return b""
        self._thinker = None
        self._withheld = False
        return self._led(_TEXT_HEAD + orjson.dumps(text) + self._text_tail)

    def thinking(self, delta: ThinkingDelta, route: Route) -> bytes:
        """A response with more of a thought where the client wants thoughts, and its signature."""
        if delta.redacted:
            if not self._include_thoughts or not delta.signature:
                return b""
            sealed = seal(delta.signature, route, redacted=True)
            return self._piece({"text": "", "thought": True, "thoughtSignature": sealed})
        if not self._include_thoughts:
            return self._signature_alone(delta, route)
        if not delta.text and not delta.signature:
            return b""
        in_row = self._thinker == route
        piece: Piece = {"text": delta.text}
        if delta.text or in_row:
            piece["thought"] = True
        if delta.signature or not in_row:
            piece["thoughtSignature"] = seal(delta.signature, route)
        self._thinker = None if delta.signature else route
        return self._piece(piece)

    def tool_call(self, call: ToolCallDelta, route: Route) -> bytes:
        """Nothing yet: calls are told at the end."""
        self._calls.append(call_piece(call.call_id, call.name, call.arguments, call.signature, route))
        return b""

    def idle(self) -> bytes:
        """Nothing: the API has no event that means nothing, and its SDKs take no comments."""
        return b""

    def end(self, finish: FinishReason, usage: Usage) -> bytes:
        """The last response."""
        pieces = self._calls or [{"text": ""}]
        last = last_response(self._head, pieces, finish, usage)
        return self._led(dumps(last) + self._end) + self._closed()

    def fail(self, problem: Problem) -> bytes:
        """An error in the place of a response. In a stream of events it is none: so the API sends it, and by that
        alone Google's SDKs know it, the one for JavaScript only where it comes by itself."""
        error = dumps(error_fields(problem, self._head.request_id))
        return self._led(error) + self._closed() if self._array else error + _EVENT_END

    def _signature_alone(self, delta: ThinkingDelta, route: Route) -> bytes:
        withheld = self._withheld or bool(delta.text)
        self._withheld = withheld and not delta.signature
        if withheld or not delta.signature:
            return b""
        return self._piece({"text": "", "thoughtSignature": seal(delta.signature, route)})

    def _piece(self, piece: Piece) -> bytes:
        return self._led(_PIECE_HEAD + orjson.dumps(piece) + self._tail)

    def _led(self, response: bytes) -> bytes:
        """`response` after what stands before it."""
        led = self._lead + response
        if self._array:
            self._lead = _NEXT
        return led

    def _closed(self) -> bytes:
        return b"]" if self._array else b""


def _tail(head: AnswerHead) -> bytes:
    """What follows the parts in every response but the last."""
    fields: dict[str, Any] = {"modelVersion": head.model, "responseId": head.request_id}
    return b'],"role":"model"},"index":0}],' + dumps(fields)[1:]
