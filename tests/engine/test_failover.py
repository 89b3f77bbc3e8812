"""DESIGN §5's table, row by row."""

from __future__ import annotations

import pytest

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.preferences import Rules, Thresholds
from trunkline.engine.failover import Situation, Step, next_step, quick_retry_delay_ms

NOW_MS = 1_795_176_000_000


def fault(kind: FaultKind, code: str = "x", *, in_ms: int | None = None) -> Fault:
    usable_at_ms = None if in_ms is None else NOW_MS + in_ms
    return Fault(kind, FaultScope.MODEL, code, "said", usable_at_ms=usable_at_ms)


def step(
    failed: Fault,
    *,
    tries_here: int = 1,
    text_shown: bool = False,
    first_choice: bool = False,
    rules: Rules | None = None,
) -> Step:
    situation = Situation(tries_here, text_shown, first_choice, NOW_MS, deadline_at_ms=NOW_MS + 60_000)
    return next_step(failed, situation, Thresholds(), rules or Rules())


@pytest.mark.parametrize(
    "kind",
    [FaultKind.RATE_MINUTE, FaultKind.QUOTA_WINDOW, FaultKind.AUTH, FaultKind.BILLING, FaultKind.ENTITLEMENT],
)
def test_what_another_account_may_do_goes_to_the_next_route_at_once(kind: FaultKind) -> None:
    assert step(fault(kind)) is Step.NEXT_ROUTE


def test_a_short_stated_wait_on_the_first_choice_is_waited_out() -> None:
    assert step(fault(FaultKind.RATE_MINUTE, in_ms=3_000), first_choice=True) is Step.WAIT


@pytest.mark.parametrize(
    ("in_ms", "first_choice"), [(3_001, True), (1_000, False), (None, True), (-5_000, True)]
)
def test_no_other_wait_is_waited_out(in_ms: int | None, first_choice: bool) -> None:
    assert step(fault(FaultKind.RATE_MINUTE, in_ms=in_ms), first_choice=first_choice) is Step.NEXT_ROUTE


@pytest.mark.parametrize("code", ["server_error", FaultCode.RESET, FaultCode.EMPTY])
def test_a_transient_fault_before_any_output_is_retried_once_and_then_left(code: str) -> None:
    kind = FaultKind.OVERLOADED if code == "server_error" else FaultKind.NETWORK
    assert step(fault(kind, code)) is Step.RETRY_SAME
    assert step(fault(kind, code), tries_here=2) is Step.NEXT_ROUTE


@pytest.mark.parametrize(
    "code",
    [FaultCode.FIRST_TOKEN_TIMEOUT, FaultCode.CONNECT, FaultCode.DNS, FaultCode.PORTAL, FaultCode.REDIRECT],
)
def test_silence_and_dead_hosts_are_not_asked_twice(code: str) -> None:
    assert step(fault(FaultKind.NETWORK, code)) is Step.NEXT_ROUTE


def test_an_answer_cut_after_output_goes_on_elsewhere() -> None:
    assert step(fault(FaultKind.NETWORK, FaultCode.CUT), text_shown=True) is Step.NEXT_ROUTE


def test_too_long_a_context_is_never_resent_unchanged() -> None:
    assert step(fault(FaultKind.CONTEXT)) is Step.LARGER_WINDOW


def test_a_refusal_for_content_stops_unless_the_user_prefers_otherwise() -> None:
    assert step(fault(FaultKind.CONTENT)) is Step.STOP
    assert step(fault(FaultKind.CONTENT), rules=Rules(retry_refused_elsewhere=True)) is Step.NEXT_ROUTE


def test_a_bad_request_stops() -> None:
    assert step(fault(FaultKind.BAD_REQUEST)) is Step.STOP


def test_with_switching_on_limits_off_a_limit_ends_the_request() -> None:
    assert step(fault(FaultKind.QUOTA_WINDOW), rules=Rules(switch_on_limit=False)) is Step.STOP


def test_the_quick_retry_has_full_jitter() -> None:
    assert quick_retry_delay_ms(0.0) == 0.0
    assert quick_retry_delay_ms(1.0) <= 250.0
