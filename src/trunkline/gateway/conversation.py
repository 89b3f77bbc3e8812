"""Whose conversation a request belongs to, where its client does not say: agents send the whole of it each time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import takewhile

from trunkline.domain.messages import ChatRequest, Role
from trunkline.gateway.dialect import Asked

HEADER = "x-trunkline-conversation"
_MOST_RUNS = 4_096
_KEYED_CHARS = 1_000
_SAID = ("conversation", "conversation_id", "session", "session_id", "thread_id")
_SESSION = "x-session-id"
"""Where opencode and others name the session that a request belongs to, beside the protocol."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which conversation a request stands. The same request asked again is the same turn."""

    conversation_id: str
    turn_id: str
    guessed: bool = False
    """From its beginning."""


def place_of(asked: Asked, headers: Mapping[str, str], owner: str) -> Place:
    """The conversation by the client's own word (a header, metadata); else by its beginning: system prompt and first
    message, which stay while it grows, with the protocol's own key where there is one: a session or a cache, which
    subagents and titles share with the conversation that they serve. `owner` keeps the clients of different tokens
    apart."""
    chat = asked.chat
    said = headers.get(HEADER) or next((asked.said[name] for name in _SAID if asked.said.get(name)), None)
    session = asked.conversation_key or headers.get(_SESSION, "")
    beginning = f"said\0{said}" if said else f"begun\0{session}\0{_beginning(chat, keyed=bool(session))}"
    conversation_id = "gw-" + _hash("\0".join((owner, beginning)))
    return Place(conversation_id, _turn_id(conversation_id, chat), guessed=not said)


@dataclass(slots=True)
class _Run:
    conversation_id: str
    longest: int


class Runs:
    """Tells the runs of a job apart that begins with the same words every hour: who begins where a conversation had
    gone on begins another. Otherwise it would be one that never ends, and what is learned of conversations wrong."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def placed(self, place: Place, chat: ChatRequest, now_ms: int) -> Place:
        """`place` in the run that `chat` belongs to: the latest."""
        if not place.guessed:
            return place
        length = len(chat.messages)
        run = self._runs.setdefault(place.conversation_id, _Run(place.conversation_id, length))
        self._runs.move_to_end(place.conversation_id)
        begins = not any(message.role is Role.ASSISTANT for message in chat.messages)
        if begins and length < run.longest:
            run.conversation_id, run.longest = f"{place.conversation_id}-{now_ms:x}", length
        run.longest = max(run.longest, length)
        while len(self._runs) > _MOST_RUNS:
            self._runs.popitem(last=False)
        return Place(run.conversation_id, _turn_id(run.conversation_id, chat), guessed=True)


def _turn_id(conversation_id: str, chat: ChatRequest) -> str:
    return f"{conversation_id}-{len(chat.messages)}"


def _beginning(chat: ChatRequest, *, keyed: bool) -> str:
    """What the system says later, of which there is more with every turn, is no part of it. With a key, how the system
    prompt begins says enough: who takes a session up again may find another folder described at its end."""
    heads = takewhile(lambda message: message.role is Role.SYSTEM, chat.messages)
    if keyed:
        first_head = next(heads, None)
        system = "" if first_head is None else first_head.text[:_KEYED_CHARS]
    else:
        system = "\n".join(message.text for message in heads)
    first = next((message.text for message in chat.messages if message.role is Role.USER), "")
    return f"{system}\0{first}"


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
