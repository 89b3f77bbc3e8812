"""How long a balance lasts of which only what is left is told, and what is told of that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.clock import START_MS

from trunkline.domain.checks import AccountReport, Balance, Spending
from trunkline.domain.events import AlertLevel
from trunkline.domain.limits import Forecast
from trunkline.quota.balances import balance_alerts, balance_causes_over, spent_since, with_forecast

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
USD = 1_000_000


def told_hourly(
    hours: int, spent_an_hour: int, *, left: int = 100 * USD, top_up_at: int | None = None
) -> tuple[Spending, Balance, int]:
    """What is known after a balance was told every hour."""
    balance, at_ms = Balance(left, "USD"), START_MS
    spending = spent_since(None, None, at_ms, balance, at_ms)
    for hour in range(hours):
        paid = 50 * USD if hour == top_up_at else 0
        after = Balance(balance.millionths - spent_an_hour + paid, "USD")
        spending = spent_since(spending, balance, at_ms, after, at_ms + HOUR_MS)
        balance, at_ms = after, at_ms + HOUR_MS
    return spending, balance, at_ms


def expected(spending: Spending, balance: Balance, at_ms: int) -> Forecast | None:
    return with_forecast(AccountReport(balance=balance), spending, at_ms).balance_forecast


def test_an_even_spending_is_forecast_from_what_was_told() -> None:
    spending, balance, at_ms = told_hourly(48, USD // 2)
    found = expected(spending, balance, at_ms)
    assert found is not None
    assert found.burn_per_hour == pytest.approx(USD / 2, rel=0.1)
    assert found.lasts_until_ms == pytest.approx(at_ms + balance.millionths / (USD / 2) * HOUR_MS, rel=1e-3)
    assert found.confidence > 0.7


def test_a_top_up_is_no_spending_and_hides_only_what_was_spent_meanwhile() -> None:
    plain, _, _ = told_hourly(24, USD)
    filled, balance, _ = told_hourly(24, USD, top_up_at=12)
    assert balance.millionths == (100 - 24 + 50) * USD
    assert sum(held for _, held in filled.slots) == sum(held for _, held in plain.slots) - USD


def test_what_was_spent_while_nobody_asked_is_spread_over_that_time_and_nothing_is_lost() -> None:
    spending = spent_since(
        Spending(START_MS), Balance(10 * USD, "USD"), START_MS, Balance(4 * USD, "USD"), START_MS + DAY_MS
    )
    held = [amount for _, amount in spending.slots]
    assert sum(held) == pytest.approx(6 * USD, abs=len(held))
    assert len(held) >= 12
    assert max(held) <= 6 * USD / 12 + 1


@pytest.mark.parametrize(
    ("before", "after", "after_ms"),
    [
        (None, Balance(5, "USD"), START_MS + 1),
        (Balance(9, "CNY"), Balance(5, "USD"), START_MS + 1),
        (Balance(9, "USD"), Balance(5, "USD"), START_MS - 1),
    ],
)
def test_what_cannot_be_compared_begins_anew(before: Balance | None, after: Balance, after_ms: int) -> None:
    known = Spending(START_MS - DAY_MS, ((START_MS - DAY_MS, 7),))
    assert spent_since(known, before, START_MS, after, after_ms) == Spending(after_ms)


def test_spending_is_kept_in_a_bounded_memory() -> None:
    spending, _, at_ms = told_hourly(24 * 30, 10_000)
    assert len(spending.slots) <= 63
    assert spending.slots[0][0] > at_ms - 6 * DAY_MS


def test_of_an_hour_nothing_is_forecast() -> None:
    assert expected(*told_hourly(1, USD)) is None


def fares(days: float | None, confidence: float = 0.9) -> AccountReport:
    lasts_until_ms = None if days is None else START_MS + round(days * DAY_MS)
    return AccountReport(
        balance=Balance(12_340_000, "USD"), balance_forecast=Forecast(1e5, lasts_until_ms, confidence)
    )


@pytest.mark.parametrize(
    ("report", "level", "text"),
    [
        (fares(8), None, ""),
        (fares(5.2, 0.4), None, ""),
        (fares(None), None, ""),
        (replace(fares(3), balance_forecast=None), None, ""),
        (
            fares(5.2),
            AlertLevel.WARNING,
            "p/main: $12.34 left; at this rate it will be used up in about 5 days",
        ),
        (
            fares(0.5),
            AlertLevel.CRITICAL,
            "p/main: $12.34 left; at this rate it will be used up in about 12 h",
        ),
    ],
)
def test_a_balance_is_told_of_when_its_end_is_near_and_sure(
    report: AccountReport, level: AlertLevel | None, text: str
) -> None:
    found = [(alert.level, alert.text) for alert in balance_alerts("p/main", report, START_MS)]
    assert found == ([] if level is None else [(level, text)])
    assert not any("%" in text for _, text in found)


def test_it_is_told_again_only_after_it_was_clearly_filled_up() -> None:
    (soon,) = balance_alerts("p/main", fares(5), START_MS)
    (now,) = balance_alerts("p/main", fares(0.5), START_MS)
    assert soon.cause in now.also
    assert balance_causes_over("p/main", fares(8), START_MS) == (now.cause,)
    assert set(balance_causes_over("p/main", fares(15), START_MS)) == {soon.cause, now.cause}
    assert set(balance_causes_over("p/main", fares(None), START_MS)) == {soon.cause, now.cause}
    assert balance_causes_over("p/main", replace(fares(5), balance_forecast=None), START_MS) == ()
