"""The balances of Moonshot and DeepSeek."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.reports import NO_REPORTS, context, never_raises, read, report

from trunkline.domain.checks import Balance
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.providers.reports import deepseek, moonshot

INTERNATIONAL = context("https://api.moonshot.ai/v1")


def kimi(available: Any = 49.58894, **other: Any) -> dict[str, Any]:
    data = {"available_balance": available, "voucher_balance": 46.58893, "cash_balance": 3.00001}
    return {"code": 0, "data": data, "scode": "0x0", "status": True} | other


def deep(*balances: Any, available: Any = True) -> dict[str, Any]:
    return {"is_available": available, "balance_infos": list(balances)}


def info(total: Any, currency: str = "USD") -> dict[str, Any]:
    return {
        "currency": currency, "total_balance": total, "granted_balance": "10.00", "topped_up_balance": "100.00",
    }  # fmt: skip


class TestMoonshot:
    def test_it_is_below_the_base_url(self) -> None:
        request = moonshot.BALANCE.request(INTERNATIONAL)
        assert (request.method, request.path, request.from_root) == ("GET", "/users/me/balance", False)

    def test_dollars_abroad_and_yuan_in_china(self) -> None:
        abroad = report(moonshot.BALANCE, kimi(), INTERNATIONAL)
        assert abroad.balance == Balance(49_588_940, "USD")
        assert abroad.notes == ("46.59 USD of it are vouchers",)
        china = context("https://api.moonshot.ai/v1", own_url="https://api.moonshot.cn/v1")
        assert report(moonshot.BALANCE, kimi(), china).balance == Balance(49_588_940, "CNY")

    @pytest.mark.parametrize("available", [0, 0.0, -0.5, "0"])
    def test_nothing_available_blocks_the_account(self, available: Any) -> None:
        fault = report(moonshot.BALANCE, kimi(available), INTERNATIONAL).fault
        assert fault is not None
        assert (fault.kind, fault.scope) == (FaultKind.BILLING, FaultScope.ACCOUNT)

    @pytest.mark.parametrize(
        "refusal", [kimi(code=5), kimi(status=False), kimi(code="7", message="\x1b[31mno")]
    )
    def test_a_code_or_status_that_says_no_outweighs_the_figures(self, refusal: dict[str, Any]) -> None:
        fault = read(moonshot.BALANCE, refusal)
        assert isinstance(fault, Fault)
        assert "\x1b" not in repr(fault)

    def test_a_rejected_key(self) -> None:
        fault = read(
            moonshot.BALANCE, {"error": {"message": "Invalid", "type": "invalid_authentication_error"}}, 401
        )
        assert isinstance(fault, Fault)
        assert fault.kind is FaultKind.AUTH

    @pytest.mark.parametrize("junk", NO_REPORTS)
    def test_what_is_no_report_is_a_fault(self, junk: Any) -> None:
        assert isinstance(read(moonshot.BALANCE, junk), Fault)

    def test_junk_anywhere_neither_raises_nor_becomes_a_figure(self) -> None:
        never_raises(moonshot.BALANCE, kimi())
        for junk in ("NaN", None, True, "1,000", [5], 10**30):
            assert isinstance(read(moonshot.BALANCE, kimi(junk)), Fault)


class TestDeepSeek:
    @pytest.mark.parametrize("base_url", ["https://api.deepseek.com", "https://api.deepseek.com/v1"])
    def test_it_is_at_the_root_of_the_host(self, base_url: str) -> None:
        request = deepseek.BALANCE.request(context(base_url))
        assert (request.method, request.path, request.from_root) == ("GET", "/user/balance", True)

    def test_amounts_are_text(self) -> None:
        told = report(deepseek.BALANCE, deep(info("110.00", "CNY")))
        assert (told.balance, told.fault) == (Balance(110_000_000, "CNY"), None)

    def test_of_two_currencies_the_one_that_has_something_is_the_balance(self) -> None:
        told = report(deepseek.BALANCE, deep(info("0.00", "CNY"), info("3.20")))
        assert (told.balance, told.notes) == (Balance(3_200_000, "USD"), ())
        told = report(deepseek.BALANCE, deep(info("5"), info("7.5", "CNY")))
        assert (told.balance, told.notes) == (Balance(5_000_000, "USD"), ("also 7.50 CNY",))

    @pytest.mark.parametrize(
        ("body", "spent"),
        [
            pytest.param(deep(info("0.00")), False, id="its-own-word-outweighs-the-figure"),
            pytest.param(deep(info("1.00"), available=False), True, id="not-enough-for-a-call"),
            pytest.param(deep(available=False), True, id="no-figures"),
            pytest.param(deep(info("0.00"), available=None), True, id="only-figures-none-left"),
            pytest.param(deep(info("0.01"), available="yes"), False, id="only-figures"),
        ],
    )
    def test_whether_calls_would_be_refused(self, body: dict[str, Any], spent: bool) -> None:
        fault = report(deepseek.BALANCE, body).fault
        assert (fault is not None) is spent
        if fault is not None:
            assert (fault.kind, fault.scope) == (FaultKind.BILLING, FaultScope.ACCOUNT)

    @pytest.mark.parametrize("currency", [None, 5, "EUR\x1b[31m", "points", ""])
    def test_what_is_in_no_known_currency_is_no_balance(self, currency: Any) -> None:
        assert report(deepseek.BALANCE, deep(info("5") | {"currency": currency})).balance is None

    @pytest.mark.parametrize("junk", NO_REPORTS)
    def test_what_is_no_report_is_a_fault(self, junk: Any) -> None:
        assert isinstance(read(deepseek.BALANCE, junk), Fault)

    def test_junk_anywhere_neither_raises_nor_becomes_a_figure(self) -> None:
        never_raises(deepseek.BALANCE, deep(info("110.00"), info("1", "CNY")))
        for junk in ("NaN", None, True, "1,000", [5], "1e400"):
            assert report(deepseek.BALANCE, deep(info(junk))).balance is None
