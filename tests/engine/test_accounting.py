"""What a call is booked at, and what it is settled at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.quota.scenes import account, fault, limit
from tests.support.clock import FakeClock
from tests.support.memory_ledger import MemoryLedger

from trunkline.domain.decisions import Decision
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import LimitSpec, Metric
from trunkline.domain.money import PeakHours, Price, PriceBand, Usage
from trunkline.domain.preferences import Config, Preferences, Thresholds
from trunkline.domain.receipts import Attempt, FinishReason
from trunkline.domain.routes import Catalogue, ModelSpec, ProviderSpec, Quirks, Route
from trunkline.domain.secret import Secret
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.engine.accounting import Books
from trunkline.engine.generation import Generation
from trunkline.quota.ledger import Reservation, Shortage
from trunkline.quota.tracker import QuotaTracker
from trunkline.routing import RoutingAsk, decide

HERE = Route("acme", "a", "m")
MINUTE_MS = 60_000
# It is noon; the peak begins a minute later.
PEAK = PeakHours((4,), 12 * 60 + 1, 13 * 60)


class NoKeys:
    def secret(self, ref: object) -> Secret | None:
        return None


class Office:
    """One model on one account, and the books of one request after the other."""

    def __init__(
        self, *limits: LimitSpec, price: Price, quirks: Quirks, max_output: int | None = 8_000
    ) -> None:
        self.clock = FakeClock()
        self.ledger = MemoryLedger(self.clock)
        model = ModelSpec("acme", "m", 1_000_000, max_output, price)
        spec = ProviderSpec(
            "acme",
            "openai",
            "http://127.0.0.1",
            accounts=(account("a", *limits),),
            models=(model,),
            quirks=quirks,
        )
        self.catalogue = Catalogue((spec,))
        self.generation = Generation.of(Config("test", self.catalogue, Preferences()), NoKeys())
        self.tracker = QuotaTracker(self.catalogue, self.ledger, Thresholds())
        self.requests = 0

    def books(self, asked: int | None = None) -> Books:
        self.requests += 1
        return Books(
            self.ledger,
            self.tracker,
            self.clock,
            self.generation,
            f"q{self.requests}",
            asked_output_tokens=asked,
        )

    async def reserve(self, books: Books, task: Task) -> Reservation | Shortage:
        return await books.reserve(HERE, task, f"r{self.requests}")

    async def call(
        self, task: Task, usage: Usage, *, asked: int | None = None, lasts_ms: int = 0
    ) -> tuple[Reservation, Attempt]:
        books = self.books(asked)
        booked = await self.reserve(books, task)
        assert isinstance(booked, Reservation)
        record = books.open_call(HERE, booked, task)
        record.sent_mono_ms, record.reported_usage, record.finish = 0.0, usage, FinishReason.STOP
        self.clock.advance(lasts_ms)
        attempt = books.close_call()
        assert attempt is not None
        return booked, attempt

    def used(self) -> dict[str, int]:
        limits = self.tracker.routing_state(self.clock.wall_ms()).accounts["acme", "a"].limits
        return {
            f"{use.metric.value} {use.window}": self.ledger.use(use.key, use.window).used for use in limits
        }


def task(input_tokens: int = 1_000, output_tokens: int = 100) -> Task:
    return Task("coding", 0.9, 0.5, Tier.T2, input_tokens, output_tokens, Priority.MEDIUM)


BANDED = Price(2, 10, bands=(PriceBand(1_000, 4, 20),))
WRITTEN = Price(4, 10, cached=1, written=5)
PEAKY = Price(2, 10, peaks=(PEAK,), peak_percent=300)


@pytest.mark.parametrize(
    ("price", "after_ms", "lasts_ms", "counted", "booked_pico", "cost_pico"),
    [
        pytest.param(BANDED, 0, 0, 1_000, 3_000, 3_000, id="a short input, as estimated"),
        pytest.param(
            BANDED, 0, 0, 1_001, 3_000, 6_004, id="longer than estimated: the band of the true input"
        ),
        pytest.param(PEAKY, 0, 0, 1_000, 3_000, 3_000, id="before the peak"),
        pytest.param(PEAKY, MINUTE_MS, 0, 1_000, 9_000, 9_000, id="in the peak"),
        pytest.param(PEAKY, 0, MINUTE_MS, 1_000, 3_000, 3_000, id="begun before the peak, ended in it"),
    ],
)
async def test_a_price_is_that_of_the_true_input_at_the_hour_the_call_began(
    price: Price, after_ms: int, lasts_ms: int, counted: int, booked_pico: int, cost_pico: int
) -> None:
    office = Office(limit(Metric.COST, 10**9, "month"), price=price, quirks=Quirks())
    office.clock.advance(after_ms)
    booked, attempt = await office.call(task(), Usage(counted, 100), lasts_ms=lasts_ms)
    assert booked.claims[0].amount == booked_pico
    assert attempt.cost_pico == cost_pico
    assert office.used() == {"cost month": cost_pico}


@pytest.mark.parametrize(
    ("price", "input_tokens", "booked_pico"),
    [
        pytest.param(WRITTEN, 2_000, 11_000, id="all of it may be written"),
        pytest.param(WRITTEN, 1_000, 5_000, id="too short for the cache"),
        pytest.param(replace(WRITTEN, written=None), 2_000, 9_000, id="writing costs nothing more"),
    ],
)
async def test_what_is_booked_has_what_writing_to_the_cache_costs(
    price: Price, input_tokens: int, booked_pico: int
) -> None:
    office = Office(limit(Metric.COST, 10**9, "month"), price=price, quirks=Quirks())
    asked = task(input_tokens)
    booked, attempt = await office.call(asked, Usage(input_tokens, 100, cached_tokens=input_tokens))
    assert booked.claims[0].amount == booked_pico
    assert attempt.cost_pico == input_tokens + 1_000
    assert office.used() == {"cost month": attempt.cost_pico}
    decision = decide(
        RoutingAsk(asked),
        office.generation.policy,
        office.tracker.routing_state(office.clock.wall_ms()),
    )
    assert isinstance(decision, Decision)
    assert decision.ranking[0].cost_pico == booked_pico


async def test_what_the_provider_says_it_cost_goes_before_any_price() -> None:
    office = Office(limit(Metric.COST, 10**9, "month"), price=PEAKY, quirks=Quirks())
    _, attempt = await office.call(task(), Usage(1_000, 100, cost_pico=77))
    assert attempt.cost_pico == 77


RESERVING = Quirks(reserves_output_limit=True, default_output_tokens=4_000)
TOKENS = (
    limit(Metric.TOTAL_TOKENS, 12_000, "60s"),
    limit(Metric.OUTPUT_TOKENS, 9_000, "60s"),
    limit(Metric.INPUT_TOKENS, 9_000, "60s"),
    limit(Metric.TOTAL_TOKENS, 1_000_000, "day"),
)


@pytest.mark.parametrize(
    ("quirks", "asked", "most", "reserved"),
    [
        pytest.param(Quirks(), 3_000, 8_000, 100, id="others: the estimate"),
        pytest.param(RESERVING, None, 8_000, 4_000, id="the limit sent where none is asked for"),
        pytest.param(RESERVING, 3_000, 8_000, 3_000, id="the limit asked for"),
        pytest.param(RESERVING, 9_000, 8_000, 8_000, id="no more than the model gives"),
        pytest.param(Quirks(reserves_output_limit=True), None, 8_000, 8_000, id="none sent: the model's own"),
        pytest.param(
            Quirks(reserves_output_limit=True), None, None, 16_384, id="trap 26: none sent, none known"
        ),
    ],
)
async def test_trap_26_the_whole_output_limit_is_booked_where_it_is_reserved(
    quirks: Quirks, asked: int | None, most: int | None, reserved: int
) -> None:
    limits = (
        limit(Metric.TOTAL_TOKENS, 50_000, "60s"),
        limit(Metric.OUTPUT_TOKENS, 50_000, "60s"),
        limit(Metric.INPUT_TOKENS, 50_000, "60s"),
        limit(Metric.COST, 10**9, "month"),
    )
    office = Office(*limits, price=Price(1, 1), quirks=quirks, max_output=most)
    booked = await office.reserve(office.books(asked), task())
    assert [claim.amount for claim in booked.claims if isinstance(booked, Reservation)] == [
        1_000 + reserved,
        reserved,
        1_000,
        1_100,
    ]


async def test_trap_26_two_short_calls_use_up_a_minute_but_not_the_day() -> None:
    office = Office(*TOKENS, price=Price(1, 1), quirks=RESERVING)
    for _ in range(2):
        await office.call(task(), Usage(1_000, 20))
    assert office.used() == {
        "total_tokens 60s": 10_000,
        "output_tokens 60s": 8_000,
        "input_tokens 60s": 2_000,
        "total_tokens day": 2_040,
    }
    short = await office.reserve(office.books(), task())
    assert isinstance(short, Shortage)
    assert isinstance(await office.reserve(office.books(500), task()), Reservation)


async def test_trap_26_routing_knows_what_the_ledger_would_say() -> None:
    """Else the same route would be chosen and found short again and again."""
    office = Office(*TOKENS, price=Price(1, 1), quirks=RESERVING)
    for _ in range(2):
        await office.call(task(), Usage(1_000, 20))
    state = office.tracker.routing_state(office.clock.wall_ms())
    policy = office.generation.policy
    for asked, expected in ((None, False), (1_001, False), (1_000, True)):
        decision = decide(RoutingAsk(task(), asked_output_tokens=asked), policy, state)
        assert hasattr(decision, "route") is expected, asked
        booked = await office.reserve(office.books(asked), task())
        assert isinstance(booked, Reservation) is expected
        assert decision.rejected or expected


async def test_an_answer_longer_than_what_was_reserved_counts_whole() -> None:
    office = Office(*TOKENS, price=Price(1, 1), quirks=RESERVING)
    await office.call(task(), Usage(1_000, 4_500))
    assert office.used()["output_tokens 60s"] == 4_500


async def test_a_refused_call_keeps_no_reservation() -> None:
    office = Office(*TOKENS, price=Price(1, 1), quirks=RESERVING)
    books = office.books()
    booked = await office.reserve(books, task())
    assert isinstance(booked, Reservation)
    record = books.open_call(HERE, booked, task())
    record.sent_mono_ms = 0.0
    record.fault = replace(fault(FaultKind.RATE_MINUTE, FaultScope.MODEL), http_status=429)
    books.close_call()
    assert set(office.used().values()) == {0}
