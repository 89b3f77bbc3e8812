"""A request in the shape of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from trunkline.domain.messages import ChatRequest
from trunkline.domain.routes import Prefill
from trunkline.providers.anthropic.caching import mark_for_cache
from trunkline.providers.anthropic.messages import images_told, system_blocks, turns
from trunkline.providers.anthropic.wishes import answer_form, drawn, thought_over, tools_offered
from trunkline.providers.portable import fitted, with_remarks
from trunkline.providers.protocol import CallContext, WireRequest
from trunkline.providers.values.jsontext import dumps, json_fields
from trunkline.providers.wishes import each_once, image_wish, together, with_native

PATH = "/v1/messages"
VERSION = "2023-06-01"
AUTH_HEADER = "x-api-key"
DEFAULT_OUTPUT_TOKENS = 8_192
PROTOCOL = "anthropic"
_OWN_FIELDS = frozenset(
    (
        *("model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice"),
        *("temperature", "top_p", "top_k", "stop_sequences", "output_config.effort", "output_config.format"),
    )
)


def encode(request: ChatRequest, context: CallContext, *, max_output_tokens: int | None) -> WireRequest:
    """The call that asks `request` of that model. No credential is in it.

    `max_tokens` must be sent: the limit asked for, else the provider's default, else all the model can give, else
    `DEFAULT_OUTPUT_TOKENS`. What the provider's `extra_body` says is in it unless the request itself says otherwise.
    """
    body, left_out = _body(request, context, max_output_tokens)
    body = json_fields(context.provider.quirks.extra_body) | body
    mark_for_cache(body)
    accept = "text/event-stream" if request.stream else "application/json"
    headers = (("Content-Type", "application/json"), ("Accept", accept), *version_headers(context))
    return WireRequest(
        "POST",
        PATH,
        headers,
        dumps(body),
        request.stream,
        auth_header=AUTH_HEADER,
        auth_prefix="",
        left_out=left_out,
    )


def version_headers(context: CallContext) -> tuple[tuple[str, str], ...]:
    """The headers that go with every call: the version spoken, unless the provider's own name another."""
    extra = context.provider.quirks.extra_headers
    named = any(name.lower() == "anthropic-version" for name, _ in extra)
    return extra if named else (("anthropic-version", VERSION), *extra)


def _body(
    request: ChatRequest, context: CallContext, max_output_tokens: int | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields of the call, and the wishes that are not in them."""
    model = context.model
    messages = with_remarks(fitted(request.messages, context))
    encoded = turns(messages, prefill=model.prefill is Prefill.ASSISTANT)
    output_tokens = _output_tokens(context, max_output_tokens)
    tools, forced = tools_offered(request, context, messages)
    thinking = thought_over(request, context, encoded, output_tokens, forced=forced)
    form = answer_form(request, context, encoded)
    sampled = drawn(request, context, thinks="thinking" in thinking.fields)
    said = together(tools, thinking, form, sampled)
    body: dict[str, Any] = {"model": model.id, "max_tokens": output_tokens, "messages": encoded}
    system = [*system_blocks(messages), *({"type": "text", "text": words} for words in said.words)]
    if system:
        body["system"] = system
    body |= said.fields
    if "output_config" in body:
        body["output_config"] = thinking.fields.get("output_config", {}) | form.fields.get(
            "output_config", {}
        )
    if request.stream:
        body["stream"] = True
    known = context.provider.accepts.native_fields
    body, foreign = with_native(body, request, PROTOCOL, reserved=_OWN_FIELDS, known=known)
    return body, each_once(said.left_out, image_wish(request.messages, images_told(encoded)), foreign)


def _output_tokens(context: CallContext, asked: int | None) -> int:
    most = context.model.max_output_tokens
    tokens = asked if asked is not None else context.provider.quirks.default_output_tokens
    if tokens is None:
        tokens = DEFAULT_OUTPUT_TOKENS if most is None else most
    return max(1, tokens if most is None else min(tokens, most))
