"""What is left of an account's limits, flattened for speed, and whether a request fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trunkline.domain.limits import LimitUse, Metric, WindowKind

_METRICS = tuple(Metric)
_COST = _METRICS.index(Metric.COST)


class FlatLimit(NamedTuple):
    """One limit. `metric` indexes `Claims`; `used_share` is 0 where a full limit should not push traffic away
    (windows that only pace, concurrency); `span_ms` is the window's length where the share of it that is left
    counts (calendar, session), else 0."""

    metric: int
    amount: int
    left: int
    used_share: float
    resets_at_ms: int | None
    span_ms: int
    use: LimitUse


class FlatLimits(NamedTuple):
    """An account's limits: those of every model whose claim is the same for every model, and by model the rest.
    `source` is the tuple they were made from, by whose identity they are known to be current."""

    source: tuple[LimitUse, ...]
    shared: tuple[FlatLimit, ...]
    priced: tuple[FlatLimit, ...]
    by_model: dict[str, tuple[FlatLimit, ...]]


Claims = tuple[int, int, int, int, int, int]


def claims_of(*, input_tokens: int, output_tokens: int, cost_pico: int) -> Claims:
    """What one call would take of each metric, in the order of `Metric`."""
    return (1, input_tokens, output_tokens, input_tokens + output_tokens, cost_pico, 1)


def flatten(limits: tuple[LimitUse, ...]) -> FlatLimits:
    """Sort an account's limits by whom they concern."""
    shared: list[FlatLimit] = []
    priced: list[FlatLimit] = []
    by_model: dict[str, list[FlatLimit]] = {}
    for use in limits:
        flat = _flat(use)
        if use.model is not None:
            by_model.setdefault(use.model, []).append(flat)
        elif flat.metric == _COST:
            priced.append(flat)
        else:
            shared.append(flat)
    return FlatLimits(
        limits, tuple(shared), tuple(priced), {model: tuple(found) for model, found in by_model.items()}
    )


def _flat(use: LimitUse) -> FlatLimit:
    pushes = not use.window.paces_only and use.metric is not Metric.CONCURRENCY
    renews = use.window.kind in (WindowKind.CALENDAR, WindowKind.SESSION)
    return FlatLimit(
        metric=_METRICS.index(use.metric),
        amount=use.amount,
        left=use.left,
        used_share=1.0 - use.share_left if pushes else 0.0,
        resets_at_ms=use.resets_at_ms,
        span_ms=(use.window.nominal_ms or 0) if renews else 0,
        use=use,
    )


class Fit(NamedTuple):
    """How a request fits: `quota` 0..1 is DESIGN §4.3's term (least over the limits), `past_mark` says that some
    limit is used beyond the route-away mark."""

    quota: float
    past_mark: bool


NO_LIMITS = FlatLimits((), (), (), {})
ROOMY = Fit(1.0, False)
_ROOMY_PAST_MARK = Fit(1.0, True)


def fit(limits: Sequence[FlatLimit], claims: Claims, now_ms: int, mark: float) -> Fit | None:
    """How well `claims` fit, per limit min(1, share left afterwards ÷ share of its window left); None where some
    limit cannot take them."""
    quota = 1.0
    past_mark = False
    for metric, amount, left, used_share, resets_at_ms, span_ms, _ in limits:
        claim = claims[metric]
        if claim > left:
            return None
        if used_share > mark:
            past_mark = True
        if not amount:
            continue
        share = (left - claim) / amount
        if span_ms and resets_at_ms is not None:
            window_left = (resets_at_ms - now_ms) / span_ms
            if share >= window_left:
                continue
            if window_left < 1.0:
                share /= window_left
        if share < quota:
            quota = share
    if quota == 1.0:
        return _ROOMY_PAST_MARK if past_mark else ROOMY
    return Fit(quota, past_mark)


def shortage(limits: Sequence[FlatLimit], claims: Claims) -> tuple[FlatLimit, int | None] | None:
    """The limit that keeps the request out longest, and until when; None as the time where waiting does not
    help (a balance, or a claim above the whole allowance). None where everything fits."""
    worst: tuple[FlatLimit, int | None] | None = None
    for limit in limits:
        claim = claims[limit.metric]
        if claim <= limit.left:
            continue
        until_ms = None if claim > limit.amount else limit.resets_at_ms
        if until_ms is None:
            return limit, None
        if worst is None or worst[1] is None or until_ms > worst[1]:
            worst = (limit, until_ms)
    return worst
