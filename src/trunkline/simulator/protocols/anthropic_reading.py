"""Reading a Messages request with the checks that Anthropic's API makes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from trunkline.simulator.answers import tokens_of
from trunkline.simulator.conversation import Turn, Unpaired, current, gist, names, unpaired
from trunkline.simulator.description import Provider
from trunkline.simulator.play import Asked, Call, ToolResult
from trunkline.simulator.signing import is_signed
from trunkline.simulator.styles import Complaint, Wrong

Body = Mapping[str, Any]

_FIELDS = names(
    "model max_tokens messages system temperature top_p top_k stop_sequences stream tools tool_choice thinking "
    "output_config metadata service_tier container context_management mcp_servers cache_control inference_geo"
)
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_MEDIA = ("image/jpeg", "image/png", "image/gif", "image/webp")
_LEAST_BUDGET = 1024
_MOST_MARKS = 4
_BOUNDS = ("minimum", "maximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems")

STRICT = frozenset({"temperature_fixed", "adaptive_only", "no_adaptive", "no_prefill", "no_images"})


class _RefusedError(Exception):
    """The request is refused with this sentence."""


def read(body: Body, provider: Provider, *, counting: bool) -> Asked | Complaint:
    """What is asked, or what is wrong with it. `counting`: only the prompt's length is asked for."""
    try:
        return _read(body, provider, counting)
    except _RefusedError as bad:
        return Complaint(Wrong.BAD_REQUEST, said=str(bad))


def _read(body: Body, provider: Provider, counting: bool) -> Asked:
    model, messages, most = body.get("model"), body.get("messages"), body.get("max_tokens")
    if not isinstance(model, str) or not model:
        raise _RefusedError("model: Field required")
    _need(counting or (isinstance(most, int) and most > 0), "max_tokens: Field required")
    if not isinstance(messages, list) or not messages:
        raise _RefusedError("messages: at least one message is required")
    extra = next((name for name in body if name not in _FIELDS), None)
    _need(extra is None, f"{extra}: Extra inputs are not permitted")
    words = provider.strictness(model)
    turns = _turns(messages, provider.id)
    _check_options(body, words, counting)
    _check_order(messages, turns, words)
    _check_thinking(body, turns)
    tools = body.get("tools") or ()
    for index, tool in enumerate(tools):
        schema = tool.get("input_schema")
        typed = isinstance(schema, Mapping) and schema.get("type") == "object"
        _need(typed, f"tools.{index}.custom.input_schema.type: Field required")
    thinking = body.get("thinking") or {}
    system = _texts(body.get("system"))
    marked = _marked(body, tools, messages)
    choice = body.get("tool_choice") or {}
    names = tuple(str(tool.get("name")) for tool in tools)
    _check_choice(choice, names, thinking.get("type") == "enabled")
    form = (body.get("output_config") or {}).get("format") or {}
    _check_schema(form.get("schema"), "output_config.format.schema")
    return gist(
        [Turn("system", system), *turns] if system else turns,
        model=model,
        stream=body.get("stream") is True,
        thinks=thinking.get("type") in ("enabled", "adaptive"),
        shows_thinking=thinking.get("display") != "omitted",
        tools_tokens=tokens_of(orjson.dumps(tools).decode()) if tools else 0,
        max_output_tokens=most,
        tools=() if choice.get("type") == "none" else names,
        schemas={str(tool.get("name")): tool.get("input_schema") for tool in tools},
        must_call=_must_call(choice, names),
        one_call=choice.get("disable_parallel_tool_use") is True,
        answer_schema=form.get("schema"),
        cacheable=tuple(marked),
        marks_cache=True,
    )


def _must_call(choice: Body, names: tuple[str, ...]) -> tuple[str, ...]:
    if choice.get("type") == "tool":
        return (str(choice.get("name")),)
    return names if choice.get("type") == "any" else ()


def _check_choice(choice: Body, names: tuple[str, ...], has_budget: bool) -> None:
    kind = choice.get("type")
    _need(not choice or bool(names), "tool_choice: may only be specified while providing tools")
    _need(
        not choice or kind in ("auto", "any", "tool", "none"), f"tool_choice: Input tag '{kind}' is unknown"
    )
    _need(
        kind != "tool" or choice.get("name") in names,
        f"tool_choice: Tool '{choice.get('name')}' not found in provided tools",
    )
    forced = kind in ("any", "tool")
    _need(not forced or not has_budget, "Thinking may not be enabled when tool_choice forces tool use.")


def _check_schema(schema: object, path: str) -> None:
    """Structured outputs take closed objects, and no bounds."""
    if not isinstance(schema, Mapping):
        return
    kind = schema.get("type")
    said = f"{path}: For '{kind}' type, 'additionalProperties' must be explicitly set to false"
    _need(kind != "object" or schema.get("additionalProperties") is False, said)
    bound = next((name for name in _BOUNDS if name in schema), None)
    _need(bound is None, f"{path}: For '{kind}' type, property '{bound}' is not supported")
    for name, inner in (schema.get("properties") or {}).items():
        _check_schema(inner, f"{path}.properties.{name}")
    _check_schema(schema.get("items"), f"{path}.items")


def _need(holds: bool, said: str) -> None:
    if not holds:
        raise _RefusedError(said)


def _turns(messages: Sequence[Body], provider: str) -> list[Turn]:
    """Turns with neighbours of one role merged, as the API merges them."""
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        _need(role in ("user", "assistant"), f"messages.{index}.role: Input should be 'user' or 'assistant'")
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list) or not blocks:
            raise _RefusedError(f"messages.{index}: all messages must have non-empty content")
        turn = _turn(str(role), blocks, f"messages.{index}.content", provider)
        if turns and turns[-1].role == role:
            turns[-1] = _merged(turns[-1], turn)
        else:
            turns.append(turn)
    return turns


def _merged(one: Turn, other: Turn) -> Turn:
    return Turn(
        one.role,
        "\n".join(text for text in (one.text, other.text) if text),
        one.images + other.images,
        one.calls + other.calls,
        one.results + other.results,
        one.thought if one.thought is not None else other.thought,
    )


def _turn(role: str, blocks: Sequence[Body], path: str, provider: str) -> Turn:
    turn = Turn(role)
    for index, block in enumerate(blocks):
        kind = block.get("type")
        reader = _BLOCKS.get(str(kind))
        if reader is None:
            raise _RefusedError(
                f"{path}.{index}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
            )
        turn = _merged(turn, reader(role, block, f"{path}.{index}", provider))
    return turn


def _text(role: str, block: Body, path: str, provider: str) -> Turn:
    text = block.get("text")
    _need(isinstance(text, str) and bool(text.strip()), "messages: text content blocks must be non-empty")
    return Turn(role, str(text))


def _image(role: str, block: Body, path: str, provider: str) -> Turn:
    source = block.get("source") or {}
    if source.get("type") == "url":
        sound = str(source.get("url", "")).startswith(("http://", "https://"))
        _need(sound, f"{path}.image.source.url.url: Only HTTPS URLs are supported.")
        return Turn(role, images=1)
    _need(
        source.get("type") == "base64",
        f"{path}.image.source: Input tag does not match any of the expected tags",
    )
    media = source.get("media_type")
    _need(
        media in _MEDIA, f"{path}.image.source.base64.media_type: Input should be one of {', '.join(_MEDIA)}"
    )
    try:
        base64.b64decode(str(source.get("data")), validate=True)
    except binascii.Error:
        raise _RefusedError(f"{path}.image.source.base64: invalid base64 data") from None
    return Turn(role, images=1)


def _tool_use(role: str, block: Body, path: str, provider: str) -> Turn:
    call_id, arguments = str(block.get("id")), block.get("input")
    _need(role == "assistant", "messages: `tool_use` blocks can only be in `assistant` messages")
    pattern = "String should match pattern '^[a-zA-Z0-9_-]+$'"
    _need(_ID.fullmatch(call_id) is not None, f"{path}.tool_use.id: {pattern}")
    _need(isinstance(arguments, Mapping), f"{path}.tool_use.input: Input should be a valid dictionary")
    return Turn(role, calls=(Call(call_id, str(block.get("name")), orjson.dumps(arguments).decode()),))


def _tool_result(role: str, block: Body, path: str, provider: str) -> Turn:
    _need(role == "user", "messages: `tool_result` blocks can only be in `user` messages")
    content = block.get("content")
    shown = [one for one in content if one.get("type") == "image"] if isinstance(content, list) else []
    images = sum(_image(role, one, f"{path}.content", provider).images for one in shown)
    return Turn(role, results=(ToolResult(str(block.get("tool_use_id")), _texts(content), None, images),))


def _thinking(role: str, block: Body, path: str, provider: str) -> Turn:
    _need(role == "assistant", "messages: `thinking` blocks can only be in `assistant` messages")
    redacted = block.get("type") == "redacted_thinking"
    shown = str(block.get("data" if redacted else "thinking", ""))
    _need(
        redacted or is_signed(provider, shown, block.get("signature")),
        f"{path}: Invalid `signature` in `thinking` block",
    )
    return Turn(role, thought=shown)


_BLOCKS: Mapping[str, Callable[[str, Body, str, str], Turn]] = {
    "text": _text,
    "image": _image,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _thinking,
}


def _texts(content: object) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(block["text"]) for block in blocks if isinstance(block, Mapping) and "text" in block)


def _check_options(body: Body, words: frozenset[str], counting: bool) -> None:
    thinking = body.get("thinking") or {}
    kind, temperature = thinking.get("type"), body.get("temperature")
    _need(
        "temperature_fixed" not in words or temperature in (None, 1),
        "`temperature` is deprecated for this model.",
    )
    _need(temperature is None or 0 <= temperature <= 1, "temperature: range: 0..1")
    for name in ("top_p", "top_k"):
        said = f"`{name}` is deprecated for this model."
        _need(name not in body or "temperature_fixed" not in words or body[name] == 1, said)
    both = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    _need(temperature is None or body.get("top_p") is None, both)
    if kind == "enabled":
        _need(
            "adaptive_only" not in words,
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.',
        )
        budget = thinking.get("budget_tokens")
        least = "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        _need(isinstance(budget, int) and budget >= _LEAST_BUDGET, least)
        too_small = "`max_tokens` must be greater than `thinking.budget_tokens`."
        _need(counting or int(body["max_tokens"]) > int(budget or 0), too_small)
    _need(
        kind != "adaptive" or "no_adaptive" not in words, "adaptive thinking is not supported on this model"
    )
    only_one = "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
    _need(kind not in ("enabled", "adaptive") or temperature in (None, 1), only_one)
    _need(
        kind not in ("enabled", "adaptive") or "top_k" not in body,
        "`top_k` must be unset when thinking is enabled.",
    )


def _check_order(messages: Sequence[Body], turns: Sequence[Turn], words: frozenset[str]) -> None:
    _need(turns[0].role == "user", 'messages: first message must use the "user" role')
    _need(
        "no_images" not in words or not any(turn.images for turn in turns),
        "This model does not support images.",
    )
    ids = [call.call_id for turn in turns for call in turn.calls]
    _need(len(ids) == len(set(ids)), "messages: `tool_use` ids must be unique")
    alone = unpaired(turns)
    if alone is not None:
        raise _RefusedError(_unpaired(alone))
    for message in messages:
        kinds = [block.get("type") for block in message["content"] if isinstance(block, Mapping)]
        results = [kind == "tool_result" for kind in kinds]
        first = "messages: `tool_result` blocks must come first in the content of a `user` message"
        _need(results == sorted(results, reverse=True), first)
    last = turns[-1]
    if last.role == "assistant":
        _need(
            "no_prefill" not in words,
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        )
        clean = last.text == last.text.rstrip()
        _need(clean, "messages: final assistant content cannot end with trailing whitespace")


def _unpaired(alone: Unpaired) -> str:
    if alone.is_result:
        return (
            f"messages.{alone.turn}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: "
            f"{alone.call_id}. "
            "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        )
    return (
        f"messages.{alone.turn}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{alone.call_id}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _check_thinking(body: Body, turns: Sequence[Turn]) -> None:
    """With a budget, the turns with calls since the user spoke begin with their thinking."""
    kind = (body.get("thinking") or {}).get("type")
    if kind != "enabled":
        return
    _need(turns[-1].role == "user", "messages: a prefilled answer is not supported when thinking is enabled")
    for turn in current(turns):
        said = (
            "messages: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a "
            "final `assistant` message must start with a thinking block."
        )
        _need(not turn.calls or turn.thought is not None, said)


def _marked(body: Body, tools: Sequence[Body], messages: Sequence[Body]) -> Iterator[str]:
    """The pieces of the prompt, in the order they are hashed, up to the last that is marked for the cache."""
    system = body.get("system")
    blocks: list[Body] = [*tools, *(system if isinstance(system, list) else ())]
    for message in messages:
        content = message["content"]
        blocks += content if isinstance(content, list) else [{"type": "text", "text": content}]
    marks = [index for index, block in enumerate(blocks) if block.get("cache_control")]
    count = f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {len(marks)}."
    _need(len(marks) <= _MOST_MARKS, count)
    for block in blocks[: marks[-1] + 1] if marks else ():
        told = {name: value for name, value in block.items() if name != "cache_control"}
        yield orjson.dumps(told).decode()
