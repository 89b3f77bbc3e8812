"""A whole answer as a message object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trunkline.domain.messages import Part, TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.routes import Route
from trunkline.gateway.anthropic.ending import stop_reason, usage_fields
from trunkline.gateway.anthropic.read import Shape, ThinkingShown
from trunkline.gateway.anthropic.signatures import seal
from trunkline.gateway.dialect import AnswerHead, WholeAnswer
from trunkline.providers.values.jsontext import dumps, object_in

Block = dict[str, Any]


def message_fields(head: AnswerHead) -> dict[str, Any]:
    """A message that says nothing yet."""
    return {
        "id": f"msg_{head.request_id}",
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def call_input(arguments: str) -> dict[str, Any]:
    """The input of a call, which must be an object: what is none is put into one as it is."""
    if not arguments.strip():
        return {}
    value = object_in(arguments)
    return {"arguments": arguments} if value is None else value


def whole(shape: Shape, answer: WholeAnswer) -> bytes:
    """The body. An input that nobody counted is told by the estimate, since clients take it for a number."""
    has_calls = any(isinstance(part, ToolCallPart) for part in answer.message.parts)
    usage = usage_fields(answer.usage)
    if usage["input_tokens"] is None:
        usage["input_tokens"] = answer.head.input_tokens
    message = message_fields(answer.head) | {
        "content": [block for part in _told(answer.message.parts) for block in _blocks(part, shape)],
        "stop_reason": stop_reason(answer.finish, has_calls=has_calls),
        "usage": usage,
    }
    return dumps(message)


def _told(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """`parts` without a signature alone at their end: clients take the last block for the answer."""
    last = parts[-1] if len(parts) > 1 else None
    return parts[:-1] if isinstance(last, ThinkingPart) and not last.text else parts


def _blocks(part: Part, shape: Shape) -> Iterator[Block]:
    """The block of a part; none for what the client does not want to see, or what says nothing."""
    match part:
        case TextPart(text) if text:
            yield {"type": "text", "text": text}
        case ToolCallPart():
            yield {
                "type": "tool_use",
                "id": part.call_id,
                "name": part.name,
                "input": call_input(part.arguments),
            }
        case ThinkingPart() if shape.thinking is not ThinkingShown.NONE and (part.text or part.signature):
            route = Route(part.provider, "", part.model or "")
            if part.redacted:
                yield {"type": "redacted_thinking", "data": seal(part.signature, route)}
            elif shape.thinking is ThinkingShown.FULL:
                yield {"type": "thinking", "thinking": part.text, "signature": seal(part.signature, route)}
            else:
                signature = seal(part.signature, route, unshown=part.text)
                yield {"type": "thinking", "thinking": "", "signature": signature}
        case _:
            return
