"""How long the model should think, as its request says it."""

from __future__ import annotations

from typing import Any

from trunkline.domain.messages import Effort
from trunkline.domain.routes import ModelSpec, ThinkingControl
from trunkline.providers.anthropic.messages import THINKING_KINDS, Turn, is_prefilled

LEAST_BUDGET_TOKENS = 1024
LEAST_ANSWER_TOKENS = 256
_EFFORTS = {
    Effort.MINIMAL: "low",
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
    Effort.MAX: "max",
}
_BUDGET_TOKENS = {
    Effort.MINIMAL: LEAST_BUDGET_TOKENS,
    Effort.LOW: 4_096,
    Effort.MEDIUM: 8_192,
    Effort.HIGH: 16_384,
    Effort.MAX: 32_768,
}


def thinking_fields(
    effort: Effort | None, model: ModelSpec, turns: list[Turn], output_tokens: int
) -> dict[str, Any]:
    """The fields of a request that say how long to think, among them a raised `max_tokens` where a budget asks for
    it: the thinking is part of the output. Empty where nothing is to be said, and where the API would refuse to
    think: in an answer already begun, or, with a budget, amid tool calls that were made without thinking."""
    if effort is None or effort is Effort.NONE or is_prefilled(turns):
        return {}
    if model.thinking is ThinkingControl.ADAPTIVE:
        return {
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"effort": _EFFORTS[effort]},
        }
    if model.thinking is not ThinkingControl.BUDGET or _is_amid_unthought_calls(turns):
        return {}
    budget_tokens = _BUDGET_TOKENS[effort]
    if budget_tokens >= output_tokens:
        output_tokens += budget_tokens
    if model.max_output_tokens is not None:
        output_tokens = min(output_tokens, model.max_output_tokens)
    budget_tokens = min(budget_tokens, output_tokens - LEAST_ANSWER_TOKENS)
    if budget_tokens < LEAST_BUDGET_TOKENS:
        return {}
    return {
        "thinking": {"type": "enabled", "budget_tokens": budget_tokens},
        "max_tokens": output_tokens,
    }


def _is_amid_unthought_calls(turns: list[Turn]) -> bool:
    """Whether the conversation ends in tool results, of a row of calls that did not begin with thinking."""
    first: Turn | None = None
    for at in range(len(turns) - 1, 0, -2):
        if not any(block["type"] == "tool_result" for block in turns[at]["content"]):
            break
        first = turns[at - 1]
    return first is not None and first["content"][0]["type"] not in THINKING_KINDS
