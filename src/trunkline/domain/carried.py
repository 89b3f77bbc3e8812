"""What a conversation holds beside words, and not every provider can be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning in `turns` messages that one model gave (`model` None: any model of its provider may read it);
    `signed` where its provider wants it back unchanged."""

    provider: str
    model: str | None
    turns: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """Of the messages of one request. `signed_calls` counts tool calls with a provider's signature, by provider;
    `system_messages` are all of them. `begun`: the last words are the assistant's, to be gone on with. `schema`: the
    answer must fit one. `forced_call`: it must be a tool call."""

    thinking: tuple[Thinking, ...] = ()
    signed_calls: tuple[tuple[str, int], ...] = ()
    tool_calls: int = 0
    system_messages: int = 0
    begun: bool = False
    schema: bool = False
    forced_call: bool = False
