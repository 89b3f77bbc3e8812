"""A chat-completions request, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Effort,
    ResponseFormat,
    Sampling,
    ToolChoice,
    ToolSpec,
    ToolUse,
)
from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import Asked
from trunkline.gateway.left_out import LeftOut, refused
from trunkline.gateway.openai.fields import (
    EFFORTS,
    NATIVE,
    native_fields,
    read_effort,
    read_function,
    read_schema,
)
from trunkline.gateway.openai.messages import read_messages
from trunkline.gateway.openai.tools import read_tools
from trunkline.gateway.reading import Reader

_KNOWN = {
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "models",
    "moderation",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "prompt_cache_key",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "web_search_options",
    *NATIVE,
}


@dataclass(frozen=True, slots=True)
class ChatShape:
    """How the answer is to be written. `usage_in_stream`: a last chunk tells the usage. `thinking`: reasoning is shown.
    `old_functions`: the client offered `functions` and waits for a `function_call`."""

    usage_in_stream: bool = False
    thinking: bool = True
    old_functions: bool = False


def read_chat(
    body: Mapping[str, Any], origin: Origin, *, model: str | None = None, stream: bool | None = None
) -> Asked:
    """What a chat-completions request asks; see `Dialect.read`."""
    reader, left_out = Reader(body), LeftOut()
    _refuse(reader)
    tools, choice, old_functions = _tools(reader, left_out)
    fallbacks = reader.texts("models")
    model = model or (reader.needed_text("model") if reader.has("model") or not fallbacks else fallbacks[0])
    response_format, schema = _format(reader)
    effort, thinking = _effort(reader)
    chat = ChatRequest(
        messages=read_messages(reader, left_out),
        origin=origin,
        max_output_tokens=_first(
            reader.whole("max_completion_tokens", least=1), reader.whole("max_tokens", least=1)
        ),
        temperature=reader.number("temperature", least=0, most=2),
        stop=tuple(one for one in reader.texts("stop") if one),
        tools=tools,
        response_format=response_format,
        effort=effort,
        stream=bool(reader.flag("stream")) if stream is None else stream,
        tool_choice=choice,
        answer_schema=schema,
        sampling=read_sampling(reader),
        native=native_fields(reader),
    )
    if reader.flag("store"):
        left_out.add("store")
    left_out.add_unknown(reader, _KNOWN)
    options = reader.object("stream_options")
    usage_in_stream = options is not None and bool(options.flag("include_usage"))
    return Asked(
        chat,
        model,
        tuple(one for one in fallbacks if one and one != model),
        reader.text_values("metadata"),
        reader.text("prompt_cache_key"),
        left_out.names(),
        ChatShape(usage_in_stream, thinking, old_functions),
    )


def read_sampling(reader: Reader) -> Sampling:
    """How the next token is drawn; `top_k` is not OpenAI's own, but its relatives know it."""
    return Sampling(
        reader.number("top_p", least=0, most=1),
        reader.whole("top_k", least=0),
        reader.whole("seed"),
        reader.number("frequency_penalty", least=-2, most=2),
        reader.number("presence_penalty", least=-2, most=2),
    )


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _refuse(reader: Reader) -> None:
    """What nobody here can do and whoever asks for it counts on."""
    if (reader.whole("n", least=1) or 1) > 1:
        raise refused(reader, "n", "only one answer is given; ask several times for more")
    if reader.flag("logprobs") or reader.whole("top_logprobs", least=0):
        raise refused(reader, "logprobs", "probabilities of tokens are not passed on")
    if reader.has("audio") or set(reader.texts("modalities")) - {"text"}:
        raise refused(reader, "modalities", "answers are text only")
    if reader.has("web_search_options"):
        raise refused(reader, "web_search_options", "a search that the provider itself runs is not passed on")
    if reader.has("moderation"):
        raise refused(reader, "moderation", "moderation by the provider is not passed on")


def _tools(reader: Reader, left_out: LeftOut) -> tuple[tuple[ToolSpec, ...], ToolChoice | None, bool]:
    """Tools and what is wanted of them, and whether they were offered as `functions`, the form before tools."""
    functions = tuple(read_function(one, left_out) for one in reader.objects("functions"))
    if not functions:
        return *read_tools(reader, left_out), False
    if reader.list("tools"):
        raise reader.wrong("functions", "left out where there are tools")
    use, name = ToolUse.AUTO, None
    if isinstance(reader.table.get("function_call"), str):
        use = ToolUse(reader.word("function_call", ("auto", "none")) or use)
    elif (named := reader.object("function_call")) is not None:
        use, name = ToolUse.NAMED, named.needed_text("name")
        if all(function.name != name for function in functions):
            raise refused(reader, "function_call", f"there is no function named {name!r}")
    return functions, ToolChoice(use, name, parallel=False), True


def _format(reader: Reader) -> tuple[ResponseFormat, AnswerSchema | None]:
    wanted = reader.object("response_format")
    if wanted is None:
        return ResponseFormat.TEXT, None
    kind = wanted.word("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise wanted.wrong("type", "one of text, json_object, json_schema")
    if kind != "json_schema":
        return (ResponseFormat.TEXT if kind == "text" else ResponseFormat.JSON), None
    described = wanted.object("json_schema")
    if described is None:
        raise wanted.wrong("json_schema", "an object")
    return ResponseFormat.JSON, read_schema(described)


def _effort(reader: Reader) -> tuple[Effort | None, bool]:
    """How long to think and whether it is shown: OpenAI's word, OpenRouter's table, or the switch of Z.AI's clients."""
    word = reader.word("reasoning_effort", tuple(EFFORTS))
    effort = None if word is None else EFFORTS[word]
    shown = True
    reasoning = reader.object("reasoning")
    if reasoning is not None:
        effort = read_effort(reasoning) if effort is None else effort
        shown = not reasoning.flag("exclude")
    switch = reader.object("thinking")
    if switch is not None and switch.text("type") == "disabled" and effort is None:
        effort = Effort.NONE
    return effort, shown
