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
from trunkline.providers.portable import fitted, with_remarks
from trunkline.providers.protocol import CallContext

NO_REASONING = "(not kept)"
"""Stands where a provider insists on the reasoning before a tool call that another model made."""

_PREFILL_FLAGS = {Prefill.PREFIX: "prefix", Prefill.PARTIAL: "partial"}
_FAILED = "Error: "
_RESULT_IMAGE = "[image of the result of the call {call_id}]"


def encoded_messages(
    request: ChatRequest, context: CallContext, words: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The `messages` of the call: system messages merged where only one is taken, each tool result a message of its
    own, reasoning sent back in the form that the provider wants, an answer already begun marked as such. `words` end
    the first system message."""
    messages = fitted(request.messages, context)
    if words:
        messages = _with_words(messages, "\n\n".join(words))
    if context.provider.quirks.single_system_message:
        messages = _one_system_message(with_remarks(messages))
    thinks = Capability.THINKING in context.model.capabilities and request.effort is not Effort.NONE
    encoded: list[dict[str, Any]] = []
    for message in messages:
        encoded += _message(message, context, thinks=thinks)
    if messages and messages[-1].role is Role.ASSISTANT and encoded and encoded[-1]["role"] == "assistant":
        flag = _PREFILL_FLAGS.get(context.model.prefill)
        if flag is not None:
            encoded[-1][flag] = True
    return encoded


def images_told(encoded: list[dict[str, Any]]) -> int:
    """How many images those messages hold."""
    contents = [message.get("content") for message in encoded]
    return sum(part["type"] == "image_url" for one in contents if isinstance(one, list) for part in one)


def _with_words(messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    """`words` at the end of the system message that opens the conversation, or as one: many servers take none later."""
    if not messages or messages[0].role is not Role.SYSTEM:
        return (Message.of(Role.SYSTEM, words), *messages)
    first = messages[0]
    between = "\n\n" if first.text else ""
    return (Message(Role.SYSTEM, (*first.parts, TextPart(between + words))), *messages[1:])


def _one_system_message(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """All system messages as one, at the head."""
    texts = [message.text for message in messages if message.role is Role.SYSTEM]
    if not texts:
        return messages
    others = tuple(message for message in messages if message.role is not Role.SYSTEM)
    return (Message.of(Role.SYSTEM, "\n\n".join(texts)), *others)


def _message(message: Message, context: CallContext, *, thinks: bool) -> list[dict[str, Any]]:
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    within = context.provider.accepts.tool_images
    encoded = [_result(part, images=within) for part in results]
    shown = [] if within else [piece for part in results for piece in _shown_later(part)]
    if shown:
        encoded.append({"role": "user", "content": shown})
    if message.role is Role.ASSISTANT:
        return [*encoded, *_assistant(message, context, thinks=thinks)]
    content = _content(message)
    if content:
        role = Role.USER if message.role is Role.TOOL else message.role
        encoded.append({"role": role.value, "content": content})
    return encoded


def _result(part: ToolResultPart, *, images: bool) -> dict[str, Any]:
    """The result, with its images where a tool may show any. That the tool failed is said in its text, since the shape
    has no field for that."""
    text = f"{_FAILED}{part.text}" if part.is_error and not part.text.startswith(_FAILED) else part.text
    content: str | list[dict[str, Any]] = text
    if images and part.images:
        content = [{"type": "text", "text": text}, *(_image(image) for image in part.images)]
    return {"role": "tool", "tool_call_id": part.call_id, "content": content}


def _shown_later(part: ToolResultPart) -> list[dict[str, Any]]:
    """The result's images as a user shows them, each after words that say whose it is."""
    whose = {"type": "text", "text": _RESULT_IMAGE.format(call_id=part.call_id)}
    return [piece for image in part.images for piece in (whose, _image(image))]


def _image(part: ImagePart) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": part.url}}


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
            content.append(_image(part))
    return content


def _tool_call(part: ToolCallPart) -> dict[str, Any]:
    function = {"name": part.name, "arguments": part.arguments or "{}"}
    call: dict[str, Any] = {"id": part.call_id, "type": "function", "function": function}
    if part.signature is not None:
        call["extra_content"] = {"google": {"thought_signature": part.signature}}
    return call
