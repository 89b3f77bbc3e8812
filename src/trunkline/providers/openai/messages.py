"""A conversation as messages of the chat-completions shape."""

from __future__ import annotations

from typing import Any

import orjson

from trunkline.domain.messages import (
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.routes import Capability, Prefill, ReasoningEcho
from trunkline.providers.portable import fitted
from trunkline.providers.protocol import CallContext

NO_REASONING = "(not kept)"
"""Stands where a provider insists on the reasoning before a tool call that another model made."""

_PREFILL_FLAGS = {Prefill.PREFIX: "prefix", Prefill.PARTIAL: "partial"}
_FAILED = "Error: "


def encoded_messages(request: ChatRequest, context: CallContext) -> list[dict[str, Any]]:
    """The `messages` of the call: system messages merged where only one is taken, each tool result a message of its
    own, reasoning sent back in the form that the provider wants, an answer already begun marked as such."""
    messages = fitted(request.messages, context)
    if context.provider.quirks.single_system_message:
        messages = _one_system_message(messages)
    thinks = Capability.THINKING in context.model.capabilities and request.effort is not Effort.NONE
    encoded: list[dict[str, Any]] = []
    for message in messages:
        encoded += _message(message, context, thinks=thinks)
    if messages and messages[-1].role is Role.ASSISTANT and encoded and encoded[-1]["role"] == "assistant":
        flag = _PREFILL_FLAGS.get(context.model.prefill)
        if flag is not None:
            encoded[-1][flag] = True
    return encoded


def _one_system_message(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """All system messages as one, at the head."""
    texts = [message.text for message in messages if message.role is Role.SYSTEM]
    if not texts:
        return messages
    others = tuple(message for message in messages if message.role is not Role.SYSTEM)
    return (Message.of(Role.SYSTEM, "\n\n".join(texts)), *others)


def _message(message: Message, context: CallContext, *, thinks: bool) -> list[dict[str, Any]]:
    encoded: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": part.call_id, "content": _result(part)}
        for part in message.parts
        if isinstance(part, ToolResultPart)
    ]
    if message.role is Role.ASSISTANT:
        return [*encoded, *_assistant(message, context, thinks=thinks)]
    content = _content(message)
    if content:
        role = Role.USER if message.role is Role.TOOL else message.role
        encoded.append({"role": role.value, "content": content})
    return encoded


def _result(part: ToolResultPart) -> str:
    """The result's text; that the tool failed is said in it, since the shape has no field for that."""
    return f"{_FAILED}{part.text}" if part.is_error and not part.text.startswith(_FAILED) else part.text


def _assistant(message: Message, context: CallContext, *, thinks: bool) -> list[dict[str, Any]]:
    calls = [_tool_call(part) for part in message.parts if isinstance(part, ToolCallPart)]
    if not calls and not message.text:
        return []
    encoded: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    if calls:
        encoded["tool_calls"] = calls
    own = [part for part in message.parts if isinstance(part, ThinkingPart)]
    thinking = "".join(part.text for part in own)
    match context.provider.quirks.echo_reasoning:
        case ReasoningEcho.CONTENT if calls and (thinking or thinks):
            encoded["reasoning_content"] = thinking or NO_REASONING
        case ReasoningEcho.TAGS if thinking:
            encoded["content"] = f"<think>{thinking}</think>\n\n{message.text}"
        case ReasoningEcho.DETAILS:
            details = [detail for part in own for detail in _details(part, context)]
            if details:
                encoded["reasoning_details"] = details
        case _:
            pass
    return [encoded]


def _details(part: ThinkingPart, context: CallContext) -> list[Any]:
    """The `reasoning_details` kept with reasoning of this very model; no other model can read them."""
    if part.signature is None or part.model != context.model.id:
        return []
    try:
        details = orjson.loads(part.signature)
    except orjson.JSONDecodeError:
        return []
    return details if isinstance(details, list) else []


def _content(message: Message) -> str | list[dict[str, Any]]:
    """Plain text where there is nothing else, which every server takes; parts where there are images."""
    if not any(isinstance(part, ImagePart) for part in message.parts):
        return message.text
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, TextPart) and part.text:
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, ImagePart):
            content.append({"type": "image_url", "image_url": {"url": part.url}})
    return content


def _tool_call(part: ToolCallPart) -> dict[str, Any]:
    function = {"name": part.name, "arguments": part.arguments or "{}"}
    call: dict[str, Any] = {"id": part.call_id, "type": "function", "function": function}
    if part.signature is not None:
        call["extra_content"] = {"google": {"thought_signature": part.signature}}
    return call
