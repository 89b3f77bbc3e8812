"""What an account's own report says of a block: whether it is right to hold on, and until when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trunkline.domain.checks import AccountReport, AllowanceShare
from trunkline.domain.faults import FaultKind
from trunkline.domain.limits import LimitReading, Window, model_matches
from trunkline.domain.state import Block
from trunkline.quota.breaker import BILLING_RECHECK_MS, DAY_MS, HOUR_MS, MINUTE_MS

WORTH_A_CHECK_MS = MINUTE_MS
"""A block that lasts less is not worth a call to an account endpoint."""

_UNDATED_RECHECK_MS = 10 * MINUTE_MS
_LONGEST_MS = 31 * DAY_MS
# What a report says right after a refusal may be older than the refusal; a block that came back was right before.
_SETTLING_MS = 2 * MINUTE_MS
_LONGEST_SETTLING_MS = HOUR_MS
# Two clocks, and figures rounded to a minute: no reason to move a deadline.
_SAME_MOMENT_MS = MINUTE_MS
_ALL_USED_PERCENT = 100.0


class Says(StrEnum):
    """What a report says of a block. `nothing`: it does not speak of such a thing."""

    USED_UP = "used_up"
    FREE = "free"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`until_ms` (wall) is when what is used up is back, capped to what can be; None unless `says` is `used_up`."""

    says: Says
    until_ms: int | None = None


_NOTHING = Verdict(Says.NOTHING)


def worth_a_check(block: Block) -> bool:
    """Whether an account endpoint may know more of this block than a real call would tell, and it lasts long enough to
    ask."""
    if block.target.count("/") == 0 or block.kind not in (FaultKind.QUOTA_WINDOW, FaultKind.BILLING):
        return False
    return block.until_ms is not None and block.until_ms - block.since_ms >= WORTH_A_CHECK_MS


def verdict(block: Block, report: AccountReport, asked_at_ms: int, served: Sequence[str]) -> Verdict:
    """What `report`, of `asked_at_ms`, says of `block`, which is of that account or of a route of it. What is told of
    models that are not `served` there is left out."""
    if block.kind is FaultKind.BILLING:
        return _of_money(report, asked_at_ms)
    if block.kind is FaultKind.QUOTA_WINDOW:
        return _of_allowances(report, _model_of(block), asked_at_ms, served)
    return _NOTHING


def disproves_now(block: Block, now_ms: int) -> bool:
    """Whether a report that speaks against a block which still has time to run is believed at `now_ms`: not at once,
    and later each time that the block proved right."""
    patience_ms = min(_LONGEST_SETTLING_MS, _SETTLING_MS << min(max(0, block.failures - 1), 10))
    return now_ms - max(block.since_ms, block.checked_at_ms or 0) >= patience_ms


def moves(block: Block, until_ms: int) -> bool:
    """Whether a stated moment is another one than that of the block."""
    return block.until_ms is None or abs(block.until_ms - until_ms) > _SAME_MOMENT_MS


def _model_of(block: Block) -> str | None:
    parts = block.target.split("/", 2)
    return parts[2] if len(parts) == 3 else None


def _of_money(report: AccountReport, asked_at_ms: int) -> Verdict:
    if report.fault is not None and report.fault.kind is FaultKind.BILLING:
        return Verdict(Says.USED_UP, asked_at_ms + BILLING_RECHECK_MS)
    if report.balance is None:
        return _NOTHING
    if report.balance.millionths > 0:
        return Verdict(Says.FREE)
    return Verdict(Says.USED_UP, asked_at_ms + BILLING_RECHECK_MS)


@dataclass(frozen=True, slots=True)
class _Allowance:
    """`back_at_ms` None: something is left of it."""

    model: str | None
    back_at_ms: int | None


def _of_allowances(
    report: AccountReport, model: str | None, asked_at_ms: int, served: Sequence[str]
) -> Verdict:
    """Of those that calls of `model` (None: any) draw on: used up where one of the whole account is, or one of the
    model; for the whole account also where every model told of has one that is. That the account has something left
    says nothing of what one model is allowed."""
    told = [_of_share(share, asked_at_ms) for share in report.shares]
    told += [
        _of_reading(reading, asked_at_ms)
        for reading in report.readings
        if reading.remaining is not None and not reading.window.paces_only
    ]
    whole = [one for one in told if one.model is None]
    drawn_on = served if model is None else (model,)
    of_models = [
        one for one in told if one.model is not None and any(model_matches(one.model, m) for m in drawn_on)
    ]
    back_at_ms = _latest(one.back_at_ms for one in whole)
    if model is not None:
        back_at_ms = _latest((back_at_ms, *(one.back_at_ms for one in of_models)))
    elif of_models:
        names = {one.model for one in of_models}
        backs = [_latest(one.back_at_ms for one in of_models if one.model == name) for name in names]
        used_up = [at_ms for at_ms in backs if at_ms is not None]
        back_at_ms = _latest((back_at_ms, min(used_up) if len(used_up) == len(backs) else None))
    if back_at_ms is not None:
        return Verdict(Says.USED_UP, back_at_ms)
    return Verdict(Says.FREE) if of_models or (whole and model is None) else _NOTHING


def _latest(moments_ms: Iterable[int | None]) -> int | None:
    return max((at_ms for at_ms in moments_ms if at_ms is not None), default=None)


def _of_share(share: AllowanceShare, asked_at_ms: int) -> _Allowance:
    used_up = share.used_percent >= _ALL_USED_PERCENT
    return _Allowance(
        share.model, _back_at_ms(share.window, share.resets_at_ms, asked_at_ms) if used_up else None
    )


def _of_reading(reading: LimitReading, asked_at_ms: int) -> _Allowance:
    used_up = reading.remaining == 0
    return _Allowance(
        reading.model, _back_at_ms(reading.window, reading.resets_at_ms, asked_at_ms) if used_up else None
    )


def _back_at_ms(window: Window | None, resets_at_ms: int | None, asked_at_ms: int) -> int | None:
    """When it is back: as stated, but no later than its window is long; asked again soon where nobody says. None: the
    stated moment has passed, and the figure is of before."""
    if resets_at_ms is None:
        return asked_at_ms + _UNDATED_RECHECK_MS
    if resets_at_ms <= asked_at_ms:
        return None
    nominal_ms = window.nominal_ms if window is not None else None
    return min(resets_at_ms, asked_at_ms + (nominal_ms or _LONGEST_MS) + HOUR_MS)
