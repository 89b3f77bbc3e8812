"""What was learned of limits: whose word stands, how far it is believed, and what the plain fact of a refusal teaches.

A figure that a provider told of this very account (header, endpoint, refusal) goes before one that was concluded here
from being refused; a later figure goes before an earlier one of the same directness. What is configured narrows both,
and a catalogue's estimate gives way to either (`BoundLimit.narrowed`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import (
    CalendarUnit,
    FigureSource,
    LimitReading,
    LimitScope,
    LimitSpec,
    Metric,
    Window,
    WindowKind,
)
from trunkline.quota.windows import calendar_period

ONCE, TWICE = 0.4, 0.7
_ALIKE = 0.05
# So long unheard of, a direct word is worth no more than a later conclusion.
_STALE_MS = 7 * 86_400_000
_HALF_LIFE_WINDOWS = 20
_SHORTEST_HALF_LIFE_MS = 3_600_000
_OF_A_MINUTE_MS = 90_000
_MINUTE = Window.parse("60s")
_SCOPES = {
    FaultScope.MODEL: LimitScope.MODEL,
    FaultScope.ACCOUNT: LimitScope.ACCOUNT,
    FaultScope.ORGANISATION: LimitScope.ORGANISATION,
}


class KeptReading(Protocol):
    """A reading as the store keeps it: `model` is what the reading names, else that of the route it was made on, or
    None."""

    @property
    def provider(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def reading(self) -> LimitReading: ...
    @property
    def as_of_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LearnedLimit:
    """A reading with where it was made, as it is kept over a restart. `model` is the one it is about, or a pattern;
    None: every model."""

    provider: str
    account: str
    model: str | None
    reading: LimitReading
    as_of_ms: int

    @property
    def spec(self) -> LimitSpec:
        """The limit it tells of."""
        reading = self.reading
        return LimitSpec(
            reading.metric, reading.amount or 0, reading.window, reading.scope, self.model, reading.source
        )

    def sure_at(self, now_ms: int) -> float:
        """How far its amount is believed (0..1): what was concluded is believed half as much every twenty windows, but
        at least an hour; what was told does not fade."""
        reading = self.reading
        if reading.source is not FigureSource.LEARNED:
            return reading.confidence
        half_life_ms = max(_SHORTEST_HALF_LIFE_MS, _HALF_LIFE_WINDOWS * (reading.window.nominal_ms or 0))
        return float(reading.confidence * 0.5 ** (max(0, now_ms - self.as_of_ms) / half_life_ms))


def goes_before(new: LearnedLimit, known: LearnedLimit | None) -> bool:
    """Whether `new` takes the place of what is known of the same limit."""
    if known is None:
        return True
    if new.as_of_ms - known.as_of_ms > _STALE_MS:
        return True
    if new.reading.source is FigureSource.LEARNED and known.reading.source is not FigureSource.LEARNED:
        return False
    is_more_direct = (
        known.reading.source is FigureSource.LEARNED and new.reading.source is not known.reading.source
    )
    return is_more_direct or new.as_of_ms >= known.as_of_ms


def window_refused(fault: Fault, zone: str, now_ms: int) -> Window | None:
    """The window of the allowance that a refusal without figures is about, where that can be told: a minute for a
    pace, a day for what is back at midnight of the provider's `zone`."""
    if fault.kind is FaultKind.RATE_MINUTE:
        stated_ms = fault.usable_at_ms
        return _MINUTE if stated_ms is None or stated_ms - now_ms <= _OF_A_MINUTE_MS else None
    day = Window(WindowKind.CALENDAR, unit=CalendarUnit.DAY, zone=zone)
    if fault.kind is not FaultKind.QUOTA_WINDOW or fault.usable_at_ms is None:
        return None
    return day if fault.usable_at_ms == calendar_period(day, now_ms)[1] else None


def taught_by(fault: Fault, window: Window, counted: int, known: LearnedLimit | None) -> LimitReading | None:
    """What a refusal after `counted` requests in `window` teaches, with what was learned in the same way before: as
    many twice, give or take what windows are rounded by, is believed enough to be kept to. None where it teaches
    nothing."""
    scope = _SCOPES.get(fault.scope)
    if scope is None or counted < 1:
        return None
    amount, sureness = counted, ONCE
    if known is not None:
        before = known.reading.amount or 0
        if abs(counted - before) <= max(1, before * _ALIKE):
            amount, sureness = max(counted, before), TWICE
        elif counted < before:
            amount = before
    return LimitReading(
        Metric.REQUESTS,
        window,
        amount,
        None,
        None,
        scope,
        FigureSource.LEARNED,
        confidence=sureness,
    )


def raised(known: LearnedLimit, used: int, now_ms: int) -> LearnedLimit:
    """`known`, disproved by as many answers within its window."""
    reading = replace(known.reading, amount=used, confidence=min(ONCE, known.reading.confidence))
    return replace(known, reading=reading, as_of_ms=now_ms)
