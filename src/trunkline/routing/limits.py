"""What is left of an account's limits, flattened for speed, and whether a request fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from trunkline.domain.limits import SURE_ENOUGH, LimitUse, Metric, WindowKind, is_pattern

_METRICS = tuple(Metric)
_HOUR_MS = 3_600_000
_ONE_A_CALL = tuple(
    map(_METRICS.index, (Metric.REQUESTS, Metric.CONCURRENCY, Metric.SHARE)),
)


class FlatLimit(NamedTuple):
    """One limit. `metric` indexes `Claims`; `used_share` is 0 where a full limit should not push traffic away
    (windows that only pace, concurrency); `span_ms` is the window's length where the share of it that is left
    counts (calendar, session), else 0; `pace` is how much more is needed of it than by an even use (`_pace`)."""

    metric: int
    amount: int
    left: int
    used_share: float
    resets_at_ms: int | None
    span_ms: int
    pace: float
    use: LimitUse


# Metric, amount, left, when it resets and the length of its window (0, 0 where its end does not count), pace.
Allowance = tuple[int, int, int, int, int, float]


class FurtherLimits(NamedTuple):
    """What one model is held to on an account beside what all share, with the same known beforehand."""

    limits: tuple[FlatLimit, ...]
    past_mark: bool
    steady_quota: float | None
    varying: tuple[Allowance, ...]


class FlatLimits(NamedTuple):
    """An account's limits: those of every model whose claim is the same for every model, `priced` ones whose claim is
    not, by model its own, and by pattern those that matching models share. These three are as they came: they are
    flattened for a model when it is first asked for, for most models of an account never are (`further` remembers
    what concerns which). `source` is the tuple they were made from, by whose identity they are known to be current.

    Of `shared` is known beforehand what neither the request nor the time changes: `past_mark`, whether one is
    used beyond the route-away mark, and `steady_quota`, the least quota of those of which every call takes one
    (None: one has nothing left). `varying` are the others."""

    source: tuple[LimitUse, ...]
    shared: tuple[FlatLimit, ...]
    past_mark: bool
    steady_quota: float | None
    varying: tuple[Allowance, ...]
    priced: tuple[LimitUse, ...]
    by_model: dict[str, list[LimitUse]]
    by_pattern: tuple[LimitUse, ...]
    mark: float
    some_further: bool
    further: dict[str, FurtherLimits | None]

    def of_model(self, model: str) -> FurtherLimits | None:
        """What calls of `model` are held to beside `shared`; None: nothing, as always without `some_further`."""
        if model not in self.further:
            own = self.by_model.get(model, ())
            matching = (use for use in self.by_pattern if use.covers(model))
            self.further[model] = _further((*self.priced, *own, *matching), self.mark)
        return self.further[model]


Claims = tuple[int, int, int, int, int, int, int]
_ANY_CALL: Claims = (1, 0, 0, 0, 0, 1, 1)


def claims_of(*, input_tokens: int, output_tokens: int, cost_pico: int) -> Claims:
    """What one call would take of each metric, in the order of `Metric`."""
    return (1, input_tokens, output_tokens, input_tokens + output_tokens, cost_pico, 1, 1)


def flatten(limits: tuple[LimitUse, ...], mark: float) -> FlatLimits:
    """Sort an account's limits by whom they concern; `mark` is the share used from which traffic goes elsewhere."""
    shared: list[FlatLimit] = []
    priced: list[LimitUse] = []
    by_model: dict[str, list[LimitUse]] = {}
    by_pattern: list[LimitUse] = []
    for use in limits:
        model = use.model
        if model is None:
            if use.metric is Metric.COST:
                priced.append(use)
            else:
                shared.append(_flat(use))
        elif is_pattern(model):
            by_pattern.append(use)
        else:
            by_model.setdefault(model, []).append(use)
    steady_quota, varying = _split(shared)
    return FlatLimits(
        source=limits,
        shared=tuple(shared),
        past_mark=is_past_mark(shared, mark),
        steady_quota=steady_quota,
        varying=varying,
        priced=tuple(priced),
        by_model=by_model,
        by_pattern=tuple(by_pattern),
        mark=mark,
        some_further=bool(by_model or by_pattern or priced),
        further={},
    )


def _split(limits: Iterable[FlatLimit]) -> tuple[float | None, tuple[Allowance, ...]]:
    """The least quota of those of which every call takes one, whenever (None: one has nothing left); the others."""
    steady: list[Allowance] = []
    varying: list[Allowance] = []
    for flat in limits:
        one_a_call = flat.metric in _ONE_A_CALL and not flat.span_ms
        (steady if one_a_call else varying).append(_allowance(flat))
    return quota_of(steady, _ANY_CALL, 0), tuple(varying)


def _further(uses: tuple[LimitUse, ...], mark: float) -> FurtherLimits | None:
    if not uses:
        return None
    limits = tuple(map(_flat, uses))
    return FurtherLimits(limits, is_past_mark(limits, mark), *_split(limits))


def _flat(use: LimitUse) -> FlatLimit:
    pushes = not use.window.paces_only and use.metric is not Metric.CONCURRENCY
    renews = use.window.kind in (WindowKind.CALENDAR, WindowKind.SESSION)
    return FlatLimit(
        metric=_METRICS.index(use.metric),
        amount=use.amount,
        left=use.left,
        used_share=1.0 - use.share_left if pushes else 0.0,
        resets_at_ms=use.resets_at_ms,
        span_ms=(use.window.nominal_ms or 0) if renews and use.resets_at_ms is not None else 0,
        pace=_pace(use),
        use=use,
    )


def _pace(use: LimitUse) -> float:
    """What is expected to be used of a limit in one window, as a multiple of its amount: how it is needed against an
    even use, by which the quota term reckons without a forecast (1).

    A sure forecast says how fast it is used: p whole allowances a window. Where that is more than one, so much is
    needed until the reset, and what is left is as scarce as the share of the time is short for which it lasts. Where it
    is less, some would be left over at the reset and be lost: then it is taken as halfway between the forecast and an
    even use, for what is sent there because it is idle is use that the forecast has not seen. So an idle allowance is
    worth twice as much as an evenly used one, and no more; and without a forecast, or at an even use, nothing changes.
    A balance never renews, so that nothing of it is ever lost."""
    expected, nominal_ms = use.forecast, use.window.nominal_ms
    if expected is None or expected.confidence < SURE_ENOUGH or not nominal_ms or use.amount <= 0:
        return 1.0
    pace = expected.burn_per_hour * nominal_ms / _HOUR_MS / use.amount
    return max(pace, (1.0 + pace) / 2)


def _allowance(flat: FlatLimit) -> Allowance:
    return (flat.metric, flat.amount, flat.left, flat.resets_at_ms or 0, flat.span_ms, flat.pace)


NOTHING_FURTHER = FurtherLimits((), False, 1.0, ())
NO_LIMITS = FlatLimits((), (), False, 1.0, (), (), {}, (), 1.0, False, {})


def quota_of_all(limits: Sequence[FlatLimit], claims: Claims, now_ms: int) -> float | None:
    """DESIGN §4.3's quota term 0..1 of these limits; None where one cannot take the request."""
    return quota_of([_allowance(flat) for flat in limits], claims, now_ms)


def quota_of(
    allowances: Sequence[Allowance], claims: Claims, now_ms: int, quota: float = 1.0
) -> float | None:
    """The same of allowances: the least of `quota` and, per allowance, min(1, what is left afterwards ÷ what is needed
    until it renews), both as shares of its amount: needed is the share of its window left, at its pace.

    It grows with what is left and falls with what is needed. What renews soon is needed little, so that
    soonest-to-expire goes first; what others use up before then is needed more than it has, so that scarce goes last;
    what nobody uses is spent before what is used evenly."""
    for metric, amount, left, resets_at_ms, span_ms, pace in allowances:
        claim = claims[metric]
        if claim > left:
            return None
        if not amount:
            continue
        share, needed = (left - claim) / amount, pace
        if span_ms:
            window_left = (resets_at_ms - now_ms) / span_ms
            if window_left < 1.0:
                needed *= window_left
        if share >= needed:
            continue
        share /= needed
        if share < quota:
            quota = share
    return quota


def is_past_mark(limits: Sequence[FlatLimit], mark: float) -> bool:
    """Whether one of them is used beyond the route-away mark."""
    return any(flat.used_share > mark for flat in limits)


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
