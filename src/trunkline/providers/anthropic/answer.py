"""An answer gathered from its content blocks, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from trunkline.domain.events import Finished, ThinkingDelta, ToolCallDelta, UsageSeen, WireEvent
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.receipts import FinishReason
from trunkline.domain.text import provider_sentence, strip_controls
from trunkline.providers import reply_faults
from trunkline.providers.anthropic.usage import Tally
from trunkline.providers.text_stream import TextStream
from trunkline.providers.values.jsontext import count, json_text, mapping, text_of

_WINDOW_FULL = "model_context_window_exceeded"
_REFUSAL = "refusal"
# `pause_turn` asks to be sent on: the answer is not whole.
_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    _WINDOW_FULL: FinishReason.LENGTH,
    "pause_turn": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
}


@dataclass(slots=True)
class _Call:
    call_id: str
    name: str
    given: str
    pieces: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        """The fragments joined, else what came with the block itself."""
        return strip_controls("".join(self.pieces)).strip() or self.given


@dataclass(slots=True)
class Gathered:
    """A reply as far as it has been read. `pieces_seen` counts pieces of content, those of tool calls included,
    which are told when the answer is whole."""

    text: TextStream
    tally: Tally = field(default_factory=Tally)
    stop_reason: str = ""
    pieces_seen: int = 0
    _stop_details: dict[str, Any] = field(default_factory=dict)
    _calls: list[_Call] = field(default_factory=list)
    _open: dict[int, _Call] = field(default_factory=dict)
    _has_thinking: bool = False
    _unsigned: bool = False

    def begin_block(self, index: object, block: dict[str, Any]) -> list[WireEvent]:
        """The events in a content block as it begins, or in a whole one. Kinds not known are passed over."""
        kind = block.get("type")
        if kind == "text":
            return self._text(block.get("text"))
        if kind == "thinking":
            self._unsigned = False
            return self._thinking(block.get("thinking"), block.get("signature"))
        if kind == "redacted_thinking":
            return self._redacted(block.get("data"))
        if kind == "tool_use":
            self._begin_call(index, block)
        return []

    def add_delta(self, index: object, delta: dict[str, Any]) -> list[WireEvent]:
        """The events in the next piece of the block at `index`."""
        kind = delta.get("type")
        if kind == "text_delta":
            return self._text(delta.get("text"))
        if kind == "thinking_delta":
            return self._thinking(delta.get("thinking"), None)
        if kind == "signature_delta":
            return self._thinking(None, delta.get("signature"))
        if kind == "input_json_delta":
            call = self._open.get(count(index) or 0)
            piece = delta.get("partial_json")
            if call is not None and isinstance(piece, str) and piece:
                call.pieces.append(piece)
                self.pieces_seen += 1
        return []

    def stop(self, delta: dict[str, Any]) -> None:
        """Take in why the answer ends, if this says so."""
        reason = text_of(delta.get("stop_reason"))
        if reason:
            self.stop_reason = reason
            self._stop_details = mapping(delta.get("stop_details"))

    def ending(self) -> list[WireEvent]:
        """The last events of a reply whose stop reason is known, the very last a `Finished` or a `Fault`."""
        events = self.text.close()
        if self.stop_reason == _REFUSAL:
            return [*events, *self.usage_seen(), self._refused()]
        reason = _REASONS.get(self.stop_reason, FinishReason.STOP)
        if self._calls and reason is FinishReason.STOP:
            reason = FinishReason.TOOL_CALLS
        calls = self._whole_calls(also_unfinished=reason is FinishReason.TOOL_CALLS)
        last = Finished(reason) if self.text.has_text or calls else self._nothing()
        return [*events, *calls, *self.usage_seen(), last]

    def cut(self) -> list[WireEvent]:
        """The last events of a reply that ended before its stop reason."""
        return self.broken(reply_faults.cut())

    def broken(self, fault: Fault) -> list[WireEvent]:
        """The last events of a reply that `fault` ended."""
        return [*self.text.close(), *self.usage_seen(), fault]

    def usage_seen(self) -> list[WireEvent]:
        """The provider's count, where there was one."""
        usage = self.tally.usage
        return [] if usage is None else [UsageSeen(usage)]

    def _text(self, text: object) -> list[WireEvent]:
        if not isinstance(text, str) or not text:
            return []
        self.pieces_seen += 1
        events = self.text.feed(text)
        self._has_thinking = self._has_thinking or any(isinstance(one, ThinkingDelta) for one in events)
        return events

    def _thinking(self, text: object, signature: object) -> list[WireEvent]:
        """A signature vouches for every character: where one had to be taken out of the text, it is of no use."""
        said = text if isinstance(text, str) else ""
        clean = strip_controls(said)
        self._unsigned = self._unsigned or clean != said
        signed = strip_controls(text_of(signature)) if not self._unsigned else ""
        if not clean and not signed:
            return []
        self._has_thinking = True
        self.pieces_seen += 1
        return [ThinkingDelta(clean, signed or None)]

    def _redacted(self, data: object) -> list[WireEvent]:
        sealed = strip_controls(text_of(data))
        if not sealed:
            return []
        self._has_thinking = True
        self.pieces_seen += 1
        return [ThinkingDelta("", sealed, redacted=True)]

    def _begin_call(self, index: object, block: dict[str, Any]) -> None:
        given = block.get("input")
        arguments = json_text(given) if isinstance(given, dict) and given else ""
        call = _Call(
            strip_controls(text_of(block.get("id"))),
            strip_controls(text_of(block.get("name"))),
            strip_controls(arguments) or "{}",
        )
        if call.name:
            self._calls.append(call)
            self._open[count(index) or 0] = call
            self.pieces_seen += 1

    def _whole_calls(self, *, also_unfinished: bool) -> list[WireEvent]:
        """Every call whose input is JSON. `also_unfinished` lets others pass: the provider says that they are whole."""
        events: list[WireEvent] = []
        for call in self._calls:
            if also_unfinished or _is_json(call.arguments):
                index = len(events)
                events.append(
                    ToolCallDelta(index, call.call_id or f"call_{index}", call.name, call.arguments)
                )
        return events

    def _refused(self) -> Fault:
        said = text_of(self._stop_details.get("explanation")) or text_of(self._stop_details.get("category"))
        message = "the model refused to answer"
        category = text_of(self._stop_details.get("category"))
        evidence = f"stop_reason refusal, {category[:40]}" if category else "stop_reason refusal"
        return Fault(
            FaultKind.CONTENT,
            FaultScope.REQUEST,
            _REFUSAL,
            message,
            provider_sentence(said),
            200,
            evidence=provider_sentence(evidence),
        )

    def _nothing(self) -> Fault:
        """The fault that an answer without text and without tool calls is."""
        if self.stop_reason == _WINDOW_FULL:
            return reply_faults.window_full(_WINDOW_FULL)
        return reply_faults.nothing_said("stop_reason", self.stop_reason, has_thinking=self._has_thinking)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
