"""A request of Anthropic's Messages API, read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Effort,
    NativeField,
    ResponseFormat,
    Sampling,
)
from trunkline.domain.tasks import Origin
from trunkline.gateway.anthropic.content import read_messages
from trunkline.gateway.anthropic.tools import read_choice, read_tools
from trunkline.gateway.dialect import Asked, Carried
from trunkline.gateway.effort import effort_of
from trunkline.gateway.left_out import LeftOut, packed, refused
from trunkline.gateway.reading import Reader
from trunkline.providers.values.jsontext import object_in

PROTOCOL = "anthropic"
_NATIVE = ("service_tier",)
_KNOWN = (
    "model",
    "models",
    "messages",
    "system",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "metadata",
    *_NATIVE,
)
_ELSEWHERE = {
    "mcp_servers": "tool servers that Anthropic calls itself cannot be called from here",
    "container": "containers in which Anthropic runs code cannot be reached from here",
    "inference_geo": "where a model runs cannot be promised here",
}
_EFFORTS = {
    "low": Effort.LOW,
    "medium": Effort.MEDIUM,
    "high": Effort.HIGH,
    "xhigh": Effort.MAX,
    "max": Effort.MAX,
}
_USUAL_EFFORT = Effort.HIGH
"""What Anthropic's documentation has as the effort of a request that thinks and does not say how long."""

_SESSION = re.compile(r"_session_([0-9A-Za-z-]{8,64})$")


class ThinkingShown(StrEnum):
    """How much of the reasoning the client wants to see: none, as the API does it where nothing is asked, its
    signatures alone, or all of it."""

    NONE = "none"
    SIGNED = "signed"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the writers of an answer need to know of its request."""

    thinking: ThinkingShown = ThinkingShown.NONE


def read(
    body: Mapping[str, Any], origin: Origin, *, model: str | None, stream: bool | None, counting: bool = False
) -> Asked:
    """What `body` asks; `counting`: it is only to be counted, and needs no output limit. Raises UnreadableError."""
    reader = Reader(body)
    left_out = LeftOut()
    for name, why in _ELSEWHERE.items():
        if reader.table.get(name):
            raise refused(reader, name, why)
    models = reader.texts("models")
    if model is None:
        model = reader.text("model") or (models[0] if models else None) or reader.needed_text("model")
    output_tokens = reader.whole("max_tokens", least=1)
    if output_tokens is None and not counting:
        raise reader.wrong("max_tokens", "a whole number from 1 on")
    said = reader.text_values("metadata")
    session = _session_of(said.get("user_id", ""))
    if session is not None:
        del said["user_id"]
    shown, effort = _thinking(reader)
    schema = _answer_schema(reader)
    tools = read_tools(reader, left_out)
    chat = ChatRequest(
        messages=read_messages(reader, left_out),
        origin=origin,
        max_output_tokens=output_tokens,
        temperature=reader.number("temperature", least=0, most=1),
        stop=reader.texts("stop_sequences"),
        tools=tools,
        tool_choice=read_choice(reader, tools),
        response_format=ResponseFormat.TEXT if schema is None else ResponseFormat.JSON,
        answer_schema=schema,
        sampling=Sampling(
            top_p=reader.number("top_p", least=0, most=1),
            top_k=reader.whole("top_k", least=0),
        ),
        effort=effort,
        native=tuple(
            NativeField(PROTOCOL, name, packed(reader.table[name], name))
            for name in _NATIVE
            if reader.has(name)
        ),
        stream=bool(reader.flag("stream")) if stream is None else stream,
    )
    left_out.add_unknown(reader, _KNOWN)
    told = shown is not ThinkingShown.NONE
    return Asked(
        chat,
        model,
        fallbacks=tuple(name for name in models if name != model),
        said=said,
        conversation_key=session,
        ignored=left_out.names(),
        shape=Shape(shown),
        carried=Carried(signed=told, unsigned=told),
    )


def _session_of(user_id: str) -> str | None:
    """The session that Claude Code names in its `user_id`: at its end, or (since 2.1.78) in JSON. Any other user id
    says who asks and not in which conversation."""
    found = _SESSION.search(user_id)
    if found is not None:
        return found[1]
    session = (object_in(user_id) or {}).get("session_id") if user_id.startswith("{") else None
    return session if isinstance(session, str) and session else None


def _thinking(reader: Reader) -> tuple[ThinkingShown, Effort | None]:
    """How much of the reasoning is wanted, and how long it may be."""
    config = reader.object("output_config")
    word = None if config is None else config.word("effort", tuple(_EFFORTS))
    effort = None if word is None else _EFFORTS[word]
    thinking = reader.object("thinking")
    if thinking is None:
        return ThinkingShown.NONE, effort
    kind = thinking.word("type", ("enabled", "disabled", "adaptive", "between_tools"))
    if kind is None:
        raise thinking.wrong("type", "enabled, disabled or adaptive")
    if kind == "disabled":
        return ThinkingShown.NONE, Effort.NONE
    if kind == "enabled":
        budget_tokens = thinking.whole("budget_tokens", least=1)
        if budget_tokens is None:
            raise thinking.wrong("budget_tokens", "a whole number from 1 on")
        effort = effort or effort_of(budget_tokens)
    omitted = thinking.word("display", ("summarized", "omitted")) == "omitted"
    return (ThinkingShown.SIGNED if omitted else ThinkingShown.FULL), effort or _USUAL_EFFORT


def _answer_schema(reader: Reader) -> AnswerSchema | None:
    """The schema of the answer, by `output_config.format` or the older `output_format`. The API holds a model to it."""
    config = reader.object("output_config")
    form = None if config is None else config.object("format")
    form = form or reader.object("output_format")
    if form is None:
        return None
    if form.text("type") != "json_schema":
        raise form.wrong("type", "json_schema")
    schema = form.object("schema")
    if schema is None:
        raise form.wrong("schema", "an object")
    return AnswerSchema(packed(schema.table, form.at("schema")), strict=True)
