"""A responses request, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Effort,
    Message,
    ResponseFormat,
    Role,
    Sampling,
    ToolChoice,
    ToolUse,
)
from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import Asked, Carried
from trunkline.gateway.left_out import LeftOut, packed, refused
from trunkline.gateway.openai.fields import NATIVE, native_fields, read_effort, read_schema
from trunkline.gateway.reading import Reader
from trunkline.gateway.responses.items import read_input
from trunkline.gateway.responses.own_tools import OwnTool, ToolKind
from trunkline.gateway.responses.summaries import is_wanted
from trunkline.gateway.responses.tools import read_tools

_NATIVE = tuple(name for name in NATIVE if name not in ("logit_bias", "prediction", "verbosity"))
"""Of what only OpenAI's kind knows, that which responses have; how wordy the answer is stands under `text`."""

_KNOWN = {
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "models",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "reasoning",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    *_NATIVE,
}
_CARRIED = "reasoning.encrypted_content"
"""Whoever has this included brings it back; others may drop it, though they get it too."""

_REASONING_FIELDS = ("effort", "summary", "generate_summary", "max_tokens", "enabled")

_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}
"""What a response repeats of its request, and what stands there where the request says nothing."""


@dataclass(frozen=True, slots=True)
class ResponsesShape:
    """What the answer needs of the request: the fields of a response that it repeats, as the JSON text of one object,
    how the client knows the tools, by the name under which each was offered, and whether a summary of the conversation
    is wanted that stands for it from then on."""

    echo: str
    tools: Mapping[str, OwnTool] = field(default_factory=dict)
    compacts: bool = False

    def own(self, name: str) -> OwnTool:
        """How the client knows the tool that a model called so; a name that nobody offered is told as it is."""
        return self.tools.get(name) or OwnTool(ToolKind.FUNCTION, name)


def read_responses(
    body: Mapping[str, Any], origin: Origin, *, model: str | None = None, stream: bool | None = None
) -> Asked:
    """What a responses request asks; see `Dialect.read`."""
    reader, left_out = Reader(body), LeftOut()
    _refuse(reader)
    tools, choice, own_tools = read_tools(reader, left_out)
    fallbacks = reader.texts("models")
    model = model or (reader.needed_text("model") if reader.has("model") or not fallbacks else fallbacks[0])
    compacts = is_wanted(reader)
    if compacts and tools:
        choice = ToolChoice(ToolUse.NONE)
    response_format, schema, native = _text(reader)
    instructions = reader.text("instructions")
    system = () if not instructions else (Message.of(Role.SYSTEM, instructions),)
    chat = ChatRequest(
        messages=(*system, *read_input(reader, left_out)),
        origin=origin,
        max_output_tokens=reader.whole("max_output_tokens", least=1),
        temperature=reader.number("temperature", least=0, most=2),
        tools=tools,
        response_format=response_format,
        effort=_effort(reader, left_out),
        stream=bool(reader.flag("stream")) if stream is None else stream,
        tool_choice=choice,
        answer_schema=schema,
        sampling=Sampling(reader.number("top_p", least=0, most=1)),
        native=(*native_fields(reader, _NATIVE), *native),
    )
    if reader.flag("store"):
        left_out.add("store")
    if reader.word("truncation", ("auto", "disabled")) == "auto":
        left_out.add("truncation")
    left_out.add_unknown(reader, _KNOWN)
    carries = _CARRIED in reader.texts("include")
    return Asked(
        chat,
        model,
        tuple(one for one in fallbacks if one and one != model),
        reader.text_values("metadata"),
        reader.text("prompt_cache_key"),
        left_out.names(),
        ResponsesShape(_echo(reader), own_tools, compacts),
        Carried(signed=carries, calls=carries),
    )


def _refuse(reader: Reader) -> None:
    """What nobody here can do and whoever asks for it counts on."""
    for key in ("previous_response_id", "conversation"):
        if reader.has(key):
            raise refused(
                reader, key, "responses are not stored here; send the whole input, with store false"
            )
    if reader.has("prompt"):
        raise refused(
            reader, "prompt", "prompts are not stored here; send what it says as instructions and input"
        )
    if reader.flag("background"):
        raise refused(reader, "background", "a response is given while its request waits; leave it out")
    if reader.has("moderation"):
        raise refused(reader, "moderation", "moderation by the provider is not passed on")
    if reader.whole("top_logprobs", least=0) or "message.output_text.logprobs" in reader.texts("include"):
        raise refused(reader, "top_logprobs", "probabilities of tokens are not passed on")


def _text(reader: Reader) -> tuple[ResponseFormat, AnswerSchema | None, tuple[Any, ...]]:
    """The form of the answer, and how wordy it is to be."""
    text = reader.object("text")
    if text is None:
        return ResponseFormat.TEXT, None, ()
    native = native_fields(text, ("verbosity",))
    wanted = text.object("format")
    if wanted is None:
        return ResponseFormat.TEXT, None, native
    kind = wanted.word("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise wanted.wrong("type", "one of text, json_object, json_schema")
    if kind == "json_schema":
        return ResponseFormat.JSON, read_schema(wanted), native
    return (ResponseFormat.TEXT if kind == "text" else ResponseFormat.JSON), None, native


def _effort(reader: Reader, left_out: LeftOut) -> Effort | None:
    """How long to think; a summary of it is always given where there is any."""
    reasoning = reader.object("reasoning")
    if reasoning is None:
        return None
    left_out.add_unknown(reasoning, _REASONING_FIELDS, "reasoning.")
    return read_effort(reasoning)


def _echo(reader: Reader) -> str:
    fields = (
        f'"{name}":{packed(reader.table[name] if reader.has(name) else silent, name)}'
        for name, silent in _ECHOED.items()
    )
    return "{" + ",".join(fields) + "}"
