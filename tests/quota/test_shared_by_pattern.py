"""One allowance for all models that match a pattern, as OpenRouter's for its `:free` models (trap 24)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from tests.quota.scenes import account, account_view, catalogue, fault, limit
from tests.store.samples import opened
from tests.support.clock import START_MS, FakeClock
from tests.support.memory_ledger import MemoryLedger

from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.domain.preferences import Config, Preferences, Thresholds
from trunkline.domain.routes import AccountSpec, Catalogue, Route
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.quota.ledger import Ledger, Reservation, ReserveAsk, Shortage
from trunkline.quota.tracker import QuotaTracker
from trunkline.routing import RoutingAsk, compile_policy, decide

FREE, OTHER_FREE, PAID = "maker/small:free", "other/large:free", "maker/small"
MODELS = (FREE, OTHER_FREE, PAID)
HOUR_MS = 3_600_000
MIDNIGHT_MS = START_MS + 12 * HOUR_MS
DAILY = limit(amount=3, model="*:free", scope=LimitScope.MODEL)


class Desk:
    """A tracker over a ledger, and who would answer."""

    def __init__(self, *accounts: AccountSpec, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.catalogue: Catalogue = catalogue(*accounts, models=MODELS)
        self.ledger: Ledger = MemoryLedger(self.clock)
        self.tracker = QuotaTracker(self.catalogue, self.ledger, Thresholds())
        self.booked = 0

    async def book(self, model: str, at: str = "a") -> Reservation | Shortage:
        route = Route("acme", at, model)
        self.booked += 1
        claims = self.tracker.claims(route, input_tokens=10, output_tokens=10, cost_pico=None)
        booked = await self.ledger.reserve(ReserveAsk(f"r{self.booked}", "q", 1, route, claims))
        self.tracker.note_uses(booked.uses, self.clock.wall_ms())
        return booked

    def may_answer(self) -> set[tuple[str, str]]:
        """Account and model of every route that a decision would take."""
        policy = compile_policy(Config("test", self.catalogue, Preferences()))
        state = self.tracker.routing_state(self.clock.wall_ms())
        task = Task("coding", 0.9, 0.5, Tier.T2, 10, 10, Priority.MEDIUM)
        found: set[tuple[str, str]] = set()
        for provider in self.catalogue.providers:
            for one in provider.accounts:
                for model in provider.models:
                    pin = self.catalogue.select(f"{provider.id}/{one.id}/{model.id}")
                    decision = decide(RoutingAsk(task, selector=pin), policy, state)
                    if hasattr(decision, "route"):
                        found.add((one.id, model.id))
        return found

    def refused(self, model: str, *readings: LimitReading, at: str = "a") -> None:
        refusal = fault(
            FaultKind.QUOTA_WINDOW, FaultScope.MODEL, in_ms=MIDNIGHT_MS - START_MS, readings=readings
        )
        self.tracker.faulted(Route("acme", at, model), refusal, self.clock.wall_ms(), 0.5)


def every(accounts: Iterable[str], models: Sequence[str] = MODELS) -> set[tuple[str, str]]:
    return {(account, model) for account in accounts for model in models}


def told(remaining: int, amount: int | None = 3, scope: LimitScope = LimitScope.MODEL) -> LimitReading:
    return LimitReading(
        Metric.REQUESTS, Window.parse("day"), amount, remaining, MIDNIGHT_MS, scope, model="*:free"
    )


async def test_one_free_model_uses_up_the_allowance_of_the_others_and_no_other() -> None:
    desk = Desk(account("a", DAILY), account("b", DAILY))
    for model in (FREE, OTHER_FREE, FREE):
        assert isinstance(await desk.book(model), Reservation)
    short = await desk.book(OTHER_FREE)
    assert isinstance(short, Shortage)
    assert short.usable_at_ms == MIDNIGHT_MS
    assert isinstance(await desk.book(PAID), Reservation)
    assert isinstance(await desk.book(FREE, "b"), Reservation)
    assert desk.may_answer() == every("ab") - every("a", (FREE, OTHER_FREE))


async def test_keys_of_one_organisation_share_it() -> None:
    desk = Desk(account("a", DAILY, organisation="me"), account("b", DAILY, organisation="me"))
    for at, model in (("a", FREE), ("b", OTHER_FREE), ("a", OTHER_FREE)):
        assert isinstance(await desk.book(model, at), Reservation)
    assert isinstance(await desk.book(FREE, "b"), Shortage)
    assert desk.may_answer() == every("ab", (PAID,))


@pytest.mark.parametrize("configured", [(DAILY,), ()], ids=["configured", "unknown before"])
@pytest.mark.parametrize("scope", [LimitScope.MODEL, LimitScope.ACCOUNT])
def test_trap_24_a_refusal_for_the_day_keeps_every_free_model_away_until_the_reset(
    configured: Sequence[object], scope: LimitScope
) -> None:
    desk = Desk(account("a", *([DAILY] if configured else [])), account("b"))
    desk.refused(FREE, told(0, scope=scope))
    kept_away = every("ab") - every("a", (FREE, OTHER_FREE))
    assert desk.may_answer() == kept_away
    desk.clock.advance(12 * HOUR_MS - 1)
    assert desk.may_answer() == kept_away
    desk.clock.advance(1)
    assert desk.may_answer() == every("ab")


def test_trap_24_the_amount_need_not_be_said_where_it_is_configured() -> None:
    desk = Desk(account("a", DAILY))
    desk.refused(FREE, told(0, amount=None))
    assert desk.may_answer() == every("a", (PAID,))


def test_what_another_model_or_the_account_itself_is_told_counts_too() -> None:
    """OpenRouter's account endpoint tells of the free allowance; it is read on no free model."""
    desk = Desk(account("a"))
    assert desk.tracker.learn(Route("acme", "a", PAID), [told(0)], START_MS) == (told(0),)
    assert desk.may_answer() == every("a", (PAID,))


def test_a_free_model_s_own_limit_of_the_same_kind_is_another_limit() -> None:
    desk = Desk(account("a", DAILY, limit(amount=1, scope=LimitScope.MODEL)))
    at = Route("acme", "a", FREE)
    amounts = {
        claim.limit_amount
        for claim in desk.tracker.claims(at, input_tokens=1, output_tokens=1, cost_pico=None)
    }
    assert amounts == {1, 3}
    desk.tracker.learn(at, [told(2, amount=2)], START_MS)
    claims = desk.tracker.claims(at, input_tokens=1, output_tokens=1, cost_pico=None)
    assert sorted(claim.limit_amount or 0 for claim in claims) == [1, 2]
    assert len({claim.key for claim in claims}) == 2


async def test_panels_show_it_once_and_every_model_it_holds_as_out() -> None:
    desk = Desk(account("a", DAILY))
    for _ in range(3):
        await desk.book(FREE)
    view = account_view(desk.tracker, "a", START_MS)
    assert [(use.model, use.left) for use in view.limits] == [("*:free", 0)]
    assert view.status.value == "critical"
    healths = {
        route.model: state.health for route, state in desk.tracker.routing_state(START_MS).routes.items()
    }
    assert healths == {FREE: 0, OTHER_FREE: 0}


async def test_what_was_told_survives_a_restart_beside_the_model_s_own(tmp_path: Path) -> None:
    where = Route("acme", "a", FREE)
    own = LimitReading(Metric.REQUESTS, Window.parse("day"), 7, 6, None)
    wide = LimitReading(Metric.REQUESTS, Window.parse("day"), 9, 8, None, LimitScope.ACCOUNT)
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as store:
        for reading in (own, wide, told(2)):
            store.save_reading("acme", "a", where.model, reading, START_MS)
        await store.flush()
        kept = await store.readings()
    desk = Desk(account("a"))
    desk.tracker.restore((), kept)
    claims = desk.tracker.claims(where, input_tokens=1, output_tokens=1, cost_pico=None)
    assert sorted(claim.limit_amount or 0 for claim in claims) == [3, 7, 9]
    others = desk.tracker.claims(
        Route("acme", "a", OTHER_FREE), input_tokens=1, output_tokens=1, cost_pico=None
    )
    assert sorted(claim.limit_amount or 0 for claim in others) == [3, 9]
