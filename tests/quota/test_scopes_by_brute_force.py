"""Who shares which allowance: the tracker against a model that books every call on every limit it is under."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.quota.scenes import account, catalogue, limit
from tests.store.samples import opened
from tests.support.clock import FakeClock
from tests.support.memory_ledger import MemoryLedger
from tests.support.quota_model import LimitModel, Use

from trunkline.domain.limits import LimitScope, LimitSpec, LimitUse, Metric, Window
from trunkline.domain.money import Usage
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import AccountSpec, Catalogue, Route
from trunkline.quota.claims import actual_amounts
from trunkline.quota.ledger import Ledger, Reservation, ReserveAsk
from trunkline.quota.tracker import QuotaTracker

MODELS = ("small", "large", "small:free", "other:free")
# Whose it is (an account or an organisation), which models (None: all), what, per what.
Identity = tuple[str, str | None, Metric, Window]

specs = st.builds(
    limit,
    st.sampled_from([Metric.REQUESTS, Metric.TOTAL_TOKENS, Metric.OUTPUT_TOKENS, Metric.CONCURRENCY]),
    st.sampled_from([1, 3, 20, 90]),
    st.sampled_from(["5s", "session:10s", "day", "month", "balance"]),
    st.sampled_from(list(LimitScope)),
    st.sampled_from([None, None, "small", "*:free", "s*", "*"]),
)
organisations = st.sampled_from([None, "me", "me", "you"])


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    accounts = [
        account(name, *draw(st.lists(specs, max_size=3)), organisation=draw(organisations)) for name in "abc"
    ]
    return catalogue(*accounts, models=MODELS)


ROUTES = st.sampled_from([Route("acme", name, model) for name in "abc" for model in MODELS])
STORY = st.lists(
    st.one_of(
        st.tuples(st.just("book"), ROUTES, st.integers(0, 9)),
        st.tuples(st.just("book"), ROUTES, st.integers(0, 9)),
        st.tuples(st.just("book"), ROUTES, st.integers(0, 9)),
        st.tuples(st.just("settle"), st.none(), st.integers(0, 9)),
        st.tuples(st.just("release"), st.none(), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.none(), st.sampled_from([2, 900, 4_000, 10_000, 86_400_000])),
        st.tuples(st.just("configure"), st.none(), st.integers(0, 2)),
    ),
    min_size=2,
    max_size=25,
)


class Desk:
    """Calls by way of tracker and ledger, and by way of the model."""

    def __init__(self, configs: list[Catalogue], clock: FakeClock, ledger: Ledger) -> None:
        self.configs, self.clock, self.ledger = configs, clock, ledger
        self.now = configs[0]
        self.tracker = QuotaTracker(self.now, ledger, Thresholds())
        self.models: dict[Identity, LimitModel] = {}
        self.open: list[tuple[Reservation, dict[Identity, Use]]] = []
        self.booked = 0

    def configure(self, number: int) -> None:
        self.now = self.configs[number % len(self.configs)]
        self.tracker.use_config(self.now, Thresholds())

    # -- the definition

    def under(self, at: Route) -> dict[Identity, int]:
        """The allowances that a call down `at` takes from, and how much each is."""
        found: dict[Identity, int] = {}
        own = self.now.account(at.provider, at.account)
        assert own is not None
        for holder in self.now.providers[0].accounts:
            for spec in holder.limits:
                if not self.shares(own, holder, spec) or not fnmatchcase(at.model, spec.model or "*"):
                    continue
                alone = spec.scope is LimitScope.ACCOUNT or holder.organisation is None
                model = at.model if spec.model is None and spec.scope is LimitScope.MODEL else spec.model
                owner = holder.id if alone else f"organisation {holder.organisation}"
                identity = (owner, model, spec.metric, spec.window)
                found[identity] = min(spec.amount, found.get(identity, spec.amount))
        return found

    def shares(self, own: AccountSpec, holder: AccountSpec, spec: LimitSpec) -> bool:
        if own.id == holder.id:
            return True
        same = own.organisation is not None and own.organisation == holder.organisation
        return same and spec.scope is not LimitScope.ACCOUNT

    def model_of(self, identity: Identity) -> LimitModel:
        _, _, metric, window = identity
        return self.models.setdefault(identity, LimitModel(window, metric is Metric.CONCURRENCY))

    # -- what happens

    async def book(self, at: Route, tokens: int) -> None:
        now_ms = self.clock.wall_ms()
        taken = {Metric.OUTPUT_TOKENS: tokens, Metric.TOTAL_TOKENS: 2 * tokens}
        under = self.under(at)
        fits = all(
            not taken.get(identity[2], 1)
            or self.model_of(identity).fits(taken.get(identity[2], 1), amount, now_ms)
            for identity, amount in under.items()
        )
        claims = self.tracker.claims(at, input_tokens=tokens, output_tokens=tokens, cost_pico=None)
        self.booked += 1
        result = await self.ledger.reserve(ReserveAsk(f"r{self.booked}", "q", 1, at, claims))
        self.tracker.note_uses(result.uses, now_ms)
        assert isinstance(result, Reservation) is fits, (at, under)
        if isinstance(result, Reservation):
            uses = {one: self.model_of(one).take(taken.get(one[2], 1), now_ms) for one in under}
            self.open.append((result, uses))

    async def end(self, what: str, tokens: int) -> None:
        if not self.open:
            return
        booking, uses = self.open.pop(tokens % len(self.open))
        if what == "release":
            self.ledger.release(booking.reservation_id)
        else:
            usage = Usage(input_tokens=tokens, output_tokens=tokens)
            self.ledger.settle(booking.reservation_id, actual_amounts(booking.claims, usage))
        await self.ledger.flush()
        self.tracker.settled(booking.route, self.clock.wall_ms(), booking.claims)
        true = {Metric.OUTPUT_TOKENS: tokens, Metric.TOTAL_TOKENS: 2 * tokens}
        for identity, use in uses.items():
            use.over = True
            use.amount = 0 if what == "release" else true.get(identity[2], use.amount)

    def check(self) -> None:
        now_ms = self.clock.wall_ms()
        accounts = self.tracker.routing_state(now_ms).accounts
        for own in self.now.providers[0].accounts:
            expected: dict[Identity, int] = {}
            for model in MODELS:
                expected.update(self.under(Route("acme", own.id, model)))
            shown = {self.identity(own, use): use for use in accounts["acme", own.id].limits}
            assert {one: use.amount for one, use in shown.items()} == expected
            for identity, use in shown.items():
                model_of = self.model_of(identity)
                assert (use.used, use.resets_at_ms) == (model_of.used(now_ms), model_of.resets_at_ms(now_ms))

    def identity(self, own: AccountSpec, use: LimitUse) -> Identity:
        alone = use.scope is LimitScope.ACCOUNT or own.organisation is None
        owner = own.id if alone else f"organisation {own.organisation}"
        return owner, use.model, use.metric, use.window


@asynccontextmanager
async def sqlite_ledger(clock: FakeClock) -> AsyncIterator[Ledger]:
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder) / "t.db", clock) as store:
            yield store.ledger


Story = list[tuple[str, Route | None, int]]


async def tell(desk: Desk, story: Story) -> None:
    for what, at, figure in story:
        if at is not None:
            await desk.book(at, figure)
        elif what == "wait":
            desk.clock.advance(figure)
        elif what == "configure":
            desk.configure(figure)
        else:
            await desk.end(what, figure)
        desk.check()


CONFIGS = st.lists(catalogues(), min_size=1, max_size=3)


@settings(max_examples=120, deadline=None)
@given(CONFIGS, STORY)
async def test_in_memory(configs: list[Catalogue], story: Story) -> None:
    clock = FakeClock()
    await tell(Desk(configs, clock, MemoryLedger(clock)), story)


@settings(max_examples=40, deadline=None)
@given(CONFIGS, STORY)
async def test_on_a_file(configs: list[Catalogue], story: Story) -> None:
    clock = FakeClock()
    async with sqlite_ledger(clock) as ledger:
        await tell(Desk(configs, clock, ledger), story)
