from __future__ import annotations

import pytest
from tests.quota.scenes import NOW_MS, SetLedger, account, catalogue, fault, limit, reading, route, tracker
from tests.quota.scenes import account_view as view

from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import FigureSource, LimitScope, Metric
from trunkline.domain.money import MoneySum
from trunkline.domain.preferences import Thresholds
from trunkline.domain.snapshot import Counts, Status
from trunkline.quota.tracker import QuotaTracker

K, S = FaultKind, FaultScope
PER_MODEL = limit(scope=LimitScope.MODEL)


def use_up(quota: QuotaTracker, ledger: SetLedger, model: str, used: int, account: str = "a") -> None:
    for claim in quota.claims(route(account, model), input_tokens=0, output_tokens=0, cost_pico=None):
        ledger.set(claim.key, used)
    quota.refresh_all(NOW_MS)


@pytest.mark.parametrize(
    ("small", "large", "status"),
    [
        (0, 0, Status.HEALTHY),
        (85, 0, Status.WARNING),
        (96, 85, Status.CRITICAL),
        (100, 0, Status.CRITICAL),
        (100, 100, Status.EXHAUSTED),
    ],
)
def test_an_account_is_exhausted_when_all_of_its_models_are(small: int, large: int, status: Status) -> None:
    ledger = SetLedger()
    quota = tracker(account("a", PER_MODEL), ledger=ledger)
    use_up(quota, ledger, "small", small)
    use_up(quota, ledger, "large", large)
    assert view(quota).status is status
    assert view(quota).health == 100 - max(small, large)


def test_a_model_that_the_account_was_never_allowed_says_nothing_of_it() -> None:
    quota = tracker(account("a"))
    quota.learn(route(model="large"), [reading(0)], NOW_MS)
    assert (view(quota).status, view(quota).health) == (Status.HEALTHY, 100)
    quota.faulted(route(model="large"), fault(K.ENTITLEMENT, S.MODEL), NOW_MS, 1.0)
    assert view(quota).status is Status.HEALTHY


@pytest.mark.parametrize(
    ("scope", "blocked", "others"),
    [
        (S.MODEL, Status.CRITICAL, Status.HEALTHY),
        (S.ACCOUNT, Status.EXHAUSTED, Status.HEALTHY),
        (S.PROVIDER, Status.EXHAUSTED, Status.EXHAUSTED),
    ],
)
def test_a_refusal_shows_on_what_it_reaches(scope: FaultScope, blocked: Status, others: Status) -> None:
    quota = tracker(account("a"), account("b"))
    quota.faulted(route("a"), fault(K.QUOTA_WINDOW, scope, in_ms=5_000), NOW_MS, 1.0)
    assert (view(quota, "a").status, view(quota, "b").status) == (blocked, others)
    if blocked is Status.EXHAUSTED:
        assert view(quota, "a").health == 0
        assert view(quota, "a").block is not None
    later_ms = NOW_MS + 5_000
    assert view(quota, "a", later_ms).status is Status.HEALTHY
    assert view(quota, "b", later_ms).status is Status.HEALTHY


def test_an_account_whose_every_model_is_blocked_shows_the_block_that_ends_first() -> None:
    quota = tracker(account("a"))
    for model, in_ms in (("small", 9_000), ("large", 5_000)):
        quota.faulted(route(model=model), fault(K.QUOTA_WINDOW, S.MODEL, in_ms=in_ms), NOW_MS, 1.0)
    shown = view(quota)
    assert shown.block is not None
    assert (shown.status, shown.block.until_ms) == (Status.EXHAUSTED, NOW_MS + 5_000)


def test_a_provider_that_is_down_goes_before_an_account_that_may_be_tried_again() -> None:
    quota = tracker(account("a"))
    quota.faulted(route(), fault(K.RATE_MINUTE, in_ms=1_000), NOW_MS, 1.0)
    quota.faulted(route(), fault(K.NETWORK, S.PROVIDER, in_ms=9_000), NOW_MS, 1.0)
    shown = view(quota, now_ms=NOW_MS + 2_000)
    assert shown.block is not None
    assert (shown.status, shown.health, shown.block.target) == (Status.DOWN, 0, "acme")


def test_what_refuses_single_models_is_shown_until_it_is_over() -> None:
    quota = tracker(account("a"))
    quota.faulted(route(), fault(K.QUOTA_WINDOW, S.MODEL, in_ms=5_000), NOW_MS, 1.0)
    shown = view(quota)
    assert shown.block is None
    assert [(one.model, one.holds_at(NOW_MS)) for one in shown.model_blocks] == [(route().model, True)]
    assert [one.half_open for one in view(quota, now_ms=NOW_MS + 5_000).model_blocks] == [True]
    quota.responded(route(), NOW_MS + 6_000)
    assert view(quota, now_ms=NOW_MS + 6_000).model_blocks == ()


@pytest.mark.parametrize("kind", [K.AUTH, K.NETWORK, K.OVERLOADED])
def test_an_account_that_cannot_be_reached_or_entered_is_down(kind: FaultKind) -> None:
    quota = tracker(account("a"))
    quota.faulted(route(), fault(kind), NOW_MS, 1.0)
    assert view(quota).status is Status.DOWN


def test_an_account_without_a_key_or_switched_off_is_down() -> None:
    quota = tracker(account("a", has_key=False), account("b", enabled=False))
    assert [(view(quota, name).status, view(quota, name).health) for name in "ab"] == [(Status.DOWN, 0)] * 2
    assert quota.provider_view("acme", NOW_MS).status is Status.DOWN


def test_limits_that_every_model_has_are_shown_once_at_the_tightest() -> None:
    ledger = SetLedger()
    models = [f"m{n}" for n in range(20)]
    named = limit(Metric.TOTAL_TOKENS, scope=LimitScope.MODEL, model="m7")
    where = catalogue(account("a", limit(window="60s"), PER_MODEL, named), models=models)
    quota = QuotaTracker(where, ledger, Thresholds())
    assert len(view(quota, "a", NOW_MS).limits) == 3
    use_up(quota, ledger, "m3", 20)
    use_up(quota, ledger, "m5", 70)
    shown = view(quota, "a", NOW_MS).limits
    assert [(use.metric, use.model, use.used) for use in shown] == [
        (Metric.REQUESTS, None, 70),
        (Metric.TOTAL_TOKENS, "m7", 0),
        (Metric.REQUESTS, "m5", 70),
    ]


@pytest.mark.parametrize(
    ("kind", "used"),
    [(K.RATE_MINUTE, [100, 50]), (K.QUOTA_WINDOW, [50, 100]), (K.NETWORK, [50, 50])],
)
def test_a_refused_account_never_shows_half_of_what_it_was_refused(kind: FaultKind, used: list[int]) -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit(window="60s"), limit()), ledger=ledger)
    use_up(quota, ledger, "small", 50)
    quota.faulted(route(), fault(kind, in_ms=5_000), NOW_MS, 1.0)
    shown = view(quota, "a", NOW_MS).limits
    assert [use.used for use in shown] == used
    for use in shown:
        if use.used == 100:
            assert (use.source, use.resets_at_ms) == (FigureSource.LEARNED, NOW_MS + 5_000)
    assert [use.used for use in view(quota, "a", NOW_MS + 5_000).limits] == [50, 50]


def test_a_view_is_the_same_object_until_something_changes() -> None:
    quota = tracker(account("a", limit()), account("b"))
    counts = Counts(total=3, success=3, cost=MoneySum(5))
    first = view(quota, "a", NOW_MS, counts)
    assert view(quota, "a", NOW_MS + 1, Counts(total=3, success=3, cost=MoneySum(5))) is first
    assert view(quota, "a", NOW_MS + 1, Counts(total=4)).counts.total == 4
    quota.succeeded(route("b"), NOW_MS, total_ms=10.0)
    assert view(quota, "a", NOW_MS + 1, Counts(total=4)).latency == first.latency
    quota.succeeded(route("a"), NOW_MS, total_ms=10.0, first_token_ms=4.0)
    latency = view(quota).latency
    assert (latency.avg_ms, latency.p99_ms, latency.first_token_p50_ms) == (10.0, 10.0, 4.0)
    quota.began(route("a"), NOW_MS)
    assert view(quota).in_flight == 1


def test_a_provider_is_as_well_as_its_best_account() -> None:
    ledger = SetLedger()
    quota = tracker(account("a", limit()), account("b", limit()), account("c", has_key=False), ledger=ledger)
    use_up(quota, ledger, "small", 90)
    quota.succeeded(route("a"), NOW_MS, total_ms=10.0)
    quota.succeeded(route("b"), NOW_MS, total_ms=30.0)
    counts = Counts(total=2)
    shown = quota.provider_view("acme", NOW_MS, {"b": Counts(total=2)}, counts)
    assert (shown.status, shown.health, shown.counts) == (Status.HEALTHY, 55, counts)
    assert [one.status for one in shown.accounts] == [Status.WARNING, Status.HEALTHY, Status.DOWN]
    assert [one.counts.total for one in shown.accounts] == [0, 2, 0]
    assert (shown.latency.avg_ms, shown.latency.p99_ms) == (20.0, 30.0)
    quota.faulted(route("a"), fault(K.NETWORK, S.PROVIDER, in_ms=1_000), NOW_MS, 1.0)
    down = quota.provider_view("acme", NOW_MS)
    assert down.block is not None
    assert (down.status, down.health) == (Status.DOWN, 0)


def test_nothing_is_shown_of_what_is_not_configured() -> None:
    quota = tracker(account("a"), account("gone"))
    assert view(quota, "gone").id == "gone"
    quota.use_config(catalogue(account("a")), Thresholds())
    assert [one.id for one in quota.provider_view("acme", NOW_MS).accounts] == ["a"]
    with pytest.raises(KeyError):
        quota.provider_view("gone", NOW_MS)
