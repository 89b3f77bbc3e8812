"""A ledger in memory that keeps every promise of the protocol, for tests that need no file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.domain.clock import Clock
from trunkline.domain.limits import Metric, Window
from trunkline.quota import windows
from trunkline.quota.ledger import Claim, KeyUse, Reservation, ReserveAsk, Shortage


@dataclass(frozen=True, slots=True)
class _Booking:
    claim: Claim
    bucket: int


class MemoryLedger:
    """`quota.ledger.Ledger` over dictionaries. `open_reservations` are the ids booked and not yet ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest_ms = clock.wall_ms()
        self._buckets: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._open: dict[str, tuple[_Booking, ...]] = {}

    @property
    def open_reservations(self) -> frozenset[str]:
        return frozenset(self._open)

    async def reserve(self, ask: ReserveAsk) -> Reservation | Shortage:
        now_ms = self._now_ms()
        wanted: defaultdict[str, int] = defaultdict(int)
        short: list[tuple[float, Shortage]] = []
        for claim in ask.claims:
            wanted[claim.key] += claim.amount
            buckets = self._buckets[claim.key]
            left = (claim.limit_amount or 0) - windows.used_at(claim.window, buckets, now_ms)
            if claim.limit_amount is None or claim.amount <= 0 or wanted[claim.key] <= left:
                continue
            usable_at_ms = windows.usable_at_ms(
                claim.window,
                buckets,
                now_ms,
                limit_amount=claim.limit_amount,
                amount=wanted[claim.key],
            )
            shortage = Shortage(ask.route, claim, max(0, left), usable_at_ms, self._uses(ask))
            short.append((float("inf") if usable_at_ms is None else usable_at_ms, shortage))
        if short:
            return max(short, key=lambda pair: pair[0])[1]
        bookings = []
        for claim in ask.claims:
            buckets = self._buckets[claim.key]
            known = [bucket for bucket, amount in buckets.items() if amount > 0]
            concurrent = claim.metric is Metric.CONCURRENCY
            bucket = windows.STANDING_BUCKET if concurrent else windows.bucket_at(claim.window, now_ms, known)
            buckets[bucket] += claim.amount
            bookings.append(_Booking(claim, bucket))
        self._open[ask.reservation_id] = tuple(bookings)
        return Reservation(ask.reservation_id, ask.route, ask.claims, now_ms, self._uses(ask))

    def settle(self, reservation_id: str, actual: Sequence[tuple[str, int]]) -> None:
        true_amounts = dict(actual)
        for booking in self._open.pop(reservation_id, ()):
            claim = booking.claim
            concurrent = claim.metric is Metric.CONCURRENCY
            amount = 0 if concurrent else true_amounts.get(claim.key, claim.amount)
            self._buckets[claim.key][booking.bucket] += amount - claim.amount

    def release(self, reservation_id: str) -> None:
        for booking in self._open.pop(reservation_id, ()):
            self._buckets[booking.claim.key][booking.bucket] -= booking.claim.amount

    def buckets(self, key: str) -> dict[int, int]:
        return {bucket: amount for bucket, amount in self._buckets[key].items() if amount}

    def raise_use(self, key: str, window: Window, at_least: int, until_ms: int | None = None) -> None:
        now_ms = self._now_ms()
        buckets = self._buckets[key]
        missing = at_least - windows.used_at(window, buckets, now_ms)
        if missing > 0:
            known = [bucket for bucket, amount in buckets.items() if amount > 0]
            bucket = windows.bucket_at(window, now_ms, known)
            if until_ms is not None and until_ms > now_ms:
                bucket = windows.stated_bucket(until_ms)
            buckets[bucket] += missing

    def lower_use(
        self, key: str, window: Window, at_most: int, *, own: bool = False, if_above: int = 0
    ) -> None:
        used = windows.used_at(window, self._buckets[key], self._now_ms())
        excess = used - at_most if used > if_above else 0
        bookings = [booking for open_ in self._open.values() for booking in open_]
        booked = [(one.bucket, one.claim.amount) for one in bookings if one.claim.key == key]
        for bucket in sorted(self._buckets[key]):
            if bucket < windows.STANDING_BUCKET or (own and bucket != windows.STANDING_BUCKET):
                held = sum(amount for of, amount in booked if of == bucket)
                taken = max(0, min(excess, self._buckets[key][bucket] - held))
                self._buckets[key][bucket] -= taken
                excess -= taken

    def use(self, key: str, window: Window) -> KeyUse:
        now_ms = self._now_ms()
        buckets = dict(self._buckets[key]) if key in self._buckets else {}
        return KeyUse(
            key,
            windows.used_at(window, buckets, now_ms),
            windows.resets_at_ms(window, buckets, now_ms),
        )

    async def flush(self) -> None:
        return

    def _uses(self, ask: ReserveAsk) -> tuple[KeyUse, ...]:
        return tuple(self.use(claim.key, claim.window) for claim in ask.claims)

    def _now_ms(self) -> int:
        self._latest_ms = max(self._latest_ms, self._clock.wall_ms())
        return self._latest_ms
