"""A request in OpenAI's chat-completions shape, bent to what each provider takes."""

from __future__ import annotations

from typing import Any

from trunkline.domain.messages import ChatRequest
from trunkline.providers.openai.messages import encoded_messages, images_told
from trunkline.providers.openai.wishes import answer_form, drawn, thinking, tools_offered
from trunkline.providers.protocol import CallContext, WireRequest
from trunkline.providers.values.jsontext import dumps, json_fields
from trunkline.providers.wishes import each_once, image_wish, together, with_native

PATH = "/chat/completions"
PROTOCOL = "openai"
_OWN_FIELDS = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n"),
        *(
            "temperature",
            "top_p",
            "top_k",
            "seed",
            "random_seed",
            "frequency_penalty",
            "presence_penalty",
            "stop",
        ),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"),
    )
)


def encode(request: ChatRequest, context: CallContext, *, max_output_tokens: int | None) -> WireRequest:
    """The call that asks `request` of that model. No credential is in it. What the provider's `extra_body` says is
    in it unless the request itself says otherwise."""
    quirks = context.provider.quirks
    tools, forced = tools_offered(request, context)
    said = together(
        drawn(request, context),
        tools,
        answer_form(request, context),
        thinking(request.effort, context, forced=forced),
    )
    messages = encoded_messages(request, context, said.words)
    body: dict[str, Any] = {"model": context.model.id, "messages": messages}
    if request.stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    output_tokens = _output_tokens(max_output_tokens, context)
    if output_tokens is not None:
        body[quirks.output_limit_field] = output_tokens
    known = context.provider.accepts.native_fields
    body, foreign = with_native(body | said.fields, request, PROTOCOL, reserved=_OWN_FIELDS, known=known)
    body = json_fields(quirks.extra_body) | body
    accept = "text/event-stream" if request.stream else "application/json"
    headers = (("Content-Type", "application/json"), ("Accept", accept), *quirks.extra_headers)
    left_out = each_once(said.left_out, image_wish(request.messages, images_told(messages)), foreign)
    return WireRequest("POST", PATH, headers, dumps(body), request.stream, left_out=left_out)


def _output_tokens(asked_tokens: int | None, context: CallContext) -> int | None:
    """The output limit to send, never above what the model gives."""
    output_tokens = (
        asked_tokens if asked_tokens is not None else context.provider.quirks.default_output_tokens
    )
    most = context.model.max_output_tokens
    return output_tokens if output_tokens is None or most is None else min(output_tokens, most)
