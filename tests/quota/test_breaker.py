from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.quota.scenes import NOW_MS, account, catalogue, fault, route

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.routes import Route
from trunkline.domain.state import Block
from trunkline.quota.breaker import (
    BILLING_RECHECK_MS,
    DAY_MS,
    HOUR_MS,
    interval_ms,
    later,
    targets_above,
    targets_of,
    until_of,
)
from trunkline.quota.breakers import TRIAL_LEASE_MS, Breakers

K, S = FaultKind, FaultScope
WHERE = catalogue(
    account("a", organisation="me"),
    account("b", organisation="me"),
    account("c"),
    account("x", provider="other", organisation="me"),
)
OWN_ACCOUNT, OWN_MODEL = ("acme/a",), ("acme/a/small",)

BY_SCOPE = {
    S.REQUEST: (),
    S.MODEL: OWN_MODEL,
    S.ACCOUNT: OWN_ACCOUNT,
    S.ORGANISATION: ("acme/a", "acme/b"),
    S.PROVIDER: ("acme",),
}
REACH = {
    **{(kind, scope): reach for kind in FaultKind for scope, reach in BY_SCOPE.items()},
    **{(kind, S.MODEL): ("acme/a/small", "acme/b/small") for kind in (K.RATE_MINUTE, K.QUOTA_WINDOW)},
    **{(K.AUTH, scope): OWN_ACCOUNT for scope in FaultScope if scope is not S.REQUEST},
    **{(kind, scope): () for kind in (K.CONTEXT, K.CONTENT, K.BAD_REQUEST) for scope in FaultScope},
}


@pytest.mark.parametrize(("kind", "scope"), list(REACH))
def test_what_a_fault_blocks(kind: FaultKind, scope: FaultScope) -> None:
    breakers = Breakers()
    changed = breakers.faulted(fault(kind, scope), route("a"), WHERE, now_ms=NOW_MS, draw=1.0)
    assert tuple(block.target for block in changed) == REACH[kind, scope]
    assert breakers.blocks() == changed
    assert all(block.kind is kind and block.holds_at(NOW_MS) for block in changed)


def test_an_account_of_no_organisation_stands_for_itself() -> None:
    assert targets_of(fault(scope=S.ORGANISATION), route("c"), WHERE) == ("acme/c",)


# How long each kind holds: with a stated wait of an hour and a half, with an absurd one, and with none at draw 1.
HOLDS_MS = {
    K.RATE_MINUTE: (HOUR_MS, HOUR_MS, 1_000),
    K.QUOTA_WINDOW: (HOUR_MS * 3 // 2, 31 * DAY_MS, 1_000),
    K.OVERLOADED: (HOUR_MS, HOUR_MS, 1_000),
    K.NETWORK: (HOUR_MS, HOUR_MS, 1_000),
    K.BILLING: (HOUR_MS * 3 // 2, 31 * DAY_MS, BILLING_RECHECK_MS),
    K.ENTITLEMENT: (HOUR_MS * 3 // 2, 31 * DAY_MS, None),
    K.AUTH: (HOUR_MS * 3 // 2, 31 * DAY_MS, None),
}


@pytest.mark.parametrize("kind", list(HOLDS_MS))
def test_how_long_a_fault_blocks(kind: FaultKind) -> None:
    found = []
    for in_ms in (HOUR_MS * 3 // 2, 10_000 * DAY_MS, None):
        until_ms = until_of(fault(kind, in_ms=in_ms), failures=1, now_ms=NOW_MS, draw=1.0)
        found.append(None if until_ms is None else until_ms - NOW_MS)
    assert tuple(found) == HOLDS_MS[kind]


@pytest.mark.parametrize("in_ms", [0, -1, -DAY_MS])
def test_a_stated_moment_that_has_passed_counts_as_unstated(in_ms: int) -> None:
    until_ms = until_of(fault(K.RATE_MINUTE, in_ms=in_ms), failures=3, now_ms=NOW_MS, draw=0.5)
    assert until_ms == NOW_MS + 2_000


def test_unexplained_failures_open_for_1_2_4_to_60_seconds() -> None:
    assert [interval_ms(n) // 1000 for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def fail(breakers: Breakers, now_ms: int, at: Route, **how: int) -> tuple[Block, ...]:
    return breakers.faulted(fault(K.OVERLOADED, S.ACCOUNT, **how), at, WHERE, now_ms=now_ms, draw=1.0)


def heal(breakers: Breakers, now_ms: int, at: Route) -> tuple[str, ...]:
    for target in targets_above(at):
        breakers.expire(target, now_ms)
    return breakers.succeeded(at, now_ms)


def test_a_trial_that_fails_opens_for_longer_and_one_that_succeeds_closes() -> None:
    breakers, at, now_ms = Breakers(), route("a"), NOW_MS
    held_ms = []
    for _ in range(4):
        (block,) = fail(breakers, now_ms, at)
        assert block.until_ms is not None
        held_ms.append(block.until_ms - now_ms)
        assert not breakers.try_half_open(at, now_ms)
        now_ms = block.until_ms
        assert breakers.expire("acme/a", now_ms)
        assert breakers.try_half_open(at, now_ms)
    assert held_ms == [1_000, 2_000, 4_000, 8_000]
    assert breakers.succeeded(at, now_ms) == ("acme/a",)
    assert breakers.block("acme/a") is None
    assert breakers.failures("acme/a") == 2


def test_every_success_halves_the_failure_count() -> None:
    breakers, at, now_ms = Breakers(), route("a"), NOW_MS
    for _ in range(7):
        (block,) = fail(breakers, now_ms, at)
        now_ms = block.until_ms or 0
    counts = []
    for _ in range(4):
        heal(breakers, now_ms, at)
        counts.append(breakers.failures("acme/a"))
    assert counts == [3, 1, 0, 0]


def test_calls_that_were_under_way_when_it_opened_do_not_count_again() -> None:
    breakers, at = Breakers(), route("a")
    fail(breakers, NOW_MS, at)
    assert all(fail(breakers, NOW_MS + late_ms, at) == () for late_ms in (0, 0))
    assert breakers.failures("acme/a") == 1


def test_a_late_success_does_not_close_a_block_that_holds() -> None:
    breakers, at = Breakers(), route("a")
    fail(breakers, NOW_MS, at, in_ms=5_000)
    assert breakers.succeeded(at, NOW_MS + 4_999) == ()
    assert breakers.succeeded(at, NOW_MS + 5_000) == ("acme/a",)


def test_while_one_request_tries_the_block_holds_for_the_others() -> None:
    breakers, at = Breakers(), route("a")
    fail(breakers, NOW_MS, at, in_ms=1_000)
    breakers.expire("acme/a", NOW_MS + 1_000)
    half_open = breakers.block("acme/a")
    assert half_open is not None
    assert half_open.half_open
    assert breakers.try_half_open(at, NOW_MS + 1_000)
    assert not breakers.try_half_open(route("a", "large"), NOW_MS + 1_000)
    tried = breakers.block("acme/a")
    assert tried is not None
    assert tried.holds_at(NOW_MS + 1_000)
    breakers.give_back(at)
    assert breakers.block("acme/a") == half_open


def test_a_trial_that_nobody_ends_lapses() -> None:
    breakers, at = Breakers(), route("a")
    fail(breakers, NOW_MS, at, in_ms=1_000)
    now_ms = NOW_MS + 1_000
    breakers.expire("acme/a", now_ms)
    assert breakers.try_half_open(at, now_ms)
    while (due_ms := breakers.next_change_ms("acme/a") or 0) < now_ms + TRIAL_LEASE_MS:
        assert due_ms <= now_ms + TRIAL_LEASE_MS
        assert breakers.expire("acme/a", due_ms)
        assert not breakers.expire("acme/a", due_ms)
        assert not breakers.try_half_open(at, due_ms)
    assert breakers.expire("acme/a", now_ms + TRIAL_LEASE_MS)
    assert breakers.try_half_open(at, now_ms + TRIAL_LEASE_MS)


def test_a_trial_ended_by_the_requests_own_fault_is_undecided() -> None:
    breakers, at = Breakers(), route("a")
    fail(breakers, NOW_MS, at, in_ms=1_000)
    breakers.expire("acme/a", NOW_MS + 1_000)
    assert breakers.try_half_open(at, NOW_MS + 1_000)
    own = fault(K.BAD_REQUEST, S.REQUEST)
    assert breakers.faulted(own, at, WHERE, now_ms=NOW_MS + 1_500, draw=1.0) == ()
    assert breakers.try_half_open(at, NOW_MS + 1_500)


def test_a_refusal_of_the_organisation_ends_the_trials_of_its_other_accounts() -> None:
    breakers = Breakers()
    fail(breakers, NOW_MS, route("b"), in_ms=1_000)
    assert breakers.try_half_open(route("b"), NOW_MS + 1_000)
    whole = fault(K.QUOTA_WINDOW, S.ORGANISATION, in_ms=60_000)
    breakers.faulted(whole, route("a"), WHERE, now_ms=NOW_MS + 1_500, draw=1.0)
    assert {block.until_ms for block in map(breakers.block, ("acme/a", "acme/b")) if block} == {
        NOW_MS + 60_000
    }


def test_one_request_tries_provider_account_and_route_together() -> None:
    breakers, at = Breakers(), route("a")
    for scope in (S.PROVIDER, S.ACCOUNT, S.MODEL):
        breakers.faulted(fault(K.NETWORK, scope, in_ms=1_000), at, WHERE, now_ms=NOW_MS, draw=1.0)
    now_ms = NOW_MS + 1_000
    for target in targets_above(at):
        breakers.expire(target, now_ms)
    assert breakers.try_half_open(at, now_ms)
    assert not breakers.try_half_open(route("c", "large"), now_ms)
    assert breakers.succeeded(at, now_ms) == targets_above(at)
    assert breakers.blocks() == ()


@pytest.mark.parametrize("kind", [K.AUTH, K.ENTITLEMENT, K.BILLING])
def test_another_key_frees_the_account_of_what_the_old_one_was_to_blame_for(kind: FaultKind) -> None:
    breakers = Breakers()
    for at in (route("a"), route("b")):
        breakers.faulted(fault(kind, S.MODEL), at, WHERE, now_ms=NOW_MS, draw=1.0)
    (freed,) = breakers.key_changed("acme", "a")
    assert freed.startswith("acme/a")
    assert len(breakers.blocks()) == 1


def test_another_key_does_not_refill_a_quota() -> None:
    breakers = Breakers()
    breakers.faulted(fault(K.QUOTA_WINDOW), route("a"), WHERE, now_ms=NOW_MS, draw=1.0)
    assert breakers.key_changed("acme", "a") == ()
    assert len(breakers.blocks()) == 1


@pytest.mark.parametrize(
    ("target", "closed"),
    [
        (None, {"acme", "acme/a", "acme/a/small", "acme/b/small"}),
        ("acme", {"acme", "acme/a", "acme/a/small", "acme/b/small"}),
        ("acme/a", {"acme/a", "acme/a/small"}),
        ("acme/a/small", {"acme/a/small"}),
        ("acm", set()),
    ],
)
def test_clearing_closes_a_target_and_what_is_under_it(target: str | None, closed: set[str]) -> None:
    breakers = Breakers()
    for at, scope in (
        (route("a"), S.PROVIDER),
        (route("a"), S.ACCOUNT),
        (route("a"), S.MODEL),
        (route("b"), S.MODEL),
    ):
        breakers.faulted(fault(K.QUOTA_WINDOW, scope), at, WHERE, now_ms=NOW_MS, draw=1.0)
    assert set(breakers.clear(target)) == closed
    assert {block.target for block in breakers.blocks()}.isdisjoint(closed)
    if target is None:
        assert breakers.failures("acme/a") == 0


def test_a_restored_block_does_not_shorten_the_one_that_is_known() -> None:
    longer, shorter = Breakers(), Breakers()
    fail(longer, NOW_MS, route("a"), in_ms=9_000)
    fail(shorter, NOW_MS, route("a"), in_ms=2_000)
    assert longer.restore(shorter.blocks()) == ()
    assert shorter.restore(longer.blocks()) == ("acme/a",)
    assert shorter.blocks() == longer.blocks()


def test_what_another_process_closed_is_closed_here() -> None:
    here, there = Breakers(), Breakers()
    fail(there, NOW_MS, route("a"), in_ms=9_000)
    fail(there, NOW_MS, route("b"), in_ms=9_000)
    here.restore(there.blocks())
    there.clear("acme/a")
    written = here.blocks()
    fail(here, NOW_MS, route("c"), in_ms=9_000)  # not written down yet when the book is read
    assert here.restore(there.blocks(), written) == ("acme/a",)
    assert {block.target for block in here.blocks()} == {"acme/b", "acme/c"}
    assert here.restore(there.blocks(), written) == ()


def test_what_was_closed_here_does_not_come_back_from_a_book_that_lags() -> None:
    breakers = Breakers()
    (old,) = fail(breakers, NOW_MS, route("a"), in_ms=9_000)
    breakers.restore([old])
    breakers.clear("acme/a")
    assert breakers.restore([old]) == ()
    assert breakers.block("acme/a") is None
    other = Breakers()
    (new,) = fail(other, NOW_MS + 1, route("a"), in_ms=9_000)
    assert breakers.restore([new]) == ("acme/a",)


untils = st.one_of(st.none(), st.integers(0, 10))


def block_until(until_ms: int | None) -> Block:
    return Block("acme/a", S.ACCOUNT, K.RATE_MINUTE, "", "", 0, until_ms)


@given(untils, untils)
def test_the_later_deadline_wins(one: int | None, other: int | None) -> None:
    kept = later(block_until(one), block_until(other)).until_ms
    assert kept == (None if None in (one, other) else max(one or 0, other or 0))


class BreakerLife(RuleBasedStateMachine):
    """One route through any sequence of faults, successes, trials and time, with one request trying at most."""

    def __init__(self) -> None:
        super().__init__()
        self.breakers = Breakers()
        self.now_ms = NOW_MS
        self.trying_since_ms: int | None = None

    def expire(self) -> None:
        for target in targets_above(route("a")):
            self.breakers.expire(target, self.now_ms)

    @rule(by_ms=st.integers(1, 70_000))
    def time_passes(self, by_ms: int) -> None:
        self.now_ms += by_ms
        self.expire()
        if self.trying_since_ms is not None and self.now_ms >= self.trying_since_ms + TRIAL_LEASE_MS:
            self.trying_since_ms = None

    @rule(
        kind=st.sampled_from([K.RATE_MINUTE, K.QUOTA_WINDOW, K.OVERLOADED, K.NETWORK, K.BILLING, K.AUTH]),
        in_ms=st.one_of(st.none(), st.integers(-5, 10**12)),
        draw=st.floats(0, 1),
    )
    def a_call_fails(self, kind: FaultKind, in_ms: int | None, draw: float) -> None:
        before = self.breakers.block("acme/a")
        trying = self.trying_since_ms is not None
        usable_at_ms = None if in_ms is None else self.now_ms + in_ms
        met = Fault(kind, S.ACCOUNT, "", "", usable_at_ms=usable_at_ms)
        self.breakers.faulted(met, route("a"), WHERE, now_ms=self.now_ms, draw=draw)
        after = self.breakers.block("acme/a")
        assert after is not None
        assert after.until_ms is None or self.now_ms < after.until_ms <= max(
            self.now_ms + 31 * DAY_MS, (before.until_ms or 0) if before else 0
        )
        if before is not None and before.holds_at(self.now_ms) and not trying:
            assert after.failures == before.failures
            assert after.until_ms is None or after.until_ms >= (before.until_ms or 10**15)
        self.trying_since_ms = None

    @rule()
    def a_call_succeeds(self) -> None:
        before = self.breakers.failures("acme/a")
        held = self.breakers.block("acme/a")
        stays = held is not None and held.holds_at(self.now_ms) and self.trying_since_ms is None
        freed = self.breakers.succeeded(route("a"), self.now_ms)
        assert self.breakers.failures("acme/a") == (before if stays else before // 2)
        assert (freed == ("acme/a",)) == (held is not None and not stays)
        if not stays:
            self.trying_since_ms = None

    @rule(requests=st.integers(1, 3))
    def requests_ask_to_try(self, requests: int) -> None:
        block = self.breakers.block("acme/a")
        allowed = [self.breakers.try_half_open(route("a"), self.now_ms) for _ in range(requests)]
        if block is None:
            assert all(allowed)
        elif block.half_open:
            assert allowed == [True] + [False] * (requests - 1)
            self.trying_since_ms = self.now_ms
        else:
            assert not any(allowed)

    @precondition(lambda self: self.trying_since_ms is not None)
    @rule()
    def the_trial_is_given_back(self) -> None:
        self.breakers.give_back(route("a"))
        self.trying_since_ms = None

    @rule(cleared=st.sampled_from([None, "acme", "acme/a"]))
    def a_person_clears(self, cleared: str | None) -> None:
        self.breakers.clear(cleared)
        self.trying_since_ms = None
        assert self.breakers.block("acme/a") is None

    @invariant()
    def counts_are_never_negative_and_blocks_end(self) -> None:
        assert self.breakers.failures("acme/a") >= 0
        block = self.breakers.block("acme/a")
        if block is not None and block.holds_at(self.now_ms) and block.until_ms is not None:
            due_ms = self.breakers.next_change_ms("acme/a")
            assert due_ms is not None
            assert due_ms > self.now_ms


TestBreakerLife = BreakerLife.TestCase


@pytest.mark.parametrize(
    ("kind", "days", "flaw"),
    [
        (K.QUOTA_WINDOW, 30.0, ""),
        (K.QUOTA_WINDOW, 390.0, "a wait of 390 days, tried after 744 h"),
        (K.RATE_MINUTE, 2.0, "a wait of 2 days, tried after 1 h"),
    ],
)
def test_a_wait_that_is_cut_short_is_said(kind: FaultKind, days: float, flaw: str) -> None:
    stated = fault(kind, S.MODEL, in_ms=round(days * 86_400_000))
    (block,) = Breakers().faulted(stated, route("c"), WHERE, now_ms=NOW_MS, draw=1.0)
    assert block.flaw == flaw
    assert block.until_ms is not None
    assert block.until_ms - NOW_MS <= 31 * 86_400_000
