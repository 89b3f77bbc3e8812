"""Questions asked of the store: SQL and what its rows mean, without saying who runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from trunkline.domain.learned import SignKind, Verdict
from trunkline.domain.receipts import AttemptOutcome, Outcome, Receipt
from trunkline.domain.routes import Route
from trunkline.domain.snapshot import LogEntry, RunningCall
from trunkline.domain.state import Block
from trunkline.domain.tasks import Task
from trunkline.store.keep import CONTROL, AuditEntry, ControlState, StoredReading, control_of
from trunkline.store.records import StoredRequest
from trunkline.store.totals import StoredTotals as StoredTotals  # what `totals_since` gives, for its callers
from trunkline.store.totals import add_up

T = TypeVar("T")
U = TypeVar("U")
Row = tuple[Any, ...]
_LATENCY_SAMPLES = 5_000
_VERDICTS = frozenset(Verdict)
_LAST_REQUEST = "SELECT coalesce(max(row), 0) FROM request"


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """Statements with their parameters, all to be run on one state of the file, and how to read their rows."""

    statements: tuple[tuple[str, tuple[object, ...]], ...]
    build: Callable[[list[list[Row]]], T]


def both(first: Query[T], second: Query[U]) -> Query[tuple[T, U]]:
    """Two questions of one state of the file."""
    of_first = len(first.statements)
    return Query(
        (*first.statements, *second.statements),
        lambda results: (first.build(results[:of_first]), second.build(results[of_first:])),
    )


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """What a request asked for, as far as it is kept: enough to decide it again."""

    request_id: str
    at_ms: int
    origin: str
    task: Task
    asked: StoredRequest


@dataclass(frozen=True, slots=True)
class AttemptSample:
    """One attempt that was sent, as health and speed are measured from."""

    route: Route
    outcome: AttemptOutcome
    fault_kind: str | None
    at_ms: int
    duration_ms: float
    first_token_ms: float | None
    output_tokens: int | None


_LOG_COLUMNS = """r.id, r.at_ms, r.origin, r.task_type, r.outcome, r.reason, r.total_ms, r.first_token_ms,
    r.input_tokens, r.output_tokens, r.cost_pico, r.complete,
    (SELECT json_group_array(json_array(provider || '/' || account || '/' || model, fault_kind, failover_ms))
        FROM (SELECT * FROM attempt WHERE request = r.row AND outcome <> 'short' ORDER BY number))"""


def recent(
    limit: int,
    *,
    origin: str | None = None,
    account: str | None = None,
    provider: str | None = None,
    outcome: Outcome | None = None,
    conversation_id: str | None = None,
) -> Query[tuple[LogEntry, ...]]:
    """The last `limit` requests that are over, the last one to end first. `account` and `provider`
    select requests that called them, whoever answered."""
    of_request = _given(origin=origin, outcome=outcome, conversation_id=conversation_id)
    of_attempt = _given(account=account, provider=provider)
    wanted = [f"r.{column} = ?" for column in of_request]
    if of_attempt:
        same = " AND ".join(f"{column} = ?" for column in of_attempt)
        wanted.append(f"EXISTS (SELECT 1 FROM attempt WHERE request = r.row AND {same})")  # noqa: S608 - only names from this module
    values = [*of_request.values(), *of_attempt.values()]
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    sql = f"SELECT {_LOG_COLUMNS} FROM request r {where} ORDER BY r.row DESC LIMIT ?"  # noqa: S608 - only texts of this module are put in
    return Query(((sql, (*values, limit)),), lambda results: tuple(map(_log_entry, results[0])))


def ended_after(row: int, limit: int, *, not_of: str = "") -> Query[tuple[int, tuple[LogEntry, ...]]]:
    """The requests recorded after the one numbered `row`, at most the last `limit`, the last one to end first; and the
    number of the last request there is. Those of the process with the id `not_of` are left out."""
    sql = f"SELECT {_LOG_COLUMNS} FROM request r WHERE r.row > ? AND r.process_id <> ? ORDER BY r.row DESC LIMIT ?"  # noqa: S608 - only texts of this module are put in
    return Query(
        ((_LAST_REQUEST, ()), (sql, (row, not_of, limit))),
        lambda results: (results[0][0][0], tuple(map(_log_entry, results[1]))),
    )


def _given(**columns: str | None) -> dict[str, str]:
    return {column: str(value) for column, value in columns.items() if value is not None}


def _log_entry(row: Row) -> LogEntry:
    attempts = json.loads(row[12])
    failovers_ms = [failover_ms for _, _, failover_ms in attempts if failover_ms is not None]
    return LogEntry(
        request_id=row[0],
        at_ms=row[1],
        origin=row[2],
        task_type=row[3],
        routes=tuple(route for route, _, _ in attempts),
        outcome=Outcome(row[4]),
        reason=row[5],
        total_ms=row[6],
        first_token_ms=row[7],
        input_tokens=row[8],
        output_tokens=row[9],
        cost_pico=row[10],
        faults=tuple(kind for _, kind, _ in attempts if kind is not None),
        failover_ms=failovers_ms[-1] if failovers_ms else None,
        complete=bool(row[11]),
    )


# The row of the request of an id, given three times, or of the only one whose id begins so.
ONE_REQUEST = """(SELECT coalesce(
    (SELECT row FROM request WHERE id = ?),
    (SELECT CASE WHEN count(*) = 1 THEN min(row) END
        FROM (SELECT row FROM request WHERE id >= ? AND id < ? || char(1114111) LIMIT 2))))"""


def receipt(request_id: str) -> Query[Receipt | None]:
    """The receipt of the request of that id, or of the only one whose id begins so."""
    if not request_id:
        return Query((), lambda _: None)
    tables = (
        ("request", "receipt", "row", ""),
        ("decision", "body", "request", ""),
        ("attempt", "body", "request", "ORDER BY number"),
    )
    verdicts = f"""SELECT kind, value FROM feedback
        WHERE request_id = (SELECT id FROM request WHERE row = {ONE_REQUEST}) ORDER BY kind"""  # noqa: S608 - as below
    return Query(
        (
            *(
                (f"SELECT {column} FROM {table} WHERE {key} = {ONE_REQUEST} {order}", (request_id,) * 3)  # noqa: S608 - only texts of this module are put in
                for table, column, key, order in tables
            ),
            (verdicts, (request_id,) * 3),
        ),
        _receipt,
    )


def _receipt(results: list[list[Row]]) -> Receipt | None:
    import orjson

    from trunkline.store import codec, packed

    requests, decisions, attempts, signs = results
    if not requests:
        return None
    kept = orjson.loads(requests[0][0])
    kept["decision"] = None
    kept["attempts"] = [orjson.loads(body) for (body,) in attempts]
    found = replace(codec.decode(orjson.dumps(kept), Receipt), verdicts=verdicts_of(signs))
    return replace(found, decision=packed.unpack(decisions[0][0])) if decisions and decisions[0][0] else found


def verdicts_of(rows: Sequence[Row]) -> tuple[Verdict, ...]:
    """The verdicts among rows of a feedback's kind and value."""
    return tuple(Verdict(value) for kind, value in rows if kind != SignKind.TASK and value in _VERDICTS)


def totals_since(at_ms: int) -> Query[StoredTotals]:
    """What went through since `at_ms`."""
    return Query(
        (
            (
                """SELECT outcome, count(*), sum(rerouted), sum(cost_pico), sum(cost_pico IS NULL AND attempts > 0),
                sum(waste_pico), sum(waste_unknown) FROM request WHERE at_ms >= ? GROUP BY outcome""",
                (at_ms,),
            ),
            (
                """SELECT a.provider, a.account, a.outcome, fault_kind, count(*), sum(a.input_tokens),
                sum(a.output_tokens), sum(a.cost_pico), sum(a.outcome = 'ok' AND a.cost_pico IS NULL)
                FROM request r JOIN attempt a ON a.request = r.row
                WHERE r.at_ms >= ? AND a.outcome <> 'short' GROUP BY 1, 2, 3, 4""",
                (at_ms,),
            ),
            (
                """SELECT a.provider, a.account, a.duration_ms, a.first_token_ms
                FROM request r JOIN attempt a ON a.request = r.row
                WHERE r.at_ms >= ? AND a.outcome = 'ok' ORDER BY r.at_ms DESC LIMIT ?""",
                (at_ms, _LATENCY_SAMPLES),
            ),
        ),
        lambda results: add_up(at_ms, results),
    )


def running_requests(beaten_after_ms: int = 0) -> Query[tuple[RunningCall, ...]]:
    """Upstream calls under way, oldest first; those of dead processes are none. Where nobody may be there to settle
    what the dead leave, `beaten_after_ms` leaves out processes whose last heartbeat is no later."""
    sql = """SELECT reservation.request_id, attempt, provider || '/' || account || '/' || model, process.name,
            reserved_at_ms, process_id, origin
        FROM reservation JOIN process ON process.id = process_id
            LEFT JOIN asker ON asker.request_id = reservation.request_id
        WHERE orphaned = 0 AND ended_at_ms IS NULL AND beat_at_ms > ? ORDER BY reserved_at_ms, reservation.id"""

    def build(results: list[list[Row]]) -> tuple[RunningCall, ...]:
        return tuple(
            RunningCall(request_id, attempt, route, process, since_ms, origin, process_id)
            for request_id, attempt, route, process, since_ms, process_id, origin in results[0]
        )

    return Query(((sql, (beaten_after_ms,)),), build)


def recent_attempts(limit: int) -> Query[tuple[AttemptSample, ...]]:
    """The last `limit` attempts that were sent, oldest first."""
    sql = """SELECT provider, account, model, outcome, fault_kind, at_ms, duration_ms, first_token_ms, output_tokens
        FROM attempt WHERE outcome <> 'short' ORDER BY request DESC, number DESC LIMIT ?"""
    return Query(((sql, (limit,)),), lambda results: _samples(results[0]))


def asked(limit: int) -> Query[tuple[AskedRequest, ...]]:
    """What the last `limit` requests that are over asked for, newest first."""

    def build(results: list[list[Row]]) -> tuple[AskedRequest, ...]:
        import orjson

        from trunkline.store import codec

        return tuple(
            AskedRequest(
                request_id,
                at_ms,
                origin,
                codec.decode(orjson.dumps(orjson.loads(receipt_body)["task"]), Task),
                codec.decode(body, StoredRequest) if body else StoredRequest(""),
            )
            for request_id, at_ms, origin, receipt_body, body in results[0]
        )

    sql = "SELECT id, at_ms, origin, receipt, asked FROM request ORDER BY row DESC LIMIT ?"
    return Query(((sql, (limit,)),), build)


def attempts_after(row: int, limit: int, *, not_of: str = "") -> Query[tuple[int, tuple[AttemptSample, ...]]]:
    """The attempts that were sent by requests recorded after the one numbered `row`, at most the last `limit`, oldest
    first; and the number of the last request there is. Those of the process with the id `not_of` are left out."""
    sql = """SELECT a.provider, a.account, a.model, a.outcome, a.fault_kind, a.at_ms, a.duration_ms, a.first_token_ms,
        a.output_tokens FROM attempt a JOIN request r ON r.row = a.request
        WHERE a.request > ? AND a.outcome <> 'short' AND r.process_id <> ?
        ORDER BY a.request DESC, a.number DESC LIMIT ?"""
    return Query(
        ((_LAST_REQUEST, ()), (sql, (row, not_of, limit))),
        lambda results: (results[0][0][0], _samples(results[1])),
    )


def _samples(rows: list[Row]) -> tuple[AttemptSample, ...]:
    """From rows of which the last is the oldest."""
    return tuple(AttemptSample(Route(*row[:3]), AttemptOutcome(row[3]), *row[4:]) for row in reversed(rows))


def control() -> Query[ControlState]:
    """What is set for everything on this machine."""

    def build(results: list[list[Row]]) -> ControlState:
        return control_of(results[0][0][0]) if results[0] else ControlState()

    return Query((("SELECT value FROM meta WHERE name = ?", (CONTROL,)),), build)


def audit(limit: int) -> Query[tuple[AuditEntry, ...]]:
    """The last `limit` changes, newest first."""
    sql = "SELECT at_ms, who, what, before, after, why FROM audit ORDER BY id DESC LIMIT ?"
    return Query(((sql, (limit,)),), lambda results: tuple(AuditEntry(*row) for row in results[0]))


def blocks() -> Query[tuple[Block, ...]]:
    """Every block kept, past ones too, by target."""

    def build(results: list[list[Row]]) -> tuple[Block, ...]:
        from trunkline.store import codec

        return tuple(codec.decode(body, Block) for (body,) in results[0])

    return Query((("SELECT body FROM block ORDER BY target", ()),), build)


def readings() -> Query[tuple[StoredReading, ...]]:
    """Every limit a provider has told of."""

    def build(results: list[list[Row]]) -> tuple[StoredReading, ...]:
        from trunkline.domain.limits import LimitReading
        from trunkline.store import codec

        return tuple(
            StoredReading(provider, account, model or None, codec.decode(body, LimitReading), as_of_ms)
            for provider, account, model, body, as_of_ms in results[0]
        )

    sql = (
        "SELECT provider, account, model, body, as_of_ms FROM limit_reading ORDER BY 1, 2, 3, metric, window"
    )
    return Query(((sql, ()),), build)
