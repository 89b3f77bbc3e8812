"""What the writer thread does beside its units: book time, counters, heartbeat, orphans, news of other processes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson

from trunkline.domain.clock import Clock
from trunkline.quota.windows import STANDING_BUCKET
from trunkline.store import kept_thinking
from trunkline.store.books import BookClock, Books
from trunkline.store.checkpoint import Checkpointer
from trunkline.store.inputs import CHAIN_ROWS
from trunkline.store.writer import Unit

POLL_MS = 250
BEAT_MS = 2_000
DEAD_AFTER_MS = 10_000
SNAPSHOTS_KEPT = 1_000
_LATE_BEAT_MS = 5_000
BEATS_PER_TIDY = 30
_TRANSACTIONS_PER_CHECKPOINT = 100
_DAY_MS = 86_400_000


class Upkeep:
    """The writer's observer. `now_ms` is the book time of the running transaction."""

    def __init__(self, path: Path, clock: Clock, *, process_id: str, process_name: str) -> None:
        self.time = BookClock(clock)
        self.books = Books()
        self.process_id = process_id
        self.now_ms = 0
        self._clock = clock
        self._name = process_name
        self._version = -1
        self._polled_mono_ms = clock.mono_ms()
        self._beat_mono_ms = clock.mono_ms()
        self._beat_at_ms: int | None = None
        self._sweep_from_ms = 0
        self._beats = 0
        self._since_checkpoint = 0
        self._checkpointer = Checkpointer(path)
        self._news = False
        self._listeners: list[tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = []

    def on_change(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        """Have `callback` called on `loop` after another process changed the store."""
        self._listeners.append((loop, callback))

    # -- the writer's observer ----------------------------------------------------------------------------------

    def begin(self, connection: sqlite3.Connection) -> None:
        self._refresh(connection)
        self.now_ms = self.time.advance()

    def finish(self, connection: sqlite3.Connection) -> None:
        self._since_checkpoint += 1

    def undone(self) -> None:
        self._version = -1
        self.books.forget()

    def tick(self, connection: sqlite3.Connection, *, idle: bool) -> Unit[object] | None:
        mono_ms = self._clock.mono_ms()
        if idle or mono_ms - self._polled_mono_ms >= POLL_MS:
            self._polled_mono_ms = mono_ms
            self._poll(connection)
        if self._since_checkpoint >= _TRANSACTIONS_PER_CHECKPOINT:
            self._since_checkpoint = 0
            self._checkpointer.start()
        if mono_ms - self._beat_mono_ms < BEAT_MS:
            return None
        self._beat_mono_ms = mono_ms
        return self.beat

    def stopped(self) -> None:
        self._checkpointer.wait()

    def _poll(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        try:
            self._refresh(connection)
        finally:
            connection.execute("ROLLBACK")
        if self._news:
            self._news = False
            for loop, callback in self._listeners:
                with suppress(RuntimeError):  # a loop that is closed listens no more
                    loop.call_soon_threadsafe(callback)

    def _refresh(self, connection: sqlite3.Connection) -> None:
        version = int(connection.execute("PRAGMA data_version").fetchone()[0])
        if version == self._version:
            return
        self._news = self._news or self._version != -1
        self._version = version
        seen_ms = self.time.load(connection)
        self.books.reload(connection, self.time.now_ms(), seen_ms)

    # -- units --------------------------------------------------------------------------------------------------

    def enter(self, connection: sqlite3.Connection) -> None:
        """Register this process and settle what dead ones left."""
        connection.execute(
            "INSERT INTO process VALUES (?, ?, ?, ?, ?, NULL)",
            (self.process_id, self._name, os.getpid(), self.now_ms, self.now_ms),
        )
        self.beat(connection)

    def beat(self, connection: sqlite3.Connection) -> None:
        """Say that this process lives; settle the reservations of those that do not."""
        self.time.save(connection)
        connection.execute(
            "UPDATE process SET beat_at_ms = ?, ended_at_ms = NULL WHERE id = ?",
            (self.now_ms, self.process_id),
        )
        # After a suspend every beat is old: the others get the chance to beat before they are taken for dead.
        if self._beat_at_ms is not None and self.now_ms - self._beat_at_ms > _LATE_BEAT_MS:
            self._sweep_from_ms = self.now_ms + _LATE_BEAT_MS
        self._beat_at_ms = self.now_ms
        if self.now_ms >= self._sweep_from_ms:
            dead = connection.execute(
                "SELECT id FROM process WHERE ended_at_ms IS NULL AND beat_at_ms <= ?",
                (self.now_ms - DEAD_AFTER_MS,),
            ).fetchall()
            for (process_id,) in dead:
                self._end(connection, process_id)
        if self._beats % BEATS_PER_TIDY == 0:
            self._tidy(connection)
        self._beats += 1

    def leave(self, connection: sqlite3.Connection) -> None:
        """This process ends; what it still has reserved settles at its estimate."""
        self._end(connection, self.process_id)

    def _end(self, connection: sqlite3.Connection, process_id: str) -> None:
        connection.execute("UPDATE process SET ended_at_ms = ? WHERE id = ?", (self.now_ms, process_id))
        orphans = connection.execute(
            "SELECT bookings FROM reservation WHERE process_id = ? AND orphaned = 0", (process_id,)
        ).fetchall()
        given_back: dict[str, tuple[int, int]] = {}
        for (bookings,) in orphans:
            for key, bucket, amount, end_ms in orjson.loads(bookings):
                if bucket == STANDING_BUCKET:
                    given_back[key] = (given_back.get(key, (0, 0))[0] + amount, end_ms)
        connection.execute("UPDATE reservation SET orphaned = 1 WHERE process_id = ?", (process_id,))
        self.books.put(
            connection,
            [
                (key, STANDING_BUCKET, self.books.amount(key, STANDING_BUCKET) - amount, end_ms)
                for key, (amount, end_ms) in given_back.items()
            ],
            self.now_ms,
        )

    def _tidy(self, connection: sqlite3.Connection) -> None:
        # An orphan is kept for a day: its process may only have been suspended and may still settle it.
        connection.execute("DELETE FROM limit_counter WHERE ends_at_ms <= ?", (self.now_ms,))
        connection.execute(
            "DELETE FROM reservation WHERE orphaned = 1 AND reserved_at_ms < ?", (self.now_ms - _DAY_MS,)
        )
        connection.execute("DELETE FROM asker WHERE request_id NOT IN (SELECT request_id FROM reservation)")
        connection.execute("DELETE FROM process WHERE ended_at_ms < ?", (self.now_ms - 30 * _DAY_MS,))
        connection.execute("DELETE FROM gateway WHERE process_id NOT IN (SELECT id FROM process)")
        kept_thinking.prune(connection, self.now_ms)
        connection.execute(
            """UPDATE decision SET inputs = NULL WHERE inputs IS NOT NULL AND request <= (
                SELECT request FROM decision WHERE inputs IS NOT NULL ORDER BY request DESC LIMIT 1 OFFSET ?)""",
            (SNAPSHOTS_KEPT + CHAIN_ROWS,),  # what the last ones begin with
        )
        connection.execute(
            """DELETE FROM generation WHERE at_ms < (SELECT coalesce(min(request.at_ms), 0)
                FROM decision JOIN request ON request.row = decision.request WHERE inputs IS NOT NULL)"""
        )
