"""Thinking that its client does not carry, kept aside until the conversation comes back (DESIGN §5).

Some providers want the reasoning before a tool call back with the call's result (Anthropic's signed thinking, Gemini's
thought signatures, Kimi's and DeepSeek's `reasoning_content`), and clients of chat completions have no place for it. So
a turn that called tools is kept under the ids of its calls, which are this gateway's own and come back with their
results.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from trunkline.domain.messages import Message, Part, Role, TextPart, ThinkingPart, ToolCallPart

_MOST_TURNS = 4_096
_MOST_CHARS = 16_000_000


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """What a turn that called tools holds beside its words: its reasoning, and the signatures of its calls by id."""

    thinking: tuple[ThinkingPart, ...]
    calls: tuple[ToolCallPart, ...]

    @property
    def chars(self) -> int:
        """About how much memory it takes."""
        return sum(len(part.text) + len(part.signature or "") for part in self.thinking) + sum(
            len(call.signature or "") for call in self.calls
        )


class Shelf:
    """Of the latest turns; what falls off is missed by nobody but its provider, which then thinks anew."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, KeptTurn] = OrderedDict()
        self._chars = 0

    def keep(self, turn: Message) -> None:
        """Keep what an assistant's turn holds, where its client may lose it."""
        kept = _kept(turn)
        if kept is None:
            return
        key = kept.calls[0].call_id
        self._drop(key)
        self._turns[key] = kept
        self._chars += kept.chars
        while len(self._turns) > _MOST_TURNS or self._chars > _MOST_CHARS:
            self._drop(next(iter(self._turns)))

    def restored(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """`messages` with what was kept of the assistant's turns among them, where they came back without it."""
        return tuple(
            self._restored(message) if message.role is Role.ASSISTANT else message for message in messages
        )

    def _restored(self, message: Message) -> Message:
        if not any(isinstance(part, ToolCallPart) for part in message.parts):
            return message
        kept = next(
            (
                self._turns[part.call_id]
                for part in message.parts
                if isinstance(part, ToolCallPart) and part.call_id in self._turns
            ),
            None,
        )
        if kept is None:
            return message
        signed = {call.call_id: call for call in kept.calls}
        carried = any(isinstance(part, ThinkingPart) for part in message.parts)
        parts: list[Part] = [] if carried else [*kept.thinking]
        for part in message.parts:
            if isinstance(part, ToolCallPart) and part.signature is None and part.call_id in signed:
                own = signed[part.call_id]
                part = replace(part, signature=own.signature, provider=own.provider)
            parts.append(part)
        return replace(message, parts=tuple(parts))

    def _drop(self, key: str) -> None:
        kept = self._turns.pop(key, None)
        if kept is not None:
            self._chars -= kept.chars


def _kept(turn: Message) -> KeptTurn | None:
    """What is worth keeping of a turn; None where there is nothing. Reasoning that came after words is not: it cannot
    be put back in its place by who knows only the ids of the calls."""
    calls = tuple(part for part in turn.parts if isinstance(part, ToolCallPart))
    before_words: list[ThinkingPart] = []
    for part in turn.parts:
        if isinstance(part, ThinkingPart):
            before_words.append(part)
        elif isinstance(part, TextPart | ToolCallPart):
            break
    if not calls or not (before_words or any(call.signature for call in calls)):
        return None
    return KeptTurn(tuple(before_words), calls)
