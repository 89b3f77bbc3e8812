"""Task type and complexity of a text, from the trained linear model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from trunkline.analysis.asking import asking_part
from trunkline.analysis.features import features_of
from trunkline.analysis.model import shipped_model
from trunkline.domain.tasks import SIMPLE, TASK_TYPES

# Of a long text only so many characters at either end are read.
END = 1_000
# A text is taken for a simple one from this probability on; figures in training/REPORT.md.
SIMPLE_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Guess:
    """A judgement: `confidence` is the probability of `type`, the likeliest one; `complexity` is 0..1."""

    type: str
    confidence: float
    complexity: float
    probabilities: Mapping[str, float] = field(default_factory=dict)

    @property
    def safe_type(self) -> str:
        """The type to act on: `simple` only where that is sure enough, else the likeliest of the others."""
        if self.type != SIMPLE or self.confidence >= SIMPLE_FROM:
            return self.type
        others = {kind: share for kind, share in self.probabilities.items() if kind != SIMPLE}
        return max(others, key=lambda kind: others[kind], default=self.type)


def classify(text: str) -> Guess:
    """Judge `text` by its two ends."""
    return _judge(ends_of(text))


def ends_of(text: str) -> str:
    """`text` without the middle of a long one."""
    return text if len(text) <= 2 * END else f"{text[:END]}\n{text[-END:]}"


@lru_cache(maxsize=512)
def _judge(ends: str) -> Guess:
    """Judge a text by its ends. Remembered: an agent sends the same last message with every step of its work, a
    schedule the same prompt every time, and what is previewed while it is typed is sent a moment later."""
    shares, complexity = shipped_model().judge(features_of(asking_part(ends)))
    probabilities = {kind: round(share, 4) for kind, share in zip(TASK_TYPES, shares, strict=True)}
    best = max(TASK_TYPES, key=lambda kind: probabilities[kind])
    return Guess(best, probabilities[best], round(complexity, 3), probabilities)
