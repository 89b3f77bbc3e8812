"""How long a model is told to think, and which models sign what they thought.

Ranges are those of Google's own documentation: 2.5 Flash takes a budget of 0 to 24,576 tokens, Flash-Lite one of 0 or
512 to 24,576, Pro one of 128 to 32,768 and cannot be kept from thinking. Of the levels only the small models take
`MINIMAL`.
"""

from __future__ import annotations

import re
from typing import Any

from trunkline.domain.messages import Effort
from trunkline.domain.routes import ModelSpec, ThinkingControl

_BUDGETS = {
    Effort.NONE: 0,
    Effort.MINIMAL: 512,
    Effort.LOW: 1_024,
    Effort.MEDIUM: 8_192,
    Effort.HIGH: 24_576,
    Effort.MAX: 24_576,
}
_LEAST_BUDGET = 512
_LEAST_PRO_BUDGET = 128
_LEVELS = {
    Effort.NONE: "MINIMAL",
    Effort.MINIMAL: "MINIMAL",
    Effort.LOW: "LOW",
    Effort.MEDIUM: "MEDIUM",
    Effort.HIGH: "HIGH",
    Effort.MAX: "HIGH",
}
_GENERATION = re.compile(r"gemini-(\d+)")
_SMALL = re.compile(r"flash|lite")
_LITE = re.compile(r"lite")
_PRO = re.compile(r"\bpro\b")


def is_third_generation(model: ModelSpec) -> bool:
    """Whether it is of Gemini 3 or later: these think by level, want their signatures back with function calls and
    take tools together with a JSON type."""
    generation = _GENERATION.search(model.id)
    return model.thinking is ThinkingControl.LEVEL or (generation is not None and int(generation[1]) >= 3)


def thinking_config(effort: Effort | None, model: ModelSpec, output_tokens: int | None) -> dict[str, Any]:
    """`thinkingConfig`; empty where the model does not think. Summaries of its thoughts are asked for where it does."""
    if model.thinking is ThinkingControl.NONE:
        return {}
    if effort is None:
        idle = model.thinking is ThinkingControl.BUDGET and _LITE.search(model.id) is not None
        return {} if idle else {"includeThoughts": True}
    if model.thinking is ThinkingControl.BUDGET:
        budget = _budget(effort, model, output_tokens)
        return {"thinkingBudget": budget, "includeThoughts": True} if budget else {"thinkingBudget": 0}
    if model.thinking is ThinkingControl.LEVEL:
        level = _LEVELS[effort]
        if level == "MINIMAL" and not _SMALL.search(model.id):
            level = "LOW"
        return {"thinkingLevel": level, "includeThoughts": True}
    return {"includeThoughts": True}


def _budget(effort: Effort, model: ModelSpec, output_tokens: int | None) -> int:
    """Thinking counts against the output limit, so that it gets no more than half of that."""
    if effort is Effort.NONE:
        return _LEAST_PRO_BUDGET if _PRO.search(model.id) else 0
    budget = _BUDGETS[effort]
    return budget if output_tokens is None else min(budget, max(_LEAST_BUDGET, output_tokens // 2))
