"""The book of what was reserved and used against every limit, as a protocol.

`store` implements it on SQLite; tests have one in memory. Reserve is the authority: a snapshot may be stale,
what `reserve` says is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from trunkline.domain.limits import Metric, Window
from trunkline.domain.routes import Route


@dataclass(frozen=True, slots=True)
class Claim:
    """What one call would take from one limit: `amount` of an allowance of `limit_amount` per `window`. A claim
    whose `limit_amount` is None is counted but never refused (the limit is not known)."""

    key: str
    metric: Metric
    window: Window
    limit_amount: int | None
    amount: int


@dataclass(frozen=True, slots=True)
class ReserveAsk:
    """A wish to book every claim at once, or none. `origin` is who asks, for those who watch; empty: nobody is told."""

    reservation_id: str
    request_id: str
    attempt: int
    route: Route
    claims: tuple[Claim, ...]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Use counted under one key at a moment, reservations included. `resets_at_ms`: end of the calendar or
    session window; for a rolling one, when the oldest use in it falls out. None where nothing is to reset."""

    key: str
    used: int
    resets_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Reservation:
    """Booked. `uses` is every claimed key after the booking."""

    reservation_id: str
    route: Route
    claims: tuple[Claim, ...]
    reserved_at_ms: int
    uses: tuple[KeyUse, ...]


@dataclass(frozen=True, slots=True)
class Shortage:
    """Not booked: `claim` does not fit, `left` is what there was. `usable_at_ms` is when it should fit, None
    where waiting does not help."""

    route: Route
    claim: Claim
    left: int
    usable_at_ms: int | None
    uses: tuple[KeyUse, ...]


class Ledger(Protocol):
    """Counts use per limit key. Safe to call from one event loop; other processes may share the book."""

    async def reserve(self, ask: ReserveAsk) -> Reservation | Shortage:
        """Book all claims in one step, or say which does not fit. No limit is ever exceeded by a booking."""
        ...

    def settle(self, reservation_id: str, actual: Sequence[tuple[str, int]]) -> None:
        """Replace the booked amounts by true ones, as (key, amount); a key not named keeps its booking, a
        concurrency claim is given back. Not awaited; `flush` waits for it."""
        ...

    def release(self, reservation_id: str) -> None:
        """Take a booking back whole. Only where not one byte was sent."""
        ...

    def raise_use(self, key: str, window: Window, at_least: int, until_ms: int | None = None) -> None:
        """Lift the counted use of a key to what a provider reports, where that is more than our own count. What was
        lifted counts until `until_ms`, where the provider stated when its window ends, else as if used now."""
        ...

    def lower_use(
        self, key: str, window: Window, at_most: int, *, own: bool = False, if_above: int = 0
    ) -> None:
        """Take back what a provider said was used until a stated moment, as far as its fresher word is less; with `own`
        what was counted here too, for a person says that it is there again. What is booked and not ended goes on to
        count. Nothing is done where no more than `if_above` is used."""
        ...

    def use(self, key: str, window: Window) -> KeyUse:
        """Use under `key` as this process knows it now; never blocks."""
        ...

    def buckets(self, key: str) -> Mapping[int, int]:
        """What is counted under `key` as this process knows it now, bucket by bucket (see `quota.windows`); some may
        no longer count. Never blocks."""
        ...

    async def flush(self) -> None:
        """Wait until everything handed over so far is in the book."""
        ...
