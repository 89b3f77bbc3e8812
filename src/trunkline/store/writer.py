"""The one thread of a process that writes to the store.

A unit of work is one function of a connection. The thread drains its queue into one `BEGIN IMMEDIATE`, gives every
unit a savepoint, commits, and only then hands results back: one wake-up of the event loop a batch.

Only a unit that somebody waits for wakes the thread. Posted ones go with it, in order, or after a short time: so with
many requests at once a settled one and the next one's reservation share a transaction, and the loop's thread is
interrupted once. With few, whoever posts has them written (`hasten`) when nobody waits for anything: otherwise the next
reservation would wait for the record of the request before it, 0.3 ms.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future as ThreadFuture
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from trunkline.domain.errors import StoreError
from trunkline.store import schema

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]

_log = logging.getLogger(__name__)
_LARGEST_BATCH = 256
_TICK_S = 0.25
# How long posted units may lie while there is traffic, and how many of them are worth a wake-up by themselves.
_POSTED_LIES_S = 0.05
_POSTED_WAKES = 64
# Where somebody waited for a unit so short a time ago, another soon will, and what is posted can go with that.
_DENSE_S = 0.005
# Another process holds the lock for a fraction of a millisecond. SQLite's own waiting sleeps 1, 2, 5, 10 … 100 ms,
# which is most of the 99th percentile when two processes write; these are about five seconds in all.
_LOCK_PAUSES_S = (0.0002,) * 500 + (0.002,) * 2_400
# Where that was in vain just now, nobody waits for all of it again: about one second.
_SHORT_LOCK_PAUSES_S = _LOCK_PAUSES_S[:950]
# What the file did not take is held until it does, so much of it at most: a request is three or four units.
_MOST_HELD = 1_000

_PROOF, _PROOF_BYTES = "room", 65_536
_PUT_PROOF = "INSERT OR REPLACE INTO meta VALUES (?, zeroblob(?))"
_TAKE_PROOF = "DELETE FROM meta WHERE name = ?"


class Observer(Protocol):
    """Told by the writer thread what goes on around its units."""

    def begin(self, connection: sqlite3.Connection) -> None:
        """A transaction has begun; the first unit follows."""
        ...

    def finish(self, connection: sqlite3.Connection) -> None:
        """Every unit of the transaction has run; the commit follows."""
        ...

    def undone(self) -> None:
        """The transaction, or a unit of it, was rolled back; in the second case `begin` follows."""
        ...

    def tick(self, connection: sqlite3.Connection, *, idle: bool) -> Unit[object] | None:
        """Between transactions, at least every 250 ms; `idle` when nothing was waiting. Whatever is returned is run
        as a unit."""
        ...

    def stopped(self) -> None:
        """The last transaction is over; the connection is closed next."""
        ...


@dataclass(slots=True)
class _Job:
    unit: Unit[Any]
    loop: asyncio.AbstractEventLoop | None = None
    future: asyncio.Future[Any] | ThreadFuture[Any] | None = None
    result: Any = None
    error: BaseException | None = None


class _Bell:
    """Wakes one thread that waits for it: `threading.Event` in what it does here, at a tenth of its cost to both
    threads, since a lock is all there is to it. Rung many times before it is heard, it is heard once."""

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # it rings already
            self._silent.release()

    def hear(self, timeout_s: float) -> None:
        """Wait until it rings, so long at most; it is silent after that."""
        self._silent.acquire(timeout=timeout_s)


class Writer:
    """Owns `connection` from `start` on. `trouble` says why the file takes nothing, until as much as a request takes
    can be written again; that is tried with every heartbeat. Posted units that it did not take are held meanwhile, and
    all that are posted after them, in their order; `lost_writes` counts those that could not be kept."""

    def __init__(self, path: Path, connection: sqlite3.Connection, observer: Observer) -> None:
        self._path = path
        self._connection = connection
        self._file = schema.identity(path)
        self._observer = observer
        self._queue: deque[_Job | None] = deque()
        self._wanted = _Bell()
        self._thread = threading.Thread(target=self._run, name="trunkline-store", daemon=True)
        self._closed = False
        self._held: deque[_Job] = deque()
        self._waited_for_s = 0.0
        self.lost_writes = 0
        self.trouble: str | None = None

    @property
    def closed(self) -> bool:
        """`stop` was called."""
        return self._closed

    def start(self) -> None:
        """Begin to work."""
        self._connection.execute("PRAGMA busy_timeout=0")
        self._thread.start()

    async def write(self, unit: Unit[T]) -> T:
        """Run `unit` and wait until it is committed. Raises StoreError where the store would not take it, and
        whatever the unit itself raises (it is then rolled back, alone)."""
        self._check_open()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._hand_over(_Job(unit, loop, future))
        return await future

    async def flush(self) -> None:
        """Wait until everything posted so far is committed. Raises StoreError where some of it is held."""
        await self.write(lambda _: None)
        if self._held:
            raise StoreError(self.trouble or f"{self._path}: what happened last is not written yet.")

    def post(self, unit: Unit[object]) -> None:
        """Run `unit` soon, in order. A failure is logged and counted, one for being closed too. From any thread."""
        if self._closed:
            self._lost(_Job(unit, error=StoreError(f"{self._path}: the store is already closed.")))
        else:
            self._queue.append(_Job(unit))
            if len(self._queue) >= _POSTED_WAKES:
                self._wanted.ring()

    def hasten(self) -> None:
        """Have what is posted written now, unless there is so much to do that it soon will be anyway. From any
        thread."""
        if self._queue and time.monotonic() - self._waited_for_s > _DENSE_S:
            self._wanted.ring()

    def write_now(self, unit: Unit[T], timeout_s: float) -> T:
        """As `write`, for a caller without an event loop; blocks. Raises TimeoutError."""
        self._check_open()
        future: ThreadFuture[T] = ThreadFuture()
        self._hand_over(_Job(unit, None, future))
        return future.result(timeout_s)

    def stop(self, timeout_s: float) -> bool:
        """Drain the queue and end the thread; blocks at most that long. True when it has ended. Idempotent."""
        if not self._closed:
            self._closed = True
            self._hand_over(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _hand_over(self, job: _Job | None) -> None:
        self._waited_for_s = time.monotonic()
        self._queue.append(job)
        self._wanted.ring()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._path}: the store is already closed.")

    def _run(self) -> None:
        last = busy = False
        while not last:
            self._wanted.hear(
                0 if len(self._queue) >= _LARGEST_BATCH else _POSTED_LIES_S if busy else _TICK_S
            )
            jobs: list[_Job | None] = []
            while self._queue and len(jobs) < _LARGEST_BATCH and not last:
                jobs.append(self._queue.popleft())
                last = jobs[-1] is None
            if self._queue:
                self._wanted.ring()
            batch = [job for job in jobs if job is not None]
            busy = bool(batch)
            if self._held:
                batch = self._hold_posted(batch)
            if batch:
                self._work(batch)
            if not last:
                self._tick(idle=not batch)
        self._work_held()
        for job in self._held:
            self._lost(job)
        self._observer.stopped()
        self._connection.close()

    def _tick(self, *, idle: bool) -> None:
        try:
            unit = self._observer.tick(self._connection, idle=idle)
            if unit is not None:
                beat = _Job(unit, None, ThreadFuture())  # another one follows: it is neither held nor lost
                self._work([beat])
                if beat.error is not None and self.trouble is None:
                    _log.warning("the store's upkeep failed: %s", beat.error)
                if self.trouble is not None:
                    self._prove_room()
                if self.trouble is None:
                    self._work_held()
        except Exception as cause:
            self._roll_back()
            if isinstance(cause, sqlite3.Error):
                if schema.is_busy(cause):
                    return  # there is another tick
                cause = schema.store_error(self._path, cause)
            _log.warning("the store's upkeep failed: %s", cause)

    def _work(self, batch: list[_Job]) -> None:
        try:
            self._check_file()
            self._transact(batch)
        except Exception as cause:
            self._roll_back()
            for job in batch:
                job.result, job.error = None, cause
            if _is_of_the_file(cause):
                self._take_stock(batch)
                batch = self._hold_posted(batch)
        self._take_stock(batch)
        self._deliver(batch)

    def _hold_posted(self, batch: list[_Job]) -> list[_Job]:
        """Keep the units of `batch` that nobody waits for until the file takes them; gives the others, and what there
        is no room for."""
        others = []
        for job in batch:
            if job.future is None and len(self._held) < _MOST_HELD:
                self._held.append(job)
            else:
                others.append(job)
        return others

    def _work_held(self) -> None:
        """Try again what the file did not take: many in one transaction, and where that fails each in its own, so that
        one for which there is no room keeps no other back."""
        for at_once in (_LARGEST_BATCH, 1):
            held, self._held = list(self._held), deque()
            for at in range(0, len(held), at_once):
                self._work(held[at : at + at_once])

    def _take_stock(self, batch: list[_Job]) -> None:
        """Notice that the file takes nothing more."""
        errors = [job.error for job in batch if job.error is not None]
        failed = next(filter(_is_of_the_file, errors), None)
        if isinstance(failed, sqlite3.Error):
            self.trouble = str(schema.store_error(self._path, failed))
        elif failed is not None:
            self.trouble = str(failed)

    def _check_file(self) -> None:
        """What is written to a file that has lost its name is found by nobody. Another file is not opened in its
        place: SQLite's files beside it may still be in use under the same names."""
        if schema.identity(self._path) != self._file:
            raise _FileGoneError(
                f"{self._path}: was taken away or replaced while in use. "
                "Put it back, or leave and start again: a new one is made."
            )

    def _prove_room(self) -> None:
        """Forget the trouble if the file grows again: a small write may fit though the disk is full."""
        outcome: ThreadFuture[object] = ThreadFuture()  # a proof that fails is no write that was lost
        proof = _Job(lambda connection: connection.execute(_PUT_PROOF, (_PROOF, _PROOF_BYTES)), None, outcome)
        self._work([proof])
        if proof.error is None:
            self.trouble = None
            self._work([_Job(lambda connection: connection.execute(_TAKE_PROOF, (_PROOF,)))])

    def _transact(self, batch: list[_Job]) -> None:
        connection = self._connection
        self._lock()
        self._observer.begin(connection)
        for job in batch:
            connection.execute("SAVEPOINT unit")
            try:
                job.result, job.error = job.unit(connection), None
            except Exception as cause:
                if not connection.in_transaction:  # SQLite itself gave the whole transaction up
                    raise
                connection.execute("ROLLBACK TO unit")
                job.result, job.error = None, cause
                self._observer.undone()
                self._observer.begin(connection)
            connection.execute("RELEASE unit")
        self._observer.finish(connection)
        connection.execute("COMMIT")

    def _lock(self) -> None:
        for pause_s in _LOCK_PAUSES_S if self.trouble is None else _SHORT_LOCK_PAUSES_S:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as cause:
                if not schema.is_busy(cause):
                    raise
                time.sleep(pause_s)
            else:
                return
        self._connection.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._observer.undone()

    def _deliver(self, batch: list[_Job]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in batch:
            self._word(job)
            if job.loop is not None:
                by_loop.setdefault(job.loop, []).append(job)
            elif job.future is not None:
                _resolve([job])
            elif job.error is not None:
                self._lost(job)
        for loop, jobs in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, jobs)
            except RuntimeError:  # the loop is closed: nobody waits any more
                continue

    def _word(self, job: _Job) -> None:
        if isinstance(job.error, sqlite3.Error):
            job.error = schema.store_error(self._path, job.error)

    def _lost(self, job: _Job) -> None:
        self._word(job)
        self.lost_writes += 1
        _log.error("a write was lost: %s", job.error)


class _FileGoneError(StoreError):
    """The store's path names another file now, or none."""


def _is_of_the_file(error: BaseException) -> bool:
    """Whether a unit failed for want of a file that can be written, and not by a fault of its own."""
    of_its_own = sqlite3.IntegrityError | sqlite3.ProgrammingError
    return isinstance(error, sqlite3.DatabaseError | _FileGoneError) and not isinstance(error, of_its_own)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        future = job.future
        if future is None or future.done():
            continue
        if job.error is not None:
            future.set_exception(job.error)
        else:
            future.set_result(job.result)
