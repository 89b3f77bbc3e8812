"""A response as an object, and the items of its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.gateway.dialect import AnswerHead
from trunkline.gateway.responses.own_tools import OwnTool, ToolKind, free_text
from trunkline.gateway.responses.read import ResponsesShape
from trunkline.providers.values.jsontext import object_in

IN_PROGRESS = "in_progress"
COMPLETED = "completed"
INCOMPLETE = "incomplete"
FAILED = "failed"

_STATES = {
    FinishReason.STOP: COMPLETED,
    FinishReason.TOOL_CALLS: COMPLETED,
    FinishReason.LENGTH: INCOMPLETE,
    FinishReason.CONTENT: INCOMPLETE,
    FinishReason.CANCELLED: "cancelled",
}
_WHY = {FinishReason.LENGTH: "max_output_tokens", FinishReason.CONTENT: "content_filter"}

_CALLS = {
    ToolKind.FUNCTION: "function_call",
    ToolKind.CUSTOM: "custom_tool_call",
    ToolKind.SEARCH: "tool_search_call",
}

Item = dict[str, Any]


class Response:
    """One response as it is told again and again: its head never changes, so that its JSON is made once."""

    __slots__ = ("_head", "request_id")

    def __init__(self, shape: ResponsesShape, head: AnswerHead) -> None:
        self.request_id = head.request_id
        constant = {
            "id": f"resp_{head.request_id}",
            "object": "response",
            "created_at": head.created_at_ms // 1000,
            "model": head.model,
            "background": False,
            "previous_response_id": None,
            "store": False,
        }
        self._head = orjson.dumps(constant)[:-1] + b"," + shape.echo.encode()[1:-1]

    def json(
        self,
        state: str,
        output: Sequence[Item] = (),
        usage: Usage | None = None,
        *,
        finish: FinishReason | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The response in that state. `finish` says why it is incomplete, where it is."""
        why = None if finish is None else _WHY.get(finish)
        rest = {
            "status": state,
            "output": list(output),
            "usage": None if usage is None else usage_object(usage),
            "error": error,
            "incomplete_details": None if why is None else {"reason": why},
        }
        return self._head + b"," + orjson.dumps(rest)[1:]

    def item_id(self, prefix: str, index: int) -> str:
        """The id of an item of the output, always the same for the same place."""
        return f"{prefix}_{self.request_id}_{index}"


def state_of(finish: FinishReason) -> str:
    """The state of a response that ended so."""
    return _STATES[finish]


def message_item(item_id: str, text: str, state: str) -> Item:
    """What was said."""
    content = [text_part(text)]
    return {"id": item_id, "type": "message", "status": state, "role": "assistant", "content": content}


def text_part(text: str) -> Item:
    """The one part of a message."""
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def call_item(
    item_id: str, call_id: str, arguments: str, own: OwnTool, state: str, *, said: bool = True
) -> Item:
    """A tool call as its client knows the tool; what it is called with only where it is `said` already."""
    item: Item = {"id": item_id, "type": _CALLS[own.kind], "status": state, "call_id": call_id}
    if own.kind is ToolKind.SEARCH:
        table = object_in(arguments) if said else None
        return item | {"execution": "client", "arguments": table or {}}
    item["name"] = own.name
    if own.namespace is not None:
        item["namespace"] = own.namespace
    if own.kind is ToolKind.CUSTOM:
        return item | {"input": free_text(arguments) if said else ""}
    return item | {"arguments": arguments if said else ""}


def reasoning_item(item_id: str, text: str, content: str | None) -> Item:
    """Reasoning: its text as a summary, and what its provider wants back, sealed."""
    return {"id": item_id, **reasoning_fields(text, content)}


def reasoning_fields(text: str, content: str | None) -> Item:
    """The same without its id."""
    item: Item = {"type": "reasoning", "summary": [summary_part(text)] if text else []}
    return item if content is None else item | {"encrypted_content": content}


def summary_part(text: str) -> Item:
    """The one part of a summary."""
    return {"type": "summary_text", "text": text}


def usage_object(usage: Usage) -> Item | None:
    """Tokens in this shape: None where either count is unknown. Details that are unknown are null as a whole, and what
    is unknown within them is not there: Codex takes no null within, and asks for the whole answer again. `estimated` is
    there where nobody counted."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    told: Item = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": None,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": None,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_tokens is not None:
        details = told["input_tokens_details"] = {"cached_tokens": usage.cached_tokens}
        if usage.written_tokens is not None:
            details["cache_write_tokens"] = usage.written_tokens
    if usage.reasoning_tokens is not None:
        told["output_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.estimated:
        told["estimated"] = True
    return told
