"""How far a provider's count of prompts is from ours, learned from what it reports: an interval, not just a number.

What is kept are sums that fade: of the ratios reported ÷ counted, each with its weight, and of their squares. Their
upper end is that of the next ratio, at the 95th percentile of a normal distribution, whose mean and variance start from
one imagined ratio of 1 that has the configured margin as its upper end (policy.md: ×1.1). Variance is taken around the
common mean of what was imagined and what was seen: so, while little was seen, an odd provider gets a wide interval
rather than a wrong one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_PERCENTILE: Final = 1.645
_PRIOR_WEIGHT: Final = 1.0
# Shorter prompts say little: templates and hidden instructions are most of what is counted then.
_LEAST_TOKENS: Final = 40
_FULL_WEIGHT_TOKENS: Final = 400
# A ratio outside is junk: no tokenizer in use is that far from o200k, but a provider is that cuts prompts, adds pages
# of its own, or reports what it likes.
_LEAST_RATIO: Final = 0.4
_MOST_RATIO: Final = 3.0
_HALF_LIFE_MS: Final = 14 * 86_400_000
_MOST_WEIGHT: Final = 200.0
_LEAST_FACTOR: Final = 0.5
_MOST_FACTOR: Final = 3.0


@dataclass(frozen=True, slots=True)
class Correction:
    """What was seen of one model by one tokenizer, as of wall time `as_of_ms`."""

    weight: float = 0.0
    ratios: float = 0.0
    squares: float = 0.0
    as_of_ms: int = 0

    def seen(self, ratio: float, weight: float, now_ms: int) -> Correction:
        """With one more ratio; what was seen before counts half after two weeks, and never more than 200 prompts."""
        age_ms = max(0, now_ms - self.as_of_ms)
        kept = 0.5 ** (age_ms / _HALF_LIFE_MS) * (1.0 - weight / _MOST_WEIGHT)
        return Correction(
            weight=self.weight * kept + weight,
            ratios=self.ratios * kept + ratio * weight,
            squares=self.squares * kept + ratio * ratio * weight,
            as_of_ms=max(self.as_of_ms, now_ms),
        )


@dataclass(frozen=True, slots=True)
class Factors:
    """From a count to what is likely reported: in the mean, and hardly more than `upper`."""

    mean: float
    upper: float


def observed(counted_tokens: int, reported_tokens: int | None) -> tuple[float, float] | None:
    """The ratio that a report gives and its weight 0..1; None where nothing is to be learned from it."""
    if reported_tokens is None or counted_tokens < _LEAST_TOKENS:
        return None
    ratio = reported_tokens / counted_tokens
    if not _LEAST_RATIO <= ratio <= _MOST_RATIO:
        return None
    return ratio, min(1.0, counted_tokens / _FULL_WEIGHT_TOKENS)


def factors_of(correction: Correction, margin: float) -> Factors:
    """The interval; with nothing seen its upper end is `margin`, the configured factor (at least 1)."""
    weight = _PRIOR_WEIGHT + max(0.0, correction.weight)
    widened = math.sqrt(1.0 + 1.0 / weight)
    prior_deviation = (margin - 1.0) / (_PERCENTILE * math.sqrt(1.0 + 1.0 / _PRIOR_WEIGHT))
    mean = (_PRIOR_WEIGHT + correction.ratios) / weight
    square = (_PRIOR_WEIGHT * (1.0 + prior_deviation**2) + correction.squares) / weight
    deviation = math.sqrt(max(0.0, square - mean * mean))
    upper = mean + _PERCENTILE * deviation * widened
    return Factors(mean, round(min(_MOST_FACTOR, max(_LEAST_FACTOR, upper)), 3))
