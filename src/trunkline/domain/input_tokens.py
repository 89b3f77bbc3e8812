"""What a prompt takes of one model's window and of its allowances, before the provider has said so."""

from __future__ import annotations

import math

from trunkline.domain.counting import CountingRule, TokenFactors, Tokenizer
from trunkline.domain.tasks import Task


def input_tokens(
    task: Task,
    *,
    provider: str,
    model: str,
    tokenizer: Tokenizer,
    rule: CountingRule,
    factors: TokenFactors,
    margin: float,
) -> int:
    """The upper end for one model: its count times the factor learned for it, or times `margin` where none is. That of
    the task where only that is known."""
    if task.counted is None:
        return task.input_tokens
    counted = task.counted.of(tokenizer, rule, provider)
    factor = factors.get((provider, model), {}).get(counted.tokenizer, margin)
    return max(task.least_input_tokens, math.ceil(counted.tokens * factor))
