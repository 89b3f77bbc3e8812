"""What people have been told already: one row of `meta` for each cause, so that no process tells it again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from trunkline.store.queries import Query

_PREFIX = "told:"
_AFTER_PREFIX = "told;"


def tell(
    connection: sqlite3.Connection, cause: str, until_ms: int, now_ms: int, also: Iterable[str] = ()
) -> bool:
    """Note that `cause` is told until `until_ms`, and `also` with it; False where somebody has told it and that still
    holds: whoever gets True says it."""
    connection.execute(
        "DELETE FROM meta WHERE name >= ? AND name < ? AND value <= ?", (_PREFIX, _AFTER_PREFIX, now_ms)
    )
    noted = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING"
    first = connection.execute(noted, (_PREFIX + cause, until_ms)).rowcount == 1
    connection.executemany(noted, [(_PREFIX + one, until_ms) for one in also])
    return first


def forget(connection: sqlite3.Connection, causes: Iterable[str]) -> None:
    """These causes hold no longer: they are told anew when they hold again."""
    connection.executemany("DELETE FROM meta WHERE name = ?", [(_PREFIX + cause,) for cause in causes])


def told() -> Query[dict[str, int]]:
    """Every cause told, with until when."""
    sql = "SELECT name, value FROM meta WHERE name >= ? AND name < ?"
    return Query(
        ((sql, (_PREFIX, _AFTER_PREFIX)),),
        lambda results: {name.removeprefix(_PREFIX): int(until_ms) for name, until_ms in results[0]},
    )
