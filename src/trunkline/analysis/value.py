"""What it is worth to send only some prompts to the stronger model, beside sending as many at random. Pure.

A threshold on the signal is chosen on one half of the prompts and frozen; every figure is of the other half. The halves
are by a hash of the prompt's id, the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType

QUALITY_KEPT = 0.95
"""Of the strong model's quality so much is to be kept; the figure of issue 6 and of RouteLLM's tables."""

_CURVE_SHARES = tuple(step / 10 for step in range(11))


@dataclass(frozen=True, slots=True)
class Valued:
    """One prompt of which two models' quality (0..1) and cost (USD) are known, and what was judged of it from its text:
    how complex it is, 0..1, and how many tokens it has."""

    id: str
    source: str
    complexity: float
    tokens: int
    weak_quality: float
    strong_quality: float
    weak_usd: float
    strong_usd: float


Signal = Callable[[Valued], float]
"""How much a prompt seems to need the strong model; only the order counts."""

SIGNALS: Mapping[str, Signal] = MappingProxyType(
    {
        "complexity": lambda one: one.complexity,
        # What the strong model should add over what it takes: dear prompts stay with the weak one.
        "complexity_per_token": lambda one: one.complexity / (1 + one.tokens),
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a way of choosing came to: the share sent to the strong model, the quality kept and the cost saved, both as
    shares of sending everything there."""

    strong_share: float
    quality: float
    saving: float


@dataclass(frozen=True, slots=True)
class Point:
    """With so large a share sent to the strong model: the quality kept by the signal, and at random."""

    strong_share: float
    quality: float
    random_quality: float


@dataclass(frozen=True, slots=True)
class ValueReport:
    """Of one source, or all: `n` prompts in the half that is reported on. `chosen` is what the frozen threshold came to
    there, `same_share` what is expected of random choice of as many prompts, and `same_quality` of random choice that
    keeps the quality which `chosen` has kept (None where no share of it does). `at_goal` and `random_at_goal` are what
    the signal's order and random choice can save there at `QUALITY_KEPT` exactly, each with the best share for it."""

    source: str
    n: int
    threshold: float
    weak_quality: float
    strong_quality: float
    chosen: Outcome
    same_share: Outcome
    same_quality: Outcome | None
    at_goal: Outcome
    random_at_goal: Outcome
    curve: tuple[Point, ...]

    @property
    def gain(self) -> float:
        """Share of the cost that is saved beyond what random choice of the same quality saves."""
        return self.chosen.saving - (self.same_quality.saving if self.same_quality is not None else 0.0)


def value_reports(valued: Sequence[Valued], signal: Signal) -> tuple[ValueReport, ...]:
    """A report for each family of sources (what stands before a colon) that has prompts in both halves, by name."""
    families: dict[str, list[Valued]] = {}
    for one in valued:
        families.setdefault(one.source.partition(":")[0], []).append(one)
    reports = (value_report(family, of, signal) for family, of in sorted(families.items()))
    return tuple(report for report in reports if report is not None)


def value_report(source: str, valued: Iterable[Valued], signal: Signal) -> ValueReport | None:
    """The figures of these prompts; None where a half is empty or the strong model costs nothing there."""
    halves: tuple[list[Valued], list[Valued]] = ([], [])
    for one in valued:
        halves[_is_reported(one.id)].append(one)
    frozen, reported = halves
    if not frozen or not reported or not sum(one.strong_usd for one in reported):
        return None
    threshold = _threshold(frozen, signal)
    chosen = _outcome(reported, lambda one: signal(one) >= threshold)
    at_random = _Random(reported)
    return ValueReport(
        source=source,
        n=len(reported),
        threshold=threshold,
        weak_quality=_mean(one.weak_quality for one in reported),
        strong_quality=_mean(one.strong_quality for one in reported),
        chosen=chosen,
        same_share=at_random.outcome(chosen.strong_share),
        same_quality=at_random.keeping(chosen.quality),
        at_goal=_best(reported, signal),
        random_at_goal=at_random.keeping(QUALITY_KEPT) or at_random.outcome(1.0),
        curve=tuple(_point(reported, signal, at_random, share) for share in _CURVE_SHARES),
    )


def _is_reported(prompt_id: str) -> bool:
    return bool(blake2b(prompt_id.encode(), digest_size=1).digest()[0] & 1)


def _mean(figures: Iterable[float]) -> float:
    found = list(figures)
    return sum(found) / len(found)


def _outcome(valued: Sequence[Valued], is_strong: Callable[[Valued], bool]) -> Outcome:
    strong = [is_strong(one) for one in valued]
    quality = sum(
        one.strong_quality if up else one.weak_quality for one, up in zip(valued, strong, strict=True)
    )
    usd = sum(one.strong_usd if up else one.weak_usd for one, up in zip(valued, strong, strict=True))
    return Outcome(
        sum(strong) / len(valued),
        _ratio(quality, sum(one.strong_quality for one in valued)),
        1 - usd / sum(one.strong_usd for one in valued),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _threshold(valued: Sequence[Valued], signal: Signal) -> float:
    """The highest signal from which on everything must go to the strong model for `QUALITY_KEPT`; prompts of the same
    signal go together."""
    goal = QUALITY_KEPT * sum(one.strong_quality for one in valued)
    quality = sum(one.weak_quality for one in valued)
    gained: dict[float, float] = {}
    for one in valued:
        at = signal(one)
        gained[at] = gained.get(at, 0.0) + one.strong_quality - one.weak_quality
    threshold = float("inf")
    for at in sorted(gained, reverse=True):
        if quality >= goal:
            return threshold
        quality += gained[at]
        threshold = at
    return threshold


def _best(valued: Sequence[Valued], signal: Signal) -> Outcome:
    threshold = _threshold(valued, signal)
    return _outcome(valued, lambda one: signal(one) >= threshold)


class _Random:
    """What is expected where a share of prompts, whichever, goes to the strong model."""

    def __init__(self, valued: Sequence[Valued]) -> None:
        self._weak = _ratio(
            sum(one.weak_quality for one in valued), sum(one.strong_quality for one in valued)
        )
        self._weak_usd = sum(one.weak_usd for one in valued) / sum(one.strong_usd for one in valued)

    def outcome(self, share: float) -> Outcome:
        """With that share."""
        return Outcome(share, self._weak + share * (1 - self._weak), (1 - share) * (1 - self._weak_usd))

    def keeping(self, quality: float) -> Outcome | None:
        """With the least share that keeps so much quality; None where none does."""
        if quality <= self._weak:
            return self.outcome(0.0)
        return self.outcome((quality - self._weak) / (1 - self._weak)) if quality <= 1 else None


def _point(valued: Sequence[Valued], signal: Signal, at_random: _Random, share: float) -> Point:
    """Those with the highest signal go up; among equals the order is that of a hash, as good as random."""
    ranked = sorted(valued, key=lambda one: (-signal(one), blake2b(one.id.encode()).digest()))
    up = {one.id for one in ranked[: round(share * len(ranked))]}
    return Point(share, _outcome(valued, lambda one: one.id in up).quality, at_random.outcome(share).quality)
