"""Use per limit key as this process knows it: the writer thread keeps it equal to the table `limit_counter`.

Other threads may call `BookClock.now_ms` and `Books.use` at any time; everything else belongs to the writer thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from trunkline.domain.clock import Clock
from trunkline.domain.limits import Window, WindowKind
from trunkline.quota import windows
from trunkline.quota.ledger import KeyUse

_LATEST = "latest_ms"


class BookClock:
    """Wall time that never runs backwards, over restarts too (the latest time seen is kept in `meta`).

    While the machine's clock is behind the latest time seen, book time goes on at half the speed of monotonic
    time: no use ever falls out of its window early, and the machine's clock catches up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._anchor = (0, clock.mono_ms())

    def now_ms(self) -> int:
        """The present, at least the latest time seen."""
        latest_ms, mono_ms = self._anchor
        return max(self._clock.wall_ms(), latest_ms + int((self._clock.mono_ms() - mono_ms) / 2))

    def advance(self) -> int:
        """`now_ms`, remembered as seen."""
        now_ms = self.now_ms()
        self.see(now_ms)
        return now_ms

    def see(self, at_ms: int) -> None:
        """Somebody has seen that time."""
        if at_ms > self._anchor[0]:
            self._anchor = (at_ms, self._clock.mono_ms())

    def load(self, connection: sqlite3.Connection) -> int:
        """Take over what the store has seen, and return it: what `save` kept or the last change of a counter."""
        kept = connection.execute("SELECT value FROM meta WHERE name = ?", (_LATEST,)).fetchone()
        changed = connection.execute("SELECT max(changed_at_ms) FROM limit_counter").fetchone()
        seen_ms = max(0 if kept is None else int(kept[0]), changed[0] or 0)
        self.see(seen_ms)
        return seen_ms

    def save(self, connection: sqlite3.Connection) -> None:
        """Keep what was seen."""
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_LATEST, self._anchor[0]))


class _KeyBook:
    """Buckets of one key as bucket -> (amount, end); empty ones are not kept. `sums` is (sum, first end), replaced
    in one step so that a reader on another thread sees one moment."""

    __slots__ = ("buckets", "sums")

    def __init__(self) -> None:
        self.buckets: dict[int, tuple[int, int]] = {}
        self.sums = (0, windows.NEVER_MS)

    def put(self, bucket: int, amount: int, ends_at_ms: int) -> None:
        had, _ = self.buckets.get(bucket, (0, 0))
        if amount == 0:
            self.buckets.pop(bucket, None)
            self._sum()
            return
        self.buckets[bucket] = (amount, ends_at_ms)
        total, first_end_ms = self.sums
        self.sums = (total - had + amount, min(first_end_ms, ends_at_ms))

    def used(self, now_ms: int) -> int:
        if self.sums[1] <= now_ms:
            self.buckets = {start: held for start, held in self.buckets.items() if now_ms < held[1]}
            self._sum()
        return self.sums[0]

    def _sum(self) -> None:
        held = self.buckets.values()
        self.sums = (
            sum(amount for amount, _ in held),
            min((end_ms for _, end_ms in held), default=windows.NEVER_MS),
        )

    def amounts(self) -> dict[int, int]:
        return {start: amount for start, (amount, _) in self.buckets.copy().items()}


class Books:
    """Every counter that still counts."""

    def __init__(self) -> None:
        self._keys: dict[str, _KeyBook] = {}
        self._loaded_ms: int | None = None

    def reload(self, connection: sqlite3.Connection, now_ms: int, seen_ms: int) -> None:
        """Read what changed since the last call (everything the first time, or after `forget`). `seen_ms` is the
        latest time the store had seen, read in the same transaction: every later change is stamped no earlier."""
        everything = self._loaded_ms is None
        keys = {} if everything else self._keys
        rows = connection.execute(
            "SELECT key, bucket, amount, ends_at_ms FROM limit_counter WHERE changed_at_ms >= ?",
            (self._loaded_ms or 0,),
        )
        for key, bucket, amount, ends_at_ms in rows:
            if ends_at_ms > now_ms:
                _book(keys, key).put(bucket, amount, ends_at_ms)
        self._keys = keys
        self._loaded_ms = seen_ms

    def forget(self) -> None:
        """What is in memory may no longer be what is in the store; the next `reload` reads everything."""
        self._loaded_ms = None

    def used(self, key: str, now_ms: int) -> int:
        """What counts under `key`."""
        book = self._keys.get(key)
        return 0 if book is None else book.used(now_ms)

    def bucket(self, key: str, window: Window, now_ms: int) -> int:
        """The bucket that use at `now_ms` belongs into."""
        if window.kind is not WindowKind.SESSION:
            return windows.bucket_at(window, now_ms)
        book = self._keys.get(key)
        known = book.amounts() if book is not None else {}
        return windows.bucket_at(window, now_ms, [start for start, amount in known.items() if amount > 0])

    def usable_at_ms(
        self, key: str, window: Window, now_ms: int, limit_amount: int, amount: int
    ) -> int | None:
        """When `amount` more would fit; None where waiting alone does not help."""
        book = self._keys.get(key)
        amounts = {} if book is None else book.amounts()
        return windows.usable_at_ms(window, amounts, now_ms, limit_amount=limit_amount, amount=amount)

    def amounts(self, key: str) -> dict[int, int]:
        """What every bucket of `key` holds; from any thread."""
        book = self._keys.get(key)
        return {} if book is None else book.amounts()

    def amount(self, key: str, bucket: int) -> int:
        """What one bucket holds."""
        book = self._keys.get(key)
        return 0 if book is None else book.buckets.get(bucket, (0, 0))[0]

    def put(
        self,
        connection: sqlite3.Connection,
        changes: Iterable[tuple[str, int, int, int]],
        now_ms: int,
    ) -> None:
        """Write (key, bucket, amount, end) to the store, then take them over."""
        rows = [(key, bucket, amount, end_ms, now_ms) for key, bucket, amount, end_ms in changes]
        if not rows:
            return
        connection.executemany("INSERT OR REPLACE INTO limit_counter VALUES (?, ?, ?, ?, ?)", rows)
        for key, bucket, amount, end_ms, _ in rows:
            _book(self._keys, key).put(bucket, amount, end_ms)
        # This process holds the write lock, so it knows every earlier change; later ones are stamped no earlier.
        self._loaded_ms = now_ms

    def use(self, key: str, window: Window, now_ms: int) -> KeyUse:
        """Use under `key`; from any thread."""
        book = self._keys.get(key)
        if book is None:
            return KeyUse(key, 0, windows.resets_at_ms(window, {}, now_ms))
        used, first_end_ms = book.sums
        if first_end_ms <= now_ms or window.kind is WindowKind.SESSION:
            amounts = book.amounts()
            used = windows.used_at(window, amounts, now_ms)
            return KeyUse(key, used, windows.resets_at_ms(window, amounts, now_ms))
        if window.kind is WindowKind.CALENDAR:
            period_end_ms = windows.resets_at_ms(window, {}, now_ms) or first_end_ms
            return KeyUse(key, used, min(first_end_ms, period_end_ms))
        return KeyUse(key, used, first_end_ms if used > 0 and first_end_ms < windows.NEVER_MS else None)


def _book(keys: dict[str, _KeyBook], key: str) -> _KeyBook:
    book = keys.get(key)
    if book is None:
        book = keys[key] = _KeyBook()
    return book
