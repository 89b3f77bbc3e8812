"""What a request wishes beside its messages, in the fields of Anthropic's Messages API.

A tool can be forced beside adaptive thinking, but not beside a budget of it (platform.claude.com on thinking with
tools, as quoted in pydantic-ai#7195). Models from Opus 4.1 on take a temperature or a `top_p`, never both
(litellm#15097); with thinking they take neither, nor a `top_k`.
"""

from __future__ import annotations

from typing import Any

from trunkline.domain.messages import (
    ChatRequest,
    Effort,
    Message,
    ResponseFormat,
    ToolCallPart,
    ToolSpec,
    ToolUse,
)
from trunkline.domain.routes import Capability, ThinkingControl
from trunkline.providers.anthropic.messages import Block, Turn, is_prefilled
from trunkline.providers.anthropic.schema import fitted_schema
from trunkline.providers.anthropic.thinking import thinking_fields
from trunkline.providers.protocol import CallContext
from trunkline.providers.values.jsontext import object_in
from trunkline.providers.wishes import (
    IN_WORDS,
    Said,
    drawing,
    effort_wish,
    json_words,
    sampling_names,
    schema_of,
    stop_sequences,
    tool_wish,
)

ONLY_JSON = "Answer with one JSON object and nothing else: no words around it, no code fence."

_HIGHEST_TEMPERATURE = 1.0
_USUAL = {name: name for name in ("temperature", "top_p", "top_k")}
_CHOICES = {ToolUse.AUTO: "auto", ToolUse.NONE: "none", ToolUse.REQUIRED: "any", ToolUse.NAMED: "tool"}


def tools_offered(
    request: ChatRequest, context: CallContext, messages: tuple[Message, ...]
) -> tuple[Said, bool]:
    """The tools and what is demanded of them, and whether a call is forced. A conversation that holds calls must define
    their tools even where none are offered any more."""
    wish = tool_wish(request, context.provider.accepts.tool_choice)
    tools = wish.tools or _tools_called(messages)
    if not tools:
        return Said({}, wish.words, wish.left_out), False
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in tools]}
    use = wish.use if wish.tools else ToolUse.NONE
    if use is not None or wish.one_call:
        choice: dict[str, Any] = {"type": _CHOICES[use or ToolUse.AUTO]}
        if use is ToolUse.NAMED:
            choice["name"] = wish.name
        if wish.one_call and use is not ToolUse.NONE:
            choice["disable_parallel_tool_use"] = True
        fields["tool_choice"] = choice
    return Said(fields, wish.words, wish.left_out), wish.forces


def _tools_called(messages: tuple[Message, ...]) -> tuple[ToolSpec, ...]:
    parts = (part for message in messages for part in message.parts)
    names = dict.fromkeys(part.name for part in parts if isinstance(part, ToolCallPart))
    return tuple(ToolSpec(name, "", "{}") for name in names)


def _tool(tool: ToolSpec) -> Block:
    encoded: Block = {"name": tool.name, "input_schema": {"type": "object"} | (object_in(tool.schema) or {})}
    if tool.description.strip():
        encoded["description"] = tool.description
    return encoded


def thought_over(
    request: ChatRequest, context: CallContext, encoded: list[Turn], output_tokens: int, *, forced: bool
) -> Said:
    """How long to think. Where a call is `forced` that a budget forbids, there is no thinking: the asker reads the
    call, and may get by without the thoughts."""
    model, effort = context.model, request.effort
    fields: dict[str, Any] = {}
    if not (forced and model.thinking is ThinkingControl.BUDGET):
        fields = thinking_fields(effort, model, encoded, output_tokens)
    said = fields.get("output_config", {}).get("effort")
    if said is None and effort is not None and "thinking" in fields:
        said = effort.value
    always = model.thinking is ThinkingControl.NONE and Capability.THINKING in model.capabilities
    if effort is Effort.NONE and not always:
        said = effort.value
    return Said(fields, (), effort_wish(effort, said))


def answer_form(request: ChatRequest, context: CallContext, encoded: list[Turn]) -> Said:
    """The form of the answer by its schema, else in words: there is no switch for JSON without one, and none beside an
    answer that is already begun."""
    if request.response_format is not ResponseFormat.JSON:
        return Said()
    asked = request.answer_schema
    if asked is not None and context.provider.takes_schema and not is_prefilled(encoded):
        told = schema_of(asked)
        schema = None if told is None else fitted_schema(told)
        if schema is not None:
            return Said({"output_config": {"format": {"type": "json_schema", "schema": schema}}})
    return Said({}, (json_words(ONLY_JSON, asked),), (IN_WORDS.format(name="response_format"),))


def drawn(request: ChatRequest, context: CallContext, *, thinks: bool) -> Said:
    """Temperature, sampling and stop sequences; of these last not those of white space, which are refused."""
    fixed = thinks or not context.model.temperature
    names = dict(sampling_names(context.provider.accepts, _USUAL))
    if request.temperature is not None:
        names.pop("top_p", None)
    quirks = context.provider.quirks
    highest = min(quirks.temperature_max, _HIGHEST_TEMPERATURE)
    sampled = drawing(request, quirks, names, fixed=fixed, highest=highest)
    visible = tuple(text for text in request.stop if text.strip())
    stop, left_out = stop_sequences(visible, context.provider.accepts.stops)
    if len(visible) < len(request.stop):
        left_out = ("stop (white space)", *left_out)
    fields = sampled.fields | ({"stop_sequences": stop} if stop else {})
    return Said(fields, (), (*sampled.left_out, *left_out))
