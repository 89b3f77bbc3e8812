"""One answer as Anthropic's stream of events."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import orjson

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.anthropic.ending import stop_reason, usage_fields
from trunkline.gateway.anthropic.errors import error_fields
from trunkline.gateway.anthropic.read import Shape, ThinkingShown
from trunkline.gateway.anthropic.signatures import seal
from trunkline.gateway.anthropic.whole import call_input, message_fields
from trunkline.gateway.dialect import AnswerHead, Problem
from trunkline.providers.values.jsontext import dumps

_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_NO_THINKING = {"type": "thinking", "thinking": "", "signature": ""}
_DELTA_END = b"}}\n\n"


class _Open(Enum):
    """Which block is open."""

    NONE = auto()
    TEXT = auto()
    THINKING = auto()


class AnthropicStream:
    """Implements `AnswerStream`: message_start, ping, blocks one after another, message_delta, message_stop. Blocks are
    never open at the same time, and count from 0. A block of thinking is signed at its end, whoever thought it: its
    signature says whose it is, and holds its words where the client does not want to see them."""

    __slots__ = (
        "_after_text",
        "_has_calls",
        "_head",
        "_index",
        "_open",
        "_shown",
        "_text_delta",
        "_thinker",
        "_unshown",
    )

    def __init__(self, shape: Shape, head: AnswerHead) -> None:
        self._head = head
        self._shown = shape.thinking
        self._open = _Open.NONE
        self._index = -1
        self._text_delta = b""
        self._thinker: Route | None = None
        self._unshown: list[str] = []
        self._after_text: tuple[str, Route] | None = None
        self._has_calls = False

    def begin(self) -> bytes:
        """message_start, with the estimated input and, as the API does it, one token of output; and a ping."""
        usage = {
            "input_tokens": self._head.input_tokens,
            "cache_creation_input_tokens": None,
            "cache_read_input_tokens": None,
            "output_tokens": 1,
        }
        return _event("message_start", message=message_fields(self._head) | {"usage": usage}) + _PING

    def carried_on(self, head: AnswerHead) -> None:
        """`message_start` has named who answers, and nothing after it does."""

    def text(self, text: str) -> bytes:
        """More of the open block of text, or of a new one."""
        if not text:
            return b""
        if self._text_delta:
            return self._text_delta + orjson.dumps(text) + _DELTA_END
        opened = self._start(_Open.TEXT, {"type": "text", "text": ""})
        self._text_delta = _delta_head(self._index, "text_delta", "text")
        return opened + self._text_delta + orjson.dumps(text) + _DELTA_END

    def thinking(self, delta: ThinkingDelta, route: Route) -> bytes:
        """More of the open block of that route's thinking, or of a new one; nothing where the client did not ask for
        it. A signature alone after words is told only if more follows: clients take the last block for the answer."""
        if self._shown is ThinkingShown.NONE:
            return b""
        if delta.redacted:
            data = seal(delta.signature, route)
            return self._start(_Open.NONE, {"type": "redacted_thinking", "data": data}) + self._stop()
        if not delta.text and not delta.signature:
            return b""
        if self._open is _Open.TEXT and delta.signature and not delta.text:
            self._after_text = delta.signature, route
            return b""
        out = b""
        if self._open is not _Open.THINKING or self._thinker != route:
            out = self._start(_Open.THINKING, _NO_THINKING)
            self._thinker = route
        if self._shown is not ThinkingShown.FULL:
            self._unshown.append(delta.text)
        elif delta.text:
            head = _delta_head(self._index, "thinking_delta", "thinking")
            out += head + orjson.dumps(delta.text) + _DELTA_END
        if delta.signature:
            out += self._close(delta.signature)
        return out

    def tool_call(self, call: ToolCallDelta, route: Route) -> bytes:
        """A block of its own, its input in one piece."""
        self._has_calls = True
        block = {"type": "tool_use", "id": call.call_id, "name": call.name, "input": {}}
        piece = dumps(call_input(call.arguments)).decode()
        return (
            self._start(_Open.NONE, block)
            + _delta_head(self._index, "input_json_delta", "partial_json")
            + orjson.dumps(piece)
            + _DELTA_END
            + self._stop()
        )

    def idle(self) -> bytes:
        """A ping."""
        return _PING

    def end(self, finish: FinishReason, usage: Usage) -> bytes:
        """The last block's end, message_delta with what the whole answer used, message_stop. An input that nobody
        counted is not told again."""
        counted = usage_fields(usage)
        if counted["input_tokens"] is None:
            del counted["input_tokens"]
        delta = {"stop_reason": stop_reason(finish, has_calls=self._has_calls), "stop_sequence": None}
        return self._close() + _event("message_delta", delta=delta, usage=counted) + _event("message_stop")

    def fail(self, problem: Problem) -> bytes:
        """An error, and nothing after it: what is open stays open."""
        fields = error_fields(problem, self._head.request_id)
        return b"event: error\ndata: " + dumps(fields) + b"\n\n"

    def _start(self, kind: _Open, block: dict[str, Any]) -> bytes:
        closed = self._close()
        if self._after_text is not None:
            (signature, self._thinker), self._after_text = self._after_text, None
            closed += self._start(_Open.THINKING, _NO_THINKING) + self._close(signature)
        self._open = kind
        self._index += 1
        return closed + _event("content_block_start", index=self._index, content_block=block)

    def _close(self, signature: str = "") -> bytes:
        """The end of the open block, with its signature where it is one of thinking; nothing where none is open."""
        if self._open is _Open.NONE:
            return b""
        out = b""
        if self._open is _Open.THINKING and self._thinker is not None:
            head = _delta_head(self._index, "signature_delta", "signature")
            signed = seal(signature, self._thinker, unshown="".join(self._unshown))
            out = head + orjson.dumps(signed) + _DELTA_END
            self._unshown.clear()
        self._open = _Open.NONE
        self._text_delta = b""
        return out + self._stop()

    def _stop(self) -> bytes:
        return _event("content_block_stop", index=self._index)


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + dumps({"type": kind, **fields}) + b"\n\n"


def _delta_head(index: int, kind: str, field: str) -> bytes:
    """A content_block_delta up to its one text, which `_DELTA_END` follows."""
    return (
        'event: content_block_delta\ndata: {"type":"content_block_delta",'
        f'"index":{index},"delta":{{"type":"{kind}","{field}":'
    ).encode()
