"""How fast an allowance is used up, when nothing of it will be left, and how far apart calls must go for it to last.

The burn of a limit is an average over time in which recent use weighs more: what was used a memory's length ago weighs
1/e of what is used now. Idle time counts as time, so that a lone burst is spread over the memory; a step that stands
far out of those around it is cut down to a multiple of theirs. How long the memory is follows from the window.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from trunkline.domain.limits import SURE_ENOUGH as SURE_ENOUGH  # for those who ask what is forecast
from trunkline.domain.limits import Forecast, LimitUse, Metric, Window, WindowKind
from trunkline.quota import windows

STEPS_PER_MEMORY = 24
MEMORIES_KEPT = 2.5

_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
_WINDOWS_PER_MEMORY = 8
_LEAST_MEMORY_MS = 15 * _MINUTE_MS
_MOST_MEMORY_MS = 48 * _HOUR_MS
# A forecast of a balance farther off than this says nothing.
_FARTHEST_MS = 366 * 24 * _HOUR_MS
_LEAST_MEMORY_SEEN = 1 / 8
_LEAST_STEPS_USED = 3
_STEPS_AROUND = 5
_MOST_TIMES_THE_USUAL = 6.0
_HALF_SURE_STEPS = 3.0
_DIGITS = 3
_DECAY = [math.exp(-age / STEPS_PER_MEMORY) for age in range(round(MEMORIES_KEPT * STEPS_PER_MEMORY) + 3)]


@dataclass(frozen=True, slots=True)
class Burn:
    """`per_ms` in the limit's own unit; `confidence` 0..1."""

    per_ms: float
    confidence: float


def may_be_forecast(limit: LimitUse) -> bool:
    """Whether a forecast of it means anything: windows of an hour or more and balances, of something."""
    return not limit.window.paces_only and limit.metric is not Metric.CONCURRENCY and limit.amount > 0


@lru_cache(maxsize=1024)
def memory_ms(window: Window) -> int:
    """How far back use still matters: an eighth of the window, 15 minutes at least, two days at most and for a
    balance."""
    nominal_ms = window.nominal_ms
    if nominal_ms is None:
        return _MOST_MEMORY_MS
    return max(_LEAST_MEMORY_MS, min(_MOST_MEMORY_MS, nominal_ms // _WINDOWS_PER_MEMORY))


@lru_cache(maxsize=1024)
def step_ms(window: Window) -> int:
    """How finely use is kept over time."""
    return memory_ms(window) // STEPS_PER_MEMORY


def burn_of(
    used: Mapping[int, float],
    window: Window,
    *,
    since_ms: int,
    now_ms: int,
    spread: Mapping[int, float] = MappingProxyType({}),
) -> Burn | None:
    """The burn at `now_ms` of what is `used` in each step (by number: its start is the number times `step_ms`) since
    `since_ms`, from when on all use is known. `spread` was used too, nobody knows when, and is spread over steps: it
    counts, but makes nothing sure. None where too little is known to say anything."""
    memory, step = memory_ms(window), step_ms(window)
    since_ms = max(since_ms, now_ms - round(MEMORIES_KEPT * memory))
    seen_ms = now_ms - since_ms
    if seen_ms < _LEAST_MEMORY_SEEN * memory:
        return None
    seen = math.sqrt(min(1.0, seen_ms / memory))
    first = since_ms // step
    steps = sorted((number, amount) for number, amount in used.items() if number >= first and amount > 0)
    weights, running = _weights(step, now_ms), now_ms // step
    lump = sum(amount * weights[running - number] for number, amount in spread.items() if number >= first)
    if not steps and not lump:
        return Burn(0.0, seen)
    if len(steps) < _LEAST_STEPS_USED:
        return None
    usual = _without_outliers([amount for _, amount in steps])
    weighed = [amount * weights[running - number] for (number, _), amount in zip(steps, usual, strict=True)]
    # The integral of the weight over the time seen.
    time_ms = memory * (1.0 - math.exp(-seen_ms / memory))
    weighed.append(lump)
    evenly_used_steps = sum(weighed) ** 2 / sum(one * one for one in weighed)
    evenness = evenly_used_steps / (evenly_used_steps + _HALF_SURE_STEPS)
    return Burn(sum(weighed) / time_ms, seen * evenness)


def _without_outliers(amounts: list[float]) -> list[float]:
    """What stands far out of the steps around it is cut down; a change that lasts is none."""
    bearable = _MOST_TIMES_THE_USUAL * min(amounts)
    if len(amounts) < _STEPS_AROUND or max(amounts) <= bearable:
        return amounts
    cut = []
    for at, amount in enumerate(amounts):
        if amount > bearable:
            first = min(max(0, at - _STEPS_AROUND // 2), len(amounts) - _STEPS_AROUND)
            around = sorted(amounts[first : first + _STEPS_AROUND])
            amount = min(amount, _MOST_TIMES_THE_USUAL * around[_STEPS_AROUND // 2])
        cut.append(amount)
    return cut


def _weights(step: int, now_ms: int) -> list[float]:
    """The weight of each step by its age: that of its middle, of the running step of the middle of what has passed."""
    running = now_ms % step / step
    later = math.exp(-(running - 0.5) / STEPS_PER_MEMORY)
    return [math.exp(-running / 2 / STEPS_PER_MEMORY), *(weight * later for weight in _DECAY[1:])]


def forecast(limit: LimitUse, buckets: Mapping[int, int], burn: Burn, now_ms: int) -> Forecast:
    """How `limit` fares at `now_ms` (wall) if use goes on at `burn`; `buckets` are its counted use as the ledger keeps
    it, which says what a rolling window gives back and when."""
    per_hour = burn.per_ms * _HOUR_MS
    lasts_until_ms = (
        _empty_at_ms(limit, buckets, burn.per_ms, now_ms) if per_hour > 0 and limit.left > 0 else None
    )
    if lasts_until_ms is not None:
        lasts_until_ms -= lasts_until_ms % _MINUTE_MS
        lasts_until_ms = max(now_ms, lasts_until_ms)
    return Forecast(_rounded(per_hour), lasts_until_ms, round(burn.confidence, 2))


def _empty_at_ms(limit: LimitUse, buckets: Mapping[int, int], per_ms: float, now_ms: int) -> int | None:
    if limit.window.kind is WindowKind.ROLLING:
        return _rolling_full_at_ms(limit, buckets, per_ms, now_ms)
    empty_at_ms = now_ms + limit.left / per_ms
    renews_at_ms: float = now_ms + _FARTHEST_MS
    if limit.resets_at_ms is not None:
        renews_at_ms = limit.resets_at_ms
    elif limit.window.length_ms is not None:  # a session that has not begun lasts its whole length
        renews_at_ms = now_ms + limit.window.length_ms
    return int(empty_at_ms) if empty_at_ms < renews_at_ms else None


def _rolling_full_at_ms(
    limit: LimitUse, buckets: Mapping[int, int], per_ms: float, now_ms: int
) -> int | None:
    """When a rolling window is full, old use falling out of it while new use comes in; None where it never is."""
    if limit.left > per_ms * (limit.window.length_ms or 0):
        return None
    ends = sorted((windows.bucket_end_ms(limit.window, bucket), held) for bucket, held in buckets.items())
    room = float(limit.left)
    at_ms = float(now_ms)
    horizon_ms = now_ms + (limit.window.length_ms or 0)
    for end_ms, given_back in (*ends, (horizon_ms, 0)):
        if end_ms <= now_ms:
            continue
        until_ms = min(end_ms, horizon_ms)
        room -= per_ms * (until_ms - at_ms)
        if room <= 0:
            return int(until_ms + room / per_ms)
        room += given_back
        at_ms = until_ms
        if end_ms >= horizon_ms:
            break
    return None


def pace_ms(limit: LimitUse, amount: int, now_ms: int) -> float:
    """How far apart calls that take `amount` of `limit` each must begin for it to last until it renews: what is left
    spread over the time left. 0 where it lasts anyhow, where that is not known well enough, or where it never
    renews."""
    expected = limit.forecast
    if expected is None or expected.lasts_until_ms is None or expected.confidence < SURE_ENOUGH:
        return 0.0
    if limit.window.kind is WindowKind.ROLLING:
        return amount * (limit.window.length_ms or 0) / limit.amount
    if limit.window.kind is WindowKind.BALANCE or limit.left <= 0:
        return 0.0
    length_ms = limit.window.length_ms or 0
    renews_at_ms = now_ms + length_ms if limit.resets_at_ms is None else limit.resets_at_ms
    return amount * max(0, renews_at_ms - now_ms) / limit.left


def forecast_of_left(left: int, burn: Burn, now_ms: int) -> Forecast:
    """How what is `left` of something that does not renew will fare if use goes on at `burn`, in the same unit."""
    lasts_until_ms = None
    if burn.per_ms > 0 and left > 0 and left / burn.per_ms < _FARTHEST_MS:
        lasts_until_ms = now_ms + int(left / burn.per_ms)
        lasts_until_ms = max(now_ms, lasts_until_ms - lasts_until_ms % _MINUTE_MS)
    return Forecast(_rounded(burn.per_ms * _HOUR_MS), lasts_until_ms, round(burn.confidence, 2))


def _rounded(figure: float) -> float:
    """To three digits: more of it is noise, and would make every look another view."""
    return figure if figure == 0 else round(figure, _DIGITS - 1 - math.floor(math.log10(abs(figure))))
