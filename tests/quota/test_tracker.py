from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.quota.scenes import (
    NOW_MS,
    LaggingLedger,
    SetLedger,
    account,
    catalogue,
    fault,
    limit,
    reading,
    route,
    tracker,
)

from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import FigureSource, LimitScope, LimitUse, Metric
from trunkline.domain.preferences import CallLimits, Thresholds
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.state import AccountState, RoutingState
from trunkline.quota.learned import LearnedLimit
from trunkline.quota.ledger import KeyUse
from trunkline.quota.tracker import QuotaTracker

K, S = FaultKind, FaultScope
OWN = ("acme", "a")


def claim_keys(quota: QuotaTracker, at: Route) -> list[str]:
    return [claim.key for claim in quota.claims(at, input_tokens=10, output_tokens=5, cost_pico=None)]


def uses_of(quota: QuotaTracker, at: Route, now_ms: int = NOW_MS) -> list[LimitUse]:
    limits = quota.routing_state(now_ms).accounts[at.provider, at.account].limits
    return [use for use in limits if use.model in (None, at.model)]


# -- state ---------------------------------------------------------------------------------------------------------


def test_a_fresh_tracker_knows_every_account_with_every_models_limits() -> None:
    quota = tracker(account("a", limit(), limit(scope=LimitScope.MODEL, amount=7)), account("b"))
    state = quota.routing_state(NOW_MS)
    assert set(state.accounts) == {("acme", "a"), ("acme", "b")}
    assert [(use.model, use.amount, use.used) for use in state.accounts[OWN].limits] == [
        (None, 100, 0),
        ("small", 7, 0),
        ("large", 7, 0),
    ]
    assert (state.accounts[OWN].health, state.routes, state.providers) == (100, {}, {})


def test_a_noted_use_reaches_every_account_that_shares_the_key() -> None:
    shared = limit(scope=LimitScope.ORGANISATION, amount=10)
    quota = tracker(account("a", shared, organisation="me"), account("b", organisation="me"), account("c"))
    (key,) = claim_keys(quota, route("a"))
    assert claim_keys(quota, route("b", "large")) == [key]
    assert claim_keys(quota, route("c")) == []
    quota.routing_state(NOW_MS)
    quota.note_uses([KeyUse(key, 6, NOW_MS + 5)], NOW_MS)
    state = quota.routing_state(NOW_MS)
    assert [state.accounts["acme", name].health for name in "abc"] == [40, 40, 100]


def test_a_limit_of_every_model_moves_the_health_of_every_route_of_the_account() -> None:
    quota = tracker(account("a", limit()))
    for model in ("small", "large"):
        quota.succeeded(route(model=model), NOW_MS, total_ms=1.0)
    quota.routing_state(NOW_MS)
    (key,) = claim_keys(quota, route())
    quota.note_uses([KeyUse(key, 60, None)], NOW_MS)
    assert [found.health for found in quota.routing_state(NOW_MS).routes.values()] == [40, 40]


def test_a_configuration_without_the_limit_gives_a_route_its_health_back() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit()), ledger=ledger)
    (key,) = claim_keys(quota, route())
    ledger.set(key, 60)
    quota.settled(route(), NOW_MS)
    quota.succeeded(route(), NOW_MS, total_ms=1.0)
    assert quota.routing_state(NOW_MS).routes[route()].health == 40
    quota.use_config(catalogue(account("a")), Thresholds())
    assert quota.routing_state(NOW_MS).routes[route()].health == 100


def test_only_what_changed_is_built_anew() -> None:
    ledger = SetLedger()
    names = [f"n{n}" for n in range(50)]
    quota = tracker(*(account(name, limit()) for name in names), ledger=ledger)
    before = dict(quota.routing_state(NOW_MS).accounts)
    reads = ledger.reads
    assert all(state is before[key] for key, state in quota.routing_state(NOW_MS + 10).accounts.items())
    (key,) = claim_keys(quota, route("n7"))
    quota.note_uses([KeyUse(key, 1, NOW_MS + 50)], NOW_MS + 10)
    quota.began(route("n9"), NOW_MS + 10)
    after = quota.routing_state(NOW_MS + 10).accounts
    assert {key[1] for key in after if after[key] is not before[key]} == {"n7", "n9"}
    assert after["acme", "n9"].limits is before["acme", "n9"].limits
    assert ledger.reads == reads


def test_a_use_noted_again_unchanged_changes_nothing() -> None:
    quota = tracker(account("a", limit()))
    (key,) = claim_keys(quota, route())
    quota.note_uses([KeyUse(key, 1, NOW_MS + 50)], NOW_MS)
    before = quota.routing_state(NOW_MS).accounts[OWN]
    quota.note_uses([KeyUse(key, 1, NOW_MS + 50)], NOW_MS + 1)
    assert quota.routing_state(NOW_MS + 1).accounts[OWN] is before


def test_figures_move_on_with_their_window_and_are_read_once() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit(window="60s")), ledger=ledger)
    (key,) = claim_keys(quota, route())
    for used in range(1, 20):
        quota.note_uses([ledger.set(key, used, NOW_MS + 1_000)], NOW_MS)
    ledger.set(key, 3, NOW_MS + 2_000)
    assert uses_of(quota, route(), NOW_MS + 999)[0].used == 19
    reads = ledger.reads
    assert uses_of(quota, route(), NOW_MS + 1_000)[0].used == 3
    assert ledger.reads == reads + 1
    ledger.set(key, 0)
    assert uses_of(quota, route(), NOW_MS + 2_000)[0].used == 0
    assert uses_of(quota, route(), NOW_MS + 90_000)[0].used == 0
    assert ledger.reads == reads + 2


def test_a_ledger_whose_clock_is_behind_is_asked_again() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit(window="60s")), ledger=ledger)
    (key,) = claim_keys(quota, route())
    quota.note_uses([ledger.set(key, 5, NOW_MS + 10)], NOW_MS)
    assert uses_of(quota, route(), NOW_MS + 10)[0].used == 5
    ledger.set(key, 0)
    assert uses_of(quota, route(), NOW_MS + 11)[0].used == 0


def test_what_another_process_used_is_seen_after_a_refresh() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit()), ledger=ledger)
    quota.routing_state(NOW_MS)
    (key,) = claim_keys(quota, route())
    ledger.set(key, 60)
    assert quota.routing_state(NOW_MS).accounts[OWN].health == 100
    quota.refresh_all(NOW_MS)
    assert quota.routing_state(NOW_MS).accounts[OWN].health == 40


def test_calls_under_way_and_pool_cursors() -> None:
    quota = tracker(account("a"), account("b"))
    quota.began(route("a"), NOW_MS)
    quota.began(route("a", "large"), NOW_MS + 5)
    quota.picked(route("b"))
    state = quota.routing_state(NOW_MS + 5)
    assert (state.accounts[OWN].in_flight, state.accounts[OWN].last_used_ms) == (2, NOW_MS + 5)
    assert (state.accounts["acme", "b"].in_flight, state.accounts["acme", "b"].last_used_ms) == (0, 0)
    assert state.cursors == {"acme": "b"}
    for _ in range(3):
        quota.ended(route("a"))
    assert quota.routing_state(NOW_MS + 6).accounts[OWN].in_flight == 0


def test_the_figures_of_a_route_are_measured() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit(scope=LimitScope.MODEL)), ledger=ledger)
    (key,) = claim_keys(quota, route())
    ledger.set(key, 25)
    quota.succeeded(route(), NOW_MS, total_ms=900.0, first_token_ms=300.0, tokens_per_s=80.0)
    quota.faulted(route(), fault(K.NETWORK, S.REQUEST), NOW_MS, 1.0)
    quota.faulted(route(), fault(K.CONTENT, S.REQUEST), NOW_MS, 1.0)
    (found,) = quota.routing_state(NOW_MS).routes.values()
    assert (found.success_share, found.first_token_ms, found.tokens_per_s) == (0.5, 300.0, 80.0)
    assert found.health == 38
    quota.note_uses([KeyUse(key, 50, None)], NOW_MS)
    assert quota.routing_state(NOW_MS).routes[route()].health == 25
    assert quota.routing_state(NOW_MS).accounts[OWN].health == 50


def test_a_model_that_is_used_up_leaves_the_account_well_for_the_others() -> None:
    quota = tracker(account("a", limit(scope=LimitScope.MODEL)))
    (key,) = claim_keys(quota, route())
    quota.note_uses([KeyUse(key, 100, None)], NOW_MS)
    state = quota.routing_state(NOW_MS)
    assert (state.accounts[OWN].health, state.routes[route()].health) == (100, 0)
    assert route(model="large") not in state.routes


def test_a_settlement_is_seen() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit()), ledger=ledger)
    (key,) = claim_keys(quota, route())
    seen = []
    for used, tell in (
        (10, lambda: quota.faulted(route(), fault(K.NETWORK, S.REQUEST), NOW_MS, 1.0)),
        (20, lambda: quota.settled(route(), NOW_MS)),
    ):
        ledger.set(key, used)
        tell()
        seen.append(uses_of(quota, route())[0].used)
    assert seen == [10, 20]


def test_the_wait_for_a_first_token_is_learned_per_route() -> None:
    quota = tracker(account("a"))
    for _ in range(5):
        quota.succeeded(route(), NOW_MS, total_ms=9_000.0, first_token_ms=2_500.0)
    assert quota.first_token_limit_ms(route(), CallLimits()) == 10_000
    assert quota.first_token_limit_ms(route("a", "large"), CallLimits()) == 30_000


# -- blocks --------------------------------------------------------------------------------------------------------


def held(state: RoutingState, at: Route, now_ms: int) -> bool:
    blocks = [state.providers.get(at.provider), state.accounts[at.provider, at.account].block]
    blocks.append(state.routes[at].block if at in state.routes else None)
    return any(block is not None and block.holds_at(now_ms) for block in blocks)


@pytest.mark.parametrize(
    ("scope", "kept_away"),
    [
        (S.REQUEST, ""),
        (S.MODEL, "a/small b/small"),
        (S.ACCOUNT, "a/small a/large"),
        (S.ORGANISATION, "a/small a/large b/small b/large"),
        (S.PROVIDER, "a/small a/large b/small b/large c/small c/large"),
    ],
)
def test_a_fault_keeps_requests_away_as_far_as_it_reaches(scope: FaultScope, kept_away: str) -> None:
    quota = tracker(account("a", organisation="me"), account("b", organisation="me"), account("c"))
    quota.faulted(route("a"), fault(K.QUOTA_WINDOW, scope, in_ms=60_000), NOW_MS, 1.0)
    every = [route(name, model) for name in "abc" for model in ("small", "large")]
    for now_ms, expected in ((NOW_MS, kept_away), (NOW_MS + 59_999, kept_away), (NOW_MS + 60_000, "")):
        state = quota.routing_state(now_ms)
        away = [at for at in every if held(state, at, now_ms)]
        assert " ".join(f"{at.account}/{at.model}" for at in away) == expected


@pytest.mark.parametrize("scope", [S.MODEL, S.ACCOUNT, S.PROVIDER])
def test_at_expiry_exactly_one_request_tries(scope: FaultScope) -> None:
    quota = tracker(account("a"))
    at, then_ms = route(), NOW_MS + 60_000
    quota.faulted(at, fault(K.QUOTA_WINDOW, scope, in_ms=60_000), NOW_MS, 1.0)
    assert not quota.try_half_open(at, then_ms - 1)
    assert not held(quota.routing_state(then_ms), at, then_ms)
    assert [quota.try_half_open(at, then_ms) for _ in range(3)] == [True, False, False]
    assert held(quota.routing_state(then_ms), at, then_ms)
    quota.give_back(at)
    assert not held(quota.routing_state(then_ms), at, then_ms)
    assert quota.try_half_open(at, then_ms)
    freed = {S.MODEL: at.id, S.ACCOUNT: "acme/a", S.PROVIDER: "acme"}[scope]
    assert quota.responded(at, then_ms) == (freed,)
    assert quota.succeeded(at, then_ms, total_ms=1.0) == ()
    assert not held(quota.routing_state(then_ms), at, then_ms)
    assert quota.blocks() == ()


def test_a_trial_that_nobody_ends_lapses_by_itself() -> None:
    quota = tracker(account("a"))
    quota.faulted(route(), fault(in_ms=1_000), NOW_MS, 1.0)
    assert quota.try_half_open(route(), NOW_MS + 1_000)
    for now_ms in range(NOW_MS + 1_000, NOW_MS + 31_000, 700):
        state = quota.routing_state(now_ms)
        shown = state.accounts[OWN].block
        assert held(state, route(), now_ms)
        assert shown is not None
        assert shown.until_ms is not None
        assert shown.until_ms <= now_ms + 1_000
    assert not held(quota.routing_state(NOW_MS + 31_000), route(), NOW_MS + 31_000)


def test_a_block_makes_health_zero_and_its_end_restores_it() -> None:
    quota = tracker(account("a", limit()))
    quota.succeeded(route(), NOW_MS, total_ms=1.0)
    quota.faulted(route(), fault(in_ms=1_000), NOW_MS, 1.0)
    assert quota.routing_state(NOW_MS).accounts[OWN].health == 0
    assert quota.routing_state(NOW_MS + 1_000).accounts[OWN].health == 100


def test_clearing_acts_at_once() -> None:
    quota = tracker(account("a"), account("b"))
    for name in "ab":
        quota.faulted(route(name), fault(K.AUTH), NOW_MS, 1.0)
    assert quota.clear("acme/a") == ("acme/a",)
    state = quota.routing_state(NOW_MS)
    assert not held(state, route("a"), NOW_MS)
    assert held(state, route("b"), NOW_MS)
    assert quota.clear() == ("acme/b",)
    assert not held(quota.routing_state(NOW_MS), route("b"), NOW_MS)


def test_a_configuration_with_another_key_frees_the_account() -> None:
    quota = tracker(account("a", key="OLD"))
    quota.faulted(route(), fault(K.AUTH), NOW_MS, 1.0)
    quota.use_config(catalogue(account("a", key="OLD", enabled=False)), Thresholds())
    assert held(quota.routing_state(NOW_MS), route(), NOW_MS)
    quota.use_config(catalogue(account("a", key="NEW")), Thresholds())
    assert not held(quota.routing_state(NOW_MS), route(), NOW_MS)


def test_blocks_and_learned_limits_survive_a_restart() -> None:
    first = tracker(account("a"))
    first.faulted(route(), fault(K.QUOTA_WINDOW, S.MODEL, in_ms=5_000), NOW_MS, 1.0)
    first.learn(route(), [reading(40)], NOW_MS)
    second = tracker(account("a"))
    assert second.restore(first.blocks(), first.learned()) == first.blocks()
    assert held(second.routing_state(NOW_MS), route(), NOW_MS)
    assert [use.amount for use in uses_of(second, route())] == [40]
    assert second.learn(route(), [reading(40)], NOW_MS) == ()
    assert not held(second.routing_state(NOW_MS + 5_000), route(), NOW_MS + 5_000)


def test_of_two_kept_readings_the_later_is_believed() -> None:
    early, late = (LearnedLimit("acme", "a", "small", reading(n), NOW_MS + n) for n in (40, 60))
    for order in ([early, late], [late, early], [late, early, late]):
        quota = tracker(account("a"))
        for one in order:
            quota.restore((), [one])
        assert [use.amount for use in uses_of(quota, route())] == [60]


def test_a_kept_reading_of_the_account_binds_every_model_whatever_route_it_came_by() -> None:
    quota = tracker(account("a"))
    quota.restore((), [LearnedLimit("acme", "a", "small", reading(scope=LimitScope.ACCOUNT), NOW_MS)])
    assert claim_keys(quota, route(model="large")) == claim_keys(quota, route()) != []


# -- learning ------------------------------------------------------------------------------------------------------


def test_a_reported_limit_is_enforced_from_then_on() -> None:
    quota = tracker(account("a"))
    assert claim_keys(quota, route()) == []
    news = reading(20, 15, window="60s")
    assert quota.learn(route(), [news], NOW_MS) == (news,)
    assert [use.used for use in uses_of(quota, route())] == [5]
    assert uses_of(quota, route())[0].source is FigureSource.REPORTED
    assert len(claim_keys(quota, route())) == 1
    assert claim_keys(quota, route(model="large")) == []


@pytest.mark.parametrize(
    ("scope", "reached"),
    [
        (LimitScope.MODEL, ["a/small", "b/small"]),
        (LimitScope.ACCOUNT, ["a/small", "a/large"]),
        (LimitScope.ORGANISATION, ["a/small", "a/large", "b/small", "b/large"]),
    ],
)
def test_whom_a_learned_limit_binds(scope: LimitScope, reached: list[str]) -> None:
    quota = tracker(account("a", organisation="me"), account("b", organisation="me"), account("c"))
    quota.learn(route("a"), [reading(20, scope=scope)], NOW_MS)
    every = [route(name, model) for name in "abc" for model in ("small", "large")]
    assert [f"{at.account}/{at.model}" for at in every if claim_keys(quota, at)] == reached


@pytest.mark.parametrize(
    ("configured", "reported", "enforced", "source"),
    [
        (100, 40, 40, FigureSource.REPORTED),
        (40, 100, 40, FigureSource.CONFIGURED),
        (40, 40, 40, FigureSource.CONFIGURED),
    ],
)
def test_the_smaller_of_configured_and_reported_is_enforced(
    configured: int, reported: int, enforced: int, source: FigureSource
) -> None:
    quota = tracker(account("a", limit(amount=configured, scope=LimitScope.MODEL)))
    quota.learn(route(), [reading(reported)], NOW_MS)
    (use,) = uses_of(quota, route())
    assert (use.amount, use.source) == (enforced, source)
    (claim,) = quota.claims(route(), input_tokens=1, output_tokens=1, cost_pico=None)
    assert claim.limit_amount == enforced
    assert [use.amount for use in uses_of(quota, route(model="large"))] == [configured]


@pytest.mark.parametrize("reported", [40, 1_000])
def test_what_the_provider_says_replaces_a_catalogue_s_estimate(reported: int) -> None:
    estimate = replace(limit(amount=50, scope=LimitScope.MODEL), source=FigureSource.ESTIMATED)
    quota = tracker(account("a", estimate))
    quota.learn(route(), [reading(reported)], NOW_MS)
    (use,) = uses_of(quota, route())
    assert (use.amount, use.source) == (reported, FigureSource.REPORTED)
    (claim,) = quota.claims(route(), input_tokens=1, output_tokens=1, cost_pico=None)
    assert claim.limit_amount == reported


def test_a_report_that_grows_again_gives_the_configured_amount_back() -> None:
    quota = tracker(account("a", limit(amount=100, scope=LimitScope.MODEL)))
    amounts = []
    for amount in (40, 60, 200):
        assert len(quota.learn(route(), [reading(amount)], NOW_MS)) == 1
        amounts.append(uses_of(quota, route())[0].amount)
    assert amounts == [40, 60, 100]


def test_what_remains_lifts_the_counted_use_and_never_lowers_it() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit(amount=10, scope=LimitScope.MODEL)), ledger=ledger)
    (key,) = claim_keys(quota, route())
    ledger.set(key, 4)
    used = []
    for said in (reading(20, 18), reading(20, 13), reading(20, 20), reading(None, 1)):
        quota.learn(route(), [said], NOW_MS)
        used.append(uses_of(quota, route())[0].used)
    assert used == [4, 7, 7, 19]
    assert ledger.raises == 2


def test_what_a_ledger_writes_down_later_is_shown_at_once_and_read_again() -> None:
    ledger = LaggingLedger()
    quota = tracker(account("a", limit(scope=LimitScope.MODEL)), ledger=ledger)
    (key,) = claim_keys(quota, route())
    quota.learn(route(), [reading(100, 60)], NOW_MS)
    assert uses_of(quota, route())[0].used == 40
    ledger.catch_up()
    ledger.set(key, 43)
    assert uses_of(quota, route(), NOW_MS + 100)[0].used == 43


@pytest.mark.parametrize("lag_ms", [30, 900])
def test_a_settlement_that_the_ledger_writes_down_later_is_seen(lag_ms: int) -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit()), ledger=ledger)
    (key,) = claim_keys(quota, route())
    quota.note_uses([ledger.set(key, 50)], NOW_MS)
    for _ in range(9):
        quota.settled(route(), NOW_MS)
    uses_of(quota, route(), NOW_MS + lag_ms)
    ledger.set(key, 20)
    reads = ledger.reads
    assert uses_of(quota, route(), NOW_MS + 2_000)[0].used == 20
    assert ledger.reads <= reads + 2
    assert uses_of(quota, route(), NOW_MS + 90_000)[0].used == 20
    assert ledger.reads <= reads + 2


def test_what_remains_of_an_unknown_amount_teaches_nothing() -> None:
    quota = tracker(account("a"))
    assert quota.learn(route(), [reading(None, 3)], NOW_MS) == ()
    assert uses_of(quota, route()) == []


def test_only_news_is_told() -> None:
    quota = tracker(account("a"))
    assert quota.learn(route(), [reading(20, 15)], NOW_MS) == (reading(20, 15),)
    assert quota.learn(route(), [reading(20, 14)], NOW_MS) == ()
    assert quota.learn(route(), [reading(30, 14), reading(20, window="60s")], NOW_MS) == (
        reading(30, 14),
        reading(20, window="60s"),
    )
    assert quota.learn(route("nobody"), [reading(20)], NOW_MS) == ()


def test_a_stated_reset_of_a_calendar_window_goes_before_our_own_until_it_passes() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit(scope=LimitScope.MODEL)), ledger=ledger)
    (key,) = claim_keys(quota, route())
    ledger.set(key, 4, NOW_MS + 500)
    quota.learn(route(), [reading(20, 10, resets_at_ms=NOW_MS + 300)], NOW_MS)
    assert uses_of(quota, route())[0].resets_at_ms == NOW_MS + 300
    assert uses_of(quota, route(), NOW_MS + 300)[0].resets_at_ms == NOW_MS + 500


def test_a_refusal_that_states_a_limit_teaches_it_and_a_bare_one_only_blocks() -> None:
    quota = tracker(account("a"))
    quota.faulted(route(), fault(), NOW_MS, 1.0)
    assert (len(quota.blocks()), quota.learned()) == (1, ())
    quota.faulted(route(), fault(readings=(reading(20, 0),)), NOW_MS, 1.0)
    (use,) = uses_of(quota, route())
    assert (use.amount, use.left) == (20, 0)


def test_what_was_learned_outlives_a_change_of_configuration() -> None:
    quota = tracker(account("a"))
    quota.learn(route(), [reading(20, 5)], NOW_MS)
    quota.succeeded(route(), NOW_MS, total_ms=1.0)
    quota.faulted(route(), fault(K.QUOTA_WINDOW, in_ms=9_000), NOW_MS, 1.0)
    quota.use_config(catalogue(account("a", limit()), account("b")), Thresholds())
    state = quota.routing_state(NOW_MS)
    assert [(use.amount, use.used) for use in state.accounts[OWN].limits] == [(100, 0), (20, 15)]
    assert held(state, route(), NOW_MS)
    assert state.routes[route()].success_share == 1.0  # out of allowance is no failure of the route's
    quota.use_config(catalogue(account("b")), Thresholds())
    assert list(quota.routing_state(NOW_MS).accounts) == [("acme", "b")]


def test_a_learned_limit_of_all_models_is_not_taken_for_a_models_own() -> None:
    quota = QuotaTracker(SHARED, SetLedger(), Thresholds())
    quota.learn(route("a"), [reading(1, 0, scope=LimitScope.ORGANISATION)], NOW_MS)
    for name in "ab":
        assert {use.amount for use in uses_of(quota, route(name)) if use.model is None} >= {1}


# -- the whole against a rebuild -----------------------------------------------------------------------------------

SHARED = catalogue(
    account(
        "a", limit(scope=LimitScope.ORGANISATION, amount=30), limit(window="60s", amount=9), organisation="me"
    ),
    account("b", limit(scope=LimitScope.MODEL, amount=12), organisation="me"),
    account("c", limit(Metric.TOTAL_TOKENS, 500), limit(scope=LimitScope.MODEL, model="large", amount=3)),
)
ROUTES = [route(name, model) for name in "abc" for model in ("small", "large")]
Step = Callable[[QuotaTracker, SetLedger, int], None]


def steps() -> st.SearchStrategy[Step]:
    routes = st.sampled_from(ROUTES)

    def use(at: Route, amount: int, in_ms: int) -> Step:
        def step(quota: QuotaTracker, ledger: SetLedger, now_ms: int) -> None:
            quota.note_uses(
                [ledger.set(key, amount, now_ms + in_ms) for key in claim_keys(quota, at)], now_ms
            )

        return step

    def fail(at: Route, kind: FaultKind, scope: FaultScope, in_ms: int) -> Step:
        return lambda quota, _, now_ms: (
            quota.faulted(at, fault(kind, scope, in_ms=now_ms - NOW_MS + in_ms), now_ms, 0.5) and None
        )

    def call(at: Route, total_ms: float) -> Step:
        def step(quota: QuotaTracker, _: SetLedger, now_ms: int) -> None:
            if quota.try_half_open(at, now_ms):
                quota.began(at, now_ms)
                quota.settled(at, now_ms)
                quota.succeeded(at, now_ms, total_ms=total_ms, first_token_ms=total_ms / 2)
                quota.ended(at)

        return step

    def learn(at: Route, amount: int, remaining: int, scope: LimitScope) -> Step:
        return lambda quota, _, now_ms: (
            quota.learn(at, [reading(amount, remaining, scope=scope)], now_ms) and None
        )

    return st.one_of(
        st.builds(use, routes, st.integers(0, 40), st.integers(1, 3_000)),
        st.builds(fail, routes, st.sampled_from(K), st.sampled_from(S), st.integers(-10, 5_000)),
        st.builds(call, routes, st.floats(1, 100)),
        st.builds(learn, routes, st.integers(0, 40), st.integers(0, 40), st.sampled_from(LimitScope)),
        st.just(lambda quota, ledger, now_ms: quota.routing_state(now_ms) and None),
    )


def rebuilt(quota: QuotaTracker, ledger: SetLedger, where: Catalogue, now_ms: int) -> RoutingState:
    """The state of a tracker that knows the same but has built nothing yet."""
    other = QuotaTracker(where, ledger, Thresholds())
    other.restore(quota.blocks(), quota.learned())
    return other.routing_state(now_ms)


def figures(state: AccountState) -> dict[str, tuple[int, int]]:
    return {use.key: (use.amount, use.used) for use in state.limits}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(steps(), st.integers(0, 2_000)), max_size=25))
def test_step_by_step_is_the_same_as_built_at_once(story: list[tuple[Step, int]]) -> None:
    ledger = SetLedger()
    quota = QuotaTracker(SHARED, ledger, Thresholds())
    now_ms = NOW_MS
    for step, wait_ms in story:
        step(quota, ledger, now_ms)
        now_ms += wait_ms
    ledger.figures = {key: KeyUse(key, use.used, None) for key, use in ledger.figures.items()}
    state, whole = quota.routing_state(now_ms), rebuilt(quota, ledger, SHARED, now_ms)
    for key, found in state.accounts.items():
        assert figures(found) == figures(whole.accounts[key])
        assert found.block == whole.accounts[key].block
    assert state.providers == whole.providers
    blocks = {at: found.block for at, found in state.routes.items() if found.block is not None}
    assert blocks == {at: found.block for at, found in whole.routes.items() if found.block is not None}
    measured = {at for at, found in state.routes.items() if found.success_share is not None}
    assert set(state.routes) == set(whole.routes) | measured
    for at in set(whole.routes) - measured:
        assert state.routes[at].health == whole.routes[at].health


def test_a_large_catalogue_is_kept_up_request_by_request(capsys: pytest.CaptureFixture[str]) -> None:
    specs = [
        limit(scope=LimitScope.MODEL),
        limit(window="60s", scope=LimitScope.MODEL),
        limit(Metric.TOTAL_TOKENS, window="60s", scope=LimitScope.MODEL),
    ]
    models = [f"m{n}" for n in range(20)]
    where = catalogue(*(account(f"n{n}", *specs) for n in range(100)), models=models)
    ledger = SetLedger()
    quota = QuotaTracker(where, ledger, Thresholds())
    before = dict(quota.routing_state(NOW_MS).accounts)
    assert (len(before), ledger.reads) == (100, 6_000)
    started = time.perf_counter()
    for _ in range(1_000):
        quota.routing_state(NOW_MS)
    idle_us = (time.perf_counter() - started) * 1_000
    for at in (route("n3", "m4"), route("n5", "m4")):
        quota.note_uses([KeyUse(key, 1, NOW_MS + 99) for key in claim_keys(quota, at)], NOW_MS)
        quota.settled(at, NOW_MS)
        quota.succeeded(at, NOW_MS, total_ms=1.0)
    started = time.perf_counter()
    after = quota.routing_state(NOW_MS + 1).accounts
    changed_us = (time.perf_counter() - started) * 1_000_000
    assert {key[1] for key in after if after[key] is not before[key]} == {"n3", "n5"}
    assert ledger.reads == 6_000 + 2 * 3
    with capsys.disabled():
        print(f"\nrouting_state: {idle_us:.1f} µs unchanged, {changed_us:.0f} µs with two accounts changed")
