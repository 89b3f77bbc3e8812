"""What a request wishes beside its messages, in the fields of Google's generateContent.

Penalties are in the API's description, but every model from 2.5 on refuses them ("Penalty is not enabled",
litellm#32273), so that they are not among the usual fields.
"""

from __future__ import annotations

from typing import Any

from trunkline.domain.messages import ChatRequest, Effort, ResponseFormat, ToolSpec, ToolUse
from trunkline.domain.routes import Capability, ModelSpec, ThinkingControl
from trunkline.providers.gemini.thinking import is_third_generation, thinking_config
from trunkline.providers.protocol import CallContext
from trunkline.providers.values.jsontext import object_in
from trunkline.providers.wishes import (
    IN_WORDS,
    ONE_CALL,
    Said,
    ToolWish,
    drawing,
    effort_wish,
    json_words,
    sampling_names,
    schema_of,
    stop_sequences,
    tool_wish,
)

ONLY_JSON = "What you say to the user is one JSON object and nothing else: no words around it, no code fence."
MOST_STOPS = 5

_USUAL = {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed"}
_PENALTIES = {"frequency_penalty": "frequencyPenalty", "presence_penalty": "presencePenalty"}
_JSON_TYPE = "application/json"


def tools_offered(request: ChatRequest, context: CallContext) -> Said:
    """The functions and what is demanded of them. That one is to be called at a time can only be asked in words."""
    wish = tool_wish(request, context.provider.accepts.tool_choice)
    fields: dict[str, Any] = {}
    if wish.tools:
        fields["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in wish.tools]}]
    if wish.use is not None:
        fields["toolConfig"] = {"functionCallingConfig": _calling(wish)}
    if not wish.one_call:
        return Said(fields, wish.words, wish.left_out)
    left_out = (*wish.left_out, IN_WORDS.format(name="parallel_tool_calls"))
    return Said(fields, (*wish.words, ONE_CALL), left_out)


def _calling(wish: ToolWish) -> dict[str, Any]:
    if wish.use is ToolUse.NAMED:
        return {"mode": "ANY", "allowedFunctionNames": [wish.name]}
    return {"mode": "ANY" if wish.use is ToolUse.REQUIRED else "NONE"}


def _declaration(tool: ToolSpec) -> dict[str, Any]:
    """A function as declared, its parameters as plain JSON schema (`parametersJsonSchema`), which unlike `parameters`
    takes every keyword; one without parameters has no schema."""
    schema = object_in(tool.schema) or {}
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description.strip():
        declaration["description"] = tool.description
    if schema.get("properties") or schema.get("$ref") or set(schema) - {"type", "properties", "required"}:
        declaration["parametersJsonSchema"] = {"type": "object"} | schema
    return declaration


def answer_form(request: ChatRequest, context: CallContext) -> Said:
    """The form of the answer, in the generation's configuration or, failing that, in words. Models before the third
    generation answer 400 to a JSON type beside tools (googleapis/python-genai#867)."""
    if request.response_format is not ResponseFormat.JSON:
        return Said()
    asked = request.answer_schema
    by_type = not request.tools or is_third_generation(context.model)
    schema = schema_of(asked) if asked is not None and context.provider.takes_schema and by_type else None
    if schema is not None:
        told = {name: value for name, value in schema.items() if name != "$schema"}
        return Said({"responseMimeType": _JSON_TYPE, "responseJsonSchema": told})
    fields = {"responseMimeType": _JSON_TYPE} if by_type and context.provider.quirks.json_mode else {}
    if fields and asked is None:
        return Said(fields)
    return Said(fields, (json_words(ONLY_JSON, asked),), (IN_WORDS.format(name="response_format"),))


def drawn(request: ChatRequest, context: CallContext) -> Said:
    """Temperature, sampling and stop sequences; of these last no empty one, which is refused."""
    accepts, quirks = context.provider.accepts, context.provider.quirks
    usual = _USUAL if accepts.sampling is None else _USUAL | _PENALTIES
    sampled = drawing(request, quirks, sampling_names(accepts, usual), fixed=not context.model.temperature)
    most = MOST_STOPS if accepts.stops is None else accepts.stops
    stop, left_out = stop_sequences(tuple(text for text in request.stop if text), most)
    if not all(request.stop):
        left_out = ("stop (empty)", *left_out)
    fields = sampled.fields | ({"stopSequences": stop} if stop else {})
    return Said(fields, (), (*sampled.left_out, *left_out))


def thought_over(request: ChatRequest, context: CallContext, output_tokens: int | None) -> Said:
    """How long to think."""
    config = thinking_config(request.effort, context.model, output_tokens)
    fields = {"thinkingConfig": config} if config else {}
    return Said(fields, (), effort_wish(request.effort, _told(request, config, context.model)))


def _told(request: ChatRequest, config: dict[str, Any], model: ModelSpec) -> str | None:
    """The word for what was told: the level, or the effort itself where a budget says it."""
    if request.effort is None:
        return None
    if "thinkingLevel" in config:
        return str(config["thinkingLevel"]).lower()
    if "thinkingBudget" in config:
        goes_on = request.effort is Effort.NONE and config["thinkingBudget"] > 0
        return Effort.MINIMAL.value if goes_on else request.effort.value
    always = model.thinking is not ThinkingControl.NONE or Capability.THINKING in model.capabilities
    return None if always or request.effort is not Effort.NONE else request.effort.value
