"""A request in the shape of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from trunkline.domain.messages import ChatRequest, Message, ResponseFormat, ToolCallPart, ToolSpec
from trunkline.domain.routes import Prefill
from trunkline.providers.anthropic.caching import mark_for_cache
from trunkline.providers.anthropic.messages import Block, system_blocks, turns
from trunkline.providers.anthropic.thinking import thinking_fields
from trunkline.providers.portable import fitted
from trunkline.providers.protocol import CallContext, WireRequest
from trunkline.providers.values.jsontext import dumps, json_fields, object_in

PATH = "/v1/messages"
VERSION = "2023-06-01"
AUTH_HEADER = "x-api-key"
DEFAULT_OUTPUT_TOKENS = 8_192
ONLY_JSON = "Answer with one JSON object and nothing else: no words around it, no code fence."
_HIGHEST_TEMPERATURE = 1.0


def encode(request: ChatRequest, context: CallContext, *, max_output_tokens: int | None) -> WireRequest:
    """The call that asks `request` of that model. No credential is in it.

    `max_tokens` must be sent: the limit asked for, else the provider's default, else all the model can give, else
    `DEFAULT_OUTPUT_TOKENS`. What the provider's `extra_body` says is in it unless the request itself says otherwise.
    There is no switch for JSON without a schema (`output_config.format` wants one), so JSON is asked for in words, at
    the end of the system prompt.
    """
    body = json_fields(context.provider.quirks.extra_body) | _body(request, context, max_output_tokens)
    mark_for_cache(body)
    accept = "text/event-stream" if request.stream else "application/json"
    headers = (("Content-Type", "application/json"), ("Accept", accept), *version_headers(context))
    return WireRequest(
        "POST", PATH, headers, dumps(body), request.stream, auth_header=AUTH_HEADER, auth_prefix=""
    )


def version_headers(context: CallContext) -> tuple[tuple[str, str], ...]:
    """The headers that go with every call: the version spoken, unless the provider's own name another."""
    extra = context.provider.quirks.extra_headers
    named = any(name.lower() == "anthropic-version" for name, _ in extra)
    return extra if named else (("anthropic-version", VERSION), *extra)


def _body(request: ChatRequest, context: CallContext, max_output_tokens: int | None) -> dict[str, Any]:
    model = context.model
    messages = fitted(request.messages, context)
    encoded = turns(messages, prefill=model.prefill is Prefill.ASSISTANT)
    output_tokens = _output_tokens(context, max_output_tokens)
    body: dict[str, Any] = {"model": model.id, "max_tokens": output_tokens, "messages": encoded}
    system = system_blocks(messages)
    if request.response_format is ResponseFormat.JSON:
        system.append({"type": "text", "text": ONLY_JSON})
    if system:
        body["system"] = system
    tools = request.tools or _tools_called(messages)
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    if tools and not request.tools:
        body["tool_choice"] = {"type": "none"}
    body |= thinking_fields(request.effort, model, encoded, output_tokens)
    if request.temperature is not None and model.temperature and "thinking" not in body:
        body["temperature"] = _temperature(request.temperature, context)
    stop = [text for text in request.stop if text.strip()]
    if stop:
        body["stop_sequences"] = stop
    if request.stream:
        body["stream"] = True
    return body


def _tools_called(messages: tuple[Message, ...]) -> tuple[ToolSpec, ...]:
    """The tools that a conversation used: one that holds calls must define them, even where no more are wanted."""
    parts = (part for message in messages for part in message.parts)
    names = dict.fromkeys(part.name for part in parts if isinstance(part, ToolCallPart))
    return tuple(ToolSpec(name, "", "{}") for name in names)


def _output_tokens(context: CallContext, asked: int | None) -> int:
    most = context.model.max_output_tokens
    tokens = asked if asked is not None else context.provider.quirks.default_output_tokens
    if tokens is None:
        tokens = DEFAULT_OUTPUT_TOKENS if most is None else most
    return max(1, tokens if most is None else min(tokens, most))


def _temperature(asked: float, context: CallContext) -> float:
    quirks = context.provider.quirks
    highest = min(quirks.temperature_max, _HIGHEST_TEMPERATURE)
    return min(highest, max(quirks.temperature_min, asked))


def _tool(tool: ToolSpec) -> Block:
    encoded: Block = {"name": tool.name, "input_schema": {"type": "object"} | (object_in(tool.schema) or {})}
    if tool.description.strip():
        encoded["description"] = tool.description
    return encoded
