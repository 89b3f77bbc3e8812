"""How an answer ends: its stop reason and what it used."""

from __future__ import annotations

from typing import Any

from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason

_STOP_REASONS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT: "refusal",
    # The API has no word for an answer that was stopped from outside; this one says that it is not whole.
    FinishReason.CANCELLED: "max_tokens",
}


def stop_reason(finish: FinishReason, *, has_calls: bool) -> str:
    """The API's word for it; an answer that stops after tool calls waits for their results. Which stop sequence was
    met nobody tells, so that an answer that met one ends like any other."""
    if has_calls and finish is FinishReason.STOP:
        finish = FinishReason.TOOL_CALLS
    return _STOP_REASONS[finish]


def usage_fields(usage: Usage) -> dict[str, Any]:
    """`usage`, its input without what came from the cache or went into it; what is not known is null."""
    fresh = usage.input_tokens
    if fresh is not None:
        fresh = max(0, fresh - (usage.cached_tokens or 0) - (usage.written_tokens or 0))
    fields: dict[str, Any] = {
        "input_tokens": fresh,
        "cache_creation_input_tokens": usage.written_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens is not None:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return fields
