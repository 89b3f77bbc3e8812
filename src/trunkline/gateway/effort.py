"""How long to think, where a client says it as a budget of tokens."""

from __future__ import annotations

from trunkline.domain.messages import Effort

_UP_TO = (
    (0, Effort.NONE),
    (1_024, Effort.MINIMAL),
    (4_096, Effort.LOW),
    (16_384, Effort.MEDIUM),
    (32_768, Effort.HIGH),
)


def effort_of(budget_tokens: int) -> Effort | None:
    """The word nearest to a budget of tokens; None where it is left to the model (Gemini's -1)."""
    if budget_tokens < 0:
        return None
    return next((effort for most, effort in _UP_TO if budget_tokens <= most), Effort.MAX)
