"""When it is off-peak for cost rule 4 (reference/policy.md, Numbers). Pure: local time and figures in, answer out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from trunkline.domain.preferences import Thresholds
from trunkline.domain.state import AccountState

_SATURDAY = 5


def is_quiet_hour(local: datetime, thresholds: Thresholds) -> bool:
    """Whether `local`, a moment by the user's own clock, is at night or on a weekend. A night may pass midnight; where
    it begins and ends at the same hour there is none."""
    if local.weekday() >= _SATURDAY:
        return True
    begins, ends = thresholds.night_from_hour, thresholds.night_until_hour
    if begins <= ends:
        return begins <= local.hour < ends
    return local.hour >= begins or local.hour < ends


def own_load(accounts: Iterable[AccountState]) -> float:
    """The share in use, 0..1, of the calls at once that accounts take as far as that is known; 0 where of none it is:
    nothing says then that they are busy."""
    under_way = room = 0
    for account in accounts:
        at_most = account.at_most
        if at_most:
            under_way += min(at_most, account.in_flight + account.elsewhere)
            room += at_most
    return under_way / room if room else 0.0
