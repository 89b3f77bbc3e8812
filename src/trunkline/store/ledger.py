"""`quota.ledger.Ledger` on SQLite, shared by every process that opens the same store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

import orjson

from trunkline.domain.limits import Metric, Window
from trunkline.quota import windows
from trunkline.quota.ledger import Claim, KeyUse, Reservation, ReserveAsk, Shortage
from trunkline.store.upkeep import Upkeep
from trunkline.store.writer import Writer


class SqliteLedger:
    """Books in one unit of work each; what is booked is committed before `reserve` returns."""

    def __init__(self, writer: Writer, upkeep: Upkeep) -> None:
        self._writer = writer
        self._upkeep = upkeep
        self._books = upkeep.books

    async def reserve(self, ask: ReserveAsk) -> Reservation | Shortage:
        """Book all claims in one step, or say which does not fit: of several the one that waits longest. Raises
        StoreError when the book cannot be written; nothing is booked then, nor when cancelled."""
        try:
            return await self._writer.write(lambda connection: self._reserve(connection, ask))
        except asyncio.CancelledError:
            self.release(ask.reservation_id)
            raise

    def settle(self, reservation_id: str, actual: Sequence[tuple[str, int]]) -> None:
        """Replace the booked amounts by true ones; posted. An unknown or ended reservation is left alone."""
        amounts = dict(actual)
        self._writer.post(lambda connection: self._end(connection, reservation_id, amounts, keep=True))

    def release(self, reservation_id: str) -> None:
        """Take a booking back whole; posted."""
        self._writer.post(lambda connection: self._end(connection, reservation_id, {}, keep=False))

    def raise_use(self, key: str, window: Window, at_least: int, until_ms: int | None = None) -> None:
        """Lift the counted use of a key; posted. What is over by the time it is written counts nothing."""
        if until_ms is not None and until_ms <= self._upkeep.time.now_ms():
            until_ms = None
        self._writer.post(lambda connection: self._raise(connection, key, window, at_least, until_ms))

    def lower_use(
        self, key: str, window: Window, at_most: int, *, own: bool = False, if_above: int = 0
    ) -> None:
        """Lower what was stated to be used under a key, with `own` what was counted too; posted."""
        self._writer.post(
            lambda connection: self._lower(connection, key, window, at_most, own=own, if_above=if_above)
        )

    def use(self, key: str, window: Window) -> KeyUse:
        """Use under `key` as this process knows it: its own writes at once, others' within 250 ms."""
        return self._books.use(key, window, self._upkeep.time.now_ms())

    def buckets(self, key: str) -> dict[int, int]:
        """Use under `key` bucket by bucket, as `use` knows it."""
        return self._books.amounts(key)

    async def flush(self) -> None:
        """Wait until everything handed over so far is in the book."""
        await self._writer.flush()

    def _reserve(self, connection: sqlite3.Connection, ask: ReserveAsk) -> Reservation | Shortage:
        now_ms = self._upkeep.now_ms
        shortage = self._shortage(ask, now_ms)
        if shortage is not None:
            return shortage
        bookings: dict[str, tuple[int, int, int]] = {}
        for claim in ask.claims:
            if claim.metric is Metric.CONCURRENCY:
                bucket = windows.STANDING_BUCKET
            else:
                bucket = self._books.bucket(claim.key, claim.window, now_ms)
            booked = bookings[claim.key][1] if claim.key in bookings else 0
            bookings[claim.key] = (
                bucket,
                booked + claim.amount,
                windows.bucket_end_ms(claim.window, bucket),
            )
        route = ask.route
        connection.execute(
            "INSERT INTO reservation VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            (
                ask.reservation_id,
                ask.request_id,
                ask.attempt,
                self._upkeep.process_id,
                route.provider,
                route.account,
                route.model,
                now_ms,
                orjson.dumps([(key, *booking) for key, booking in bookings.items()]),
            ),
        )
        if ask.origin:
            connection.execute("INSERT OR REPLACE INTO asker VALUES (?, ?)", (ask.request_id, ask.origin))
        self._books.put(
            connection,
            [
                (key, bucket, self._books.amount(key, bucket) + amount, end_ms)
                for key, (bucket, amount, end_ms) in bookings.items()
                if amount != 0
            ],
            now_ms,
        )
        return Reservation(ask.reservation_id, route, ask.claims, now_ms, self._uses(ask.claims, now_ms))

    def _shortage(self, ask: ReserveAsk, now_ms: int) -> Shortage | None:
        wanted: dict[str, int] = {}
        short: list[tuple[float, Claim, int, int | None]] = []
        for claim in ask.claims:
            amount = wanted[claim.key] = wanted.get(claim.key, 0) + claim.amount
            if claim.limit_amount is None or claim.amount <= 0:
                continue
            left = claim.limit_amount - self._books.used(claim.key, now_ms)
            if amount <= left:
                continue
            usable_at_ms = self._books.usable_at_ms(
                claim.key, claim.window, now_ms, claim.limit_amount, amount
            )
            waits_until = float("inf") if usable_at_ms is None else usable_at_ms
            short.append((waits_until, claim, max(0, left), usable_at_ms))
        if not short:
            return None
        _, claim, left, usable_at_ms = max(short, key=lambda found: found[0])
        return Shortage(ask.route, claim, left, usable_at_ms, self._uses(ask.claims, now_ms))

    def _end(
        self, connection: sqlite3.Connection, reservation_id: str, actual: dict[str, int], *, keep: bool
    ) -> None:
        row = connection.execute(
            "SELECT bookings, orphaned, request_id FROM reservation WHERE id = ?", (reservation_id,)
        ).fetchone()
        if row is None:
            return
        connection.execute("DELETE FROM reservation WHERE id = ?", (reservation_id,))
        connection.execute("DELETE FROM asker WHERE request_id = ?", (row[2],))
        now_ms = self._upkeep.now_ms
        changes = []
        for key, bucket, booked, end_ms in orjson.loads(row[0]):
            if bucket == windows.STANDING_BUCKET:
                amount = booked if row[1] else 0  # an orphan's concurrency was given back already
            else:
                amount = actual.get(key, booked) if keep else 0
            if amount != booked and now_ms < end_ms:
                had = self._books.amount(key, bucket)
                changes.append((key, bucket, had + amount - booked, end_ms))
        self._books.put(connection, changes, now_ms)

    def _lower(
        self,
        connection: sqlite3.Connection,
        key: str,
        window: Window,
        at_most: int,
        *,
        own: bool,
        if_above: int,
    ) -> None:
        now_ms = self._upkeep.now_ms
        used = self._books.used(key, now_ms)
        excess = used - at_most
        if excess <= 0 or used <= if_above:
            return
        booked: dict[int, int] = {}
        for (bookings,) in connection.execute("SELECT bookings FROM reservation WHERE orphaned = 0"):
            for of, bucket, amount, _ in orjson.loads(bookings):
                if of == key:
                    booked[bucket] = booked.get(bucket, 0) + amount
        changes = []
        for bucket, amount in sorted(self._books.amounts(key).items()):  # those that were stated come first
            if bucket == windows.STANDING_BUCKET or (bucket > windows.STANDING_BUCKET and not own):
                continue
            taken = max(0, min(excess, amount - booked.get(bucket, 0)))
            excess -= taken
            if taken:
                changes.append((key, bucket, amount - taken, windows.bucket_end_ms(window, bucket)))
        self._books.put(connection, changes, now_ms)

    def _raise(
        self, connection: sqlite3.Connection, key: str, window: Window, at_least: int, until_ms: int | None
    ) -> None:
        now_ms = self._upkeep.now_ms
        missing = at_least - self._books.used(key, now_ms)
        if missing <= 0 or (until_ms is not None and until_ms <= now_ms):
            return
        stated = None if until_ms is None else windows.stated_bucket(until_ms)
        bucket = self._books.bucket(key, window, now_ms) if stated is None else stated
        amount = self._books.amount(key, bucket) + missing
        self._books.put(connection, [(key, bucket, amount, windows.bucket_end_ms(window, bucket))], now_ms)

    def _uses(self, claims: tuple[Claim, ...], now_ms: int) -> tuple[KeyUse, ...]:
        return tuple(self._books.use(claim.key, claim.window, now_ms) for claim in claims)
