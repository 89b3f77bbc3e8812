"""What experience says of answers: counts that fade, by kind of task and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


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


THUMBS = (Verdict.UP, Verdict.DOWN)
"""What a person says outright, and may take back."""


class SignKind(StrEnum):
    """By what something is said of an answer: a thumb, asking again, or naming its kind of task."""

    THUMB = "thumb"
    AGAIN = "again"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How many answers were found good and bad, the older ones counting less: the two counts of a Beta posterior beside
    those of its prior."""

    good: float = 0.0
    bad: float = 0.0


WEIGHTS: Mapping[Verdict, Verdicts] = MappingProxyType(
    {
        # A person judged it: one whole answer, as the prior counts them.
        Verdict.UP: Verdicts(good=1.0),
        Verdict.DOWN: Verdicts(bad=1.0),
        # Nothing came that could be used, and the asker had to wait for another.
        Verdict.EMPTY: Verdicts(bad=1.0),
        # Who goes to another model for it has seen what this one can do; it may be a taste.
        Verdict.ELSEWHERE: Verdicts(bad=0.7),
        # Asked again of the same: as often for a variation as for a fault.
        Verdict.REGENERATED: Verdicts(bad=0.5),
        # As much the prompt's doing as the model's.
        Verdict.REFUSED: Verdicts(bad=0.5),
        # As much the serving program's doing as the model's.
        Verdict.MALFORMED: Verdicts(bad=0.5),
    }
)
"""What each verdict adds. No source has figures; these are ours, for the reasons beside them."""

UNREMARKED = 0.02
"""What an answer adds of which nobody says anything, as good and bad in the shares of its model's catalogue figure: it
leaves the quality where it is, but has single signs count for less. Signs that come by themselves are nearly all bad
ones; without this a good model would sink with use, and the more the more it is used. Fifty such answers weigh as much
as one thumb."""


@dataclass(frozen=True, slots=True)
class AnswerLength:
    """How long answers were: the sum of their `tokens` over their number `weight`, the older ones counting less."""

    weight: float = 0.0
    tokens: float = 0.0


@dataclass(frozen=True, slots=True)
class Received:
    """How one answer was received, as far as is known: of the request `request_id`, whose task was of that type and
    tier, by `route`. `thumb` is what a person says of it now; `verdicts` are all, the thumb among them."""

    request_id: str
    route: str
    task_type: str
    tier: str
    verdicts: tuple[Verdict, ...] = ()

    @property
    def thumb(self) -> Verdict | None:
        """What a person said outright."""
        return thumb_of(self.verdicts)


def thumb_of(verdicts: tuple[Verdict, ...]) -> Verdict | None:
    """The one of them that a person gave outright."""
    return next((verdict for verdict in verdicts if verdict in THUMBS), None)


# By task type and tier, then by model id, whoever serves it.
QualityRecords = Mapping[tuple[str, str], Mapping[str, Verdicts]]
# By task type and tier.
AnswerLengths = Mapping[tuple[str, str], AnswerLength]
