"""OpenRouter's key and credits."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.reports import NO_REPORTS, context, never_raises, read, report

from trunkline.domain.checks import AccountReport, Balance
from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.providers.reports import openrouter

BASE = "https://openrouter.ai/api/v1"
DOLLAR = 10**12
DATA = {
    "label": "sk-or-v1-abc...123", "limit": 20, "limit_remaining": 12.5, "limit_reset": "monthly", "usage": 107.5,
    "usage_daily": 0.25, "usage_weekly": 3.5, "usage_monthly": 7.5, "byok_usage": 0, "is_free_tier": False,
    "expires_at": "2027-12-31T23:59:59Z", "rate_limit": {"requests": -1, "interval": "10s"},
    "free_model_daily_requests": {"used": 12, "limit": 1000, "remaining": 988},
}  # fmt: skip


def key(**fields: Any) -> dict[str, Any]:
    return {"data": DATA | fields}


def cost(window: str, amount: int, remaining: int | None) -> LimitReading:
    return LimitReading(Metric.COST, Window.parse(window), amount, remaining, None, LimitScope.ACCOUNT)


def test_both_endpoints_are_below_the_base_url() -> None:
    requests = [one.request(context(BASE)) for one in (openrouter.KEY, openrouter.CREDITS)]
    assert [(one.method, one.path, one.from_root, one.auth_prefix) for one in requests] == [
        ("GET", "/key", False, "Bearer "), ("GET", "/credits", False, "Bearer "),
    ]  # fmt: skip


def test_the_keys_limit_and_the_free_models_day() -> None:
    told = report(openrouter.KEY, key())
    assert told.readings == (
        cost("month", 20 * DOLLAR, 12 * DOLLAR + DOLLAR // 2),
        LimitReading(
            Metric.REQUESTS, Window.parse("day"), 1000, 988, None, LimitScope.ACCOUNT, model="*:free"
        ),
    )
    assert told.notes == (
        "spent $0.25 today, $3.50 this week, $7.50 this month", "the key expires at 2027-12-31T23:59:59Z",
    )  # fmt: skip
    assert told.balance is None


@pytest.mark.parametrize(
    ("reset", "window"),
    [("daily", "day"), ("weekly", "week"), ("monthly", "month"), (None, "balance"), ("", "balance")],
)
def test_a_limit_renews_as_it_says_or_never(reset: str | None, window: str) -> None:
    assert report(openrouter.KEY, key(limit_reset=reset)).readings[0].window == Window.parse(window)


def test_a_limit_that_renews_in_an_unknown_way_is_not_taken_for_one_that_is_known() -> None:
    readings = report(openrouter.KEY, key(limit_reset="fortnightly")).readings
    assert [reading.metric for reading in readings] == [Metric.REQUESTS]


def test_no_limit_is_no_limit_of_nothing() -> None:
    told = report(openrouter.KEY, key(limit=None, limit_remaining=None, limit_reset=None))
    assert [reading.metric for reading in told.readings] == [Metric.REQUESTS]
    assert "no limit is set on this key" in told.notes


def test_a_spent_limit_has_nothing_left_however_far_it_is_overdrawn() -> None:
    assert report(openrouter.KEY, key(limit_remaining=-0.75)).readings[0].remaining == 0
    assert report(openrouter.KEY, key(limit_remaining=None)).readings[0].remaining is None


def test_what_is_newer_may_be_absent() -> None:
    data = {name: value for name, value in DATA.items() if name != "free_model_daily_requests"}
    assert [one.metric for one in report(openrouter.KEY, {"data": data}).readings] == [Metric.COST]
    [reading] = report(
        openrouter.KEY, {"data": {"free_model_daily_requests": {"limit": 50, "used": 60}}}
    ).readings
    assert (reading.amount, reading.remaining) == (50, 0)


def test_who_never_bought_credit_is_told() -> None:
    assert "no credit was ever bought" in report(openrouter.KEY, key(is_free_tier=True)).notes
    assert "no credit was ever bought" not in report(openrouter.KEY, key(is_free_tier="yes")).notes


def test_a_rejected_key_is_so_though_anybody_may_read_the_models() -> None:
    fault = read(openrouter.KEY, {"error": {"message": "No auth credentials found", "code": 401}}, 401)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.AUTH
    assert openrouter.KEY.decisive


def test_credit_left_is_what_was_bought_less_what_was_used() -> None:
    told = report(openrouter.CREDITS, {"data": {"total_credits": 110.5, "total_usage": 98.123456}})
    assert (told.balance, told.fault) == (Balance(12_376_544, "USD"), None)


def test_free_models_answer_without_credit_but_not_with_a_debt() -> None:
    empty = report(openrouter.CREDITS, {"data": {"total_credits": 5, "total_usage": 5}})
    assert (empty.balance, empty.fault) == (Balance(0, "USD"), None)
    debt = report(openrouter.CREDITS, {"data": {"total_credits": 5, "total_usage": 5.5}})
    assert debt.fault is not None
    assert debt.fault.kind is FaultKind.BILLING


@pytest.mark.parametrize("status", [401, 403])
def test_who_has_no_management_key_is_told_so_and_nothing_is_held_against_the_account(status: int) -> None:
    body = {"error": {"code": status, "message": "Only management keys can perform this operation"}}
    told = read(openrouter.CREDITS, body, status)
    assert isinstance(told, AccountReport)
    assert told.notes == ("what credit is left is told to a management key only",)
    assert told.fault is None


@pytest.mark.parametrize("junk", NO_REPORTS)
def test_what_is_no_report_is_a_fault(junk: Any) -> None:
    assert isinstance(read(openrouter.KEY, junk), Fault)
    assert isinstance(read(openrouter.CREDITS, junk), Fault)


def test_junk_anywhere_neither_raises_nor_becomes_a_figure() -> None:
    never_raises(openrouter.KEY, key())
    never_raises(openrouter.CREDITS, {"data": {"total_credits": 110.5, "total_usage": 98.1}})
    assert report(openrouter.KEY, key(limit="NaN", free_model_daily_requests={"limit": -1})).readings == ()
