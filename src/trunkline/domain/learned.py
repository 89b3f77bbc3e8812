"""What experience says of answers: counts that fade, by kind of task and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What somebody, or the course of events, said of one answer. What is said later of the same answer by the same
    kind of sign takes the place of what was said before."""

    UP = "up"
    DOWN = "down"
    REGENERATED = "regenerated"
    ELSEWHERE = "elsewhere"
    EMPTY = "empty"
    REFUSED = "refused"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How many answers were found good and bad, the older ones counting less: the two counts of a Beta posterior beside
    those of its prior."""

    good: float = 0.0
    bad: float = 0.0


# By task type and tier, then by model id, whoever serves it.
QualityRecords = Mapping[tuple[str, str], Mapping[str, Verdicts]]
