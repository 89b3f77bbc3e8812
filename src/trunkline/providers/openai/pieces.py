"""What a message is made of, gathered piece by piece: content and thinking, tool calls, the finish reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from trunkline.domain.events import TextDelta, ThinkingDelta, ToolCallDelta, WireEvent
from trunkline.domain.text import strip_controls
from trunkline.providers.openai.jsontext import count, mapping, text_of

_THINK_OPEN = "<think>"
_THINK_CLOSE = "</think>"
THINKING_FIELDS = ("reasoning_content", "reasoning")


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
class TextStream:
    """Content as it comes, made into events. White space before the first word is held back, so that an answer
    of nothing else counts as empty. With `think_tags`, a `<think>…</think>` block that opens the content is
    thinking, wherever the pieces are cut; tags later in the text are text."""

    think_tags: bool
    has_text: bool = False
    _held: str = ""
    _in_think: bool = False
    _after_think: bool = False

    def feed(self, text: str) -> list[WireEvent]:
        """The events in the next piece of content."""
        if self.has_text:
            clean = strip_controls(text)
            return [TextDelta(clean)] if clean else []
        self._held += text
        return self._tagged() if self.think_tags else self._release()

    def close(self) -> list[WireEvent]:
        """What was held back, now that nothing follows; white space alone is dropped."""
        if self._in_think:
            held, self._held = self._held, ""
            return _thinking(held)
        return self._release()

    def _tagged(self) -> list[WireEvent]:
        events: list[WireEvent] = []
        while True:
            if self._in_think:
                inside, closed, after = self._held.partition(_THINK_CLOSE)
                if not closed:
                    keep = _overlap(inside, _THINK_CLOSE)
                    self._held = inside[len(inside) - keep :]
                    return events + _thinking(inside[: len(inside) - keep])
                events += _thinking(inside)
                self._held, self._in_think, self._after_think = after, False, True
            start = self._held.lstrip()
            if start.startswith(_THINK_OPEN):
                self._held, self._in_think = start[len(_THINK_OPEN) :], True
            elif _THINK_OPEN.startswith(start):
                return events
            else:
                return events + self._release()

    def _release(self) -> list[WireEvent]:
        clean = strip_controls(self._held.lstrip() if self._after_think else self._held)
        if not clean.strip():
            return []
        self._held = ""
        self.has_text = True
        return [TextDelta(clean)]


def _thinking(text: str) -> list[WireEvent]:
    clean = strip_controls(text)
    return [ThinkingDelta(clean)] if clean else []


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next(
        (size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0
    )


@dataclass(slots=True)
class _Call:
    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ToolCalls:
    """Tool calls gathered from fragments. By `index` where it is given; where it is missing (Gemini), or the same
    for several calls, another id or another name begins another call."""

    _calls: list[_Call] = field(default_factory=list)
    _by_index: dict[int, _Call] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(call.name for call in self._calls)

    def feed(self, fragments: object) -> None:
        """Take in `tool_calls` of a delta; what is no tool call is left out."""
        for fragment in _tables(fragments):
            function = mapping(fragment.get("function"))
            if function or fragment.get("id"):
                self._add(count(fragment.get("index")), text_of(fragment.get("id")), function)

    def feed_whole(self, calls: object) -> None:
        """Take in `tool_calls` of a message, each of them a whole call."""
        for position, call in enumerate(_tables(calls)):
            self._by_index.pop(position, None)
            self._add(position, text_of(call.get("id")), mapping(call.get("function")))

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
                events.append(ToolCallDelta(index, call.call_id or f"call_{index}", call.name, arguments))
        return events

    def _add(self, index: int | None, call_id: str, function: dict[str, Any]) -> None:
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
            call.arguments.append(orjson.dumps(arguments).decode())


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
