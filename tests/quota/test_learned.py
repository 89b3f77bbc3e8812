"""Whose word on a limit stands, how far it is believed, and what refusals and answers teach by themselves."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest
from tests.quota.scenes import (
    NOW_MS,
    SetLedger,
    account,
    account_view,
    catalogue,
    fault,
    limit,
    reading,
    route,
)
from tests.support.clock import FakeClock
from tests.support.memory_ledger import MemoryLedger

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.limits import (
    FigureSource,
    LimitReading,
    LimitScope,
    LimitSpec,
    LimitUse,
    Metric,
    Window,
)
from trunkline.domain.preferences import Thresholds
from trunkline.quota.learned import LearnedLimit, goes_before, taught_by, window_refused
from trunkline.quota.tracker import QuotaTracker
from trunkline.quota.windows import calendar_period

K, S, F = FaultKind, FaultScope, FigureSource
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
DAY = Window.parse("day")
PLAIN = replace(fault(K.RATE_MINUTE, S.MODEL), provider_text="Rate limit exceeded", confidence=0.5)


def learned(source: FigureSource, as_of_ms: int, amount: int = 10, sure: float = 1.0) -> LearnedLimit:
    told = replace(reading(amount, window="60s"), source=source, confidence=sure)
    return LearnedLimit("acme", "a", "small", told, as_of_ms)


class Account:
    """One account whose calls are counted by hand."""

    def __init__(self, *limits: LimitReading) -> None:
        self.ledger = SetLedger()
        self.quota = QuotaTracker(catalogue(account("a")), self.ledger, Thresholds())
        self.quota.refresh_all(NOW_MS)
        self.now_ms = NOW_MS

    def answers(self, number: int, each_ms: int = 100) -> None:
        for _ in range(number):
            self.now_ms += each_ms
            self.quota.succeeded(route(), self.now_ms, total_ms=50.0)

    def refused(self, told: Fault = PLAIN) -> LimitReading | None:
        self.now_ms += 100
        taught = self.quota.taught_by(route(), told, self.now_ms)
        if taught is not None:
            self.quota.learn(route(), (taught,), self.now_ms)
        return taught

    def counted(self, used: int) -> None:
        """What the ledger counts from now on under the limit that was learned."""
        (claim,) = self.quota.claims(route(), input_tokens=1, output_tokens=1, cost_pico=None)
        self.ledger.set(claim.key, used)
        self.quota.note_uses([self.ledger.figures[claim.key]], self.now_ms)

    def enforced(self) -> int | None:
        claims = self.quota.claims(route(), input_tokens=1, output_tokens=1, cost_pico=None)
        return next((claim.limit_amount for claim in claims), None)

    def decided_on(self) -> list[int]:
        limits = self.quota.routing_state(self.now_ms).accounts["acme", "a"].limits
        return [use.amount for use in limits]

    def shown(self) -> LimitUse:
        (use,) = account_view(self.quota, "a", self.now_ms).limits
        return use


@pytest.mark.parametrize(
    ("known", "new", "stands"),
    [
        (learned(F.REPORTED, 0), learned(F.REPORTED, 5), "new"),
        (learned(F.REPORTED, 5), learned(F.REPORTED, 0), "known"),
        (learned(F.REPORTED, 0), learned(F.LEARNED, 5), "known"),
        (learned(F.LEARNED, 5), learned(F.REPORTED, 0), "new"),
        (learned(F.LEARNED, 0), learned(F.LEARNED, 5), "new"),
        (learned(F.REPORTED, 0), learned(F.LEARNED, 8 * DAY_MS), "new"),
    ],
)
def test_the_more_direct_and_then_the_later_word_stands(
    known: LearnedLimit, new: LearnedLimit, stands: str
) -> None:
    assert goes_before(new, known) is (stands == "new")


def test_what_was_concluded_fades_and_what_was_told_does_not() -> None:
    concluded, told = learned(F.LEARNED, 0, sure=0.7), learned(F.REPORTED, 0)
    assert [concluded.sure_at(at) for at in (0, HOUR_MS, 2 * HOUR_MS)] == [0.7, 0.35, 0.175]
    assert told.sure_at(100 * DAY_MS) == 1.0


@pytest.mark.parametrize(
    ("kind", "in_ms", "window"),
    [
        (K.RATE_MINUTE, None, "60s"),
        (K.RATE_MINUTE, 20_000, "60s"),
        (K.RATE_MINUTE, 20 * MINUTE_MS, None),
        (K.QUOTA_WINDOW, calendar_period(DAY, NOW_MS)[1] - NOW_MS, "day"),
        (K.QUOTA_WINDOW, 5 * HOUR_MS, None),
        (K.QUOTA_WINDOW, None, None),
        (K.OVERLOADED, None, None),
    ],
)
def test_which_window_a_bare_refusal_is_about(kind: FaultKind, in_ms: int | None, window: str | None) -> None:
    found = window_refused(fault(kind, in_ms=in_ms), "UTC", NOW_MS)
    assert (None if found is None else str(found)) == window


@pytest.mark.parametrize(
    ("before", "counted", "amount", "sure"),
    [
        (None, 20, 20, 0.4),
        (20, 21, 21, 0.7),
        (20, 19, 20, 0.7),
        (20, 16, 20, 0.4),
        (20, 5, 20, 0.4),
        (20, 60, 60, 0.4),
    ],
)
def test_as_many_twice_is_believed(before: int | None, counted: int, amount: int, sure: float) -> None:
    known = None if before is None else learned(F.LEARNED, 0, before)
    taught = taught_by(PLAIN, Window.parse("60s"), counted, known)
    assert taught is not None
    assert (taught.amount, taught.confidence, taught.source) == (amount, sure, F.LEARNED)


def test_a_refusal_after_nothing_was_answered_teaches_nothing() -> None:
    assert Account().refused() is None


def test_a_first_refusal_counts_and_a_second_keeps_calls_away_until_that_fades() -> None:
    own = Account()
    own.answers(5)
    first = own.refused()
    assert first is not None
    assert (first.amount, first.confidence) == (5, 0.4)
    assert (own.enforced(), own.decided_on()) == (None, [])
    assert (own.shown().amount, own.shown().source, own.shown().confidence) == (5, F.LEARNED, 0.4)
    own.now_ms += MINUTE_MS
    own.answers(5)
    second = own.refused()
    assert second is not None
    assert second.confidence == 0.7
    assert (own.enforced(), own.decided_on()) == (5, [5])
    own.now_ms += HOUR_MS
    own.quota.routing_state(own.now_ms)
    assert (own.enforced(), own.decided_on()) == (None, [])


def test_answers_beyond_it_disprove_it_and_raise_it() -> None:
    own = Account()
    own.answers(5)
    own.refused()
    own.counted(9)
    own.answers(1)
    (raised,) = own.quota.take_disproved()
    assert (raised.reading.amount, raised.reading.confidence) == (9, 0.4)
    assert own.quota.take_disproved() == ()
    assert own.enforced() is None


def test_what_is_stated_is_not_concluded_over() -> None:
    own = Account()
    own.quota.learn(route(), [reading(100, window="60s")], own.now_ms)
    own.answers(5)
    assert own.refused() is None
    assert own.enforced() == 100


def test_a_header_takes_the_place_of_a_conclusion() -> None:
    own = Account()
    own.answers(5)
    own.refused()
    own.quota.learn(route(), [reading(30, window="60s")], own.now_ms)
    assert (own.enforced(), own.shown().source, own.shown().confidence) == (30, F.REPORTED, 1.0)


@pytest.mark.parametrize("said", ["Too many tokens", "TPM exceeded", "concurrency limit reached"])
def test_what_speaks_of_something_else_than_requests_teaches_nothing_of_them(said: str) -> None:
    own = Account()
    own.answers(5)
    assert own.refused(replace(PLAIN, provider_text=said)) is None


def test_a_refusal_beside_other_calls_may_be_for_those() -> None:
    own = Account()
    own.answers(5)
    own.quota.began(route(model="large"), own.now_ms)
    assert own.refused() is None


def test_a_configured_limit_narrows_what_is_told_and_an_estimate_gives_way_to_it() -> None:
    by_source = {}
    for source in (F.CONFIGURED, F.ESTIMATED):
        given = replace(limit(amount=50, window="60s", scope=LimitScope.MODEL), source=source)
        quota = QuotaTracker(catalogue(account("a", given)), SetLedger(), Thresholds())
        quota.learn(route(), [reading(80, window="60s")], NOW_MS)
        (claim,) = quota.claims(route(), input_tokens=1, output_tokens=1, cost_pico=None)
        by_source[source] = claim.limit_amount
    assert by_source == {F.CONFIGURED: 50, F.ESTIMATED: 80}


def test_what_an_organisation_was_told_of_a_model_its_other_accounts_know() -> None:
    """Anthropic's limits are of the organisation and the model."""
    quota = QuotaTracker(
        catalogue(account("a", organisation="me"), account("b", organisation="me"), account("c")),
        SetLedger(),
        Thresholds(),
    )
    quota.learn(route("a"), [reading(50, 10, window="60s", metric=Metric.INPUT_TOKENS)], NOW_MS)
    limits = {
        name: len(quota.claims(route(name), input_tokens=1, output_tokens=1, cost_pico=None))
        for name in "abc"
    }
    assert limits == {"a": 1, "b": 1, "c": 0}


def test_a_flaw_is_shown_with_its_limit_and_goes_when_the_figures_are_whole_again() -> None:
    own = Account()
    flawed = replace(reading(30, window="60s"), flaw="remaining of '-4' left out")
    own.quota.learn(route(), [flawed], own.now_ms)
    assert own.shown().flaw == "remaining of '-4' left out"
    own.quota.learn(route(), [reading(30, window="60s")], own.now_ms)
    assert own.shown().flaw == ""


def test_what_was_learned_is_the_same_after_a_restart() -> None:
    own = Account()
    own.answers(5)
    own.refused()
    again = QuotaTracker(catalogue(account("a")), SetLedger(), Thresholds())
    again.restore((), own.quota.learned(), ())
    assert again.learned() == own.quota.learned()
    (use,) = account_view(again, "a", own.now_ms).limits
    assert (use.amount, use.confidence) == (5, 0.4)


def test_news_of_other_processes_for_ever_take_no_more_memory() -> None:
    own = Account()
    for told in range(300):
        own.quota.restore((), [learned(F.REPORTED, NOW_MS + told)], ())
    held = [one for one in gc.get_objects() if isinstance(one, LearnedLimit)]
    assert NOW_MS + 299 in {one.as_of_ms for one in held}
    # What other tests have left behind is of other moments.
    assert len({one.as_of_ms for one in held if NOW_MS < one.as_of_ms < NOW_MS + 300}) < 5


# -- what was used before a limit was known ---------------------------------------------------------------------------


class Stated:
    """One account on a ledger that counts, which answers and then states a limit in a refusal."""

    def __init__(self, *limits: LimitSpec) -> None:
        self.clock = FakeClock()
        self.quota = QuotaTracker(catalogue(account("a", *limits)), MemoryLedger(self.clock), Thresholds())
        self.quota.refresh_all(self.clock.wall_ms())

    def answers(self, number: int, model: str = "small") -> None:
        for _ in range(number):
            self.clock.advance(500)
            self.quota.succeeded(route(model=model), self.clock.wall_ms(), total_ms=50.0)

    def states(self, told: LimitReading) -> None:
        self.quota.learn(route(), (told,), self.clock.wall_ms())

    def used(self) -> list[int]:
        state = self.quota.routing_state(self.clock.wall_ms())
        return [use.used for use in state.accounts["acme", "a"].limits]


def test_what_was_answered_before_a_limit_was_stated_is_in_its_window_until_it_leaves_it() -> None:
    here = Stated()
    here.answers(6)  # two a second
    here.answers(3, "large")
    here.states(reading(20, window="60s"))
    assert here.used() == [6]
    here.states(reading(20, window="60s"))
    assert here.used() == [6]
    here.clock.advance(57_000)
    assert 0 < here.used()[0] < 6
    here.clock.advance(5_000)
    assert here.used() == [0]


def test_of_a_limit_of_the_account_all_its_models_answers_are_counted() -> None:
    here = Stated()
    here.answers(6)
    here.answers(3, "large")
    here.states(reading(20, window="60s", scope=LimitScope.ACCOUNT))
    assert here.used() == [9]


@pytest.mark.parametrize(
    "told",
    [
        reading(20, window="60s", metric=Metric.INPUT_TOKENS),
        reading(20, window="5m"),
        reading(20, window="day"),
    ],
)
def test_of_what_answers_are_not_counted_for_nothing_is_made_up(told: LimitReading) -> None:
    here = Stated()
    here.answers(6)
    here.states(told)
    assert here.used() == [0]


def test_what_a_known_limit_has_counted_is_not_counted_again() -> None:
    here = Stated(limit(Metric.REQUESTS, 50, "60s", LimitScope.MODEL))
    here.answers(6)  # not booked here, so that nothing is counted
    here.states(reading(20, window="60s"))
    assert set(here.used()) == {0}
