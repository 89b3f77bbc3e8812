"""Thinking that its client does not carry, kept aside until the conversation comes back (DESIGN §5).

Some providers want the reasoning before a tool call back with the call's result (Anthropic's signed thinking, Gemini's
thought signatures, Kimi's and DeepSeek's `reasoning_content`), and clients of chat completions have no place for it. So
a turn that called tools is kept under the request that it answered, which the ids of its calls name: they are this
gateway's own, and come back with their results.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, replace

from trunkline.domain.messages import Message, Part, TextPart, ThinkingPart, ToolCallPart
from trunkline.store.kept_thinking import KeptTurn, SignedCall

_MOST_TURNS = 4_096
_MOST_CHARS = 16_000_000
# More than a request may have pieces, so that one of them is not asked for twice in a conversation.
_MOST_BARE = 16_384
# Letters and digits alone: OpenClaw (2026.9) takes all else out of an id before it sends it back.
_OWN_ID = re.compile(r"call([0-9a-hjkmnp-tv-z]{26})[0-9]+")


def own_id(request_id: str, number: int) -> str:
    """The id of a call as its client sees it: one that no other call has, whatever its provider named it."""
    return f"call{request_id.lower()}{number}"


def answered_request(message: Message) -> str | None:
    """The id of the request that a turn with calls answered; None where no call of it is this gateway's."""
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            own = _OWN_ID.fullmatch(part.call_id)
            if own is not None:
                return own[1].upper()
    return None


def kept_of(turn: Message) -> KeptTurn | None:
    """What is worth keeping of a turn; None where there is nothing. Reasoning that came after words is not: it cannot
    be put back in its place by who knows only the ids of the calls."""
    calls = [part for part in turn.parts if isinstance(part, ToolCallPart)]
    before_words: list[ThinkingPart] = []
    for part in turn.parts:
        if isinstance(part, ThinkingPart):
            before_words.append(part)
        elif isinstance(part, TextPart | ToolCallPart):
            break
    signed = [SignedCall(call.call_id, call.signature, call.provider) for call in calls if call.signature]
    if not calls or not (before_words or signed):
        return None
    return KeptTurn(tuple(before_words), tuple(signed))


def restored(turn: Message, kept: KeptTurn) -> Message:
    """An assistant's turn as it came back, with what was kept of it where it came without."""
    signed = {call.call_id: call for call in kept.calls}
    carried = any(isinstance(part, ThinkingPart) for part in turn.parts)
    parts: list[Part] = [] if carried else [*kept.thinking]
    for part in turn.parts:
        if isinstance(part, ToolCallPart) and part.signature is None and part.call_id in signed:
            own = signed[part.call_id]
            part = replace(part, signature=own.signature, provider=own.provider)
        parts.append(part)
    return replace(turn, parts=tuple(parts))


@dataclass(slots=True)
class Shelved:
    """A turn that is remembered; `until_ms` (wall time) is as long as the store keeps it."""

    kept: KeptTurn
    until_ms: int


class Shelf:
    """What is remembered of turns, by whose they are (a token's id, empty: nobody's) and the request that they
    answered: those used last of which something is kept, and more of those without."""

    def __init__(self) -> None:
        self._turns: OrderedDict[tuple[str, str], Shelved] = OrderedDict()
        self._bare: OrderedDict[tuple[str, str], bool] = OrderedDict()
        self._chars = 0

    def put(self, owner: str, request_id: str, kept: KeptTurn, until_ms: int) -> None:
        """Remember what is kept of a turn, and until when."""
        key = owner, request_id
        self._drop(key)
        self._turns[key] = Shelved(kept, until_ms)
        self._chars += _chars(kept)
        while len(self._turns) > _MOST_TURNS or self._chars > _MOST_CHARS:
            self._drop(next(iter(self._turns)))

    def put_bare(self, owner: str, request_id: str) -> None:
        """Remember that nothing is kept of a turn."""
        self._note_bare((owner, request_id), surely=True)

    def missed(self, owner: str, request_id: str) -> None:
        """It was looked up, and nothing was found. Only a second time is that taken for granted: the process that
        answered may not have written it yet."""
        key = owner, request_id
        self._note_bare(key, surely=key in self._bare)

    def knows(self, owner: str, request_id: str) -> bool:
        """Whether it need not be looked up."""
        key = owner, request_id
        return key in self._turns or self._bare.get(key, False)

    def found(self, owner: str, request_id: str) -> Shelved | None:
        """What is remembered of a turn, which is used by that."""
        key = owner, request_id
        shelved = self._turns.get(key)
        if shelved is not None:
            self._turns.move_to_end(key)
        return shelved

    def _note_bare(self, key: tuple[str, str], *, surely: bool) -> None:
        self._bare[key] = surely
        if len(self._bare) > _MOST_BARE:
            self._bare.popitem(last=False)

    def _drop(self, key: tuple[str, str]) -> None:
        shelved = self._turns.pop(key, None)
        if shelved is not None:
            self._chars -= _chars(shelved.kept)


def _chars(kept: KeptTurn) -> int:
    """About how much memory it takes."""
    return sum(len(part.text) + len(part.signature or "") for part in kept.thinking) + sum(
        len(call.signature) for call in kept.calls
    )
