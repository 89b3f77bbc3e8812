"""The tracker over a ledger that counts: what it shows is what the ledger would say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.quota.scenes import account, account_view, catalogue, limit, reading, route
from tests.support.clock import FakeClock
from tests.support.memory_ledger import MemoryLedger

from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.domain.money import Usage
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import Route
from trunkline.quota.claims import actual_amounts
from trunkline.quota.ledger import Reservation, ReserveAsk, Shortage
from trunkline.quota.tracker import QuotaTracker

WHERE = catalogue(
    account("a", limit(window="5s", amount=6), limit(Metric.CONCURRENCY, 3), organisation="me"),
    account("b", limit(Metric.TOTAL_TOKENS, 300, "session:10s", LimitScope.MODEL), organisation="me"),
    account("c", limit(scope=LimitScope.ORGANISATION, amount=20), limit(Metric.OUTPUT_TOKENS, 90, "day")),
)


class Desk:
    """Books, settles and releases calls as the engine does."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ledger = MemoryLedger(self.clock)
        self.tracker = QuotaTracker(WHERE, self.ledger, Thresholds())
        self.open: list[Reservation] = []
        self.booked = 0
        self.shortages = 0

    async def book(self, at: Route, tokens: int) -> None:
        claims = self.tracker.claims(at, input_tokens=tokens, output_tokens=tokens, cost_pico=None)
        self.booked += 1
        ask = ReserveAsk(f"r{self.booked}", "q", 1, at, claims)
        booked = await self.ledger.reserve(ask)
        self.tracker.note_uses(booked.uses, self.clock.wall_ms())
        if isinstance(booked, Shortage):
            self.shortages += 1
        else:
            self.open.append(booked)

    def end(self, tokens: int | None) -> None:
        if not self.open:
            return
        booked = self.open.pop(0)
        if tokens is None:
            self.ledger.release(booked.reservation_id)
            self.tracker.settled(booked.route, self.clock.wall_ms())
            return
        usage = Usage(input_tokens=tokens, output_tokens=tokens)
        self.ledger.settle(booked.reservation_id, actual_amounts(booked.claims, usage))
        self.tracker.settled(booked.route, self.clock.wall_ms())
        self.tracker.succeeded(booked.route, self.clock.wall_ms(), total_ms=1.0)

    def check(self) -> None:
        now_ms = self.clock.wall_ms()
        for state in self.tracker.routing_state(now_ms).accounts.values():
            for use in state.limits:
                counted = self.ledger.use(use.key, use.window)
                assert (use.used, use.resets_at_ms) == (counted.used, counted.resets_at_ms)


routes = st.sampled_from([route(name, model) for name in "abc" for model in ("small", "large")])
moves = st.one_of(
    st.tuples(st.just("book"), routes, st.integers(0, 40)),
    st.tuples(st.just("end"), st.none(), st.one_of(st.none(), st.integers(0, 40))),
    st.tuples(st.just("wait"), st.none(), st.integers(1, 4_000)),
    st.tuples(st.just("learn"), routes, st.integers(0, 5)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(moves, max_size=40))
async def test_what_is_shown_is_what_the_ledger_counts(
    story: list[tuple[str, Route | None, int | None]],
) -> None:
    desk = Desk()
    for move, at, figure in story:
        if move == "book" and at is not None:
            await desk.book(at, figure or 0)
        elif move == "end":
            desk.end(figure)
        elif move == "wait":
            desk.clock.advance(figure or 0)
        elif at is not None:
            desk.tracker.learn(at, [reading(5, figure, window="3s")], desk.clock.wall_ms())
        desk.check()


async def test_a_learned_limit_keeps_the_next_call_back() -> None:
    desk = Desk()
    at = route("c", "small")
    desk.tracker.learn(at, [reading(3, 1, window="60s")], desk.clock.wall_ms())
    for _ in range(3):
        await desk.book(at, 1)
    assert (len(desk.open), desk.shortages) == (1, 2)
    desk.clock.advance(62_000)
    await desk.book(at, 1)
    assert len(desk.open) == 2


@pytest.mark.parametrize("window", ["60s", "session:5h", "session:7d", "day", "month"])
async def test_what_others_used_counts_until_the_reset_that_was_stated(window: str) -> None:
    """Another program on the same subscription began its session before we knew of it."""
    desk = Desk()
    at, length_ms = route("c", "small"), 40_000
    until_ms = desk.clock.wall_ms() + length_ms
    told = LimitReading(Metric.REQUESTS, Window.parse(window), 10, 8, until_ms, LimitScope.ACCOUNT)
    desk.tracker.learn(at, [told], desk.clock.wall_ms())
    used = {use.key: use for use in account_view(desk.tracker, "c", desk.clock.wall_ms()).limits}
    (learned,) = (use for use in used.values() if use.amount == 10)
    assert (learned.used, learned.left) == (2, 8)
    for last_ms, left in ((length_ms - 1, 2), (1, 0)):
        desk.clock.advance(last_ms)
        desk.check()
        uses = account_view(desk.tracker, "c", desk.clock.wall_ms()).limits
        assert next(use.used for use in uses if use.key == learned.key) == left


async def test_a_call_in_a_session_begun_elsewhere_ends_with_it() -> None:
    desk = Desk()
    at = route("c", "small")
    until_ms = desk.clock.wall_ms() + 40_000
    told = LimitReading(Metric.REQUESTS, Window.parse("session:5h"), 3, 1, until_ms, LimitScope.ACCOUNT)
    desk.tracker.learn(at, [told], desk.clock.wall_ms())
    for _ in range(2):
        await desk.book(at, 1)
    assert (len(desk.open), desk.shortages) == (1, 1)
    desk.clock.advance(40_000)
    desk.check()
    for _ in range(3):
        await desk.book(at, 1)
    assert len(desk.open) == 4
