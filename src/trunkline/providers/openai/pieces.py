"""What a message is made of, gathered piece by piece: content and thinking, tool calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from trunkline.domain.events import ToolCallDelta, WireEvent
from trunkline.domain.text import strip_controls
from trunkline.providers.values.jsontext import count, json_text, mapping, text_of

THINKING_FIELDS = ("reasoning_content", "reasoning")
_GROWING = ("text", "summary", "data")


def content_pieces(content: object) -> tuple[str, str]:
    """`content` as (text, thinking): plain text, or Mistral's list of text and thinking chunks."""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, list):
        return "", ""
    text: list[str] = []
    thinking: list[str] = []
    for piece in content:
        if isinstance(piece, str):
            text.append(piece)
            continue
        table = mapping(piece)
        if table.get("type") == "thinking" or "thinking" in table:
            thinking.append("".join(content_pieces(table.get("thinking"))))
        elif isinstance(table.get("text"), str):
            text.append(table["text"])
    return "".join(text), "".join(thinking)


def thinking_piece(message: dict[str, Any]) -> str:
    """The reasoning in a message or delta, under whichever name this provider uses; taken once."""
    for name in THINKING_FIELDS:
        value = message.get(name)
        if isinstance(value, str) and value:
            return value
    details = message.get("reasoning_details")
    if not isinstance(details, list):
        return ""
    tables = [mapping(detail) for detail in details]
    return "".join(text_of(table.get("text")) or text_of(table.get("summary")) for table in tables)


@dataclass(slots=True)
class Details:
    """`reasoning_details` (OpenRouter, MiniMax) gathered as they must go back: fragments of one block, which have its
    `type` and `index`, made one block again, everything else as it came."""

    _blocks: list[dict[str, Any]] = field(default_factory=list)

    def feed(self, details: object) -> None:
        """Take in `reasoning_details` of a delta or message."""
        for detail in _tables(details):
            last = self._blocks[-1] if self._blocks else None
            if last is not None and _same_block(last, detail):
                _grow(last, detail)
            else:
                self._blocks.append(dict(detail))

    def signature(self) -> str | None:
        """All blocks as JSON text; None where there were none."""
        return json_text(self._blocks) or None if self._blocks else None


def _same_block(block: dict[str, Any], fragment: dict[str, Any]) -> bool:
    if fragment.get("index") is None or fragment["index"] != block.get("index"):
        return False
    ids = (block.get("id"), fragment.get("id"))
    return fragment.get("type") == block.get("type") and (None in ids or ids[0] == ids[1])


def _grow(block: dict[str, Any], fragment: dict[str, Any]) -> None:
    for name, value in fragment.items():
        if name in _GROWING and isinstance(value, str) and isinstance(block.get(name), str):
            block[name] += value
        elif value is not None:
            block[name] = value


@dataclass(slots=True)
class _Call:
    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    signature: str | None = None


@dataclass(slots=True)
class ToolCalls:
    """Tool calls gathered from fragments. By `index` where it is given; where it is missing (Gemini), or the same
    for several calls, another id or another name begins another call."""

    _calls: list[_Call] = field(default_factory=list)
    _by_index: dict[int, _Call] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(call.name for call in self._calls)

    def feed(self, fragments: object) -> int:
        """Take in `tool_calls` of a delta, and say how many of them are tool calls."""
        taken = 0
        for fragment in _tables(fragments):
            function = mapping(fragment.get("function"))
            if function or fragment.get("id"):
                call = self._add(count(fragment.get("index")), text_of(fragment.get("id")), function)
                call.signature = _thought_signature(fragment) or call.signature
                taken += 1
        return taken

    def feed_whole(self, calls: object) -> None:
        """Take in `tool_calls` of a message, each of them a whole call."""
        for position, call in enumerate(_tables(calls)):
            self._by_index.pop(position, None)
            added = self._add(position, text_of(call.get("id")), mapping(call.get("function")))
            added.signature = _thought_signature(call)

    def feed_function_call(self, function: object) -> None:
        """Take in the old `function_call`, of which there is only one."""
        if isinstance(function, dict):
            self._add(0, "", function)

    def whole(self, *, also_unfinished: bool) -> list[WireEvent]:
        """Every call that has a name and whose arguments are JSON, in order. `also_unfinished` lets arguments
        that are not JSON pass: the provider says that the call is whole."""
        events: list[WireEvent] = []
        for call in self._calls:
            arguments = strip_controls("".join(call.arguments)).strip() or "{}"
            if call.name and (also_unfinished or _is_json(arguments)):
                index = len(events)
                call_id = call.call_id or f"call_{index}"
                events.append(ToolCallDelta(index, call_id, call.name, arguments, call.signature))
        return events

    def _add(self, index: int | None, call_id: str, function: dict[str, Any]) -> _Call:
        name = text_of(function.get("name"))
        call = self._by_index.get(index) if index is not None else (self._calls[-1] if self._calls else None)
        if call is None or _is_another(call, index, call_id, name):
            call = _Call()
            self._calls.append(call)
            if index is not None:
                self._by_index[index] = call
        call.call_id = call.call_id or strip_controls(call_id)
        call.name = call.name or strip_controls(name)
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.arguments.append(arguments)
        elif isinstance(arguments, dict):
            call.arguments.append(json_text(arguments))
        return call


def _thought_signature(call: dict[str, Any]) -> str | None:
    """What Gemini's compatible endpoint wants back with the call."""
    google = mapping(mapping(call.get("extra_content")).get("google"))
    return text_of(google.get("thought_signature")) or None


def _tables(values: object) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _is_another(call: _Call, index: int | None, call_id: str, name: str) -> bool:
    """Whether a fragment that would continue `call` begins a new one instead."""
    if call_id and call.call_id:
        return call_id != call.call_id and bool(name)
    return index is None and bool(name) and bool(call.name)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
