"""One allowance that is known in two ways is shown and told of once, and kept to in both."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.quota.scenes import NOW_MS, SetLedger, account, account_view, limit, reading, route, tracker
from tests.support.clock import START_MS

from trunkline.domain.limits import FigureSource, LimitScope, LimitUse, Metric, Window
from trunkline.domain.preferences import Thresholds
from trunkline.quota.alerts import alerts_of_allowance, causes_over_of
from trunkline.quota.same import allowances, are_same

HOUR_MS = 3_600_000
F = FigureSource


def use(
    window: str, source: FigureSource, *, amount: int = 1_000, used: int = 0, **fields: object
) -> LimitUse:
    made = LimitUse(
        f"{window}-{source}",
        Metric.REQUESTS,
        Window.parse(window),
        LimitScope.ACCOUNT,
        None,
        amount,
        used,
        START_MS + HOUR_MS,
        source,
        START_MS,
    )
    return replace(made, **fields)  # type: ignore[arg-type] # whatever a test sets


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (use("day", F.CONFIGURED), use("1d", F.REPORTED), True),
        (use("month", F.CONFIGURED), use("31d", F.REPORTED), True),
        (use("session:5h", F.CONFIGURED), use("5h", F.REPORTED), True),
        (use("day", F.CONFIGURED), use("1d", F.REPORTED, amount=1_040), True),
        (use("day", F.ESTIMATED), use("1d", F.REPORTED, amount=14_400), True),
        (use("day", F.CONFIGURED), use("1d", F.REPORTED, amount=1_100), False),
        (use("day", F.CONFIGURED), use("1d", F.CONFIGURED), False),
        (use("day", F.CONFIGURED), use("week", F.REPORTED), False),
        (use("day", F.CONFIGURED), use("1d", F.REPORTED, metric=Metric.TOTAL_TOKENS), False),
        (use("day", F.CONFIGURED), use("1d", F.REPORTED, model="m"), False),
        (use("day", F.CONFIGURED), use("1d", F.REPORTED, scope=LimitScope.ORGANISATION), False),
        (use("balance", F.CONFIGURED), use("1d", F.REPORTED), False),
    ],
)
def test_what_is_one_allowance(one: LimitUse, other: LimitUse, same: bool) -> None:
    assert are_same(one, other) is same
    assert are_same(other, one) is same
    assert len(allowances((one, other))) == (1 if same else 2)


@pytest.mark.parametrize(
    ("by_day", "rolling", "shown"),
    [(0, 0, "day"), (10, 10, "day"), (10, 900, "1d"), (900, 10, "day")],
)
def test_what_binds_is_shown_with_the_more_direct_word(by_day: int, rolling: int, shown: str) -> None:
    limits = use("day", F.CONFIGURED, used=by_day), use("1d", F.REPORTED, used=rolling)
    for order in (limits, limits[::-1]):
        (found,) = allowances(order)
        assert str(found.limit.window) == shown
        assert (found.limit.used, found.limit.source) == (max(by_day, rolling), F.REPORTED)
        assert set(found.keys) == {one.key for one in limits}


def test_an_estimate_is_not_passed_off_as_what_was_told() -> None:
    (found,) = allowances((use("day", F.ESTIMATED), use("1d", F.REPORTED, amount=14_400)))
    assert (found.limit.amount, found.limit.source) == (1_000, F.ESTIMATED)


def test_it_is_shown_once_and_both_are_kept_to() -> None:
    quota = tracker(account("a", limit(amount=100)), ledger=SetLedger())
    told = reading(100, 30, window="1d", scope=LimitScope.ACCOUNT)
    quota.learn(route(), (told,), NOW_MS)
    (shown,) = account_view(quota, "a").limits
    assert (shown.used, shown.source) == (70, F.REPORTED)
    claims = quota.claims(route(), input_tokens=1, output_tokens=1, cost_pico=0)
    assert sorted((str(one.window), one.limit_amount) for one in claims) == [("1d", 100), ("day", 100)]


def test_it_is_told_of_once_whichever_of_the_two_binds() -> None:
    first = use("day", F.CONFIGURED, used=900), use("1d", F.REPORTED, used=850)
    then = use("day", F.CONFIGURED, used=900), use("1d", F.REPORTED, used=901)
    (alert,) = alerts_of_allowance("p/a", allowances(first)[0], Thresholds(), NOW_MS)
    (later,) = alerts_of_allowance("p/a", allowances(then)[0], Thresholds(), NOW_MS)
    assert later.cause != alert.cause
    assert later.cause in alert.also
    gone = use("day", F.CONFIGURED), use("1d", F.REPORTED)
    assert {alert.cause, later.cause} <= set(causes_over_of(allowances(gone)[0], Thresholds()))
