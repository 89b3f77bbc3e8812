"""Blocks that are checked for free before a request tries them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.quota.scenes import NOW_MS, account, catalogue, fault, route

from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.state import Block
from trunkline.quota.breaker import DAY_MS, HOUR_MS, agreed
from trunkline.quota.breakers import CHECK_GRACE_MS, Breakers

WHERE = catalogue(account("a"))
AT = route("a")
UNTIL_MS = NOW_MS + HOUR_MS
ACCOUNT = "acme/a"


def blocked(*, checked_first: bool = True) -> Breakers:
    """The account is blocked for an hour."""
    breakers = Breakers()
    refusal = fault(FaultKind.QUOTA_WINDOW, FaultScope.ACCOUNT, in_ms=HOUR_MS)
    breakers.faulted(refusal, AT, WHERE, now_ms=NOW_MS, draw=1.0)
    if checked_first:
        breakers.check_first(ACCOUNT)
    return breakers


def shown(breakers: Breakers) -> Block:
    block = breakers.block(ACCOUNT)
    assert block is not None
    return block


def test_it_holds_beyond_its_time_until_the_check_is_done_and_no_longer_than_a_few_seconds() -> None:
    breakers = blocked()
    assert shown(breakers).until_ms == UNTIL_MS  # the countdown is the provider's until then
    breakers.expire(ACCOUNT, UNTIL_MS)
    assert shown(breakers).holds_at(UNTIL_MS)
    assert not breakers.try_half_open(AT, UNTIL_MS)
    for late_ms in range(0, CHECK_GRACE_MS, 250):
        due_ms = breakers.next_change_ms(ACCOUNT)
        assert due_ms is not None
        if due_ms <= UNTIL_MS + late_ms:
            assert breakers.expire(ACCOUNT, UNTIL_MS + late_ms)
        assert shown(breakers).holds_at(UNTIL_MS + late_ms)
    breakers.expire(ACCOUNT, UNTIL_MS + CHECK_GRACE_MS)
    assert shown(breakers).half_open
    assert breakers.try_half_open(AT, UNTIL_MS + CHECK_GRACE_MS)


def test_without_a_check_it_is_half_open_at_its_time() -> None:
    breakers = blocked(checked_first=False)
    breakers.expire(ACCOUNT, UNTIL_MS)
    assert shown(breakers).half_open


@pytest.mark.parametrize("begun", [False, True])
def test_what_the_check_says_stands(begun: bool) -> None:
    still, over = blocked(), blocked()
    for breakers in (still, over):
        if begun:
            breakers.expire(ACCOUNT, UNTIL_MS)
    later_ms = UNTIL_MS + HOUR_MS
    block = still.checked(ACCOUNT, later_ms, UNTIL_MS)
    assert block is not None
    assert (block.until_ms, block.checked_at_ms, block.since_ms) == (later_ms, UNTIL_MS, NOW_MS)
    assert shown(still).holds_at(later_ms - 1)
    assert not shown(still).holds_at(later_ms)
    assert over.checked(ACCOUNT, None, UNTIL_MS) == shown(over)
    assert shown(over).half_open
    assert over.try_half_open(AT, UNTIL_MS)


def test_a_check_that_failed_lets_one_request_try_but_only_once_the_time_has_come() -> None:
    breakers = blocked()
    assert not breakers.check_failed(ACCOUNT)
    assert shown(breakers).holds_at(UNTIL_MS - 1)
    breakers.expire(ACCOUNT, UNTIL_MS)
    assert breakers.check_failed(ACCOUNT)
    assert breakers.try_half_open(AT, UNTIL_MS)
    assert not breakers.try_half_open(AT, UNTIL_MS)


def test_a_check_says_nothing_to_a_request_that_is_trying_or_of_what_is_closed() -> None:
    breakers = blocked()
    breakers.expire(ACCOUNT, UNTIL_MS + CHECK_GRACE_MS)
    assert breakers.try_half_open(AT, UNTIL_MS + CHECK_GRACE_MS)
    assert breakers.checked(ACCOUNT, UNTIL_MS + 2 * HOUR_MS, UNTIL_MS) is None
    assert breakers.succeeded(AT, UNTIL_MS + CHECK_GRACE_MS) == (ACCOUNT,)
    assert breakers.checked(ACCOUNT, UNTIL_MS + 2 * HOUR_MS, UNTIL_MS) is None
    assert breakers.blocks() == ()


def test_a_new_refusal_ends_the_check() -> None:
    breakers = blocked()
    breakers.expire(ACCOUNT, UNTIL_MS)
    again = fault(FaultKind.QUOTA_WINDOW, FaultScope.ACCOUNT, in_ms=3 * HOUR_MS)
    breakers.faulted(again, AT, WHERE, now_ms=UNTIL_MS + 1, draw=1.0)
    assert shown(breakers).until_ms == NOW_MS + 3 * HOUR_MS
    breakers.expire(ACCOUNT, NOW_MS + 3 * HOUR_MS)
    assert shown(breakers).half_open


def test_of_two_words_on_a_block_a_later_check_counts_for_more_than_a_later_deadline() -> None:
    [refused] = blocked().blocks()
    shortened = replace(refused, until_ms=UNTIL_MS - 1, checked_at_ms=NOW_MS + 10)
    prolonged = replace(refused, until_ms=UNTIL_MS + 1)
    assert agreed(prolonged, shortened) is shortened
    assert agreed(shortened, prolonged) is shortened
    since = replace(prolonged, since_ms=NOW_MS + 11)  # refused after the check
    assert agreed(shortened, since) is since
    assert agreed(since, shortened) is since
    checked_again = replace(shortened, checked_at_ms=NOW_MS + 20, half_open=True)
    assert agreed(shortened, checked_again) is checked_again


def test_another_process_that_checked_is_believed_over_ones_own_memory() -> None:
    here, there = blocked(), Breakers()
    there.restore(here.blocks())
    there.checked(ACCOUNT, None, UNTIL_MS - 5)
    assert here.restore(there.blocks(), here.blocks()) == (ACCOUNT,)
    assert shown(here).half_open
    assert here.restore(there.blocks(), here.blocks()) == ()


def blocked_for_days(now_ms: int = NOW_MS) -> Breakers:
    breakers = Breakers()
    refuse(breakers, now_ms)
    return breakers


def refuse(breakers: Breakers, now_ms: int) -> None:
    refusal = replace(fault(FaultKind.QUOTA_WINDOW, FaultScope.ACCOUNT), usable_at_ms=NOW_MS + 5 * DAY_MS)
    breakers.faulted(refusal, AT, WHERE, now_ms=now_ms, draw=1.0)


def test_a_stated_wait_of_days_is_tried_by_one_request_a_day() -> None:
    breakers = blocked_for_days()
    for day in (1, 2, 3):
        due_ms = breakers.next_change_ms(ACCOUNT)
        assert due_ms == NOW_MS + day * DAY_MS
        assert not breakers.expire(ACCOUNT, due_ms - 1)
        assert not breakers.try_half_open(AT, due_ms - 1)
        assert breakers.expire(ACCOUNT, due_ms)
        assert breakers.try_half_open(AT, due_ms)
        assert not breakers.try_half_open(AT, due_ms)
        refuse(breakers, due_ms)
        assert shown(breakers).until_ms == NOW_MS + 5 * DAY_MS  # what is shown is what was stated
        assert not breakers.try_half_open(AT, due_ms)
    breakers.expire(ACCOUNT, NOW_MS + 4 * DAY_MS)
    assert breakers.try_half_open(AT, NOW_MS + 4 * DAY_MS)
    assert breakers.succeeded(AT, NOW_MS + 4 * DAY_MS) == (ACCOUNT,)


def test_where_an_endpoint_tells_for_free_no_request_tries_it_before_its_time() -> None:
    breakers = blocked_for_days()
    assert breakers.check_first(ACCOUNT)
    assert not breakers.check_first(ACCOUNT)
    assert breakers.next_change_ms(ACCOUNT) == NOW_MS + 5 * DAY_MS
    assert not breakers.expire(ACCOUNT, NOW_MS + 2 * DAY_MS)
    assert shown(breakers).holds_at(NOW_MS + 2 * DAY_MS)


def test_a_wait_of_days_that_another_process_has_tried_in_vain_is_not_tried_here() -> None:
    mine, theirs = blocked_for_days(), blocked_for_days()
    for breakers in (mine, theirs):
        breakers.expire(ACCOUNT, NOW_MS + DAY_MS)
    refuse(theirs, NOW_MS + DAY_MS)
    assert mine.restore(theirs.blocks()) == (ACCOUNT,)
    assert not mine.try_half_open(AT, NOW_MS + DAY_MS)
    assert mine.next_change_ms(ACCOUNT) == NOW_MS + 2 * DAY_MS
