"""How many calls at once an account takes, learned: tables of steps, and accounts of every size found out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, Metric, Window
from trunkline.quota.concurrency import (
    FORGET_AFTER_MS,
    TRY_END_AGAIN_MS,
    CallsUnderWay,
    CallWindow,
    Crowding,
    answered,
    crowding_of,
    refused,
)

NOW_MS = 1_000_000
READS = (LimitReading(Metric.CONCURRENCY, Window.parse("1s"), 3, None, None),)
ONE = ("acme", "one")


def fault(kind: FaultKind = FaultKind.RATE_MINUTE, code: str = "429", **fields: object) -> Fault:
    return Fault(kind, FaultScope.ACCOUNT, code, "refused", **{"http_status": 429, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("met", "under_way", "crowding"),
    [
        (fault(code="1302"), 1, Crowding.STATED),
        (fault(provider_text="max organization concurrency: 3, please try again"), 1, Crowding.STATED),
        (fault(provider_text="Too many concurrent requests"), 4, Crowding.STATED),
        (fault(readings=READS), 1, Crowding.STATED),
        (fault(), 4, Crowding.LIKELY),
        (fault(), 1, Crowding.NONE),
        (fault(usable_at_ms=NOW_MS), 4, Crowding.NONE),
        (fault(FaultKind.OVERLOADED, http_status=529), 4, Crowding.LIKELY),
        (fault(FaultKind.OVERLOADED, http_status=529), 1, Crowding.NONE),
        (fault(FaultKind.OVERLOADED, http_status=503), 4, Crowding.NONE),
        (fault(FaultKind.QUOTA_WINDOW, provider_text="concurrency"), 4, Crowding.NONE),
        (fault(FaultKind.NETWORK, http_status=None), 4, Crowding.NONE),
    ],
)
def test_what_a_refusal_says_of_calls_at_once(met: Fault, under_way: int, crowding: Crowding) -> None:
    assert crowding_of(met, under_way) is crowding


def test_ten_refusals_at_once_halve_once() -> None:
    window = None
    for call in range(20, 10, -1):
        window = refused(window, call=call, last_call=20, under_way=call, now_ms=NOW_MS)
    assert window is not None
    assert window.size == 10


def test_a_later_refusal_halves_again_and_one_place_is_the_least() -> None:
    window = refused(None, call=8, last_call=8, under_way=8, now_ms=NOW_MS)
    assert window.size == 4
    window = refused(window, call=12, last_call=12, under_way=4, now_ms=NOW_MS)
    assert window.size == 2
    for call in (13, 14, 15):
        window = refused(window, call=call, last_call=call, under_way=window.size, now_ms=NOW_MS)
    assert window.size == 1


def grown(
    window: CallWindow, answers: int, *, at_ms: int = NOW_MS, under_way: int | None = None
) -> CallWindow:
    for _ in range(answers):
        after = answered(window, under_way=under_way or window.size, now_ms=at_ms)
        assert after is not None
        window = after
    return window


def test_a_window_full_of_answers_adds_one_as_far_as_the_end_that_was_met() -> None:
    window = refused(None, call=9, last_call=9, under_way=9, now_ms=NOW_MS)
    assert grown(window, 3).size == 4
    assert grown(window, 4).size == 5
    assert grown(window, 4 + 5).size == 6
    assert grown(window, 1_000).size == 8
    later_ms = NOW_MS + TRY_END_AGAIN_MS
    assert grown(grown(window, 1_000), 8, at_ms=later_ms).size == 9


def test_an_end_that_was_only_guessed_holds_nobody_down() -> None:
    window = refused(None, call=9, last_call=9, under_way=9, now_ms=NOW_MS, stated=False)
    assert window.size == 4
    assert grown(window, 1_000).size > 20


def test_answers_say_nothing_of_the_end_while_places_are_free() -> None:
    window = refused(None, call=9, last_call=9, under_way=9, now_ms=NOW_MS)
    assert grown(window, 100, under_way=3) == window


def test_an_end_not_met_for_long_is_forgotten() -> None:
    window = refused(None, call=9, last_call=9, under_way=9, now_ms=NOW_MS)
    assert answered(window, under_way=4, now_ms=NOW_MS + FORGET_AFTER_MS) is None
    calls, told = CallsUnderWay(lambda account: told.append(account)), list[tuple[str, str]]()
    calls.refused(ONE, calls.began(ONE), NOW_MS)
    assert calls.size(ONE) == 1
    calls.forget_old(NOW_MS + FORGET_AFTER_MS - 1)
    assert calls.size(ONE) == 1
    told.clear()
    calls.forget_old(NOW_MS + FORGET_AFTER_MS)
    assert calls.size(ONE) is None
    assert told == [ONE]


@given(takes=st.integers(1, 30), burst=st.integers(2, 80))
def test_any_account_is_found_out_by_one_burst_and_then_hardly_ever_refused(takes: int, burst: int) -> None:
    calls = CallsUnderWay(lambda account: None)
    begun = [calls.began(ONE) for _ in range(burst)]
    for number in begun[takes:]:
        calls.refused(ONE, number, NOW_MS)
        calls.ended(ONE)
    for _ in begun[:takes]:
        calls.answered(ONE, NOW_MS)
        calls.ended(ONE)
    size = calls.size(ONE)
    assert (size is None) == (burst <= takes)
    if size is None:
        return
    assert 1 <= size <= takes
    for _ in range(40 * takes):
        while not calls.is_full(ONE):
            calls.began(ONE)
        calls.answered(ONE, NOW_MS + 1)
        calls.ended(ONE)
        assert (calls.size(ONE) or 0) <= takes
    assert calls.size(ONE) == takes


def test_places_kept_and_calls_of_other_processes_count() -> None:
    calls = CallsUnderWay(lambda account: None)
    for _ in range(4):
        number = calls.began(ONE)
    calls.refused(ONE, number, NOW_MS)
    for _ in range(4):
        calls.ended(ONE)
    assert (calls.size(ONE), calls.is_full(ONE)) == (2, False)
    calls.hold(ONE)
    assert not calls.note_elsewhere({ONE: 1})
    assert calls.is_full(ONE)
    calls.unhold(ONE)
    assert not calls.is_full(ONE)
    assert calls.note_elsewhere({})
