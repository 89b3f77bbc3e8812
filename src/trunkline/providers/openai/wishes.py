"""What a request wishes beside its messages, in the fields of the chat-completions shape.

Which provider refuses or ignores what: OpenAI's reasoning models refuse `stop` with the other sampling fields
(litellm#15244). DeepSeek and Kimi refuse a forced tool while they think (DeepSeek-V3#1376, inspect_ai#5152), Z.AI any
choice but `auto` (hindsight#4246). A `json_object` without the word JSON in the conversation is refused by OpenAI,
DeepSeek and Groq, as their documentation says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.domain.messages import AnswerSchema, ChatRequest, Effort, ResponseFormat, ToolSpec, ToolUse
from trunkline.domain.routes import Capability, ThinkingControl
from trunkline.providers.protocol import CallContext
from trunkline.providers.values.jsontext import object_in
from trunkline.providers.wishes import (
    IN_WORDS,
    ONE_CALL,
    Said,
    drawing,
    effort_wish,
    json_words,
    sampling_names,
    schema_of,
    stop_sequences,
    together,
    tool_wish,
)

ONLY_JSON = "Answer with one JSON object and nothing else: no words around it, no code fence."
MOST_STOPS = 4

_FORCED = (ToolUse.REQUIRED, ToolUse.NAMED)
_USUAL = {name: name for name in ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty")}
_ANY_OBJECT = AnswerSchema('{"type":"object"}')
_RANKS = {
    word: rank for rank, word in enumerate(("none", "minimal", "low", "medium", "high", "xhigh", "max"))
}


def drawn(request: ChatRequest, context: CallContext) -> Said:
    """Temperature, sampling and stop sequences."""
    accepts, fixed = context.provider.accepts, not context.model.temperature
    most = MOST_STOPS if accepts.stops is None else accepts.stops
    if fixed and not accepts.stops_without_temperature:
        most = 0
    stop, left_out = stop_sequences(request.stop, most)
    names = sampling_names(accepts, _USUAL)
    sampled = drawing(request, context.provider.quirks, names, fixed=fixed)
    return together(sampled, Said({"stop": stop} if stop else {}, (), left_out))


def tools_offered(request: ChatRequest, context: CallContext) -> tuple[Said, bool]:
    """The tools and what is demanded of them, and whether a call is forced."""
    accepts = context.provider.accepts
    takes = accepts.tool_choice
    if not _can_be_forced(context):
        takes = tuple(use for use in takes if use not in _FORCED)
    wish = tool_wish(request, takes)
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in wish.tools]} if wish.tools else {}
    words, left_out = wish.words, wish.left_out
    if wish.use is ToolUse.NAMED:
        fields["tool_choice"] = {"type": "function", "function": {"name": wish.name}}
    elif wish.use is not None:
        fields["tool_choice"] = wish.use.value
    if wish.one_call and accepts.parallel_tool_calls:
        fields["parallel_tool_calls"] = False
    elif wish.one_call:
        words, left_out = (*words, ONE_CALL), (*left_out, IN_WORDS.format(name="parallel_tool_calls"))
    return Said(fields, words, left_out), wish.forces


def _can_be_forced(context: CallContext) -> bool:
    """Whether the model takes a forced tool as it thinks, or can be made to."""
    if (
        context.provider.accepts.forced_beside_thinking
        or Capability.THINKING not in context.model.capabilities
    ):
        return True
    return context.model.thinking is not ThinkingControl.NONE


def answer_form(request: ChatRequest, context: CallContext) -> Said:
    """The form of the answer: by its schema where the provider takes one, else as any JSON object with the schema in
    words, else all in words."""
    if request.response_format is not ResponseFormat.JSON:
        return Said()
    json_mode, asked = context.provider.quirks.json_mode, request.answer_schema
    if context.provider.takes_schema and (asked is not None or not json_mode):
        told = asked or _ANY_OBJECT
        schema = schema_of(told)
        if schema is not None:
            return Said({"response_format": {"type": "json_schema", "json_schema": _named(told, schema)}})
    fields: dict[str, Any] = {"response_format": {"type": "json_object"}} if json_mode else {}
    if json_mode and asked is None:
        return Said(fields, () if _speaks_of_json(request) else (ONLY_JSON,))
    return Said(fields, (json_words(ONLY_JSON, asked),), (IN_WORDS.format(name="response_format"),))


def _named(asked: AnswerSchema, schema: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {"name": asked.name, "schema": schema}
    if asked.description:
        named["description"] = asked.description
    if asked.strict is not None:
        named["strict"] = asked.strict
    return named


def _speaks_of_json(request: ChatRequest) -> bool:
    return any("json" in message.text.lower() for message in request.messages)


def thinking(effort: Effort | None, context: CallContext, *, forced: bool) -> Said:
    """The field that says how long to think; nothing where the model has no such control. Where a call is `forced` that
    thinking forbids, the thinking is switched off: the asker reads the call, and may get by without the thoughts."""
    control = context.model.thinking
    silent = forced and not context.provider.accepts.forced_beside_thinking
    if silent and control is ThinkingControl.SWITCH:
        left_out = () if effort in (None, Effort.NONE) else ("reasoning_effort",)
        return Said({"thinking": {"type": "disabled"}}, (), left_out)
    if effort is None:
        return Said()
    fields: Mapping[str, Any] = {}
    said: str | None = None
    match control:
        case ThinkingControl.EFFORT:
            said = _nearest(effort, context.provider.quirks.efforts)
            fields = {"reasoning_effort": said}
        case ThinkingControl.REASONING:
            said = effort.value
            fields = {"reasoning": {"effort": said}}
        case ThinkingControl.SWITCH | ThinkingControl.ADAPTIVE:
            on = "enabled" if control is ThinkingControl.SWITCH else "adaptive"
            said = "none" if effort is Effort.NONE else on
            fields = {"thinking": {"type": "disabled" if effort is Effort.NONE else on}}
        case _ if effort is Effort.NONE and Capability.THINKING not in context.model.capabilities:
            said = effort.value
        case _:
            pass
    return Said(dict(fields), (), effort_wish(effort, said))


def _nearest(effort: Effort, words: tuple[str, ...]) -> str:
    """The most that is taken and no more than `effort`, else the least that is taken."""
    taken = [word for word in words if _RANKS.get(word, 0) <= _RANKS[effort]]
    return taken[-1] if taken else words[0]


def _tool(tool: ToolSpec) -> dict[str, Any]:
    schema = object_in(tool.schema)
    if schema is None:
        schema = {"type": "object"}
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": function}
