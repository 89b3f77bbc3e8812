"""A whole answer as a chat completion."""

from __future__ import annotations

from typing import Any

import orjson

from trunkline.domain.messages import ThinkingPart, ToolCallPart
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import AnswerHead, WholeAnswer
from trunkline.gateway.openai.read import ChatShape
from trunkline.gateway.sealing import sealed

_REASONS = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT: "content_filter",
    FinishReason.CANCELLED: "length",
}
"""A stopped answer is as unfinished as one that was cut by its limit; the shape has no nearer word."""


def completion(shape: ChatShape, answer: WholeAnswer) -> bytes:
    """The body of a chat completion."""
    choice = {
        "index": 0,
        "message": _message(shape, answer),
        "logprobs": None,
        "finish_reason": finish_word(answer.finish, shape),
    }
    body = {
        "id": completion_id(answer.head),
        "object": "chat.completion",
        "created": created_at(answer.head),
        "model": answer.head.model,
        "choices": [choice],
        "usage": usage_object(answer.usage),
        "system_fingerprint": None,
    }
    return orjson.dumps(body)


def completion_id(head: AnswerHead) -> str:
    """The id of the answer."""
    return f"chatcmpl-{head.request_id}"


def created_at(head: AnswerHead) -> int:
    """When it began, in seconds of Unix time."""
    return head.created_at_ms // 1000


def finish_word(finish: FinishReason, shape: ChatShape) -> str:
    """Why the model stopped, in this shape's words."""
    old = shape.old_functions and finish is FinishReason.TOOL_CALLS
    return "function_call" if old else _REASONS[finish]


def call_object(
    call_id: str, name: str, arguments: str, signature: str | None, route: Route
) -> dict[str, Any]:
    """A tool call. A signature goes where Google's own endpoint in this shape has it, bound to its provider, so that
    it finds its way back with clients that keep what they do not know."""
    call: dict[str, Any] = {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments or "{}"},
    }
    if signature is not None:
        call["extra_content"] = {"google": {"thought_signature": sealed(signature, route)}}
    return call


def usage_object(usage: Usage) -> dict[str, Any] | None:
    """Tokens in this shape: None where either count is unknown, details only as far as they are known. `estimated`
    is there where nobody counted."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    told: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    prompt = {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.written_tokens}
    known = {name: tokens for name, tokens in prompt.items() if tokens is not None}
    if known:
        told["prompt_tokens_details"] = known
    if usage.reasoning_tokens is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.estimated:
        told["estimated"] = True
    return told


def _message(shape: ChatShape, answer: WholeAnswer) -> dict[str, Any]:
    parts = answer.message.parts
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    text = answer.message.text
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls and not text else text,
        "refusal": None,
    }
    thinking = "".join(part.text for part in parts if isinstance(part, ThinkingPart))
    if thinking and shape.thinking:
        message["reasoning_content"] = thinking
    if calls and shape.old_functions:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
    elif calls:
        message["tool_calls"] = [
            call_object(
                call.call_id, call.name, call.arguments, call.signature, Route(call.provider or "", "", "")
            )
            for call in calls
        ]
    return message
