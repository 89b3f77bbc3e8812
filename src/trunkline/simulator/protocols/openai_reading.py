"""Reading a chat-completions request, and what a provider of that family can be strict about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from trunkline.simulator.answers import tokens_of
from trunkline.simulator.conversation import Turn, Unpaired, gist, names, unpaired
from trunkline.simulator.description import Provider
from trunkline.simulator.play import Asked, Call, ToolResult
from trunkline.simulator.protocols.openai_wishes import (
    bad,
    choice_objection,
    json_word,
    must_call,
    no_json_schema,
    offered,
    schema_in,
    schema_objection,
    schemas,
    tool_choice_auto,
    unforced_thinking,
)
from trunkline.simulator.styles import Complaint, Wrong

Body = Mapping[str, Any]
Check = Callable[[Body, Sequence[Body]], Complaint | None]

_FIELDS = names(
    "model messages stream stream_options max_tokens max_completion_tokens temperature top_p n stop tools tool_choice "
    "parallel_tool_calls response_format reasoning_effort presence_penalty frequency_penalty seed user logit_bias "
    "logprobs top_logprobs metadata store service_tier prompt_cache_key safety_identifier verbosity modalities "
    "prediction audio web_search_options functions function_call"
)
_MISTRAL_FIELDS = names(
    "model messages stream max_tokens temperature top_p n stop tools tool_choice parallel_tool_calls response_format "
    "presence_penalty frequency_penalty random_seed metadata prediction prompt_mode safe_prompt guardrails"
)
_MESSAGE_FIELDS = names("role content name tool_calls tool_call_id refusal audio function_call prefix")
_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
_NINE = re.compile(r"[A-Za-z0-9]{9}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OFF = ("none", "disabled")


def read(body: Body, provider: Provider) -> Asked | Complaint:
    """What is asked, or what is wrong with it."""
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not isinstance(messages, list) or not messages:
        return Complaint(Wrong.BAD_REQUEST)
    if not all(isinstance(message, Mapping) for message in messages):
        return Complaint(Wrong.BAD_REQUEST)
    for word in provider.strictness(model):
        objection = CHECKS[word](body, messages) if word in CHECKS else None
        if objection is not None:
            return objection
    turns = [_turn(message) for message in messages]
    alone = unpaired(turns)
    if alone is not None:
        return _unpaired(alone)
    options, form, tools = body.get("stream_options"), body.get("response_format"), body.get("tools")
    objection = choice_objection(body) or schema_objection(form)
    if objection is not None:
        return objection
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return gist(
        turns,
        model=model,
        stream=body.get("stream") is True,
        thinks=_thinks(body),
        tools_tokens=tokens_of(orjson.dumps(tools).decode()) if tools else 0,
        max_output_tokens=limit if isinstance(limit, int) else None,
        json_answer=isinstance(form, Mapping) and form.get("type") in ("json_object", "json_schema"),
        answer_schema=schema_in(form),
        include_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
        tools=offered(body) if tools else (),
        schemas=schemas(body) if tools else {},
        must_call=must_call(body) if tools else (),
        one_call=body.get("parallel_tool_calls") is False,
    )


def _turn(message: Body) -> Turn:
    role, content = str(message.get("role")), message.get("content")
    text, images = _said(content)
    calls = message.get("tool_calls")
    thought = next((str(message[name]) for name in _REASONING_FIELDS if message.get(name)), None)
    if role == "tool":
        return Turn("tool", results=(ToolResult(str(message.get("tool_call_id")), text, None, images),))
    if calls or thought is not None or role == "developer":
        called = tuple(_call(call) for call in calls or ())
        return Turn("system" if role == "developer" else role, text, images, called, thought=thought)
    return Turn(role, text, images)


def _call(call: Any) -> Call:
    function = call.get("function") or {}
    return Call(str(call.get("id")), str(function.get("name")), str(function.get("arguments")))


def _said(content: object) -> tuple[str, int]:
    if isinstance(content, str):
        return content, 0
    if not isinstance(content, list):
        return "", 0
    parts = [part for part in content if isinstance(part, Mapping)]
    texts = (part.get("text") for part in parts)
    images = sum(1 for part in parts if part.get("type") == "image_url")
    return "".join(text for text in texts if isinstance(text, str)), images


def _thinks(body: Body) -> bool | None:
    """What the request says of thinking, in whichever field its provider has for it."""
    reasoning, thinking = body.get("reasoning"), body.get("thinking")
    said = body.get("reasoning_effort")
    if isinstance(reasoning, Mapping):
        said = reasoning.get("effort", "medium" if reasoning.get("enabled") else said)
    elif isinstance(thinking, Mapping):
        said = thinking.get("type")
    return None if said is None else said not in _OFF


def _unpaired(alone: Unpaired) -> Complaint:
    if alone.is_result:
        said = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        return bad(f"Invalid parameter: {said}", f"messages.[{alone.turn}].role")
    return bad(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {alone.call_id}",
        f"messages.[{alone.turn + 1}].role",
    )


# -- what a provider may be strict about --------------------------------------------------------------------------


def _temperature_fixed(body: Body, messages: Sequence[Body]) -> Complaint | None:
    if body.get("temperature", 1) == 1:
        return None
    return bad(
        f"Unsupported value: 'temperature' does not support {body['temperature']} with this model. Only the default "
        "(1) value is supported; invalid temperature: only 1 is allowed for this model",
        "temperature",
        "unsupported_value",
    )


def _temperature_above_zero(body: Body, messages: Sequence[Body]) -> Complaint | None:
    if 0 < body.get("temperature", 1) <= 1:
        return None
    return bad("invalid params, temperature must be in (0.0, 1.0]", "temperature")


def _no_field(name: str, instead: str) -> Check:
    def check(body: Body, messages: Sequence[Body]) -> Complaint | None:
        if name not in body:
            return None
        said = f"Unsupported parameter: '{name}' is not supported with this model. Use '{instead}' instead."
        return bad(said, name, "unsupported_parameter")

    return check


def _known_fields(fields: frozenset[str]) -> Check:
    def check(body: Body, messages: Sequence[Body]) -> Complaint | None:
        extra = next((name for name in body if name not in fields), None)
        if extra is None:
            told = ((i, name) for i, message in enumerate(messages) for name in message)
            found = ((i, name) for i, name in told if name not in _MESSAGE_FIELDS)
            index, name = next(found, (0, ""))
            extra = f"messages.{index}.{name}" if name else None
        return None if extra is None else bad("Extra inputs are not permitted", extra, "extra_forbidden")

    return check


def _one_system(body: Body, messages: Sequence[Body]) -> Complaint | None:
    roles = [message.get("role") for message in messages]
    if roles.count("system") + roles.count("developer") <= 1 and "system" not in roles[1:]:
        return None
    return bad("invalid params, system message must be the first and only one (2013)", "messages")


def _ids(form: re.Pattern[str], wanted: str) -> Check:
    def check(body: Body, messages: Sequence[Body]) -> Complaint | None:
        ids = [call.get("id") for message in messages for call in message.get("tool_calls") or ()]
        ids += [message.get("tool_call_id") for message in messages if message.get("role") == "tool"]
        wrong = next((one for one in ids if not form.fullmatch(str(one))), None)
        return None if wrong is None else bad(f"Tool call id was {wrong} but must be {wanted}.", "messages")

    return check


def _echo_reasoning(body: Body, messages: Sequence[Body]) -> Complaint | None:
    """Trap 19: of the turns since the user spoke, each with calls must bring its reasoning back."""
    spoke = max((i for i, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    for index, message in enumerate(messages[spoke + 1 :], spoke + 1):
        if message.get("tool_calls") and not any(message.get(name) for name in _REASONING_FIELDS):
            said = (
                "thinking is enabled but reasoning_content is missing in assistant tool call message at index"
            )
            return bad(f"{said} {index}", "messages")
    return None


def _no_reasoning(body: Body, messages: Sequence[Body]) -> Complaint | None:
    for index, message in enumerate(messages):
        for name in _REASONING_FIELDS:
            if name in message:
                return bad(f"property 'messages.{index}.{name}' is unsupported", f"messages.{index}.{name}")
    return None


def _images(allowed: Callable[[str], bool], said: str) -> Check:
    def check(body: Body, messages: Sequence[Body]) -> Complaint | None:
        contents = [message["content"] for message in messages if isinstance(message.get("content"), list)]
        parts = [part for content in contents for part in content if part.get("type") == "image_url"]
        refused = any(not allowed(str((part.get("image_url") or {}).get("url"))) for part in parts)
        return bad(said, "messages") if refused else None

    return check


CHECKS: Mapping[str, Check] = {
    "temperature_fixed": _temperature_fixed,
    "temperature_above_zero": _temperature_above_zero,
    "max_completion_tokens": _no_field("max_tokens", "max_completion_tokens"),
    "max_tokens": _no_field("max_completion_tokens", "max_tokens"),
    "no_stream_options": _no_field("stream_options", "nothing"),
    "no_json_mode": _no_field("response_format", "nothing"),
    "no_json_schema": no_json_schema,
    "json_word": json_word,
    "tool_choice_auto": tool_choice_auto,
    "unforced_thinking": unforced_thinking,
    "known_fields": _known_fields(_FIELDS),
    "mistral_fields": _known_fields(_MISTRAL_FIELDS),
    "one_system": _one_system,
    "tool_ids_nine": _ids(_NINE, "a-z, A-Z, 0-9, with a length of 9"),
    "tool_ids_word": _ids(_WORD, "letters, digits, _ and -, with a length of at most 64"),
    "echo_reasoning": _echo_reasoning,
    "no_reasoning": _no_reasoning,
    "no_images": _images(lambda url: False, "This model does not support image input."),
    "no_image_urls": _images(lambda url: url.startswith("data:"), "Only inline images are supported."),
}
