"""Units of work and questions about requests that are kept until somebody can serve them.

The text of a request is in its row while it waits and while it is asked at last, and nowhere else but in its
conversation; it goes, overwritten in the file, when the request is over. A row belongs to the process that runs the
request; who has none, or one that has ended, may be claimed, by one process alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from trunkline.domain.messages import ChatRequest
from trunkline.domain.queue import QueueItem
from trunkline.domain.receipts import Attempt, Receipt
from trunkline.domain.tasks import Task
from trunkline.store import chats, codec
from trunkline.store.chats import StoredMessage, erasing
from trunkline.store.queries import Query, Row

_NOBODYS = """NOT EXISTS (SELECT 1 FROM process
    WHERE process.id = parked.process_id AND process.ended_at_ms IS NULL)"""


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """All that is needed to go on with a request elsewhere, under the same ids. `since_ms` (wall time) is when it was
    asked, `attempts` are the calls made so far in vain, with times from then; `returns` says how often it came back
    from waiting and called in vain again."""

    request: ChatRequest
    task: Task
    since_ms: int
    attempts: tuple[Attempt, ...] = ()
    returns: int = 0


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A kept request as the queue shows it. `process_id` is whose it is, None where nobody has it. `ordered_at_ms` is
    when a person wanted it tried at once, `dropped` that a person cancelled it."""

    item: QueueItem
    process_id: str | None
    ordered_at_ms: int | None
    dropped: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that was nobody's and is now the claimant's; `item` is its `QueueItem` and `body` its `KeptRequest`, both
    still as JSON."""

    request_id: str
    item: bytes
    body: bytes
    dropped: bool


# -- units of work ------------------------------------------------------------------------------------------------


def keep(
    connection: sqlite3.Connection, item: QueueItem, body: bytes, *, process_id: str | None, at_ms: int
) -> int:
    """Keep a request for `process_id`, before all that is less urgent and behind the rest, or bring its row up to date
    where it is; a row that another process has taken stays as it is. Gives how many others go before it."""
    ahead, place = _place_of(connection, item)
    connection.execute(
        """INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?)
        ON CONFLICT DO UPDATE SET until_ms = excluded.until_ms, item = excluded.item, request = excluded.request
        WHERE process_id = excluded.process_id""",
        (
            item.request_id,
            place,
            at_ms,
            item.until_ms,
            item.deadline_at_ms,
            process_id,
            codec.encode(item),
            body,
        ),
    )
    return ahead


def _place_of(connection: sqlite3.Connection, item: QueueItem) -> tuple[int, float]:
    """How many go before a request, and the place that puts it there. Those that are kept stay in their order, which
    may be a person's; what a person put before all others is overtaken by nobody."""
    rows = connection.execute(
        """SELECT request_id, place, coalesce(json_extract(CAST(item AS TEXT), '$.urgency'), 0),
            promoted_at_ms IS NOT NULL
        FROM parked ORDER BY place, request_id"""
    ).fetchall()
    ahead = 0
    for number, (request_id, place, urgency, promoted) in enumerate(rows):
        if request_id == item.request_id:
            return number, place
        if urgency <= item.urgency or (promoted and ahead == number):
            ahead = number + 1
    places = [row[1] for row in rows]
    if ahead == len(rows):
        return ahead, places[-1] + 1 if rows else 1
    if ahead == 0:
        return ahead, places[0] - 1
    between = (places[ahead - 1] + places[ahead]) / 2
    if not places[ahead - 1] < between < places[ahead]:  # as many were put there as fractions can tell apart
        _renumber(connection, [row[0] for row in rows])
        between = ahead + 0.5
    return ahead, between


def _renumber(connection: sqlite3.Connection, in_order: Sequence[str]) -> None:
    connection.executemany("UPDATE parked SET place = ? WHERE request_id = ?", list(enumerate(in_order, 1)))


def let_go(connection: sqlite3.Connection, request_id: str, process_id: str) -> None:
    """That process leaves the request to whoever comes."""
    connection.execute(
        "UPDATE parked SET process_id = NULL WHERE request_id = ? AND process_id = ?",
        (request_id, process_id),
    )


def is_of(connection: sqlite3.Connection, request_id: str, process_id: str) -> bool:
    """Whether the request is still that process's to run, or was not kept at all."""
    row = connection.execute("SELECT process_id FROM parked WHERE request_id = ?", (request_id,)).fetchone()
    return row is None or row[0] == process_id


def claim(connection: sqlite3.Connection, process_id: str, but_not: Collection[str]) -> list[Claimed]:
    """Make everything that is nobody's that process's, `but_not` excepted; gives it in the order in which it goes."""
    rows = connection.execute(
        f"SELECT request_id, item, request, dropped_at_ms FROM parked WHERE {_NOBODYS} ORDER BY place"  # noqa: S608 - only the text above
    ).fetchall()
    claimed = [Claimed(row[0], row[1], row[2], row[3] is not None) for row in rows if row[0] not in but_not]
    connection.executemany(
        "UPDATE parked SET process_id = ? WHERE request_id = ?",
        [(process_id, one.request_id) for one in claimed],
    )
    return claimed


def end(
    connection: sqlite3.Connection,
    receipt: Receipt,
    record: Callable[[sqlite3.Connection], object],
    answer: StoredMessage | None,
    *,
    process_id: str,
) -> None:
    """The request is over: `record` its receipt, keep its answer and erase its row, all at once, so that a process
    which dies has done either all of that or nothing. What another process has taken over is that one's to end."""
    if not is_of(connection, receipt.request_id, process_id):
        return
    record(connection)
    if receipt.conversation_id is not None and answer is not None:
        chats.save_message(connection, receipt.conversation_id, answer)
    erase(connection, receipt.request_id)


def erase(connection: sqlite3.Connection, request_id: str) -> None:
    """Nothing of a kept request is left, in the file neither."""
    with erasing(connection):
        connection.execute("DELETE FROM parked WHERE request_id = ?", (request_id,))


def promote(connection: sqlite3.Connection, request_id: str, at_ms: int) -> None:
    """Put a request before all others and have whoever has it try it at once."""
    connection.execute(
        """UPDATE parked SET promoted_at_ms = ?, place = (SELECT min(place) - 1 FROM parked)
        WHERE request_id = ?""",
        (at_ms, request_id),
    )


def move(connection: sqlite3.Connection, request_id: str, places: int) -> None:
    """Have a request go that many places earlier (negative) or later, as far as there are any."""
    rows = connection.execute("SELECT request_id FROM parked ORDER BY place, request_id").fetchall()
    in_order = [row[0] for row in rows]
    if request_id not in in_order:
        return
    here = in_order.index(request_id)
    in_order.insert(min(len(in_order) - 1, max(0, here + places)), in_order.pop(here))
    _renumber(connection, in_order)


def drop(connection: sqlite3.Connection, request_id: str, *, process_id: str, at_ms: int) -> bytes | None:
    """A person cancels a request. Where a process has it, that one ends it; else it is now `process_id`'s to end, which
    gets the `KeptRequest` as JSON."""
    row = connection.execute(
        f"SELECT request FROM parked WHERE request_id = ? AND {_NOBODYS}",  # noqa: S608 - only the text above
        (request_id,),
    ).fetchone()
    owner, dropped_at_ms = (None, at_ms) if row is None else (process_id, None)
    connection.execute(
        """UPDATE parked SET process_id = coalesce(?, process_id), dropped_at_ms = coalesce(?, dropped_at_ms)
        WHERE request_id = ?""",
        (owner, dropped_at_ms, request_id),
    )
    return None if row is None else bytes(row[0])


# -- questions ----------------------------------------------------------------------------------------------------


def parked(beaten_after_ms: int = 0) -> Query[tuple[ParkedRow, ...]]:
    """Everything that is kept and not being asked just now, in the order in which it goes. Where nobody may be there to
    find the dead, a process has nothing whose last heartbeat is no later than `beaten_after_ms`."""
    sql = """SELECT item, until_ms, parked.process_id, name, promoted_at_ms, dropped_at_ms
        FROM parked LEFT JOIN process
            ON process.id = parked.process_id AND ended_at_ms IS NULL AND beat_at_ms > ?
        WHERE NOT EXISTS (SELECT 1 FROM reservation WHERE reservation.request_id = parked.request_id AND orphaned = 0)
        ORDER BY place, parked.request_id"""
    return Query(((sql, (beaten_after_ms,)),), lambda results: tuple(map(_parked_row, results[0])))


def _parked_row(row: Row) -> ParkedRow:
    item, until_ms, process_id, process, promoted_at_ms, dropped_at_ms = row
    found = replace(
        codec.decode(item, QueueItem),
        until_ms=until_ms,
        kept=True,
        process=process,
        promoted=promoted_at_ms is not None,
    )
    return ParkedRow(
        found, None if process is None else process_id, promoted_at_ms, dropped_at_ms is not None
    )


def can_be_asked() -> Query[bool]:
    """Whether the file is of a version that keeps requests; whoever opens it for writing brings it forward."""
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'parked'"
    return Query(((sql, ()),), lambda results: bool(results[0]))


def owners() -> Query[dict[str, int]]:
    """The last heartbeat (wall time) of each process that something kept belongs to, by its id; without those that are
    known to be dead, but with those that are asking just now."""
    sql = """SELECT DISTINCT process.id, beat_at_ms FROM parked
        JOIN process ON process.id = parked.process_id WHERE ended_at_ms IS NULL"""
    return Query(((sql, ()),), lambda results: dict(results[0]))


def living(beaten_after_ms: int) -> Query[tuple[str, ...]]:
    """The names of the processes that have the store open and whose last heartbeat is later than that."""
    sql = "SELECT name FROM process WHERE ended_at_ms IS NULL AND beat_at_ms > ? ORDER BY id"
    return Query(((sql, (beaten_after_ms,)),), lambda results: tuple(name for (name,) in results[0]))
