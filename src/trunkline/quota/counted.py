"""How many requests each route answered within the last minute and the day, for limits that nobody has stated yet."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from trunkline.domain.limits import Window, WindowKind
from trunkline.domain.routes import Route
from trunkline.quota.windows import calendar_period

MOST_ROUTES = 2_000
LONGEST_ROLLING_MS = 60_000
_SECOND_MS = 1_000


@dataclass(slots=True)
class _Count:
    seconds: deque[list[int]] = field(default_factory=lambda: deque(maxlen=61))
    days: dict[Window, list[int]] = field(default_factory=dict)


class AnsweredCounts:
    """Counts of this process alone. A route that was not used for longest gives way."""

    def __init__(self) -> None:
        self._counts: dict[Route, _Count] = {}

    def note(self, route: Route, now_ms: int, day: Window) -> None:
        """A request was answered; `day` is the provider's."""
        count = self._counts.pop(route, None) or _Count()
        self._counts[route] = count
        if len(self._counts) > MOST_ROUTES:
            del self._counts[next(iter(self._counts))]
        second = now_ms // _SECOND_MS
        if count.seconds and count.seconds[-1][0] == second:
            count.seconds[-1][1] += 1
        else:
            count.seconds.append([second, 1])
        begins_ms = calendar_period(day, now_ms)[0]
        of_day = count.days.get(day)
        if of_day is None or of_day[0] != begins_ms:
            count.days = {day: [begins_ms, 1]}
        else:
            of_day[1] += 1

    def within(self, window: Window, route: Route, now_ms: int, *, whole_account: bool) -> int:
        """The requests answered in a rolling window of at most a minute, or in the day of a calendar window, on the
        route or on all of its account."""
        return sum(self._of_one(window, one, now_ms) for one in self._routes(route, whole_account))

    def still_in(
        self, window: Window, route: Route, now_ms: int, *, whole_account: bool
    ) -> tuple[tuple[int, int], ...]:
        """When requests that were answered leave a rolling window of at most a minute (wall time), and how many do
        then, the soonest first."""
        length_ms = window.length_ms or 0
        found: Counter[int] = Counter()
        for one in self._routes(route, whole_account):
            for second, number in self._counts[one].seconds if one in self._counts else ():
                found[(second + 1) * _SECOND_MS + length_ms] += number
        return tuple(sorted((at_ms, number) for at_ms, number in found.items() if at_ms > now_ms))

    def _routes(self, route: Route, whole_account: bool) -> list[Route]:
        if not whole_account:
            return [route]
        return [one for one in self._counts if (one.provider, one.account) == (route.provider, route.account)]

    def _of_one(self, window: Window, route: Route, now_ms: int) -> int:
        count = self._counts.get(route)
        if count is None:
            return 0
        if window.kind is WindowKind.CALENDAR:
            begins_ms, number = count.days.get(window, (0, 0))
            return number if begins_ms == calendar_period(window, now_ms)[0] else 0
        since = (now_ms - (window.length_ms or 0)) // _SECOND_MS
        return sum(number for second, number in count.seconds if second > since)
