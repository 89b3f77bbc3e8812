"""A request in the shape of Google's generateContent."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from trunkline.domain.messages import ChatRequest, Message, ResponseFormat, Role, ToolSpec
from trunkline.domain.routes import Prefill
from trunkline.providers.gemini.contents import Content, contents
from trunkline.providers.gemini.thinking import is_third_generation, thinking_config
from trunkline.providers.portable import fitted
from trunkline.providers.protocol import CallContext, WireRequest
from trunkline.providers.values.jsontext import dumps, json_fields, loads, mapping

MODELS_PATH = "/v1beta/models"
MODEL_PREFIX = "models/"
AUTH_HEADER = "x-goog-api-key"
ONLY_JSON = "What you say to the user is one JSON object and nothing else: no words around it, no code fence."
_MOST_STOP_SEQUENCES = 5


def encode(request: ChatRequest, context: CallContext, *, max_output_tokens: int | None) -> WireRequest:
    """The call that asks `request` of that model. No credential is in it. What the provider's `extra_body` says is in
    it unless the request itself says otherwise."""
    body = json_fields(context.provider.quirks.extra_body) | _body(request, context, max_output_tokens)
    method = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    model = quote(context.model.id.removeprefix(MODEL_PREFIX), safe="")
    accept = "text/event-stream" if request.stream else "application/json"
    headers = (
        ("Content-Type", "application/json"),
        ("Accept", accept),
        *context.provider.quirks.extra_headers,
    )
    return WireRequest(
        "POST",
        f"{MODELS_PATH}/{model}:{method}",
        headers,
        dumps(body),
        request.stream,
        auth_header=AUTH_HEADER,
        auth_prefix="",
    )


def _body(request: ChatRequest, context: CallContext, max_output_tokens: int | None) -> dict[str, Any]:
    model = context.model
    messages = fitted(request.messages, context)
    body: dict[str, Any] = {
        "contents": contents(
            messages, prefill=model.prefill is Prefill.ASSISTANT, sign_calls=is_third_generation(model)
        )
    }
    in_words = _wants_json(request, context) and not _takes_json_type(request, context)
    system = _system_instruction(messages, ONLY_JSON if in_words else "")
    if system is not None:
        body["systemInstruction"] = system
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in request.tools]}]
    config = _generation_config(request, context, max_output_tokens)
    if config:
        body["generationConfig"] = config
    return body


def _system_instruction(messages: tuple[Message, ...], last: str) -> Content | None:
    """The text of every system message, wherever it stands in the conversation, and `last`."""
    texts = [*(message.text for message in messages if message.role is Role.SYSTEM), last]
    parts = [{"text": text} for text in texts if text.strip()]
    return {"parts": parts} if parts else None


def _generation_config(
    request: ChatRequest, context: CallContext, max_output_tokens: int | None
) -> dict[str, Any]:
    quirks = context.provider.quirks
    config: dict[str, Any] = {}
    output_tokens = _output_tokens(context, max_output_tokens)
    if output_tokens is not None:
        config["maxOutputTokens"] = output_tokens
    if request.temperature is not None and context.model.temperature:
        config["temperature"] = min(max(request.temperature, quirks.temperature_min), quirks.temperature_max)
    stop = [text for text in request.stop if text][:_MOST_STOP_SEQUENCES]
    if stop:
        config["stopSequences"] = stop
    if _wants_json(request, context) and _takes_json_type(request, context):
        config["responseMimeType"] = "application/json"
    thinking = thinking_config(request.effort, context.model, output_tokens)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _output_tokens(context: CallContext, asked: int | None) -> int | None:
    """The output limit to send, thinking included, never above what the model gives."""
    tokens = asked if asked is not None else context.provider.quirks.default_output_tokens
    most = context.model.max_output_tokens
    if tokens is None:
        return None
    return max(1, tokens if most is None else min(tokens, most))


def _wants_json(request: ChatRequest, context: CallContext) -> bool:
    return request.response_format is ResponseFormat.JSON and context.provider.quirks.json_mode


def _takes_json_type(request: ChatRequest, context: CallContext) -> bool:
    """Models before the third generation answer 400 to a JSON type beside tools (googleapis/python-genai#867); they
    are asked for it in words."""
    return not request.tools or is_third_generation(context.model)


def _declaration(tool: ToolSpec) -> dict[str, Any]:
    """A function as declared, its parameters as plain JSON schema (`parametersJsonSchema`), which unlike `parameters`
    takes every keyword; one without parameters has no schema."""
    try:
        schema = mapping(loads(tool.schema.encode("utf-8", "replace")))
    except ValueError:
        schema = {}
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description.strip():
        declaration["description"] = tool.description
    if schema.get("properties") or schema.get("$ref") or set(schema) - {"type", "properties", "required"}:
        declaration["parametersJsonSchema"] = {"type": "object"} | schema
    return declaration
