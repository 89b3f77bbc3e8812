"""What routing and analysis see of what was learned: sums faded to one moment, in mappings that stay the same objects
while nothing worth speaking of has changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trunkline.domain.fading import share_left
from trunkline.domain.learned import AnswerLength, AnswerLengths, QualityRecords, Verdicts
from trunkline.store.learned import LengthRow, QualityRow

# A twentieth of a percent point of quality changes no ranking that was not a tie.
_LEAST_CHANGE = 0.0005


def quality_at(rows: Iterable[QualityRow], now_ms: int, half_life_days: float) -> QualityRecords:
    """What is thought of answers at that moment."""
    found: dict[tuple[str, str], dict[str, Verdicts]] = {}
    for row in rows:
        left = share_left(now_ms - row.as_of_ms, half_life_days)
        of_kind = found.setdefault((row.kind.task_type, row.kind.tier), {})
        of_kind[row.kind.model] = Verdicts(row.verdicts.good * left, row.verdicts.bad * left)
    return found


def lengths_at(rows: Iterable[LengthRow], now_ms: int, half_life_days: float) -> AnswerLengths:
    """How long answers were, at that moment."""
    lengths = {}
    for row in rows:
        left = share_left(now_ms - row.as_of_ms, half_life_days)
        lengths[row.task_type, row.tier] = AnswerLength(row.length.weight * left, row.length.tokens * left)
    return lengths


def brought_up(before: QualityRecords, after: QualityRecords, prior_weight: float) -> QualityRecords:
    """`after`, with the inner mappings of `before` where theirs say the same, and `before` itself where all do: who has
    made something of one of them sees by its identity that it is current."""
    merged = {
        kind: before[kind] if kind in before and _is_same(before[kind], verdicts, prior_weight) else verdicts
        for kind, verdicts in after.items()
    }
    unchanged = before.keys() == merged.keys() and all(before[kind] is merged[kind] for kind in merged)
    return before if unchanged else merged


def _is_same(before: Mapping[str, Verdicts], after: Mapping[str, Verdicts], weight: float) -> bool:
    return before.keys() == after.keys() and all(
        _is_near(before[model], verdicts, weight) for model, verdicts in after.items()
    )


def _is_near(before: Verdicts, after: Verdicts, weight: float) -> bool:
    """Whether neither the worst nor the best model's quality would be another by these counts."""
    return all(
        abs(_share(after.good, prior, after, weight) - _share(before.good, prior, before, weight))
        < _LEAST_CHANGE
        for prior in (0.0, 1.0)
    )


def _share(good: float, prior: float, verdicts: Verdicts, weight: float) -> float:
    return (prior * weight + good) / (weight + verdicts.good + verdicts.bad)
