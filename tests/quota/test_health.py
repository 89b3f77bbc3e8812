from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.quota.scenes import NOW_MS, account, account_view, route, tracker

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import FigureSource, LimitScope, LimitUse, Metric, Window
from trunkline.domain.preferences import CallLimits, Thresholds
from trunkline.domain.snapshot import Latency, Status
from trunkline.domain.state import Block
from trunkline.quota.health import RecentStats, best, health_of, latency_of, quantile, status_of, worst


def used(
    share: float,
    window: str = "day",
    metric: Metric = Metric.REQUESTS,
    model: str | None = None,
    amount: int = 100,
) -> LimitUse:
    return LimitUse(
        key=f"{metric}{window}{model}",
        metric=metric,
        window=Window.parse(window),
        scope=LimitScope.ACCOUNT if model is None else LimitScope.MODEL,
        model=model,
        amount=amount,
        used=round(share * amount),
        resets_at_ms=None,
        source=FigureSource.CONFIGURED,
        as_of_ms=NOW_MS,
    )


def block(
    kind: FaultKind = FaultKind.RATE_MINUTE, in_ms: int | None = 1_000, half_open: bool = False
) -> Block:
    until_ms = None if in_ms is None else NOW_MS + in_ms
    return Block("acme/a", FaultScope.ACCOUNT, kind, "", "", NOW_MS, until_ms, half_open=half_open)


@pytest.mark.parametrize(
    ("limits", "success_share", "held", "health"),
    [
        ([], None, None, 100),
        ([], 0.5, None, 50),
        ([used(0.3)], None, None, 70),
        ([used(0.3), used(0.9, "2h"), used(0.1, "month")], None, None, 10),
        ([used(0.3)], 0.5, None, 35),
        ([used(0.99, "60s")], None, None, 100),
        ([used(0.99, "59m")], None, None, 100),
        ([used(0.75, "1h")], None, None, 25),
        ([used(0.75, "balance")], None, None, 25),
        ([used(0.75, "session:5h")], None, None, 25),
        ([used(1.0, "day", Metric.CONCURRENCY)], None, None, 100),
        ([used(1.7)], None, None, 0),
        ([used(0.0, amount=0)], None, None, 0),
        ([used(0.0, amount=0, model="pro")], None, None, 100),
        ([used(0.1)], 1.0, block(), 0),
        ([used(0.1)], 1.0, block(half_open=True), 90),
        ([used(0.1)], 1.0, block(in_ms=0), 90),
    ],
)
def test_health(limits: list[LimitUse], success_share: float | None, held: Block | None, health: int) -> None:
    assert health_of(limits, success_share, held, NOW_MS) == health


@pytest.mark.parametrize(
    ("limits", "held", "status"),
    [
        ([], None, Status.HEALTHY),
        ([used(0.80)], None, Status.HEALTHY),
        ([used(0.81)], None, Status.WARNING),
        ([used(0.95)], None, Status.WARNING),
        ([used(0.96)], None, Status.CRITICAL),
        ([used(1.0)], None, Status.EXHAUSTED),
        ([used(0.2), used(0.96, "week"), used(0.85, "month")], None, Status.CRITICAL),
        ([used(0.97, "60s")], None, Status.HEALTHY),
        ([used(1.0, "60s")], None, Status.EXHAUSTED),
        ([used(1.0, "60s", Metric.CONCURRENCY)], None, Status.HEALTHY),
        ([], block(FaultKind.RATE_MINUTE), Status.EXHAUSTED),
        ([], block(FaultKind.QUOTA_WINDOW), Status.EXHAUSTED),
        ([], block(FaultKind.BILLING), Status.EXHAUSTED),
        ([], block(FaultKind.NETWORK), Status.DOWN),
        ([], block(FaultKind.OVERLOADED), Status.DOWN),
        ([], block(FaultKind.AUTH, in_ms=None), Status.DOWN),
        ([used(0.85)], block(FaultKind.NETWORK, half_open=True), Status.WARNING),
    ],
)
def test_status(limits: list[LimitUse], held: Block | None, status: Status) -> None:
    assert status_of(limits, held, Thresholds(), NOW_MS) is status


def test_the_marks_are_settings() -> None:
    strict = Thresholds(warn_at=0.1, route_away_at=0.2)
    assert status_of([used(0.15)], None, strict, NOW_MS) is Status.WARNING
    assert status_of([used(0.25)], None, strict, NOW_MS) is Status.CRITICAL


def test_worst_and_best() -> None:
    assert worst([Status.WARNING, Status.DOWN, Status.HEALTHY]) is Status.DOWN
    assert best([Status.WARNING, Status.DOWN]) is Status.WARNING
    assert (worst([]), best([])) == (Status.HEALTHY, Status.DOWN)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_the_least_sample_that_enough_are_under(samples: list[float], share: float) -> None:
    ordered = sorted(samples)
    found = quantile(ordered, share)
    assert found in samples
    assert found is not None
    assert sum(sample <= found for sample in samples) >= share * len(samples)
    assert sum(sample < found for sample in samples) < share * len(samples)


def test_latency() -> None:
    fast, slow = RecentStats(), RecentStats()
    for n in range(1, 51):
        fast.succeeded(total_ms=n, first_token_ms=n / 10)
        slow.succeeded(total_ms=50 + n)
    fast.failed()
    assert latency_of([fast, slow]) == Latency(50.5, 50, 95, 99, 2.5)
    assert latency_of([RecentStats()]) == Latency()


def test_success_share_forgets_after_twenty_attempts() -> None:
    stats = RecentStats()
    assert stats.success_share is None
    stats.failed()
    assert stats.success_share == 0.0
    for _ in range(19):
        stats.succeeded(total_ms=1.0)
    assert stats.success_share == 0.95
    stats.succeeded(total_ms=1.0)
    assert stats.success_share == 1.0


def test_speed_is_a_moving_average_of_what_was_measured() -> None:
    stats = RecentStats()
    stats.succeeded(total_ms=1.0)
    assert (stats.first_token_ms, stats.tokens_per_s) == (None, None)
    stats.succeeded(total_ms=1.0, first_token_ms=100.0, tokens_per_s=50.0)
    stats.succeeded(total_ms=1.0, first_token_ms=200.0, tokens_per_s=100.0)
    assert (stats.first_token_ms, stats.tokens_per_s) == (120.0, 60.0)


@pytest.mark.parametrize(
    ("first_tokens_ms", "default_ms", "limit_ms"),
    [
        ([3_000.0] * 4, 30_000, 30_000),
        ([3_000.0] * 5, 30_000, 12_000),
        ([400.0] * 5, 30_000, 5_000),
        ([400.0] * 19 + [2_000.0], 30_000, 5_000),
        ([400.0] * 18 + [2_000.0] * 2, 30_000, 8_000),
        ([50_000.0] * 5, 30_000, 120_000),
        ([4.0] * 5, 200, 200),
    ],
)
def test_the_wait_for_a_first_token_is_learned(
    first_tokens_ms: list[float], default_ms: int, limit_ms: int
) -> None:
    stats = RecentStats()
    for first_token_ms in first_tokens_ms:
        stats.succeeded(total_ms=1.0, first_token_ms=first_token_ms)
    assert stats.first_token_limit_ms(CallLimits(first_token_ms=default_ms)) == limit_ms


def test_floor_and_ceiling_of_the_wait_are_settings() -> None:
    stats = RecentStats()
    limits = CallLimits(first_token_floor_ms=2_000, first_token_ceiling_ms=9_000)
    for first_token_ms in [100.0] * 5:
        stats.succeeded(total_ms=1.0, first_token_ms=first_token_ms)
    assert stats.first_token_limit_ms(limits) == 2_000
    for first_token_ms in [3_000.0] * 5:
        stats.succeeded(total_ms=1.0, first_token_ms=first_token_ms)
    assert stats.first_token_limit_ms(limits) == 9_000


def test_a_route_that_has_become_slow_is_given_more_time_until_it_answers() -> None:
    stats = RecentStats()
    for _ in range(10):
        stats.succeeded(total_ms=1.0, first_token_ms=500.0)
    waits_ms = []
    for _ in range(6):
        stats.failed(silent=True)
        waits_ms.append(stats.first_token_limit_ms(CallLimits()))
    assert waits_ms == [10_000, 20_000, 40_000, 80_000, 120_000, 120_000]
    stats.failed()
    stats.succeeded(total_ms=1.0, first_token_ms=500.0)
    assert stats.first_token_limit_ms(CallLimits()) == 5_000


@pytest.mark.parametrize(
    ("kind", "code", "share"),
    [
        (FaultKind.NETWORK, "connect", 0.5),
        (FaultKind.OVERLOADED, "overloaded", 0.5),
        (FaultKind.AUTH, "key", 1.0),
        (FaultKind.QUOTA_WINDOW, "quota", 1.0),
        (FaultKind.RATE_MINUTE, "rate", 1.0),
        (FaultKind.ENTITLEMENT, "plan", 1.0),
        (FaultKind.ENTITLEMENT, FaultCode.MODEL_GONE, 1.0),
        (FaultKind.CONTENT, "refused", 1.0),
    ],
)
def test_what_limits_and_blocks_say_is_not_said_of_success(kind: FaultKind, code: str, share: float) -> None:
    quota = tracker(account("a"))
    quota.succeeded(route(), NOW_MS, total_ms=1.0)
    quota.faulted(route(), Fault(kind, FaultScope.ACCOUNT, code, "no"), NOW_MS, 1.0)
    assert quota.routing_state(NOW_MS).routes[route()].success_share == share


@pytest.mark.parametrize(
    ("successes", "failures", "status", "health"),
    [
        (0, 0, Status.HEALTHY, 100),
        (1, 1, Status.HEALTHY, 50),
        (2, 3, Status.WARNING, 40),
        (0, 1, Status.CRITICAL, 0),
    ],
)
def test_an_account_that_fails_looks_it(successes: int, failures: int, status: Status, health: int) -> None:
    quota = tracker(account("a"))
    for _ in range(successes):
        quota.succeeded(route(), NOW_MS, total_ms=1.0)
    for _ in range(failures):
        quota.faulted(route(), Fault(FaultKind.NETWORK, FaultScope.REQUEST, "reset", "cut"), NOW_MS, 1.0)
    shown = account_view(quota, "a", NOW_MS)
    assert (shown.status, shown.health) == (status, health)


def test_an_account_on_trial_warns() -> None:
    quota = tracker(account("a"))
    for _ in range(9):
        quota.succeeded(route(), NOW_MS, total_ms=1.0)
    quota.faulted(route(), Fault(FaultKind.NETWORK, FaultScope.ACCOUNT, "connect", "no"), NOW_MS, 1.0)
    assert account_view(quota, "a", NOW_MS).status is Status.DOWN
    later = account_view(quota, "a", NOW_MS + 120_000)
    assert (later.status, later.health) == (Status.WARNING, 90)
