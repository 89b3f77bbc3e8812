"""What a ledger should say, from the definition of each window: every single use is kept with its time.

Nothing here knows of buckets, sums or expiry; the one rounding is the documented one of rolling windows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from trunkline.domain.limits import CalendarUnit, Window, WindowKind

NEVER_MS = 1 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000


@dataclass
class Use:
    """Something taken at a moment. `session_ms` is the beginning of the session it belongs to; `until_ms` is when a
    provider said that it ends."""

    at_ms: int
    amount: int
    session_ms: int = 0
    over: bool = False
    until_ms: int | None = None


@dataclass
class LimitModel:
    """One allowance. A concurrent one counts what is not over; what each use took may be changed at any time."""

    window: Window
    concurrent: bool = False
    uses: list[Use] = field(default_factory=list)

    def take(self, amount: int, now_ms: int) -> Use:
        """Note a use. In a session window it belongs to the session that runs, or begins one."""
        length_ms = self.window.length_ms or 0
        live = [use for use in self.uses if use.amount and now_ms < self.end_ms(use)]
        stated = [use.until_ms - length_ms for use in live if use.until_ms is not None]
        running = [start for start in stated if start <= now_ms]
        running = running or [use.session_ms for use in live if use.until_ms is None]
        use = Use(now_ms, amount, max(running, default=now_ms))
        self.uses.append(use)
        return use

    def raise_to(self, at_least: int, now_ms: int, until_ms: int | None = None) -> None:
        """Note the use of others that must have happened, until the whole second in which it is stated to end."""
        missing = at_least - self.used(now_ms)
        if missing <= 0:
            return
        if until_ms is None or until_ms <= now_ms:
            self.take(missing, now_ms)
        else:
            self.uses.append(Use(now_ms, missing, until_ms=(until_ms + 999) // 1000 * 1000))

    def used(self, now_ms: int) -> int:
        """How much is used?"""
        return sum(use.amount for use in self.uses if self._counts(use, now_ms))

    def fits(self, amount: int, limit: int, now_ms: int) -> bool:
        """Does this request fit now?"""
        return self.used(now_ms) + amount <= limit

    def fits_at_ms(self, amount: int, limit: int, now_ms: int) -> int | None:
        """When does it fit, if nobody takes anything meanwhile? None: not by waiting."""
        moments = {now_ms, *(self.end_ms(use) for use in self.uses)}
        return min(
            (at for at in moments if now_ms <= at < NEVER_MS and self.fits(amount, limit, at)), default=None
        )

    def resets_at_ms(self, now_ms: int) -> int | None:
        """When is something given back? Of a session, and of a calendar window even when idle: when it ends."""
        stated_ms = [use.until_ms for use in self.uses if use.until_ms is not None and use.amount]
        stated_ms = [until_ms for until_ms in stated_ms if now_ms < until_ms]
        if self.window.kind is WindowKind.CALENDAR:
            return min((self._period_end_ms(now_ms), *stated_ms))
        if self.window.kind is WindowKind.SESSION and stated_ms:
            return min(stated_ms)
        live = [self.end_ms(use) for use in self.uses if use.amount and self._counts(use, now_ms)]
        ends_ms = [end_ms for end_ms in live if end_ms < NEVER_MS]
        if not ends_ms:
            return None
        return max(ends_ms) if self.window.kind is WindowKind.SESSION else min(ends_ms)

    def end_ms(self, use: Use) -> int:
        """The first moment at which a use no longer counts."""
        length_ms = self.window.length_ms or 0
        if use.until_ms is not None:
            return use.until_ms
        if self.concurrent or self.window.kind is WindowKind.BALANCE:
            return NEVER_MS
        if self.window.kind is WindowKind.CALENDAR:
            return self._period_end_ms(use.at_ms)
        if self.window.kind is WindowKind.SESSION:
            return use.session_ms + length_ms
        # Rounded up: a use counts until the whole second (or the 20th, or the 240th part of the window) that it
        # fell into is outside, never a moment too short.
        grain_ms = max(1, min(1000, length_ms // 20), length_ms // 240)
        return (use.at_ms // grain_ms + 1) * grain_ms + length_ms

    def _counts(self, use: Use, now_ms: int) -> bool:
        if self.concurrent:
            return not use.over
        if use.until_ms is not None:
            return now_ms < use.until_ms
        if self.window.kind is WindowKind.CALENDAR:
            return self._period(use.at_ms) == self._period(now_ms)
        return now_ms < self.end_ms(use)

    def _period(self, at_ms: int) -> tuple[int, ...]:
        """The name of the day, week or month that a clock on the wall shows."""
        shown = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(self.window.zone))
        if self.window.unit is CalendarUnit.WEEK:
            return tuple(shown.isocalendar())[:2]
        return (shown.year, shown.month, shown.day if self.window.unit is CalendarUnit.DAY else 0)

    def _period_end_ms(self, at_ms: int) -> int:
        """The first moment at which the wall shows another period: found by looking."""
        here, inside = self._period(at_ms), at_ms
        while self._period(inside + _DAY_MS // 2) == here:
            inside += _DAY_MS // 2
        outside = inside + _DAY_MS // 2
        while outside - inside > 1:
            middle = (inside + outside) // 2
            if self._period(middle) == here:
                inside = middle
            else:
                outside = middle
        return outside


class BookTime:
    """The ledger's time: never behind what was seen; while the wall clock is, it goes on at `speed` of true time."""

    def __init__(self, wall_ms: int, mono_ms: float, speed: float) -> None:
        self._seen = (wall_ms, mono_ms)
        self._speed = speed

    def see(self, wall_ms: int, mono_ms: float) -> int:
        """The time now."""
        latest_ms, since_ms = self._seen
        now_ms = max(wall_ms, latest_ms + int((mono_ms - since_ms) * self._speed))
        if now_ms > latest_ms:
            self._seen = (now_ms, mono_ms)
        return now_ms


def waits_longest(waits: Iterable[int | None]) -> int | None:
    """The last of some moments; None, which is never, is the last of all."""
    known = list(waits)
    return None if None in known else max(moment for moment in known if moment is not None)
