"""Suspicions of shared allowances as the store keeps them, one row a pair of accounts."""

from __future__ import annotations

import sqlite3

from trunkline.quota.suspicion import Suspicion
from trunkline.store import codec
from trunkline.store.queries import Query, Row


def save_suspicion(connection: sqlite3.Connection, said: Suspicion) -> None:
    """Keep what is thought of a pair; an older word never replaces a newer one."""
    connection.execute(
        """INSERT INTO shared_allowance VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET body = excluded.body, as_of_ms = excluded.as_of_ms
        WHERE excluded.as_of_ms >= as_of_ms""",
        (said.pair, codec.encode(said), said.as_of_ms),
    )


def suspicions() -> Query[tuple[Suspicion, ...]]:
    """Every pair of accounts that was ever suspected, cleared ones too."""

    def build(results: list[list[Row]]) -> tuple[Suspicion, ...]:
        return tuple(codec.decode(body, Suspicion) for (body,) in results[0])

    return Query((("SELECT body FROM shared_allowance ORDER BY pair", ()),), build)
