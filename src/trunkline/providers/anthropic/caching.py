"""Marks for Anthropic's prompt cache, where they are likely to pay."""

from __future__ import annotations

from typing import Any

from trunkline.providers.anthropic.messages import THINKING_KINDS, Block, Turn

LEAST_PREFIX_CHARS = 4_000
_EPHEMERAL = {"type": "ephemeral"}


def mark_for_cache(body: dict[str, Any]) -> None:
    """Mark the end of what stays the same (tools and system prompt) and the end of the conversation, in place.

    Writing to the cache costs a quarter more than plain input, reading from it a tenth, for five minutes: it pays
    where the same beginning is sent again soon. So a conversation is marked from its second turn on, and from the
    first where it has tools, whose results follow at once; a single question is not. A prefix of under a thousand
    tokens (here: 4,000 characters) is never cached by most models, and a mark on one that is too short for a model
    is ignored without cost.
    """
    turns: list[Turn] = body["messages"]
    if len(turns) < 2 and not body.get("tools"):
        return
    fixed_chars = _chars(body.get("tools", [])) + _chars(body.get("system", []))
    fixed = body.get("system") or body.get("tools")
    if fixed and fixed_chars >= LEAST_PREFIX_CHARS:
        fixed[-1]["cache_control"] = _EPHEMERAL
    if fixed_chars + _chars(turns) >= LEAST_PREFIX_CHARS:
        last = turns[-1]["content"][-1]
        if last["type"] not in THINKING_KINDS:
            last["cache_control"] = _EPHEMERAL


def _chars(value: list[Block] | list[Turn] | Any) -> int:
    """How much text is in `value`, roughly: images count nothing."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return 0 if value.get("type") == "image" else sum(_chars(item) for item in value.values())
    return sum(_chars(item) for item in value) if isinstance(value, list) else 0
