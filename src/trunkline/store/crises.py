"""Crises in the store: one record for one crisis whoever notices it, what it did to each request, and its summary."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, fields, replace
from typing import Any

from trunkline.domain.crisis import Crisis, CrisisMove, CrisisStep, CrisisSummary, MoveKind
from trunkline.domain.receipts import Outcome
from trunkline.store import codec
from trunkline.store.keep import AuditEntry, audit
from trunkline.store.queries import Query, Row

CRISIS = "crisis"
MOST_MOVES = 200


@dataclass(frozen=True, slots=True)
class Ending:
    """How a crisis ended: when, and which of the lost providers were back."""

    at_ms: int
    recovered: tuple[str, ...]


# -- units of work ----------------------------------------------------------------------------------------------------


def begin(connection: sqlite3.Connection, crisis: Crisis, *, who: str) -> bool:
    """Keep `crisis` and write it into the audit; False, and nothing done, where one is under way already."""
    body = _kept(crisis, ())
    begun = connection.execute(
        """INSERT INTO crisis SELECT ?, ?, NULL, ?
        WHERE NOT EXISTS (SELECT 1 FROM crisis WHERE ended_at_ms IS NULL)""",
        (crisis.id, crisis.began_at_ms, body),
    ).rowcount
    if begun == 1:
        lost = f"{len(crisis.lost)} of {crisis.enabled} providers are lost: {', '.join(crisis.lost)}"
        audit(connection, AuditEntry(crisis.began_at_ms, who, CRISIS, "null", body, lost))
    return begun == 1


def end(connection: sqlite3.Connection, crisis: Crisis, ending: Ending, *, who: str) -> bool:
    """End it and write that into the audit; False, and nothing done, where it has been ended already."""
    ended = replace(crisis, ended_at_ms=ending.at_ms)
    body = _kept(ended, ending.recovered)
    found = connection.execute(
        "UPDATE crisis SET ended_at_ms = ?, body = ? WHERE id = ? AND ended_at_ms IS NULL",
        (ending.at_ms, body, crisis.id),
    ).rowcount
    if found == 1:
        back = f"back: {', '.join(ending.recovered)}" if ending.recovered else "none of the lost is back"
        audit(connection, AuditEntry(ending.at_ms, who, CRISIS, _kept(crisis, ()), body, back))
    return found == 1


def note(connection: sqlite3.Connection, crisis_id: str, move: CrisisMove) -> None:
    """Keep what a crisis did to a request; of each kind the first is kept."""
    moves = _moves(connection, crisis_id, move.request_id)
    if any(one.kind is move.kind for one in moves):
        return
    connection.execute(
        "INSERT OR REPLACE INTO crisis_move VALUES (?, ?, ?, ?)",
        (crisis_id, move.request_id, move.at_ms, codec.encode((*moves, move)).decode()),
    )


def note_return(
    connection: sqlite3.Connection, crisis_id: str, request_id: str, kind: MoveKind, at_ms: int
) -> None:
    """Keep that a request, or its conversation, is back at home."""
    moves = _moves(connection, crisis_id, request_id)
    back = tuple(
        replace(one, returned_at_ms=at_ms) if one.kind is kind and one.returned_at_ms is None else one
        for one in moves
    )
    if back != moves:
        connection.execute(
            "UPDATE crisis_move SET body = ? WHERE crisis = ? AND request_id = ?",
            (codec.encode(back).decode(), crisis_id, request_id),
        )


def _moves(connection: sqlite3.Connection, crisis_id: str, request_id: str) -> tuple[CrisisMove, ...]:
    row = connection.execute(
        "SELECT body FROM crisis_move WHERE crisis = ? AND request_id = ?", (crisis_id, request_id)
    ).fetchone()
    return () if row is None else _moves_of(row[0])


def _kept(crisis: Crisis, recovered: tuple[str, ...]) -> str:
    return codec.encode({"crisis": crisis, "recovered": recovered}).decode()


# -- questions --------------------------------------------------------------------------------------------------------

_LAST = "SELECT id FROM crisis ORDER BY began_at_ms DESC, id DESC LIMIT ?"
# Counts of no crisis are no rows; those of a crisis under way run to the end of time.
_CRISES = """SELECT c.id, c.body,
        (SELECT json_group_object(outcome, n) FROM (SELECT outcome, count(*) AS n FROM request
            WHERE at_ms >= c.began_at_ms AND at_ms < coalesce(c.ended_at_ms, 9223372036854775807)
            GROUP BY outcome))
    FROM crisis c ORDER BY c.began_at_ms DESC, c.id DESC LIMIT ?"""
_COUNTS = f"""SELECT crisis, json_extract(one.value, '$.kind'), count(*),
        count(json_extract(one.value, '$.returned_at_ms'))
    FROM crisis_move, json_each(crisis_move.body) AS one WHERE crisis IN ({_LAST}) GROUP BY 1, 2"""  # noqa: S608 - no text from outside
_MOVES = f"""SELECT crisis, body FROM (
        SELECT crisis, body, row_number() OVER (PARTITION BY crisis ORDER BY at_ms DESC, request_id DESC) AS place
        FROM crisis_move WHERE crisis IN ({_LAST}))
    WHERE place <= {MOST_MOVES} ORDER BY place"""  # noqa: S608 - no text from outside


def crises(limit: int) -> Query[tuple[CrisisSummary, ...]]:
    """The last crises, newest first, the one under way included, each with its latest `MOST_MOVES` moved requests, the
    latest first. Requests count that were asked while it lasted."""
    return Query(
        ((_CRISES, (limit,)), (_COUNTS, (limit,)), (_MOVES, (limit,))),
        lambda results: tuple(_summary(row, results[1], results[2]) for row in results[0]),
    )


def _summary(row: Row, counts: list[Row], kept_moves: list[Row]) -> CrisisSummary:
    crisis_id, body, outcomes = row
    by_outcome = json.loads(outcomes)
    by_kind = {kind: (n, returned) for of, kind, n, returned in counts if of == crisis_id}
    kept: dict[str, Any] = json.loads(body)
    return CrisisSummary(
        _crisis_of(kept["crisis"]),
        answered=by_outcome.get(Outcome.ANSWERED.value, 0),
        failed=by_outcome.get(Outcome.FAILED.value, 0),
        moved=by_kind.get(MoveKind.MOVED.value, (0, 0))[0],
        parked=by_kind.get(MoveKind.PARKED.value, (0, 0))[0],
        shrunk=by_kind.get(MoveKind.SHRUNK.value, (0, 0))[0],
        returned=sum(returned for _, returned in by_kind.values()),
        recovered=tuple(kept["recovered"]),
        moves=tuple(move for of, moves in kept_moves if of == crisis_id for move in _moves_of(moves)),
    )


def _crisis_of(kept: dict[str, Any]) -> Crisis:
    """Read by hand: commands that only look need no pydantic."""
    steps = tuple(CrisisStep(step) for step in kept["steps"])
    return Crisis(**_known(kept, Crisis) | {"lost": tuple(kept["lost"]), "steps": steps})


def _moves_of(text: str) -> tuple[CrisisMove, ...]:
    return tuple(
        CrisisMove(**_known(kept, CrisisMove) | {"kind": MoveKind(kept["kind"])}) for kept in json.loads(text)
    )


def _known(kept: dict[str, Any], of: type[Crisis | CrisisMove]) -> dict[str, Any]:
    """What a newer version keeps beyond it is passed over."""
    names = {field.name for field in fields(of)}
    return {name: value for name, value in kept.items() if name in names}
