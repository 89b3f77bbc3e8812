"""A streamed answer as response events."""

from __future__ import annotations

from typing import Any

import orjson

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import AnswerHead, Problem
from trunkline.gateway.openai.stream import STOPPED
from trunkline.gateway.responses.errors import error_object
from trunkline.gateway.responses.output import (
    COMPLETED,
    FAILED,
    IN_PROGRESS,
    Item,
    Response,
    call_item,
    message_item,
    reasoning_fields,
    reasoning_item,
    state_of,
    summary_part,
    text_part,
)
from trunkline.gateway.responses.own_tools import ToolKind
from trunkline.gateway.responses.read import ResponsesShape
from trunkline.gateway.responses.sealed_reasoning import closed, closed_for_call

_IDLE = b": still there\n\n"
_PIECE_OF_TEXT = "response.output_text.delta"
_PIECE_OF_THOUGHT = "response.reasoning_summary_text.delta"
_PIECE_OF_CALL = "response.function_call_arguments"
_PIECE_OF_INPUT = "response.custom_tool_call_input"


class ResponseStream:
    """Writes events in their documented order: each item of the output is added, filled and done before the next. One
    item at most is open: a message or a piece of reasoning."""

    def __init__(self, shape: ResponsesShape, head: AnswerHead) -> None:
        self._shape = shape
        self._response = Response(shape, head)
        self._number = 0
        self._done: list[Item] = []
        self._open: _OpenItem | None = None

    def begin(self) -> bytes:
        """The response, created and in progress."""
        state = self._response.json(IN_PROGRESS)
        return self._lifecycle("response.created", state) + self._lifecycle("response.in_progress", state)

    def carried_on(self, head: AnswerHead) -> None:
        """The response names who answered when it is told for the last time."""
        self._response = Response(self._shape, head)

    def text(self, text: str) -> bytes:
        """More text of a message."""
        if not text:
            return b""
        item = self._open
        if item is not None and item.is_message:
            return self._piece(item, text)
        before = self._close()
        item = self._open = _OpenItem(self._response.item_id("msg", len(self._done)), None, len(self._done))
        empty = message_item(item.item_id, "", IN_PROGRESS) | {"content": []}
        added = self._item_event("response.output_item.added", item.index, empty)
        place = {"content_index": 0, "item_id": item.item_id, "output_index": item.index}
        part = self._event("response.content_part.added", place | {"part": text_part("")})
        return before + added + part + self._piece(item, text)

    def thinking(self, delta: ThinkingDelta, route: Route) -> bytes:
        """More reasoning, as the summary of an item; a signature closes the item and is sealed into it."""
        item = self._open
        mine = item is not None and not item.is_message and item.route == route
        written = b""
        if delta.redacted or not mine:
            written = self._close()
            item = None
        if item is None and (delta.text or delta.signature):
            index = len(self._done)
            item = self._open = _OpenItem(self._response.item_id("rs", index), route, index)
            empty = reasoning_item(item.item_id, "", None)
            written += self._item_event("response.output_item.added", item.index, empty)
        if item is None:
            return written
        if delta.text and not delta.redacted:
            if not item.pieces:
                place = {"item_id": item.item_id, "output_index": item.index, "summary_index": 0}
                part = {"part": summary_part("")}
                written += self._event("response.reasoning_summary_part.added", place | part)
            written += self._piece(item, delta.text)
        if delta.signature is not None:
            item.sealed = closed(delta.signature, route, redacted=delta.redacted)
            written += self._close()
        return written

    def tool_call(self, call: ToolCallDelta, route: Route) -> bytes:
        """One whole call, after what its provider wants back with it."""
        before = self._close()
        if call.signature is not None:
            # An item that only brings something back to its provider.
            before += self.item("rs", reasoning_fields("", closed_for_call(call.signature, route)))
        index = len(self._done)
        item_id = self._response.item_id("fc", index)
        own, arguments = self._shape.own(call.name), call.arguments or "{}"
        empty = call_item(item_id, call.call_id, arguments, own, IN_PROGRESS, said=False)
        done = call_item(item_id, call.call_id, arguments, own, COMPLETED)
        self._done.append(done)
        place = {"item_id": item_id, "output_index": index}
        written = [before, self._item_event("response.output_item.added", index, empty)]
        match own.kind:
            case ToolKind.FUNCTION:
                whole = {"arguments": arguments, "name": own.name}
                written.append(self._event(f"{_PIECE_OF_CALL}.delta", place | {"delta": arguments}))
                written.append(self._event(f"{_PIECE_OF_CALL}.done", place | whole))
            case ToolKind.CUSTOM:
                written.append(self._event(f"{_PIECE_OF_INPUT}.delta", place | {"delta": done["input"]}))
                written.append(self._event(f"{_PIECE_OF_INPUT}.done", place | {"input": done["input"]}))
            case ToolKind.SEARCH:
                pass  # its arguments are told with the item alone
        written.append(self._item_event("response.output_item.done", index, done))
        return b"".join(written)

    def idle(self) -> bytes:
        """A comment, which every reader of event streams skips."""
        return _IDLE

    def end(self, finish: FinishReason, usage: Usage) -> bytes:
        """The last item, and the whole response."""
        if finish is FinishReason.CANCELLED:
            return self.fail(STOPPED)
        state = state_of(finish)
        last = self._close(state)
        told = self._response.json(state, self._done, usage, finish=finish)
        return last + self._lifecycle(f"response.{state}", told)

    def fail(self, problem: Problem) -> bytes:
        """The error twice, as OpenAI itself sends it: an `error` event, flat as it is documented and with the object
        that SDKs raise on, and the failed response."""
        error = error_object(problem, in_stream=True)
        flat = {"code": error["code"], "message": error["message"], "param": error["param"]}
        told = self._response.json(
            FAILED, self._done, error={"code": error["code"] or "invalid_prompt", "message": error["message"]}
        )
        return self._event("error", flat | {"error": error}) + self._lifecycle("response.failed", told)

    def item(self, prefix: str, fields: Item) -> bytes:
        """A whole item of the output that is told at once, after whatever is open."""
        before = self._close()
        index = len(self._done)
        item = {"id": self._response.item_id(prefix, index), **fields}
        self._done.append(item)
        added = self._item_event("response.output_item.added", index, item)
        return before + added + self._item_event("response.output_item.done", index, item)

    def _piece(self, item: _OpenItem, text: str) -> bytes:
        item.pieces.append(text)
        number, self._number = self._number, self._number + 1
        return b"%b%b%b%d}\n\n" % (item.before, orjson.dumps(text), item.after, number)

    def _close(self, state: str = COMPLETED) -> bytes:
        """The last events of the open item, if there is one."""
        item = self._open
        if item is None:
            return b""
        self._open = None
        text = "".join(item.pieces)
        place: dict[str, Any] = {"item_id": item.item_id, "output_index": item.index}
        written: list[bytes] = []
        if item.is_message:
            place["content_index"] = 0
            done = message_item(item.item_id, text, state)
            written.append(self._event("response.output_text.done", place | {"logprobs": [], "text": text}))
            written.append(self._event("response.content_part.done", place | {"part": text_part(text)}))
        else:
            place["summary_index"] = 0
            done = reasoning_item(item.item_id, text, item.sealed)
            if text:
                written.append(self._event("response.reasoning_summary_text.done", place | {"text": text}))
                part = {"part": summary_part(text)}
                written.append(self._event("response.reasoning_summary_part.done", place | part))
        self._done.append(done)
        return b"".join(written) + self._item_event("response.output_item.done", item.index, done)

    def _item_event(self, kind: str, index: int, item: Item) -> bytes:
        return self._event(kind, {"output_index": index, "item": item})

    def _event(self, kind: str, fields: dict[str, Any]) -> bytes:
        number, self._number = self._number, self._number + 1
        data = orjson.dumps({"type": kind, **fields, "sequence_number": number})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    def _lifecycle(self, kind: str, response: bytes) -> bytes:
        number, self._number = self._number, self._number + 1
        name = kind.encode()
        return b'event: %b\ndata: {"type":"%b","response":%b,"sequence_number":%d}\n\n' % (
            name,
            name,
            response,
            number,
        )


class _OpenItem:
    """A message, or the reasoning of the model of `route`, of which more may come. What stands around a piece of its
    text is made once."""

    __slots__ = ("after", "before", "index", "item_id", "pieces", "route", "sealed")

    def __init__(self, item_id: str, route: Route | None, index: int) -> None:
        self.item_id = item_id
        self.route = route
        self.index = index
        self.pieces: list[str] = []
        self.sealed: str | None = None
        kind = (_PIECE_OF_TEXT if route is None else _PIECE_OF_THOUGHT).encode()
        self.before = b'event: %b\ndata: {"type":"%b","item_id":%b,"output_index":%d,"delta":' % (
            kind,
            kind,
            orjson.dumps(item_id),
            index,
        )
        where = b'"content_index":0,"logprobs":[]' if route is None else b'"summary_index":0'
        self.after = b',%b,"sequence_number":' % where

    @property
    def is_message(self) -> bool:
        """Whether it is a message."""
        return self.route is None
