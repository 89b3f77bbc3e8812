"""Rule 4's hours and load (reference/policy.md, Numbers: under 50 % of concurrency and local night or weekend)."""

from __future__ import annotations

from datetime import datetime

import pytest

from trunkline.domain.preferences import Thresholds
from trunkline.domain.state import AccountState
from trunkline.routing.off_peak import is_quiet_hour, own_load


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2026-11-18T21:59", False),  # a Wednesday
        ("2026-11-18T22:00", True),
        ("2026-11-19T06:59", True),
        ("2026-11-19T07:00", False),
        ("2026-11-21T12:00", True),  # a Saturday
        ("2026-11-22T23:59", True),
        ("2026-11-23T12:00", False),
    ],
)
def test_night_and_weekend_are_quiet(moment: str, *, quiet: bool) -> None:
    assert is_quiet_hour(datetime.fromisoformat(moment), Thresholds()) is quiet


@pytest.mark.parametrize(("hour", "quiet"), [(0, False), (1, True), (4, True), (5, False), (23, False)])
def test_a_night_may_begin_after_midnight(hour: int, *, quiet: bool) -> None:
    thresholds = Thresholds(night_from_hour=1, night_until_hour=5)
    assert is_quiet_hour(datetime(2026, 11, 18, hour), thresholds) is quiet  # noqa: DTZ001 - the user's own clock


def test_no_hour_is_night_where_it_ends_when_it_begins() -> None:
    thresholds = Thresholds(night_from_hour=3, night_until_hour=3)
    assert not is_quiet_hour(datetime(2026, 11, 18, 3), thresholds)  # noqa: DTZ001 - the user's own clock


def test_load_is_what_is_under_way_here_and_elsewhere_of_what_is_known_to_be_taken() -> None:
    unknown = AccountState("p", "a", in_flight=40)
    half = AccountState("p", "b", in_flight=1, elsewhere=1, at_most=4)
    over = AccountState("p", "c", in_flight=9, at_most=4)
    assert own_load([unknown]) == 0.0
    assert own_load([unknown, half]) == 0.5
    assert own_load([unknown, half, over]) == 0.75
