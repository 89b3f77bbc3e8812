"""Used shares of a plan as limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.reports import NOW_MS, context

from trunkline.domain.checks import AllowanceShare
from trunkline.domain.limits import LimitScope, LimitSpec, Metric, Window
from trunkline.providers.reports.shares import readings_of_shares

FIVE_HOURS = Window.parse("session:5h")
LATER_MS = NOW_MS + 1_000


def share(percent: float, window: Window | None = FIVE_HOURS, **how: object) -> AllowanceShare:
    return replace(AllowanceShare("tokens", percent, window, LATER_MS), **how)  # type: ignore[arg-type]  # by name


def told(*shares: AllowanceShare, limits: tuple[LimitSpec, ...] = ()) -> list[tuple[object, ...]]:
    where = context()
    where = replace(
        where,
        account=replace(where.account, limits=limits),
        provider=replace(where.provider, models=(where.model,)),
    )
    return [
        (one.metric, one.amount, one.remaining, one.resets_at_ms, one.scope, one.model)
        for one in readings_of_shares(shares, where)
    ]


@pytest.mark.parametrize(
    ("percent", "left"), [(0, 1_000_000), (30, 700_000), (99.99999, 1), (100, 0), (130, 0)]
)
def test_a_share_is_counted_in_millionths(percent: float, left: int) -> None:
    assert told(share(percent)) == [(Metric.SHARE, 1_000_000, left, LATER_MS, LimitScope.ACCOUNT, None)]


def test_or_in_the_unit_of_the_accounts_own_limit_of_that_window() -> None:
    own = LimitSpec(Metric.TOTAL_TOKENS, 400, FIVE_HOURS)
    assert told(share(25), limits=(own,)) == [
        (Metric.TOTAL_TOKENS, 400, 300, LATER_MS, LimitScope.ACCOUNT, None)
    ]


def test_what_has_no_window_or_is_over_or_of_models_not_served_is_left_out() -> None:
    assert told(share(50, None), share(50, resets_at_ms=NOW_MS), share(50, model="speech-*")) == []
    assert [one[-1] for one in told(share(50, model="m*"))] == ["m*"]


def test_of_two_of_the_same_window_the_tighter_counts() -> None:
    assert [one[2] for one in told(share(20), share(80), share(50))] == [200_000]
