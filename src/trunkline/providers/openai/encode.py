"""A request in OpenAI's chat-completions shape, bent to what each provider takes."""

from __future__ import annotations

from typing import Any

import orjson

from trunkline.domain.messages import (
    ChatRequest,
    ImagePart,
    Message,
    ResponseFormat,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from trunkline.domain.routes import Prefill, ReasoningEcho
from trunkline.providers.portable import fitted
from trunkline.providers.protocol import CallContext, WireRequest

PATH = "/chat/completions"
_PREFILL_FLAGS = {Prefill.PREFIX: "prefix", Prefill.PARTIAL: "partial"}


def encode(request: ChatRequest, context: CallContext, *, max_output_tokens: int | None) -> WireRequest:
    """The call that asks `request` of that model. No credential is in it."""
    quirks = context.provider.quirks
    body: dict[str, Any] = {"model": context.model.id, "messages": _messages(request, context)}
    if request.stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    output_tokens = max_output_tokens if max_output_tokens is not None else quirks.default_output_tokens
    if output_tokens is not None:
        body[quirks.output_limit_field] = output_tokens
    if request.temperature is not None and context.model.temperature:
        body["temperature"] = request.temperature
    if request.stop:
        body["stop"] = list(request.stop)
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.response_format is ResponseFormat.JSON and quirks.json_mode:
        body["response_format"] = {"type": "json_object"}
    accept = "text/event-stream" if request.stream else "application/json"
    headers = (("Content-Type", "application/json"), ("Accept", accept), *quirks.extra_headers)
    return WireRequest("POST", PATH, headers, _dumps(body), request.stream)


def _messages(request: ChatRequest, context: CallContext) -> list[dict[str, Any]]:
    messages = fitted(request.messages, context)
    if context.provider.quirks.single_system_message:
        messages = _one_system_message(messages)
    encoded: list[dict[str, Any]] = []
    for message in messages:
        encoded += _message(message, context)
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


def _message(message: Message, context: CallContext) -> list[dict[str, Any]]:
    """One message of ours as messages on the wire: each tool result is one of its own."""
    encoded: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": part.call_id, "content": part.text}
        for part in message.parts
        if isinstance(part, ToolResultPart)
    ]
    if message.role is Role.ASSISTANT:
        return [*encoded, *_assistant(message, context)]
    content = _content(message)
    if content and message.role is not Role.TOOL:
        encoded.append({"role": message.role.value, "content": content})
    elif content and not encoded:
        encoded.append({"role": "user", "content": content})
    return encoded


def _assistant(message: Message, context: CallContext) -> list[dict[str, Any]]:
    calls = [_tool_call(part) for part in message.parts if isinstance(part, ToolCallPart)]
    if not calls and not message.text:
        return []
    encoded: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    if calls:
        encoded["tool_calls"] = calls
    if context.provider.quirks.echo_reasoning is ReasoningEcho.CONTENT:
        own = [
            part.text
            for part in message.parts
            if isinstance(part, ThinkingPart) and part.provider == context.provider.id
        ]
        if own and calls:
            encoded["reasoning_content"] = "".join(own)
    return [encoded]


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
    return {"id": part.call_id, "type": "function", "function": function}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    try:
        schema = orjson.loads(tool.schema)
    except orjson.JSONDecodeError:
        schema = {"type": "object"}
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": function}


def _dumps(body: dict[str, Any]) -> bytes:
    """JSON; lone surrogates, which UTF-8 cannot carry, become replacement characters."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return orjson.dumps(_encodable(body))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list) else value
