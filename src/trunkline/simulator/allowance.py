"""Limits that are enforced for real: who shares them, what is used, when the next request fits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from trunkline.domain.clock import Clock
from trunkline.domain.limits import CalendarUnit, LimitScope, Metric, Window, WindowKind, model_matches
from trunkline.simulator.description import Account, Limit
from trunkline.simulator.styles import Standing


@dataclass(frozen=True, slots=True)
class Shortage:
    """A limit that does not take a request, and when it would (None: not by waiting)."""

    limit: Limit
    used: int
    asked: int
    wait_ms: float | None


class Counter:
    """Use of one limit. A rolling window counts what was booked within its length, to the millisecond."""

    def __init__(self, limit: Limit, clock: Clock) -> None:
        self.limit = limit
        self._clock = clock
        self._booked: deque[tuple[float, int]] = deque()
        self._used = 0
        self._until_ms: float | None = None  # of a calendar or session window, on the wall clock

    def used(self) -> int:
        """What counts now."""
        self._renew()
        return self._used

    def book(self, amount: int) -> None:
        """Count `amount` from now on; negative gives back (concurrency)."""
        self._renew()
        self._used += amount
        if self._rolls and amount:
            self._booked.append((self._clock.mono_ms(), amount))
        if self.limit.window.kind is WindowKind.SESSION and self._until_ms is None:
            self._until_ms = self._clock.wall_ms() + (self.limit.window.length_ms or 0)

    def wait_ms(self, asked: int) -> float | None:
        """How long until `asked` would fit; None where waiting does not help."""
        self._renew()
        excess = self._used + asked - self.limit.amount
        if excess <= 0:
            return 0.0
        if asked > self.limit.amount:
            return None
        if self._rolls:
            for at_ms, amount in self._booked:
                excess -= amount
                if excess <= 0:
                    return max(0.0, at_ms + self._length_ms - self._clock.mono_ms())
        return None if self._until_ms is None else max(0.0, self._until_ms - self._clock.wall_ms())

    def standing(self) -> Standing:
        """How it stands, for headers."""
        used = self.used()
        if self._rolls:
            last_ms = self._booked[-1][0] if self._booked else None
            resets_ms = 0.0 if last_ms is None else last_ms + self._length_ms - self._clock.mono_ms()
        else:
            resets_ms = 0.0 if self._until_ms is None else self._until_ms - self._clock.wall_ms()
        limit = self.limit
        resets_ms = max(0.0, resets_ms)
        remaining, resets_at_ms = max(0, limit.amount - used), self._clock.wall_ms() + resets_ms
        return Standing(limit.metric, limit.window, limit.amount, remaining, resets_ms, resets_at_ms)

    @property
    def _rolls(self) -> bool:
        return self.limit.window.kind is WindowKind.ROLLING and self.limit.metric is not Metric.CONCURRENCY

    @property
    def _length_ms(self) -> int:
        return self.limit.window.length_ms or 0

    def _renew(self) -> None:
        if self.limit.metric is Metric.CONCURRENCY:
            return
        if self._rolls:
            oldest_ms = self._clock.mono_ms() - self._length_ms
            while self._booked and self._booked[0][0] <= oldest_ms:
                self._used -= self._booked.popleft()[1]
            return
        now_ms = self._clock.wall_ms()
        if self._until_ms is not None and now_ms >= self._until_ms:
            self._used, self._until_ms = 0, None
        if self._until_ms is None and self.limit.window.kind is WindowKind.CALENDAR:
            self._until_ms = calendar_end_ms(self.limit.window, now_ms)


def calendar_end_ms(window: Window, now_ms: int) -> int:
    """Wall time at which the day, week (from Monday) or month of `now_ms` is over in the window's zone."""
    now = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(window.zone))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if window.unit is CalendarUnit.MONTH:
        end = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    elif window.unit is CalendarUnit.WEEK:
        end = midnight + timedelta(days=7 - midnight.weekday())
    else:
        end = midnight + timedelta(days=1)
    return round(end.timestamp() * 1000)


class Booking:
    """What one admitted request holds: its tokens are completed and its place given back by `close`."""

    def __init__(self, counters: list[Counter]) -> None:
        self._counters = counters
        self._open = True

    def close(self, output_tokens: int) -> None:
        """The request is over; count what it wrote. Further calls do nothing."""
        if not self._open:
            return
        self._open = False
        for counter in self._counters:
            if counter.limit.metric is Metric.CONCURRENCY:
                counter.book(-1)
            elif counter.limit.metric in (Metric.OUTPUT_TOKENS, Metric.TOTAL_TOKENS):
                counter.book(output_tokens)


class Allowances:
    """All limits of one provider."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counters: dict[tuple[str, str, Limit], Counter] = {}
        self._of_route: dict[tuple[str, str], list[Counter]] = {}

    def counters(self, account: Account, model: str) -> list[Counter]:
        """Every limit that a request of that account to that model counts against."""
        key = (account.id, model)
        found = self._of_route.get(key)
        if found is None:
            found = [
                self._counter(account, model, limit)
                for limit in account.limits
                if limit.model is None or model_matches(limit.model, model)
            ]
            self._of_route[key] = found
        return found

    def _counter(self, account: Account, model: str, limit: Limit) -> Counter:
        shared = limit.scope is LimitScope.ORGANISATION and account.organisation is not None
        owner = f"organisation {account.organisation}" if shared else account.id
        # Models that match a pattern share one allowance; a limit of one model is that model's anyway.
        per_model = limit.scope is LimitScope.MODEL and limit.model is None
        key = (owner, model if per_model else "", limit)
        if key not in self._counters:
            self._counters[key] = Counter(limit, self._clock)
        return self._counters[key]

    def admit(self, account: Account, model: str, input_tokens: int) -> Booking | Shortage:
        """Book a request, or say which limit does not take it: of several the one with the longest wait. Output
        tokens are counted when they are written, so a token limit can be overrun by the answers under way."""
        counters = self.counters(account, model)
        worst: Shortage | None = None
        for counter in counters:
            asked = _asked(counter.limit.metric, input_tokens)
            used = counter.used()
            if used + max(asked, 1) > counter.limit.amount:
                wait_ms = counter.wait_ms(max(asked, 1))
                if worst is None or _longer(wait_ms, worst.wait_ms):
                    worst = Shortage(counter.limit, used, asked, wait_ms)
        if worst is not None:
            return worst
        for counter in counters:
            counter.book(_asked(counter.limit.metric, input_tokens))
        return Booking(counters)

    def standings(self, account: Account, model: str) -> list[Standing]:
        """How every limit of that account and model stands."""
        return [counter.standing() for counter in self.counters(account, model)]

    def of_plan(self, account: Account, length_ms: int) -> Standing | None:
        """How the account's own limit of windows of that length stands, whatever is asked; None where it has none."""
        for limit in account.limits:
            of_all = limit.model is None and limit.scope is not LimitScope.MODEL
            if of_all and limit.window.nominal_ms == length_ms:
                return self._counter(account, "", limit).standing()
        return None

    def drain(self, account: Account, model: str) -> None:
        """Use up what is left of every limit but concurrency, as another client with the same key would."""
        for counter in self.counters(account, model):
            if counter.limit.metric is not Metric.CONCURRENCY:
                counter.book(max(0, counter.limit.amount - counter.used()))


def _asked(metric: Metric, input_tokens: int) -> int:
    match metric:
        case Metric.REQUESTS | Metric.CONCURRENCY:
            return 1
        case Metric.INPUT_TOKENS | Metric.TOTAL_TOKENS:
            return input_tokens
        case _:
            return 0


def _longer(wait_ms: float | None, than_ms: float | None) -> bool:
    return than_ms is not None and (wait_ms is None or wait_ms > than_ms)
