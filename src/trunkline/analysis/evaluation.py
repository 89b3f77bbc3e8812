"""How right judgements of task types are, against labels. Pure: rows in, figures out; shares are 0..1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trunkline.domain.tasks import SIMPLE

_COVERED_FROM = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled prompt: its label, the likeliest type and how sure that was, where it is from, and whether it is
    treated as a simple one, which takes more than being the likeliest."""

    label: str
    type: str
    confidence: float
    source: str
    treated_as_simple: bool


@dataclass(frozen=True, slots=True)
class TypeFigures:
    """Of one type: how many have the label, and precision, recall and F1 of judging it; precision is None where nothing
    was judged so, recall where nothing has the label."""

    n: int
    precision: float | None
    recall: float | None
    f1: float


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """Of one source."""

    n: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class SimpleFigures:
    """`simple` against the rest, by what is treated so. `false_simple_rate` is the share of prompts of other types that
    are."""

    precision: float | None
    recall: float | None
    false_simple_rate: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of prompts judged with at least `confidence`, and how many of these were right; None where none was."""

    confidence: float
    share: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Prompts judged with a confidence from `low` to under `high` (the last bin holds 1): their mean confidence and how
    many were right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class TypeReport:
    """All figures of a labelled file. `macro_f1` is the mean over the types that are labels there. `calibration_error`
    is the expected calibration error over ten bins of equal width."""

    n: int
    accuracy: float
    macro_f1: float
    by_type: Mapping[str, TypeFigures]
    by_source: Mapping[str, SourceFigures]
    simple: SimpleFigures
    coverage: tuple[Coverage, ...]
    reliability: tuple[Bin, ...]
    calibration_error: float


def type_report(judged: Sequence[Judged]) -> TypeReport | None:
    """What these judgements come to; None where there is none."""
    if not judged:
        return None
    by_type = {label: _type_figures(judged, label) for label in sorted({one.label for one in judged})}
    reliability = _reliability(judged)
    return TypeReport(
        n=len(judged),
        accuracy=_accuracy(judged),
        macro_f1=sum(figures.f1 for figures in by_type.values()) / len(by_type),
        by_type=by_type,
        by_source={source: SourceFigures(len(of), _accuracy(of)) for source, of in _sources(judged).items()},
        simple=_simple(judged),
        coverage=tuple(_coverage(judged, least) for least in _COVERED_FROM),
        reliability=reliability,
        calibration_error=sum(one.n * abs(one.confidence - one.accuracy) for one in reliability)
        / len(judged),
    )


def _accuracy(judged: Sequence[Judged]) -> float:
    return sum(one.label == one.type for one in judged) / len(judged)


def _type_figures(judged: Iterable[Judged], of: str) -> TypeFigures:
    counted = Counter((one.label == of, one.type == of) for one in judged)
    hits, missed, wrong = counted[True, True], counted[True, False], counted[False, True]
    return TypeFigures(
        n=hits + missed,
        precision=_share(hits, hits + wrong),
        recall=_share(hits, hits + missed),
        f1=2 * hits / (2 * hits + missed + wrong) if hits else 0.0,
    )


def _simple(judged: Sequence[Judged]) -> SimpleFigures:
    counted = Counter((one.label == SIMPLE, one.treated_as_simple) for one in judged)
    hits, missed, wrong = counted[True, True], counted[True, False], counted[False, True]
    return SimpleFigures(
        precision=_share(hits, hits + wrong),
        recall=_share(hits, hits + missed),
        false_simple_rate=_share(wrong, wrong + counted[False, False]),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sources(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = {}
    for one in judged:
        found.setdefault(one.source, []).append(one)
    return dict(sorted(found.items()))


def _coverage(judged: Sequence[Judged], least: float) -> Coverage:
    sure = [one for one in judged if one.confidence >= least]
    return Coverage(least, len(sure) / len(judged), _accuracy(sure) if sure else None)


def _reliability(judged: Iterable[Judged]) -> tuple[Bin, ...]:
    bins: dict[int, list[Judged]] = {}
    for one in judged:
        bins.setdefault(min(_BINS - 1, int(one.confidence * _BINS)), []).append(one)
    return tuple(
        Bin(
            place / _BINS,
            (place + 1) / _BINS,
            len(of),
            sum(one.confidence for one in of) / len(of),
            _accuracy(of),
        )
        for place, of in sorted(bins.items())
    )
