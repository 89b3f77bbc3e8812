"""Units of work and the question about gateways that listen on this machine, whichever process has them."""

from __future__ import annotations

import sqlite3

from trunkline.domain.snapshot import GatewayView
from trunkline.store.queries import Query, Row


def tell(
    connection: sqlite3.Connection,
    process_id: str,
    base_url: str,
    *,
    needs_token: bool,
    at_work: int,
    answered: int,
    failed: int,
) -> None:
    """Keep where a process listens and what has gone through it, in place of what it told before."""
    connection.execute(
        "INSERT OR REPLACE INTO gateway VALUES (?, ?, ?, ?, ?, ?)",
        (process_id, base_url, needs_token, at_work, answered, failed),
    )


def withdraw(connection: sqlite3.Connection, process_id: str) -> None:
    """A process listens no more."""
    connection.execute("DELETE FROM gateway WHERE process_id = ?", (process_id,))


def gateways(beaten_after_ms: int) -> Query[tuple[GatewayView, ...]]:
    """Those of living processes, the one that began first before the others; a process whose last heartbeat is no
    later than `beaten_after_ms` is taken for dead."""
    sql = """SELECT process_id, pid, started_at_ms, base_url, needs_token, at_work, answered, failed
        FROM gateway JOIN process ON process.id = process_id
        WHERE ended_at_ms IS NULL AND beat_at_ms > ? ORDER BY started_at_ms, process_id"""

    def build(results: list[list[Row]]) -> tuple[GatewayView, ...]:
        return tuple(_view(*row) for row in results[0])

    return Query(((sql, (beaten_after_ms,)),), build)


def _view(
    process_id: str,
    pid: int,
    since_ms: int,
    base_url: str,
    needs_token: int,
    at_work: int,
    answered: int,
    failed: int,
) -> GatewayView:
    return GatewayView(
        process_id,
        pid,
        since_ms,
        base_url,
        needs_token=bool(needs_token),
        at_work=at_work,
        answered=answered,
        failed=failed,
    )
