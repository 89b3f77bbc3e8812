"""A request in OpenAI's chat-completions shape, bent to what each provider takes."""

from __future__ import annotations

from typing import Any

import orjson

from trunkline.domain.messages import ChatRequest, Effort, ResponseFormat, ToolSpec
from trunkline.domain.routes import ThinkingControl
from trunkline.providers.openai.messages import encoded_messages
from trunkline.providers.protocol import CallContext, WireRequest
from trunkline.providers.values.jsontext import dumps, json_fields

PATH = "/chat/completions"
_RANKS = {
    word: rank for rank, word in enumerate(("none", "minimal", "low", "medium", "high", "xhigh", "max"))
}


def encode(request: ChatRequest, context: CallContext, *, max_output_tokens: int | None) -> WireRequest:
    """The call that asks `request` of that model. No credential is in it. What the provider's `extra_body` says is
    in it unless the request itself says otherwise."""
    quirks = context.provider.quirks
    body: dict[str, Any] = {"model": context.model.id, "messages": encoded_messages(request, context)}
    if request.stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    output_tokens = _output_tokens(max_output_tokens, context)
    if output_tokens is not None:
        body[quirks.output_limit_field] = output_tokens
    if request.temperature is not None and context.model.temperature:
        body["temperature"] = min(max(request.temperature, quirks.temperature_min), quirks.temperature_max)
    if request.stop:
        body["stop"] = list(request.stop)
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.response_format is ResponseFormat.JSON and quirks.json_mode:
        body["response_format"] = {"type": "json_object"}
    if request.effort is not None:
        body |= _thinking(request.effort, context.model.thinking, quirks.efforts)
    body = json_fields(quirks.extra_body) | body
    accept = "text/event-stream" if request.stream else "application/json"
    headers = (("Content-Type", "application/json"), ("Accept", accept), *quirks.extra_headers)
    return WireRequest("POST", PATH, headers, dumps(body), request.stream)


def _output_tokens(asked_tokens: int | None, context: CallContext) -> int | None:
    """The output limit to send, never above what the model gives."""
    output_tokens = (
        asked_tokens if asked_tokens is not None else context.provider.quirks.default_output_tokens
    )
    most = context.model.max_output_tokens
    return output_tokens if output_tokens is None or most is None else min(output_tokens, most)


def _thinking(effort: Effort, control: ThinkingControl, words: tuple[str, ...]) -> dict[str, Any]:
    """The field that says how long to think; nothing where the model has no such control."""
    match control:
        case ThinkingControl.EFFORT:
            return {"reasoning_effort": _nearest(effort, words)}
        case ThinkingControl.REASONING:
            return {"reasoning": {"effort": effort.value}}
        case ThinkingControl.SWITCH | ThinkingControl.ADAPTIVE:
            on = "enabled" if control is ThinkingControl.SWITCH else "adaptive"
            return {"thinking": {"type": "disabled" if effort is Effort.NONE else on}}
        case _:
            return {}


def _nearest(effort: Effort, words: tuple[str, ...]) -> str:
    """The most that is taken and no more than `effort`, else the least that is taken."""
    taken = [word for word in words if _RANKS.get(word, 0) <= _RANKS[effort]]
    return taken[-1] if taken else words[0]


def _tool(tool: ToolSpec) -> dict[str, Any]:
    try:
        schema = orjson.loads(tool.schema)
    except orjson.JSONDecodeError:
        schema = {"type": "object"}
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": function}
