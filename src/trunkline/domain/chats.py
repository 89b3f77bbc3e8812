"""Conversations as they are kept: what was said, in which order, and what holds for the whole of one."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """What a person set for one conversation. `route` is a selector that its messages are pinned to, `task_type` the
    type that they are taken for; None leaves it to the engine."""

    system: str | None = None
    route: str | None = None
    task_type: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A line of the list of conversations. `title` is the person's own, else the beginning of the first message, on
    one line; `turns` counts messages of the person."""

    conversation_id: str
    title: str
    started_at_ms: int
    updated_at_ms: int
    turns: int


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A message of the person and the answer that counts. `request_id` is of the request that gave the answer, where
    there was one; `complete` is False for an answer that was cut or stopped, None where there is no answer."""

    turn_id: str
    asked: str
    answer: str
    complete: bool | None
    request_id: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """A whole conversation."""

    summary: ConversationSummary
    turns: tuple[KeptTurn, ...]
    settings: ConversationSettings = field(default_factory=ConversationSettings)
