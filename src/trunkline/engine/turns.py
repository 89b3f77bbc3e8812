"""Whose turn it is: ranks, ageing, the lines of a lane, slots, and the spread after a reset. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from trunkline.domain.preferences import Thresholds
from trunkline.domain.tasks import Origin, Priority, Task


class Rank(IntEnum):
    """How soon a request goes where several wait for one thing, the soonest first."""

    INTERACTIVE = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3


LineKey = tuple[Rank, Origin]
"""Each origin has a place of its own in a lane: it is held up by its own requests alone."""


def rank_of(task: Task) -> Rank:
    """The rank of a request that has just come."""
    if task.interactive:
        return Rank.INTERACTIVE
    if task.critical or task.priority is Priority.HIGH:
        return Rank.HIGH
    return Rank.MEDIUM if task.priority is Priority.MEDIUM else Rank.LOW


def aged(rank: Rank, waited_ms: float, age_ms: float) -> Rank:
    """The rank after `waited_ms`: each `age_ms` of waiting lifts it by one."""
    lifted = int(max(0.0, waited_ms) // age_ms) if age_ms > 0 else 0
    return Rank(max(Rank.INTERACTIVE, rank - lifted))


def interval_ms(rank: Rank, thresholds: Thresholds) -> float:
    """How far apart the requests of one line go; 0: they do not wait."""
    if rank is Rank.MEDIUM:
        return thresholds.medium_lane_ms
    return thresholds.low_lane_ms if rank is Rank.LOW else 0.0


# -- lanes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request in a line. `latest_ms` (monotonic) is when it must go to be answered before its deadline, None where
    it has none."""

    request_id: str
    latest_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """When a request goes (monotonic). `paced`: it takes its line's turn; one that goes early for its deadline does
    not, or a stream of such requests would hold the others up for ever."""

    request_id: str
    due_ms: float
    paced: bool


def turns(
    line: Sequence[Waiting], *, last_ms: float | None, interval_ms: float, now_ms: float
) -> tuple[Turn, ...]:
    """When each of a line goes, in its order: one every `interval_ms` after the one let go at `last_ms`. A line that
    has been idle for that long (`last_ms` None: always) lets one go at once. Who is due by `now_ms` goes now: one at
    most of those that take turns, however late it is looked at."""
    next_ms = now_ms if last_ms is None else max(now_ms, last_ms + interval_ms)
    found: list[Turn] = []
    for one in line:
        if one.latest_ms is not None and one.latest_ms < next_ms:
            found.append(Turn(one.request_id, max(now_ms, one.latest_ms), paced=False))
            continue
        found.append(Turn(one.request_id, next_ms, paced=True))
        next_ms += interval_ms
    return tuple(found)


def latest_ms(
    deadline_at_ms: int | None, expected_ms: float, *, wall_ms: int, mono_ms: float
) -> float | None:
    """The monotonic time by which a request must go that takes `expected_ms` and has until `deadline_at_ms` (wall)."""
    return None if deadline_at_ms is None else mono_ms + (deadline_at_ms - wall_ms) - expected_ms


# -- slots ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InLine:
    """The first of a line that wait for a slot. `since_ms` (wall) is when it was asked; `served` grows with every slot
    that its origin was given."""

    request_id: str
    rank: Rank
    since_ms: int
    served: int = 0
    promoted: bool = False


def slot_key(one: InLine, now_ms: int, age_ms: float) -> tuple[bool, Rank, int, int, str]:
    """Who gets a slot before whom, the least first: promoted, then by aged rank, then the origin that has had its
    last slot longest ago, then the longest waiting. At the highest rank only waiting counts: who has grown old there
    is not overtaken any more."""
    rank = aged(one.rank, now_ms - one.since_ms, age_ms)
    served = 0 if rank is Rank.INTERACTIVE else one.served
    return (not one.promoted, rank, served, one.since_ms, one.request_id)


def next_for_slot(firsts: Iterable[InLine], now_ms: int, age_ms: float) -> InLine | None:
    """Who gets the slot that has become free."""
    return min(firsts, key=lambda one: slot_key(one, now_ms, age_ms), default=None)


# -- after a reset ----------------------------------------------------------------------------------------------------


def spread_after_reset_ms(
    rank: Rank, *, waited_ms: float, age_ms: float, spread_ms: float, draw: float
) -> float:
    """How long after a reset a request that waited for it goes: interactive at once, the others within `spread_ms`,
    a third for each rank, somewhere in it by `draw` (0..1). Waiting lifts, as it does for slots."""
    lifted = aged(rank, waited_ms, age_ms)
    if lifted is Rank.INTERACTIVE:
        return 0.0
    return spread_ms * (lifted - Rank.HIGH + min(1.0, max(0.0, draw))) / (Rank.LOW - Rank.HIGH + 1)


# -- routes that fail -------------------------------------------------------------------------------------------------


def throttle_ms(success_share: float | None, thresholds: Thresholds) -> float:
    """How long a call down a route of that success (0..1 of its last attempts, None: not known) is put off: the
    longest delay where nothing succeeds, none from `throttle_below` on."""
    below = thresholds.throttle_below / 100
    if success_share is None or success_share >= below:
        return 0.0
    return thresholds.throttle_ms * (1.0 - success_share / below)
