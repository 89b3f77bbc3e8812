"""Hours of the week as the catalogue writes them: `Mon-Fri 06:00-10:00`, in UTC."""

from __future__ import annotations

import re

from trunkline.domain.money import PeakHours

HOURS_EXPECTED = (
    'hours of the week in UTC, such as "Mon-Fri 06:00-10:00", "Sat,Sun 00:00-24:00" or "daily 22:00-02:00"'
)

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_SPAN = re.compile(r"(\S+)\s+(\d\d):([0-5]\d)\s*-\s*(\d\d):([0-5]\d)")


def parse_hours(text: str) -> tuple[PeakHours, ...]:
    """Read days (`Mon`, `Mon-Fri`, `Sat,Sun`, `daily`) and a span of hours. A span over midnight belongs to the day on
    which it begins and becomes two. Raises ValueError, with what was expected, for anything else."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(HOURS_EXPECTED)
    days = _weekdays(found[1])
    first = int(found[2]) * 60 + int(found[3])
    until = int(found[4]) * 60 + int(found[5])
    if first >= _DAY_MINUTES or until > _DAY_MINUTES or first == until:
        raise ValueError(HOURS_EXPECTED)
    if first < until:
        return (PeakHours(days, first, until),)
    before_midnight = PeakHours(days, first, _DAY_MINUTES)
    if until == 0:
        return (before_midnight,)
    return before_midnight, PeakHours(tuple(sorted((day + 1) % 7 for day in days)), 0, until)


def _weekdays(text: str) -> tuple[int, ...]:
    """Days as numbers, 0 is Monday; a range may go over the week's end."""
    if text.lower() == "daily":
        return tuple(range(7))
    days: set[int] = set()
    for piece in text.split(","):
        first, dash, last = piece.lower().partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise ValueError(HOURS_EXPECTED)
        begin = _DAYS.index(first)
        length = (_DAYS.index(last) - begin) % 7 if dash else 0
        days.update((begin + step) % 7 for step in range(length + 1))
    return tuple(sorted(days))
