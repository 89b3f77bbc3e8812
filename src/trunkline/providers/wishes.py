"""What a request wishes beside its messages, as far as all protocols say it alike.

A wish is told in a field, told in words at the system prompt, or left out; only a field binds a provider, so what is
told in words is named with what is left out, as `NAME (in words)`. What a provider does by itself is no loss and is not
named: an `auto` choice of tools, parallel calls, a `top_p` of 1, penalties of 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from trunkline.domain.accepts import Accepts
from trunkline.domain.messages import AnswerSchema, ChatRequest, Effort, Message, ToolSpec, ToolUse
from trunkline.domain.routes import Quirks
from trunkline.providers.values.jsontext import object_in, value_in

CALL_ANY = "Answer with a call of one of your tools, not with words."
CALL_NAMED = "Answer with a call of the tool `{name}`, not with words."
ONE_CALL = "Call one tool at a time: never more than one in an answer."
FITTING = "It must fit this JSON schema{about}:\n{schema}"
IN_WORDS = "{name} (in words)"

_NEUTRAL = {"top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}
_DEFAULT_TEMPERATURE = 1


@dataclass(frozen=True, slots=True)
class Said:
    """How some wishes are told: `fields` of the body, `words` for the system prompt; `left_out` names the others."""

    fields: dict[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def together(*said: Said) -> Said:
    """All of them as one; of two fields of one name the later holds."""
    fields: dict[str, Any] = {}
    for one in said:
        fields |= one.fields
    words = tuple(word for one in said for word in one.words)
    return Said(fields, words, each_once(*(one.left_out for one in said)))


def each_once(*names: tuple[str, ...]) -> tuple[str, ...]:
    """All of them, in their order, none twice."""
    return tuple(dict.fromkeys(name for some in names for name in some))


@dataclass(frozen=True, slots=True)
class ToolWish:
    """The tools to offer, and what is demanded of them: `use` is None where a provider does it by itself."""

    tools: tuple[ToolSpec, ...]
    use: ToolUse | None = None
    name: str | None = None
    one_call: bool = False
    words: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def forces(self) -> bool:
        """Whether the provider is made to have a tool called."""
        return self.use in (ToolUse.REQUIRED, ToolUse.NAMED)


def tool_wish(request: ChatRequest, takes: Collection[str]) -> ToolWish:
    """What is demanded of tools, by one of those uses that the provider takes; else by offering none or only the one,
    else in words. A tool that is not offered cannot be demanded."""
    tools, choice = request.tools, request.tool_choice
    if choice is None:
        return ToolWish(tools)
    one_call = choice.parallel is False and bool(tools)
    impossible = choice.use is ToolUse.REQUIRED and not tools
    if choice.use is ToolUse.NAMED:
        impossible = choice.name not in [tool.name for tool in tools]
    if impossible:
        return ToolWish(tools, one_call=one_call, left_out=("tool_choice",))
    if not tools or choice.use is ToolUse.AUTO:
        return ToolWish(tools, one_call=one_call)
    if choice.use in takes:
        return ToolWish(tools, choice.use, choice.name, one_call)
    if choice.use is ToolUse.NONE:
        return ToolWish(())
    if choice.use is ToolUse.REQUIRED:
        return ToolWish(tools, None, None, one_call, (CALL_ANY,), (IN_WORDS.format(name="tool_choice"),))
    named = tuple(tool for tool in tools if tool.name == choice.name)
    if ToolUse.REQUIRED in takes:
        return ToolWish(named, ToolUse.REQUIRED, None, one_call)
    words = CALL_NAMED.format(name=choice.name)
    return ToolWish(named, None, None, one_call, (words,), (IN_WORDS.format(name="tool_choice"),))


def drawing(
    request: ChatRequest,
    quirks: Quirks,
    names: Mapping[str, str],
    *,
    fixed: bool,
    highest: float | None = None,
) -> Said:
    """Temperature (of `highest` at most, else the provider's) and sampling, `names` being the provider's fields for
    them. `fixed`: the model draws as it will, and takes a seed at most."""
    sampling = request.sampling
    wished = {
        "temperature": request.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
    }
    neutral = _NEUTRAL | ({"temperature": _DEFAULT_TEMPERATURE} if fixed else {})
    fields: dict[str, Any] = {}
    left_out = []
    for wish, value in wished.items():
        if value is None:
            continue
        if wish not in names or (fixed and wish != "seed"):
            if value != neutral.get(wish):
                left_out.append(wish)
            continue
        told = value
        if wish == "temperature":
            told = min(max(value, quirks.temperature_min), highest or quirks.temperature_max)
        fields[names[wish]] = told
        if told != value:
            left_out.append(f"{wish} (taken as {told:g})")
    return Said(fields, (), tuple(left_out))


def sampling_names(accepts: Accepts, usual: Mapping[str, str]) -> Mapping[str, str]:
    """The fields for temperature and sampling: the protocol's usual ones, or those that the provider takes."""
    if accepts.sampling is None:
        return usual
    given = {name: usual.get(name, name) for name in accepts.sampling if name != "random_seed"}
    seed = {"seed": "random_seed"} if "random_seed" in accepts.sampling else {}
    return {"temperature": "temperature"} | given | seed


def stop_sequences(wished: tuple[str, ...], most: int | None) -> tuple[list[str], tuple[str, ...]]:
    """The first `most` of them that are sent, and the name of the wish where that is not all."""
    sent = list(wished if most is None else wished[:most])
    if len(sent) == len(wished):
        return sent, ()
    return sent, (f"stop (more than {most})" if sent else "stop",)


def effort_wish(effort: Effort | None, said: str | None) -> tuple[str, ...]:
    """The name of the wish where the provider was told another effort than that, or none (None)."""
    if effort is None or said == effort.value:
        return ()
    return ("reasoning_effort" if said is None else f"reasoning_effort (taken as {said})",)


def schema_of(asked: AnswerSchema) -> dict[str, Any] | None:
    """The schema with its description; None where its text is no JSON object."""
    schema = object_in(asked.schema)
    if schema is None or not asked.description:
        return schema
    return {"description": asked.description} | schema


def json_words(only_json: str, asked: AnswerSchema | None) -> str:
    """`only_json`, and the schema that the answer must fit."""
    if asked is None:
        return only_json
    about = f" ({asked.description})" if asked.description else ""
    return f"{only_json} {FITTING.format(about=about, schema=asked.schema)}"


def with_native(
    body: dict[str, Any],
    request: ChatRequest,
    protocol: str,
    *,
    reserved: Collection[str],
    known: Collection[str] | None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """`body` with the request's fields of that protocol, and the names of those that are not in it, or not whole: those
    of others, `reserved` ones (`a.b`: the field b of a), all but the `known` where that is given, what is no JSON, what
    `body` says otherwise. Objects are merged, `body` winning."""
    merged, left_out = dict(body), []
    for one in request.native:
        if one.protocol != protocol or one.name in reserved or (known is not None and one.name not in known):
            left_out.append(one.name)
            continue
        try:
            value = value_in(one.value)
        except ValueError:
            left_out.append(one.name)
            continue
        told, whole = value, True
        if isinstance(value, dict):
            told = {name: item for name, item in value.items() if f"{one.name}.{name}" not in reserved}
            whole = len(told) == len(value)
        if one.name in merged:
            merged[one.name], all_of_it = _merged(told, merged[one.name])
            whole = whole and all_of_it
        elif told or whole:
            merged[one.name] = told
        if not whole:
            left_out.append(one.name)
    return merged, tuple(left_out)


def _merged(native: Any, own: Any) -> tuple[Any, bool]:
    """`own` with what `native` adds to it, and whether all of `native` is in that."""
    if not isinstance(native, dict) or not isinstance(own, dict):
        return own, native == own
    merged, whole = dict(own), True
    for name, value in native.items():
        if name in own:
            merged[name], all_of_it = _merged(value, own[name])
            whole = whole and all_of_it
        else:
            merged[name] = value
    return merged, whole


def image_wish(messages: tuple[Message, ...], told: int) -> tuple[str, ...]:
    """The name of the wish where fewer images are told than the conversation holds."""
    return ("image",) if told < sum(len(message.images) for message in messages) else ()
