"""Use of every limit over time, in a bounded memory: what forecasts are made from.

The ledger says how much was used, not when. So its figures are looked at every so often, bucket by bucket, and what has
come into them since the last look was used in between: reservations, settlements and what other processes book show up
as such differences, use that merely falls out of a window does not. What was used before the first look comes from the
buckets of rolling windows and from attempts that are recorded.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from trunkline.domain.limits import Forecast, LimitUse, Metric, Window, WindowKind
from trunkline.quota import windows
from trunkline.quota.forecast import (
    MEMORIES_KEPT,
    burn_of,
    forecast,
    may_be_forecast,
    memory_ms,
    step_ms,
)

LONGEST_KEPT_MS = round(MEMORIES_KEPT * 48 * 3_600_000)
"""How far back recorded use is of interest."""

# More of an allowance than this at one look is somebody else's use that was told late, or a burst.
_JUMP_SHARE = 0.1
# After a longer time without a look nobody knows when what came in was used.
_STEPS_BETWEEN_LOOKS = 2
_PER_SLICE = 50


class Holdings(Protocol):
    """What of a ledger is looked at."""

    def buckets(self, key: str) -> Mapping[int, int]:
        """See `Ledger.buckets`."""
        ...


@dataclass(frozen=True, slots=True)
class PastUse:
    """What was used on one route of an account around `at_ms`."""

    at_ms: int
    provider: str
    account: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_pico: int

    def of(self, metric: Metric) -> int:
        """As a limit of that metric counts it."""
        return {
            Metric.REQUESTS: self.requests,
            Metric.INPUT_TOKENS: self.input_tokens,
            Metric.OUTPUT_TOKENS: self.output_tokens,
            Metric.TOTAL_TOKENS: self.input_tokens + self.output_tokens,
            Metric.COST: self.cost_pico,
        }.get(metric, 0)


@dataclass(frozen=True, slots=True)
class PastUses:
    """What is recorded, complete from `since_ms` on."""

    since_ms: int
    uses: tuple[PastUse, ...]


@dataclass(slots=True)
class _History:
    window: Window
    since_ms: int
    seen_ms: int
    buckets: Mapping[int, int]
    steps: dict[int, float] = field(default_factory=dict)
    spread: dict[int, float] = field(default_factory=dict)
    first: int = 0

    def add(self, amount: float, at_ms: int) -> None:
        """`amount` was used then; less than nothing takes back what was used last."""
        if amount < 0:
            self._take_back(-amount)
            return
        number = at_ms // step_ms(self.window)
        self.steps[number] = self.steps.get(number, 0.0) + amount

    def add_over(self, amount: float, from_ms: int, to_ms: int) -> None:
        """`amount` was used between two moments, nobody knows when."""
        step = step_ms(self.window)
        kept_from_ms = max(from_ms, to_ms - round(MEMORIES_KEPT * memory_ms(self.window)))
        for number in range(kept_from_ms // step, to_ms // step + 1):
            inside_ms = min(to_ms, (number + 1) * step) - max(from_ms, number * step)
            self.spread[number] = self.spread.get(number, 0.0) + amount * inside_ms / (to_ms - from_ms)
        self.since_ms = min(self.since_ms, kept_from_ms)

    def _take_back(self, amount: float) -> None:
        for number in sorted(self.steps, reverse=True):
            taken = min(amount, self.steps[number])
            self.steps[number] -= taken
            amount -= taken
            if amount <= 0:
                return

    def forget(self, now_ms: int) -> None:
        first = (now_ms - round(MEMORIES_KEPT * memory_ms(self.window))) // step_ms(self.window)
        if first == self.first:
            return
        self.first = first
        for kept in (self.steps, self.spread):
            for number in [number for number in kept if number < first or kept[number] <= 0]:
                del kept[number]


class BurnBook:
    """Belongs to one event loop; no clock, no I/O. `forecasts` are those of the last look, by limit key."""

    def __init__(self, ledger: Holdings) -> None:
        self.forecasts: dict[str, Forecast] = {}
        self._ledger = ledger
        self._histories: dict[str, _History] = {}
        self._past: PastUses | None = None
        self._steady: tuple[int, float] | None = None

    def recall(self, past: PastUses) -> None:
        """Use these recorded uses for every limit that is looked at for the first time from now on."""
        self._past = past

    def look(
        self, limits: Iterable[tuple[str, str, LimitUse]], now_ms: int, mono_ms: float
    ) -> frozenset[str]:
        """Take in the present figures, as (provider, account, limit), and forecast anew; the keys of which the
        forecast is another. `now_ms` is wall time, which may jump; a jump back neither adds nor loses use."""
        looking = self.looking(limits, now_ms, mono_ms)
        while True:
            try:
                next(looking)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return] # the keys, which a generator's end cannot tell

    def looking(
        self, limits: Iterable[tuple[str, str, LimitUse]], now_ms: int, mono_ms: float
    ) -> Generator[None, None, frozenset[str]]:
        """`look` in slices of a few milliseconds, for a loop that has other work to do between them."""
        at_ms = self._steady_ms(now_ms, mono_ms)
        holders: dict[str, tuple[LimitUse, list[tuple[str, str]]]] = {}
        for provider, account, limit in limits:
            if may_be_forecast(limit):
                holders.setdefault(limit.key, (limit, []))[1].append((provider, account))
        for key in self._histories.keys() - holders.keys():
            del self._histories[key]
        found: dict[str, Forecast] = {}
        for count, (key, (limit, accounts)) in enumerate(holders.items()):
            if count % _PER_SLICE == _PER_SLICE - 1:
                yield
            expected = self._look_at(limit, accounts, at_ms, now_ms)
            if expected is not None:
                found[key] = expected
        self._past = None
        before, self.forecasts = self.forecasts, found
        return frozenset(key for key in before.keys() | found.keys() if before.get(key) != found.get(key))

    def _steady_ms(self, now_ms: int, mono_ms: float) -> int:
        """Wall time that never runs backwards while the process lives."""
        if self._steady is not None:
            at_ms, then_ms = self._steady
            now_ms = max(now_ms, at_ms + round(mono_ms - then_ms))
        self._steady = (now_ms, mono_ms)
        return now_ms

    def _look_at(
        self, limit: LimitUse, accounts: list[tuple[str, str]], at_ms: int, now_ms: int
    ) -> Forecast | None:
        buckets = dict(self._ledger.buckets(limit.key))
        history = self._histories.get(limit.key)
        if history is None:
            history = self._histories[limit.key] = self._begun(limit, accounts, buckets, at_ms)
        else:
            _take_in(history, limit, buckets, at_ms, now_ms)
        history.forget(at_ms)
        burn = burn_of(
            history.steps, limit.window, since_ms=history.since_ms, now_ms=at_ms, spread=history.spread
        )
        return None if burn is None else forecast(limit, buckets, burn, now_ms)

    def _begun(
        self, limit: LimitUse, accounts: list[tuple[str, str]], buckets: Mapping[int, int], at_ms: int
    ) -> _History:
        past = self._past
        if limit.window.kind is WindowKind.ROLLING:
            started = {bucket: held for bucket, held in buckets.items() if 0 <= bucket <= at_ms}
            earliest_ms = min(started, default=at_ms) if past is None else past.since_ms
            known_ms = max(at_ms - (limit.window.length_ms or 0), earliest_ms)
            history = _History(limit.window, min(known_ms, at_ms), at_ms, buckets)
            for bucket, held in started.items():
                history.add(held, bucket)
            return history
        if past is None:
            return _History(limit.window, at_ms, at_ms, buckets)
        history = _History(limit.window, min(past.since_ms, at_ms), at_ms, buckets)
        for use in past.uses:
            if (use.provider, use.account) in accounts and limit.covers(use.model) and use.at_ms <= at_ms:
                history.add(use.of(limit.metric), use.at_ms)
        return history


def _take_in(history: _History, limit: LimitUse, buckets: Mapping[int, int], at_ms: int, now_ms: int) -> None:
    """What has come into the buckets since the last look was used in between. After a long time without a look
    it is spread over that, a jump over the window that it is part of, or it is left out where nothing says over what
    time it was used."""
    used = sum(held - history.buckets.get(bucket, 0) for bucket, held in buckets.items())
    for bucket, held in history.buckets.items():
        if bucket not in buckets and windows.bucket_end_ms(history.window, bucket) > now_ms:
            used -= held
    from_ms, history.seen_ms, history.buckets = history.seen_ms, at_ms, buckets
    seldom = at_ms - from_ms > _STEPS_BETWEEN_LOOKS * step_ms(limit.window)
    if used <= 0 or not (seldom or used > _JUMP_SHARE * limit.amount):
        history.add(used, at_ms)
        return
    began_ms = _began_ms(limit.window, buckets, now_ms) if used > _JUMP_SHARE * limit.amount else now_ms
    if began_ms is not None:
        history.add_over(used, min(from_ms, at_ms - (now_ms - began_ms)), at_ms)


def _began_ms(window: Window, buckets: Mapping[int, int], now_ms: int) -> int | None:
    """When the window began that `now_ms` is in; None where nobody can say."""
    if window.kind is WindowKind.CALENDAR:
        return windows.calendar_period(window, now_ms)[0]
    if window.kind is WindowKind.ROLLING:
        return now_ms - (window.length_ms or 0)
    if window.kind is WindowKind.SESSION:
        ends_ms = [windows.bucket_end_ms(window, bucket) for bucket in buckets]
        length_ms = window.length_ms or 0
        return max((end_ms - length_ms for end_ms in ends_ms if end_ms > now_ms), default=None)
    return None
