"""A request in the shape of Google's generateContent."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.routes import Prefill
from trunkline.providers.gemini.contents import Content, contents, images_told
from trunkline.providers.gemini.thinking import is_third_generation
from trunkline.providers.gemini.wishes import answer_form, drawn, thought_over, tools_offered
from trunkline.providers.portable import fitted, with_remarks
from trunkline.providers.protocol import CallContext, WireRequest
from trunkline.providers.values.jsontext import dumps, json_fields
from trunkline.providers.wishes import Said, each_once, image_wish, together, with_native

MODELS_PATH = "/v1beta/models"
MODEL_PREFIX = "models/"
AUTH_HEADER = "x-goog-api-key"
PROTOCOL = "gemini"
_OWN_CONFIG = (
    *("maxOutputTokens", "temperature", "topP", "topK", "seed", "frequencyPenalty", "presencePenalty"),
    *("stopSequences", "responseMimeType", "responseJsonSchema", "responseSchema", "candidateCount"),
)
_OWN_FIELDS = frozenset(
    (
        *("model", "contents", "systemInstruction", "tools", "toolConfig.functionCallingConfig"),
        *(f"generationConfig.{name}" for name in _OWN_CONFIG),
    )
)


def encode(request: ChatRequest, context: CallContext, *, max_output_tokens: int | None) -> WireRequest:
    """The call that asks `request` of that model. No credential is in it. What the provider's `extra_body` says is in
    it unless the request itself says otherwise."""
    body, left_out = _body(request, context, max_output_tokens)
    body = json_fields(context.provider.quirks.extra_body) | body
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
        left_out=left_out,
    )


def _body(
    request: ChatRequest, context: CallContext, max_output_tokens: int | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields of the call, and the wishes that are not in them."""
    model, messages = context.model, with_remarks(fitted(request.messages, context))
    third = is_third_generation(model)
    told = contents(
        messages, prefill=model.prefill is Prefill.ASSISTANT, sign_calls=third, results_hold_images=third
    )
    output_tokens = _output_tokens(context, max_output_tokens)
    config = together(
        Said({} if output_tokens is None else {"maxOutputTokens": output_tokens}),
        drawn(request, context),
        answer_form(request, context),
        thought_over(request, context, output_tokens),
    )
    tools = tools_offered(request, context)
    body: dict[str, Any] = {"contents": told}
    system = _system_instruction(messages, (*config.words, *tools.words))
    if system is not None:
        body["systemInstruction"] = system
    body |= tools.fields
    if config.fields:
        body["generationConfig"] = config.fields
    known = context.provider.accepts.native_fields
    body, foreign = with_native(body, request, PROTOCOL, reserved=_OWN_FIELDS, known=known)
    images = image_wish(request.messages, images_told(told))
    return body, each_once(config.left_out, tools.left_out, images, foreign)


def _system_instruction(messages: tuple[Message, ...], words: tuple[str, ...]) -> Content | None:
    """The text of every system message, and `words` after them."""
    texts = [*(message.text for message in messages if message.role is Role.SYSTEM), *words]
    parts = [{"text": text} for text in texts if text.strip()]
    return {"parts": parts} if parts else None


def _output_tokens(context: CallContext, asked: int | None) -> int | None:
    """The output limit to send, thinking included, never above what the model gives."""
    tokens = asked if asked is not None else context.provider.quirks.default_output_tokens
    most = context.model.max_output_tokens
    if tokens is None:
        return None
    return max(1, tokens if most is None else min(tokens, most))
