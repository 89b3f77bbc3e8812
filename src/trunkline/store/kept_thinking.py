"""Units of work and the question about reasoning that goes back to its provider with the results of tools.

Agents' words are not kept here: of a turn there is only what its provider wants back unaltered and its client has no
place for, and that only for as long as a loop of tool calls can still come back to it. What goes is overwritten.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from trunkline.domain.messages import ThinkingPart
from trunkline.store import codec
from trunkline.store.chats import erasing
from trunkline.store.queries import Query, Row

KEPT_MS = 86_400_000
"""For so long after its last use: a tool that runs over night, or a person who answers the next day."""

MOST_TURNS = 10_000
MOST_BYTES = 32_000_000
_BOUNDED_EVERY = 64


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A call's id as its client knows it, and the `signature` that goes back with it to the `provider` that gave
    it."""

    call_id: str
    signature: str
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """What a turn that called tools held beside its words: its reasoning, and the signatures of its calls."""

    thinking: tuple[ThinkingPart, ...] = ()
    calls: tuple[SignedCall, ...] = ()


# -- units of work ------------------------------------------------------------------------------------------------


def keep(
    connection: sqlite3.Connection, turn: KeptTurn, *, request_id: str, token_id: str, until_ms: int
) -> None:
    """Keep what belongs to the answer of a request of that token (empty: of nobody's) until then (wall time). Text
    that is none, halves of surrogate pairs, is not kept."""
    try:
        body = codec.encode(turn)
    except TypeError:
        return
    added = connection.execute(
        "INSERT OR REPLACE INTO kept_thinking VALUES (NULL, ?, ?, ?, ?, ?)",
        (request_id, token_id, until_ms, len(body), body),
    )
    if added.lastrowid is not None and added.lastrowid % _BOUNDED_EVERY == 0:
        _bound(connection)


def use(connection: sqlite3.Connection, request_ids: Iterable[str], *, token_id: str, until_ms: int) -> None:
    """What belongs to those answers was asked for again, and is kept until then."""
    connection.execute(
        """UPDATE kept_thinking SET until_ms = max(until_ms, ?)
        WHERE token_id = ? AND request_id IN (SELECT value FROM json_each(?))""",
        (until_ms, token_id, json.dumps(list(request_ids))),
    )


def forget(connection: sqlite3.Connection, token_id: str) -> None:
    """Erase all that is kept for a token: nobody comes with it again."""
    with erasing(connection):
        connection.execute("DELETE FROM kept_thinking WHERE token_id = ?", (token_id,))


def prune(connection: sqlite3.Connection, now_ms: int) -> None:
    """Erase what nobody came back for, and of more than there may be what was used longest ago."""
    with erasing(connection):
        connection.execute("DELETE FROM kept_thinking WHERE until_ms <= ?", (now_ms,))
    _bound(connection)


def _bound(connection: sqlite3.Connection) -> None:
    turns, size = connection.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM kept_thinking").fetchone()
    gone: list[tuple[int]] = []
    longest_ago = connection.execute("SELECT row, bytes FROM kept_thinking ORDER BY until_ms, row")
    while turns - len(gone) > MOST_TURNS or size > MOST_BYTES:
        row, row_bytes = longest_ago.fetchone()
        gone.append((row,))
        size -= row_bytes
    longest_ago.close()
    if gone:
        with erasing(connection):
            connection.executemany("DELETE FROM kept_thinking WHERE row = ?", gone)


# -- questions ----------------------------------------------------------------------------------------------------


def kept_turns(
    request_ids: Iterable[str], *, token_id: str, now_ms: int
) -> Query[dict[str, tuple[KeptTurn, int]]]:
    """What belongs to the answers of those requests of that token, and until when it is kept, by request."""
    sql = """SELECT request_id, until_ms, body FROM kept_thinking
        WHERE request_id IN (SELECT value FROM json_each(?)) AND token_id = ? AND until_ms > ?"""
    values = (json.dumps(list(request_ids)), token_id, now_ms)
    return Query(((sql, values),), lambda results: dict(_readable(results[0])))


def _readable(rows: list[Row]) -> Iterator[tuple[str, tuple[KeptTurn, int]]]:
    """The rows that this version can read."""
    for request_id, until_ms, body in rows:
        with suppress(ValueError):
            yield request_id, (codec.decode(body, KeptTurn), until_ms)
