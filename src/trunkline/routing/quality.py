"""How good a model is at one kind of task: the catalogue's figure, moved by how its answers were received."""

from __future__ import annotations

from enum import Enum, auto

from trunkline.domain.learned import Verdicts


def is_known(prior: float | None, verdicts: Verdicts | None) -> bool:
    """Whether anything is known of how good a model is: the catalogue's figure, or how an answer was received."""
    return prior is not None or (verdicts is not None and verdicts.good + verdicts.bad > 0)


class Floor(Enum):
    """How a quality stands to the least that is wanted."""

    MEETS = auto()
    UNKNOWN = auto()
    BELOW = auto()


def posterior(prior: float | None, verdicts: Verdicts | None, weight: float) -> float:
    """The mean of the Beta posterior, 0..1: a prior worth `weight` answers of which the share `prior` was good, and the
    answers that were found good and bad. An unknown prior counts as 0, as it always did in the score, so that no
    verdict makes of an unknown model more than good verdicts do."""
    good, bad = (verdicts.good, verdicts.bad) if verdicts is not None else (0.0, 0.0)
    total = weight + good + bad
    return ((prior or 0.0) * weight + good) / total if total > 0 else prior or 0.0


def against_floor(prior: float | None, verdicts: Verdicts | None, weight: float, floor: float) -> Floor:
    """Whether a model meets the floor. Of one whose prior is unknown it is said only where it would be so whatever the
    prior was, from 0 to 1: so a good verdict never makes its standing worse, nor a bad one better, and few verdicts do
    not settle it."""
    if floor <= 0:
        return Floor.MEETS
    least = posterior(prior, verdicts, weight)
    if least >= floor:
        return Floor.MEETS
    most = least if prior is not None else posterior(1.0, verdicts, weight)
    return Floor.BELOW if most < floor else Floor.UNKNOWN
