"""An answer gathered from generateContent responses: one of them, or many in a stream, each with what is new."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import orjson

from trunkline.domain.events import Finished, Started, ThinkingDelta, ToolCallDelta, UsageSeen, WireEvent
from trunkline.domain.faults import Fault
from trunkline.domain.text import provider_sentence, strip_controls
from trunkline.providers import reply_faults
from trunkline.providers.gemini import ending
from trunkline.providers.gemini.usage import usage_of
from trunkline.providers.text_stream import TextStream
from trunkline.providers.values.jsontext import mapping, text_of


@dataclass(frozen=True, slots=True)
class _Call:
    call_id: str
    name: str
    arguments: str
    signature: str | None


@dataclass(slots=True)
class Gathered:
    """A reply as far as it has been read. Function calls come whole, but are told at the end: those of an answer that
    is cut off are not to be carried out. `raw_usage` is the latest count, read at the end. `fault` is set once the
    reply has failed; nothing after it counts."""

    text: TextStream
    raw_usage: object = None
    finish_reason: str = ""
    fault: Fault | None = None
    pieces_seen: int = 0
    _finish_message: str = ""
    _started: bool = False
    _has_thinking: bool = False
    _calls: list[_Call] = field(default_factory=list)

    def take(self, response: dict[str, Any]) -> list[WireEvent]:
        """The events in the next response."""
        events: list[WireEvent] = []
        if not self._started:
            self._started = True
            served = provider_sentence(text_of(response.get("modelVersion")), longest=200)
            events.append(Started(served or None))
        if response.get("usageMetadata"):
            self.raw_usage = response["usageMetadata"]
        candidates = response.get("candidates")
        if isinstance(candidates, list) and candidates:
            events += self._candidate(mapping(candidates[0]))
        feedback = mapping(response.get("promptFeedback"))
        if text_of(feedback.get("blockReason")):
            self.fault = ending.blocked(
                text_of(feedback["blockReason"]), text_of(feedback.get("blockReasonMessage"))
            )
        return events

    def close(self) -> list[WireEvent]:
        """The last events, the very last a `Finished` or a `Fault`."""
        events = self.text.close()
        last: Fault | Finished | None = self.fault
        if last is None and not self.finish_reason:
            last = reply_faults.cut()
        if last is None:
            last = ending.fault_of(self.finish_reason, self._finish_message)
        if last is None:
            calls = self._told_calls()
            events += calls
            if self.text.has_text or calls:
                last = Finished(ending.reason_of(self.finish_reason, has_calls=bool(calls)))
            else:
                last = ending.nothing(self.finish_reason, has_thinking=self._has_thinking)
        usage = usage_of(self.raw_usage)
        return [*events, *([] if usage is None else [UsageSeen(usage)]), last]

    def _candidate(self, candidate: dict[str, Any]) -> list[WireEvent]:
        events: list[WireEvent] = []
        parts = mapping(candidate.get("content")).get("parts")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                events += self._part(part)
        reason = text_of(candidate.get("finishReason"))
        if ending.ends(reason):
            self.finish_reason = reason
            self._finish_message = text_of(candidate.get("finishMessage"))
        return events

    def _part(self, part: dict[str, Any]) -> list[WireEvent]:
        signature = strip_controls(text_of(part.get("thoughtSignature"))) or None
        call = part.get("functionCall")
        if isinstance(call, dict):
            self._add_call(call, signature)
            return []
        text = part.get("text")
        said = text if isinstance(text, str) else ""
        if said or signature:
            self.pieces_seen += 1
        if part.get("thought") is True:
            thought = strip_controls(said)
            if not thought and not signature:
                return []
            self._has_thinking = True
            return [ThinkingDelta(thought, signature)]
        events = self.text.feed(said) if said else []
        self._has_thinking = self._has_thinking or any(isinstance(one, ThinkingDelta) for one in events)
        return [*events, ThinkingDelta("", signature)] if signature else events

    def _add_call(self, call: dict[str, Any], signature: str | None) -> None:
        name = strip_controls(text_of(call.get("name"))).strip()
        if not name:
            return
        self.pieces_seen += 1
        call_id = strip_controls(text_of(call.get("id"))).strip()
        self._calls.append(_Call(call_id, name, _json_of(mapping(call.get("args"))), signature))

    def _told_calls(self) -> list[WireEvent]:
        """Every call, under an id of its own: one is made where none was given, or one given twice."""
        given = {call.call_id for call in self._calls}
        taken: set[str] = set()
        events: list[WireEvent] = []
        for index, call in enumerate(self._calls):
            call_id, number = call.call_id, index
            while not call_id or call_id in taken:
                made = f"call_{number}"
                call_id = "" if made in given else made
                number += 1
            taken.add(call_id)
            events.append(ToolCallDelta(index, call_id, call.name, call.arguments, call.signature))
        return events


def _json_of(arguments: dict[str, Any]) -> str:
    try:
        text = orjson.dumps(arguments).decode()
    except TypeError:
        text = json.dumps(arguments)
    return strip_controls(text)
