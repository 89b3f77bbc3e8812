"""How well accounts and routes do: success share, latency, health and status."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence

from trunkline.domain.faults import FaultKind
from trunkline.domain.limits import LimitUse, Metric
from trunkline.domain.preferences import CallLimits, Thresholds
from trunkline.domain.snapshot import Latency, Status
from trunkline.domain.state import Block

RECENT_ATTEMPTS = 20
RECENT_SAMPLES = 200
ENOUGH_ATTEMPTS = 5
"""Fewer attempts say too little of a route to slow it."""
NEW_SAMPLE_WEIGHT = 0.2

_WELL_SHARE = 0.5

LEARNED_LIMIT_SAMPLES = 5
LEARNED_LIMIT_FACTOR = 4.0
_MOST_SILENCES = 8

_SEVERITY = (Status.HEALTHY, Status.WARNING, Status.CRITICAL, Status.EXHAUSTED, Status.DOWN)
_OUT_OF_ALLOWANCE = (FaultKind.RATE_MINUTE, FaultKind.QUOTA_WINDOW, FaultKind.BILLING)


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile of an ascending sequence; None of an empty one."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


class RecentStats:
    """What the last attempts of one route or account were like. Bounded, whatever the traffic."""

    __slots__ = (
        "_first_token_p95_ms",
        "_outcomes",
        "_silences",
        "first_token_ms",
        "first_token_samples_ms",
        "tokens_per_s",
        "total_samples_ms",
    )

    def __init__(self) -> None:
        self._outcomes: deque[bool] = deque(maxlen=RECENT_ATTEMPTS)
        self.total_samples_ms: deque[float] = deque(maxlen=RECENT_SAMPLES)
        self.first_token_samples_ms: deque[float] = deque(maxlen=RECENT_SAMPLES)
        self._first_token_p95_ms: float | None = None
        self._silences = 0
        self.first_token_ms: float | None = None
        self.tokens_per_s: float | None = None

    def succeeded(
        self, *, total_ms: float, first_token_ms: float | None = None, tokens_per_s: float | None = None
    ) -> None:
        """Count a success and its figures; `first_token_ms` and `tokens_per_s` are kept as moving averages."""
        self._outcomes.append(True)
        self._silences = 0
        self.total_samples_ms.append(total_ms)
        if first_token_ms is not None:
            self.first_token_samples_ms.append(first_token_ms)
            self._first_token_p95_ms = None
            self.first_token_ms = _moved(self.first_token_ms, first_token_ms)
        if tokens_per_s is not None:
            self.tokens_per_s = _moved(self.tokens_per_s, tokens_per_s)

    def failed(self, *, silent: bool = False) -> None:
        """Count a failure; `silent`: no first token came in time."""
        self._outcomes.append(False)
        if silent:
            self._silences = min(self._silences + 1, _MOST_SILENCES)

    @property
    def attempts(self) -> int:
        """How many attempts the success share is of."""
        return len(self._outcomes)

    @property
    def success_share(self) -> float | None:
        """Share of the last 20 attempts that succeeded, 0..1; None before the first."""
        return sum(self._outcomes) / len(self._outcomes) if self._outcomes else None

    def first_token_limit_ms(self, limits: CallLimits) -> int:
        """How long to wait for a first token: four times the 95th percentile, within floor (or the default, where that
        is less) and ceiling. Silences since the last success double it each, for they may be the limit's doing: what
        came too late was never measured. The default until five have been measured."""
        if len(self.first_token_samples_ms) < LEARNED_LIMIT_SAMPLES:
            return limits.first_token_ms
        if self._first_token_p95_ms is None:
            self._first_token_p95_ms = quantile(sorted(self.first_token_samples_ms), 0.95) or 0.0
        floor_ms = min(limits.first_token_floor_ms, limits.first_token_ms)
        learned_ms = max(floor_ms, math.ceil(LEARNED_LIMIT_FACTOR * self._first_token_p95_ms))
        return min(max(floor_ms, limits.first_token_ceiling_ms), learned_ms << self._silences)


def latency_of(stats: Iterable[RecentStats]) -> Latency:
    """Average and quantiles over the kept samples of one or more routes or accounts."""
    total_ms: list[float] = []
    first_token_ms: list[float] = []
    for recent in stats:
        total_ms += recent.total_samples_ms
        first_token_ms += recent.first_token_samples_ms
    total_ms.sort()
    first_token_ms.sort()
    return Latency(
        avg_ms=sum(total_ms) / len(total_ms) if total_ms else None,
        p50_ms=quantile(total_ms, 0.50),
        p95_ms=quantile(total_ms, 0.95),
        p99_ms=quantile(total_ms, 0.99),
        first_token_p50_ms=quantile(first_token_ms, 0.50),
    )


def health_of(
    limits: Iterable[LimitUse], success_share: float | None, block: Block | None, now_ms: int
) -> int:
    """100 × the smallest share left over windows of an hour or more (a balance too) × the success share of the last
    20 attempts. What is not known counts as 1; 0 while a block holds. A model's allowance of nothing says that the
    account does not serve it, not that it is unwell."""
    if block is not None and block.holds_at(now_ms):
        return 0
    smallest = 1.0
    for limit in limits:
        if limit.used <= 0 < limit.amount or limit.window.paces_only or limit.metric is Metric.CONCURRENCY:
            continue
        if limit.amount > 0 or limit.model is None:
            smallest = min(smallest, limit.share_left)
    return round(100 * smallest * (1.0 if success_share is None else success_share))


def status_of_success(share: float | None, thresholds: Thresholds) -> Status:
    """What the success share of the last attempts says: under the share that slows a route it is critical, under a
    half a warning."""
    if share is None or share >= _WELL_SHARE:
        return Status.HEALTHY
    return Status.CRITICAL if share < thresholds.throttle_below / 100 else Status.WARNING


def status_of(limits: Iterable[LimitUse], block: Block | None, thresholds: Thresholds, now_ms: int) -> Status:
    """The worst that a block or a limit says. A block for want of allowance or credit is `exhausted`, any other is
    `down`, and a `warning` once the next request may try it. A full limit is `exhausted` whatever its window; how far
    it is used matters only for windows of an hour or more, shorter ones pace. Concurrency that is taken up is traffic,
    not a state."""
    if block is not None and block.holds_at(now_ms):
        return Status.EXHAUSTED if block.kind in _OUT_OF_ALLOWANCE else Status.DOWN
    trying = block is not None and block.kind not in _OUT_OF_ALLOWANCE
    found = Status.WARNING if trying else Status.HEALTHY
    for limit in limits:
        if limit.metric is Metric.CONCURRENCY:
            continue
        if limit.left <= 0:
            return Status.EXHAUSTED
        if not limit.window.paces_only:
            found = worst((found, _status_of_share(1.0 - limit.share_left, thresholds)))
    return found


def worst(statuses: Iterable[Status]) -> Status:
    """The most severe; healthy where there is none."""
    return max(statuses, key=_SEVERITY.index, default=Status.HEALTHY)


def best(statuses: Iterable[Status]) -> Status:
    """The least severe; down where there is none."""
    return min(statuses, key=_SEVERITY.index, default=Status.DOWN)


def _status_of_share(used_share: float, thresholds: Thresholds) -> Status:
    if used_share > thresholds.route_away_at:
        return Status.CRITICAL
    return Status.WARNING if used_share > thresholds.warn_at else Status.HEALTHY


def _moved(average: float | None, sample: float) -> float:
    return sample if average is None else average + NEW_SAMPLE_WEIGHT * (sample - average)
