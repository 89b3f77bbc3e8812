"""Whose conversation a request belongs to, where its client does not say: agents send the whole of it each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from trunkline.domain.messages import ChatRequest, Role
from trunkline.gateway.dialect import Asked

HEADER = "x-trunkline-conversation"
_SAID = ("conversation", "conversation_id", "session", "session_id", "thread_id")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which conversation a request stands. The same request asked again is the same turn."""

    conversation_id: str
    turn_id: str


def place_of(asked: Asked, headers: Mapping[str, str], owner: str) -> Place:
    """The conversation by the client's own word (a header, metadata); else by its beginning: system prompt and first
    message, which stay while it grows, with the protocol's own key where there is one: a session or a cache, which
    subagents and titles share with the conversation that they serve. `owner` keeps the clients of different tokens
    apart."""
    chat = asked.chat
    said = headers.get(HEADER) or next((asked.said[name] for name in _SAID if asked.said.get(name)), None)
    beginning = f"said\0{said}" if said else f"begun\0{asked.conversation_key or ''}\0{_beginning(chat)}"
    conversation_id = "gw-" + _hash("\0".join((owner, beginning)))
    return Place(conversation_id, f"{conversation_id}-{len(chat.messages)}")


def _beginning(chat: ChatRequest) -> str:
    system = "\n".join(message.text for message in chat.messages if message.role is Role.SYSTEM)
    first = next((message.text for message in chat.messages if message.role is Role.USER), "")
    return f"{system}\0{first}"


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
