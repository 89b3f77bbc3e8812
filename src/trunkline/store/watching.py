"""A store that others write and this process only looks at: nothing is written, not even beside it.

SQLite reads a write-ahead log through files that it makes next to the store, unless somebody has made them already.
While there is no log, nobody has the store open and its one file is all there is: it is read as one that cannot
change, and opened anew when it does. So a folder that cannot be written is no obstacle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from trunkline.domain.clock import Clock
from trunkline.domain.errors import StoreError
from trunkline.domain.limits import Window
from trunkline.quota.ledger import KeyUse, Reservation, ReserveAsk, Shortage
from trunkline.store import schema
from trunkline.store.books import BookClock, Books
from trunkline.store.queries import Query

T = TypeVar("T")
_Stamp = tuple[int, int, int]

# In the middle of being made, the file has no tables yet.
_UNMADE = 0


class WatchedLedger:
    """`quota.ledger.Ledger` as the store has it. What would change it is refused, or, where a store's owner does the
    same with what it learns, left to that owner."""

    def __init__(self, clock: Clock) -> None:
        self._time = BookClock(clock)
        self._books = Books()

    def read(self, connection: sqlite3.Connection) -> None:
        """Take in what has changed."""
        seen_ms = self._time.load(connection)
        self._books.reload(connection, self._time.now_ms(), seen_ms)

    def forget(self) -> None:
        """The next `read` is of another file."""
        self._books.forget()

    def use(self, key: str, window: Window) -> KeyUse:
        """Use under `key` as of the last `read`."""
        return self._books.use(key, window, self._time.now_ms())

    def buckets(self, key: str) -> dict[int, int]:
        """Use under `key` bucket by bucket, as of the last `read`."""
        return self._books.amounts(key)

    async def reserve(self, ask: ReserveAsk) -> Reservation | Shortage:
        """Refused: raises StoreError."""
        raise StoreError("this process only watches the store; it books nothing")

    def settle(self, reservation_id: str, actual: Sequence[tuple[str, int]]) -> None:
        """Nothing is booked here."""

    def release(self, reservation_id: str) -> None:
        """Nothing is booked here."""

    def raise_use(self, key: str, window: Window, at_least: int, until_ms: int | None = None) -> None:
        """The process that read it has done so."""

    def lower_use(
        self, key: str, window: Window, at_most: int, *, own: bool = False, if_above: int = 0
    ) -> None:
        """The process that was told has done so."""

    async def flush(self) -> None:
        """Nothing waits."""


class WatchedStore:
    """Opened when there is something to open, and again when another file takes its place: `openings` times so far.
    Belongs to one thread."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.ledger = WatchedLedger(clock)
        self.openings = 0
        self._connection: sqlite3.Connection | None = None
        self._stamp: _Stamp | None = None
        self._version = -1
        self._schema = _UNMADE

    def changed(self) -> bool:
        """Whether the store has changed since the last call; use is read anew then. True the first time. Raises
        StoreError, also where there is no store yet."""
        stamp = self._look()
        if stamp is None:
            self.close()
            raise StoreError(f"{self.path}: there is no store yet. It is made by the first request.")
        if self._connection is None or stamp != self._stamp:
            self.close()
            self._connection, self._schema = self._open(logged=stamp[2] == 0)
            self._stamp = stamp
            self.openings += 1
        try:
            version = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
            if version == self._version:
                return False
            if schema.check_version(self._connection, self.path) != self._schema:
                self.close()  # somebody has brought it forward: what it lacked is there now
                return self.changed()
            with _Reading(self._connection) as connection:
                self.ledger.read(connection)
        except sqlite3.Error as cause:
            self.close()
            raise schema.store_error(self.path, cause) from cause
        self._version = version
        return True

    def ask(self, query: Query[T]) -> T:
        """Run any of `store.queries` on the store as it is now. Raises StoreError."""
        if self._connection is None:
            self.changed()
        connection = self._connection
        if connection is None:
            raise StoreError(f"{self.path}: is not open.")
        try:
            with _Reading(connection):
                results = [connection.execute(*found).fetchall() for found in query.statements]
        except sqlite3.Error as cause:
            self.close()
            raise schema.store_error(self.path, cause) from cause
        return query.build(results)

    def close(self) -> None:
        """Close the file; the next question opens it again."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._stamp, self._version = None, None, -1
        self.ledger.forget()

    def _look(self) -> _Stamp | None:
        """Which file it is; while nobody logs changes to it (third 1 or more), its time of change too."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        if self.path.with_name(f"{self.path.name}-wal").exists():
            return status.st_ino, status.st_dev, 0
        return status.st_ino, status.st_dev, status.st_mtime_ns

    def _open(self, *, logged: bool) -> tuple[sqlite3.Connection, int]:
        modes = ("mode=ro", "mode=ro&immutable=1") if logged else ("mode=ro&immutable=1",)
        for mode in modes:
            try:
                return _opened(self.path, mode)
            except sqlite3.Error as cause:
                # A log that a dead process left cannot be read where its files cannot be made; the store can.
                if mode is modes[-1] or schema.is_damage(cause):
                    raise schema.store_error(self.path, cause) from cause
        raise AssertionError("one of the modes either opens or raises")


class _Reading:
    """One state of the file, whatever others write meanwhile."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN")
        return self._connection

    def __exit__(self, *_: object) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _opened(path: Path, mode: str) -> tuple[sqlite3.Connection, int]:
    """A connection, and of which version the file was."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA busy_timeout={schema.BUSY_TIMEOUT_MS}")
        version = schema.check_version(connection, path)
        if version == _UNMADE or not schema.read_as_if_new(connection, version):
            raise StoreError(
                f"{path}: there is no store yet. It is made by the first request."
                if version == _UNMADE
                else f"{path}: was written by an older Trunkline (schema {version}, this one reads "
                f"{len(schema.MIGRATIONS)}). Start this Trunkline once without `monitor` to bring it forward."
            )
    except BaseException:
        with closing(connection):
            raise
    return connection, version
