"""Which limits are one allowance, known in two ways: configured as a calendar day, reported as the last 24 hours.

Both go on to be counted and kept to, each in its own window, so that never more is taken than either allows; here they
are made one for whoever is shown or told of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from trunkline.domain.limits import FigureSource, LimitScope, LimitUse, Metric, WindowKind

_ALIKE = 0.05
_STATED_HERE = (FigureSource.CONFIGURED, FigureSource.ESTIMATED)
_DIRECT_FIRST = (
    FigureSource.REPORTED,
    FigureSource.CONFIGURED,
    FigureSource.LEARNED,
    FigureSource.ESTIMATED,
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """`limit` is what is shown of it; `keys` are those of all limits that it is known as, the shown one's too."""

    limit: LimitUse
    keys: tuple[str, ...]


def are_same(one: LimitUse, other: LimitUse) -> bool:
    """Whether two limits of an account are one allowance: they count the same of the same models over as long (a month
    may have 30 days or 31), in windows of another kind or zone, and the amounts agree, or one is a catalogue's
    estimate. Two that the configuration states are two, for somebody wrote both."""
    if one.key == other.key or one.metric is not other.metric or one.metric is Metric.CONCURRENCY:
        return False
    if (one.model, one.scope) != (other.model, other.scope) or WindowKind.BALANCE in (
        one.window.kind,
        other.window.kind,
    ):
        return False
    if one.source in _STATED_HERE and other.source in _STATED_HERE:
        return False
    estimated = FigureSource.ESTIMATED in (one.source, other.source)
    as_much = estimated or _alike(one.amount, other.amount)
    return as_much and _alike(one.window.nominal_ms or 0, other.window.nominal_ms or 0)


def allowances(limits: Iterable[LimitUse]) -> tuple[Allowance, ...]:
    """The limits of one account, those that are one allowance made one."""
    found: dict[tuple[Metric, LimitScope, str | None], list[Allowance]] = {}
    for limit in limits:
        known = found.setdefault((limit.metric, limit.scope, limit.model), [])
        at = next((at for at, one in enumerate(known) if are_same(one.limit, limit)), None)
        if at is None:
            known.append(Allowance(limit, (limit.key,)))
        else:
            known[at] = Allowance(_merged(known[at].limit, limit), (*known[at].keys, limit.key))
    return tuple(one for group in found.values() for one in group)


def _merged(one: LimitUse, other: LimitUse) -> LimitUse:
    """What binds of the two, for both are kept to, with the word of who is most direct, then freshest, where that is of
    the same amount. Where neither binds more, the window that says when all of it is back is shown."""
    shown = min(one, other, key=lambda limit: (limit.left, limit.window.kind is WindowKind.ROLLING))
    if not _alike(one.amount, other.amount):
        return shown
    said = min(one, other, key=lambda limit: (_DIRECT_FIRST.index(limit.source), -limit.as_of_ms))
    return replace(
        shown, source=said.source, as_of_ms=said.as_of_ms, confidence=said.confidence, flaw=said.flaw
    )


def _alike(one: int, other: int) -> bool:
    return abs(one - other) <= _ALIKE * max(one, other)
