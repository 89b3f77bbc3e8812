"""What a prompt can ask of a simulated model, besides an answer. Each is looked for in what the user said last:

`call NAME with {JSON}`    where a tool NAME is offered: that call. Several are made in parallel; `then call NAME with
                           {JSON}` waits for the results of those before it. `call NAME` alone has no arguments.
`think hard`               reasoning before the answer, where the model can think; a request's own parameters and a
                           model's `thinks` ask for it as well
`refuse this`              the protocol's own refusal in a reply of status 200

A system prompt is obeyed where it demands a JSON object, a schema, a call, or no more than one call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

import orjson

from trunkline.simulator.play import Call, ToolResult

_CALL = re.compile(r"\b(then\s+)?call\s+`?([A-Za-z_][\w.-]*)`?(?:\s+with\s+(?=\{))?", re.IGNORECASE)
_THINK = re.compile(r"\bthink hard\b", re.IGNORECASE)
_REFUSE = re.compile(r"\brefuse this\b", re.IGNORECASE)
_ONLY_JSON = re.compile(r"\bone JSON object and nothing else\b")
_SCHEMA = re.compile(r"\bfit this JSON schema[^\n]*:\n(?=\{)")
_CALL_NAMED = re.compile(r"\bAnswer with a call of the tool `([^`]+)`")
_CALL_ANY = re.compile(r"\bAnswer with a call of one of your tools\b")
_ONE_CALL = re.compile(r"\bCall one tool at a time\b")


def wished_calls(said: str, offered: Collection[str], step: int) -> list[tuple[str, str]]:
    """The calls (name, arguments as JSON text) to be made after `step` rounds of calls; none where nothing is left
    to call."""
    rounds: list[list[tuple[str, str]]] = [[]]
    at = 0
    while (found := _CALL.search(said, at)) is not None:
        arguments, at = _object_at(said, found.end())
        if found[2] in offered:
            if found[1] and rounds[-1]:
                rounds.append([])
            rounds[-1].append((found[2], arguments))
    return rounds[step] if step < len(rounds) else []


def _object_at(said: str, at: int) -> tuple[str, int]:
    """The JSON object that begins at `at`, and where it ends; `{}` where there is none."""
    if said[at : at + 1] != "{":
        return "{}", at
    for end in range(at + 1, len(said)):
        if said[end] == "}":
            try:
                value = orjson.loads(said[at : end + 1])
            except orjson.JSONDecodeError:
                continue
            return orjson.dumps(value).decode(), end + 1
    return "{}", at


def wants_thought(said: str) -> bool:
    """Whether the prompt itself asks for reasoning."""
    return _THINK.search(said) is not None


def wants_refusal(said: str) -> bool:
    """Whether the prompt asks to be refused."""
    return _REFUSE.search(said) is not None


def numbered(calls: list[tuple[str, str]], number: int, prefix: str) -> tuple[Call, ...]:
    """The calls with ids of their own."""
    return tuple(
        Call(f"{prefix}{number:06d}{index:02d}", name, arguments)
        for index, (name, arguments) in enumerate(calls)
    )


def quoted(results: tuple[ToolResult, ...]) -> str:
    """A sentence that quotes what the tools gave."""
    said = "; ".join(
        f"{result.name or 'the tool'} gave “{result.text}”"
        + (f" and {counted_images(result.images)}" if result.images else "")
        for result in results
    )
    return f"From the tools: {said}. "


def counted_images(count: int) -> str:
    """So many images, in words."""
    return f"{count} image{'s' if count > 1 else ''}"


def told_by_system(system: str, offered: Sequence[str]) -> dict[str, Any]:
    """What a system prompt demands of the answer, as fields of `Asked`: a form, a schema, a call."""
    demanded: dict[str, Any] = {}
    if _ONLY_JSON.search(system):
        demanded["json_answer"] = True
    schema = _SCHEMA.search(system)
    if schema is not None:
        try:
            value, _ = json.JSONDecoder().raw_decode(system, schema.end())
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            demanded["answer_schema"] = value
    named = _CALL_NAMED.search(system)
    if named is not None:
        demanded["must_call"] = tuple(name for name in offered if name == named[1])
    elif _CALL_ANY.search(system):
        demanded["must_call"] = tuple(offered)
    if _ONE_CALL.search(system):
        demanded["one_call"] = True
    return demanded
