"""The assistant's message that a request's events add up to, as the next request of its conversation sends it."""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.domain.events import (
    AttemptStarted,
    Body,
    Restarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from trunkline.domain.messages import Message, Part, Role, TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.routes import Route


def answer_message(bodies: Iterable[Body]) -> Message:
    """What the model said, in order: reasoning with what its provider wants back, text, tool calls. Reasoning of an
    attempt that another one took over from is left out, text that still counts is not. Without anything said, a
    message without parts."""
    parts: list[Part] = []
    route: Route | None = None
    for body in bodies:
        if isinstance(body, AttemptStarted):
            route = body.route
            parts = [part for part in parts if isinstance(part, TextPart)]
        elif isinstance(body, Restarted):
            parts.clear()
        elif isinstance(body, TextDelta):
            _add_text(parts, body.text)
        elif route is not None and isinstance(body, ThinkingDelta):
            _add_thinking(parts, body, route)
        elif route is not None and isinstance(body, ToolCallDelta):
            parts.append(
                ToolCallPart(body.call_id, body.name, body.arguments, body.signature, route.provider)
            )
    return Message(Role.ASSISTANT, tuple(parts))


def _add_text(parts: list[Part], text: str) -> None:
    last = parts[-1] if parts else None
    if isinstance(last, TextPart):
        parts[-1] = TextPart(last.text + text)
    else:
        parts.append(TextPart(text))


def _add_thinking(parts: list[Part], delta: ThinkingDelta, route: Route) -> None:
    """A signature closes the piece of reasoning that it came with; what follows begins another."""
    last = parts[-1] if parts else None
    if isinstance(last, ThinkingPart) and last.signature is None and not delta.redacted:
        parts[-1] = ThinkingPart(last.text + delta.text, route.provider, delta.signature, route.model)
    else:
        parts.append(ThinkingPart(delta.text, route.provider, delta.signature, route.model, delta.redacted))
