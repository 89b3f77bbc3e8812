"""MiniMax's plan allowances."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.reports import NO_REPORTS, context, never_raises, read, report

from trunkline.domain.checks import AllowanceShare
from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.limits import Window
from trunkline.domain.routes import SelfReport
from trunkline.providers.reports import minimax
from trunkline.providers.reports.choose import endpoints_of

START_MS = 1_795_176_000_000
END_MS = START_MS + 5 * 3_600_000
WEEK_MS = START_MS + 3 * 86_400_000
ENTRY = {
    "model_name": "MiniMax-M*", "start_time": START_MS, "end_time": END_MS, "remains_time": 1000,
    "current_interval_total_count": 1500, "current_interval_usage_count": 1490,
    "current_interval_remaining_percent": 60, "current_weekly_remaining_percent": 12.5, "weekly_end_time": WEEK_MS,
}  # fmt: skip
OK = {"status_code": 0, "status_msg": "success"}


def body(*entries: Any, resp: Any = OK) -> dict[str, Any]:
    return {"model_remains": list(entries), "base_resp": resp}


def test_it_is_asked_at_its_address_and_then_at_its_older_one() -> None:
    [[now, before]] = endpoints_of(SelfReport.MINIMAX)
    requests = [way.request(context("https://api.minimax.io/v1")) for way in (now, before)]
    assert [(one.path, one.from_root) for one in requests] == [
        ("/v1/token_plan/remains", True), ("/v1/api/openplatform/coding_plan/remains", True),
    ]  # fmt: skip


def test_what_remains_is_turned_into_what_is_used() -> None:
    told = report(minimax.TOKEN_PLAN, body(ENTRY))
    assert told.shares == (
        AllowanceShare("MiniMax-M*", 40.0, Window.parse("session:5h"), END_MS, "MiniMax-M*"),
        AllowanceShare("MiniMax-M*", 87.5, Window.parse("session:7d"), WEEK_MS, "MiniMax-M*"),
    )
    assert told.readings == ()


def test_the_count_that_has_meant_both_is_never_a_figure() -> None:
    older = {name: value for name, value in ENTRY.items() if "percent" not in name}
    told = report(minimax.CODING_PLAN, body(older))
    assert (told.readings, told.shares) == ((), ())
    assert told.notes == ("the plan's allowances are there, but not what is left of them",)


@pytest.mark.parametrize("end_ms", [START_MS, START_MS - 1, 5, None, "x", END_MS + 1])
def test_an_interval_whose_stamps_make_no_sense_has_no_length(end_ms: Any) -> None:
    share = report(minimax.TOKEN_PLAN, body(ENTRY | {"end_time": end_ms})).shares[0]
    assert (share.window, share.used_percent) == (None, 40.0)


@pytest.mark.parametrize("percent", [-1, 101, "NaN", None, True, []])
def test_a_share_that_is_none_is_left_out(percent: Any) -> None:
    shares = report(minimax.TOKEN_PLAN, body(ENTRY | {"current_interval_remaining_percent": percent})).shares
    assert [share.used_percent for share in shares] == [87.5]


@pytest.mark.parametrize(
    ("code", "kind"), [(1004, FaultKind.AUTH), (2049, FaultKind.AUTH), (1008, FaultKind.BILLING)]
)
def test_trap_13_a_refusal_is_a_200_with_a_status_code(code: int, kind: FaultKind) -> None:
    fault = read(minimax.TOKEN_PLAN, body(ENTRY, resp={"status_code": code, "status_msg": "login fail"}))
    assert isinstance(fault, Fault)
    assert fault.kind is kind


@pytest.mark.parametrize("junk", NO_REPORTS)
def test_what_is_no_report_is_a_fault(junk: Any) -> None:
    assert isinstance(read(minimax.TOKEN_PLAN, junk), Fault)


def test_junk_anywhere_neither_raises_nor_becomes_a_figure() -> None:
    never_raises(minimax.TOKEN_PLAN, body(ENTRY, ENTRY))
    assert report(minimax.TOKEN_PLAN, body()).notes == ()


def test_who_has_no_account_endpoint_is_asked_nothing() -> None:
    assert endpoints_of(SelfReport.NONE) == ()
