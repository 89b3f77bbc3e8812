"""Z.AI's plan quota."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.reports import NO_REPORTS, context, never_raises, read, report

from trunkline.domain.checks import AllowanceShare
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import Window
from trunkline.providers.reports import zai

RESETS_MS = 1_795_190_400_000
FIVE_HOURS = {
    "type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": 42, "nextResetTime": RESETS_MS,
}  # fmt: skip
WEEK = {"type": "TOKENS_LIMIT", "unit": 6, "number": 1, "percentage": 7.5, "nextResetTime": RESETS_MS + 1}
TOOLS = {"type": "TIME_LIMIT", "unit": 5, "number": 1, "percentage": 90, "usage": 100, "currentValue": 90}


def body(*limits: Any, **other: Any) -> dict[str, Any]:
    return {
        "code": 200, "msg": "Operation successful", "success": True, "data": {"limits": list(limits)},
    } | other  # fmt: skip


@pytest.mark.parametrize("base_url", ["https://api.z.ai/api/paas/v4", "https://api.z.ai/api/coding/paas/v4"])
def test_it_is_asked_at_the_root_of_the_host_with_the_bare_key_and_then_as_a_bearer(base_url: str) -> None:
    bare, bearer = (way.request(context(base_url)) for way in (zai.BY_BARE_KEY, zai.BY_BEARER))
    assert (bare.method, bare.path, bare.from_root) == ("GET", "/api/monitor/usage/quota/limit", True)
    assert (bare.auth_header, bare.auth_prefix) == ("Authorization", "")
    assert bearer.auth_prefix == "Bearer "
    assert ("X-Title", "trunkline") in bare.headers


def test_windows_and_used_shares_are_told_without_an_amount() -> None:
    told = report(zai.BY_BARE_KEY, body(FIVE_HOURS, WEEK))
    assert told.shares == (
        AllowanceShare("tokens", 42.0, Window.parse("session:5h"), RESETS_MS),
        AllowanceShare("tokens", 7.5, Window.parse("session:7d"), RESETS_MS + 1),
    )
    assert told.readings == ()
    assert told.fault is None


def test_what_is_of_tools_is_not_of_chat() -> None:
    assert report(zai.BY_BARE_KEY, body(TOOLS)).shares == ()
    assert len(report(zai.BY_BARE_KEY, body(TOOLS, WEEK)).shares) == 1


def test_credits_are_called_so_and_an_unknown_window_has_no_length() -> None:
    [share] = report(zai.BY_BARE_KEY, body(FIVE_HOURS | {"type": "CREDIT_LIMIT", "unit": 9})).shares
    assert (share.name, share.window, share.used_percent) == ("credits", None, 42.0)


@pytest.mark.parametrize("moment", [0, -1, 1_795_190_400, "soon", None, 10**18, True])
def test_a_reset_that_is_no_moment_is_not_told(moment: object) -> None:
    [share] = report(zai.BY_BARE_KEY, body(FIVE_HOURS | {"nextResetTime": moment})).shares
    assert share.resets_at_ms is None


def test_a_share_that_is_not_told_is_left_out() -> None:
    without = {name: value for name, value in FIVE_HOURS.items() if name != "percentage"}
    assert report(zai.BY_BARE_KEY, body(without, WEEK)).shares[0].used_percent == 7.5


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param({"code": 401, "msg": "token expired or incorrect", "success": False}, id="401"),
        pytest.param({"code": 1001, "msg": "Header未收到Authorization参数", "success": False}, id="1001"),
        pytest.param(
            {"code": "1002", "msg": "no", "data": {"limits": [FIVE_HOURS]}}, id="code-as-text-beside-data"
        ),
        pytest.param({"code": 1110, "message": "inactive"}, id="1110"),
    ],
)
def test_trap_12_a_bad_key_is_a_200(refusal: dict[str, Any]) -> None:
    fault = read(zai.BY_BARE_KEY, refusal)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.scope, fault.http_status) == (FaultKind.AUTH, FaultScope.ACCOUNT, 200)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param({"code": 500, "msg": "系统异常", "success": False}, id="own-failure"),
        pytest.param(
            {"code": 200, "success": False, "data": {"limits": [FIVE_HOURS]}}, id="success-false-beside-data"
        ),
        pytest.param({"success": False}, id="only-success-false"),
    ],
)
def test_trap_12_any_other_refusal_says_nothing_of_the_key(refusal: dict[str, Any]) -> None:
    fault = read(zai.BY_BARE_KEY, refusal)
    assert isinstance(fault, Fault)
    assert fault.kind is not FaultKind.AUTH
    assert fault.scope is FaultScope.REQUEST


def test_its_words_are_redacted() -> None:
    fault = read(
        zai.BY_BARE_KEY, {"code": 401, "msg": "bad key sk-0123456789abcdef \x1b[31m", "success": False}
    )
    assert isinstance(fault, Fault)
    assert "0123456789" not in repr(fault)
    assert "\x1b" not in repr(fault)


@pytest.mark.parametrize("junk", NO_REPORTS)
def test_what_is_no_report_is_a_fault(junk: Any) -> None:
    assert isinstance(read(zai.BY_BARE_KEY, junk), Fault)


def test_junk_anywhere_neither_raises_nor_becomes_a_figure() -> None:
    never_raises(zai.BY_BARE_KEY, body(FIVE_HOURS, WEEK, TOOLS))
    assert report(zai.BY_BARE_KEY, body("x", None, [], FIVE_HOURS | {"percentage": "NaN"})).shares == ()
