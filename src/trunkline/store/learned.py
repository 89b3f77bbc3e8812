"""What is learned of answers: verdicts on single ones, and the sums that fade which they add up to."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from trunkline.domain.fading import share_left
from trunkline.domain.learned import WEIGHTS, AnswerLength, Received, SignKind, Verdict, Verdicts
from trunkline.store.keep import AuditEntry, audit
from trunkline.store.queries import ONE_REQUEST, Query, Row, verdicts_of

_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class AnswerKind:
    """What answers are judged together: those of one model to tasks of one type and tier."""

    task_type: str
    tier: str
    model: str


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is taken in (wall time), and after how many days what was taken in before counts half."""

    at_ms: int
    half_life_days: float


@dataclass(frozen=True, slots=True)
class QualityRow:
    """What is thought of answers of one kind; the counts are of `as_of_ms`."""

    kind: AnswerKind
    verdicts: Verdicts
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class LengthRow:
    """How long answers to tasks of one type and tier were; the sums are of `as_of_ms`."""

    task_type: str
    tier: str
    length: AnswerLength
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class Learned:
    """All that is known of answers."""

    quality: tuple[QualityRow, ...] = ()
    lengths: tuple[LengthRow, ...] = ()


# -- units of work --------------------------------------------------------------------------------------------------


def judge(
    connection: sqlite3.Connection, request_id: str, sign: SignKind, verdict: Verdict | None, moment: Moment
) -> Received | None:
    """Have `verdict` be what that kind of sign says of the answer to a request, in place of whatever it said before;
    None: nothing. Gives what is known of the answer then; None where no request of that id, or of which the only id
    begins so, was answered."""
    row = connection.execute(
        f"""SELECT id, provider, account, model, task_type, tier FROM request
        WHERE row = {ONE_REQUEST} AND model IS NOT NULL AND outcome = 'answered'""",  # noqa: S608 - only texts of the store's are put in
        (request_id,) * 3,
    ).fetchone()
    if row is None:
        return None
    whole_id, provider, account, model, task_type, tier = row
    kind = AnswerKind(task_type, tier, model)
    before = connection.execute(
        "SELECT value, at_ms FROM feedback WHERE request_id = ? AND kind = ?", (whole_id, sign.value)
    ).fetchone()
    if (before[0] if before else None) != verdict:
        if before is not None:
            _take_back(connection, kind, Verdict(before[0]), before[1], moment)
            _forget(connection, whole_id, sign)
        if verdict is not None:
            at_ms = _add(connection, kind, WEIGHTS[verdict], moment)
            _note(connection, whole_id, sign.value, verdict, at_ms)
    said = connection.execute(
        "SELECT kind, value FROM feedback WHERE request_id = ? ORDER BY kind", (whole_id,)
    ).fetchall()
    return Received(whole_id, f"{provider}/{account}/{model}", task_type, tier, verdicts_of(said))


def went_wrong(
    connection: sqlite3.Connection,
    request_id: str,
    attempt: int,
    kind: AnswerKind,
    verdict: Verdict,
    moment: Moment,
) -> None:
    """An attempt came to an answer that was none. A second time it does nothing."""
    if _note(connection, request_id, f"attempt-{attempt}", verdict, moment.at_ms):
        _add(connection, kind, WEIGHTS[verdict], moment)


def went_unremarked(
    connection: sqlite3.Connection, kind: AnswerKind, evidence: Verdicts, moment: Moment
) -> None:
    """A whole answer came, of which nothing is said; `evidence` is what that adds."""
    _add(connection, kind, evidence, moment)


def task_named(connection: sqlite3.Connection, request_id: str, task_type: str, at_ms: int) -> None:
    """A person said what kind of task a request is."""
    _note(connection, request_id, SignKind.TASK.value, task_type, at_ms)


def note_length(
    connection: sqlite3.Connection, task_type: str, tier: str, tokens: int, moment: Moment
) -> None:
    """An answer to a task of that type and tier took so many tokens."""
    row = connection.execute(
        "SELECT weight, tokens, as_of_ms FROM answer_length WHERE task_type = ? AND tier = ?",
        (task_type, tier),
    ).fetchone()
    weight, sum_tokens, as_of_ms = row or (0.0, 0.0, moment.at_ms)
    now_ms = max(as_of_ms, moment.at_ms)
    left = share_left(now_ms - as_of_ms, moment.half_life_days)
    connection.execute(
        "INSERT OR REPLACE INTO answer_length VALUES (?, ?, ?, ?, ?)",
        (task_type, tier, weight * left + 1.0, sum_tokens * left + tokens, now_ms),
    )


def forget(
    connection: sqlite3.Connection, model: str | None, task_type: str | None, *, who: str, at_ms: int
) -> int:
    """Forget what is thought of answers: of a model, of a task type, of both together, or of all; the verdicts that it
    was made of go too. Gives how many kinds of answers that concerned, and tells the audit."""
    given = {"model": model, "task_type": task_type}
    wanted = {column: value for column, value in given.items() if value is not None}
    where = "".join(f" AND {column} = ?" for column in wanted)
    values = tuple(wanted.values())
    rows = connection.execute(
        f"SELECT task_type, tier, model, good, bad FROM answer_quality WHERE 1{where}",  # noqa: S608 - only names from this function
        values,
    ).fetchall()
    connection.execute(f"DELETE FROM answer_quality WHERE 1{where}", values)  # noqa: S608 - as above
    connection.execute(
        f"""DELETE FROM feedback WHERE kind <> ? AND request_id IN (SELECT id FROM request WHERE 1{where})""",  # noqa: S608 - as above
        (SignKind.TASK.value, *values),
    )
    if rows:
        audit(connection, AuditEntry(at_ms, who, "quality", json.dumps(rows), "[]", "reset"))
    return len(rows)


def _note(connection: sqlite3.Connection, request_id: str, sign: str, value: str, at_ms: int) -> bool:
    inserted = connection.execute(
        "INSERT OR IGNORE INTO feedback VALUES (?, ?, ?, ?)", (request_id, at_ms, sign, str(value))
    )
    return inserted.rowcount == 1


def _forget(connection: sqlite3.Connection, request_id: str, sign: SignKind) -> None:
    connection.execute("DELETE FROM feedback WHERE request_id = ? AND kind = ?", (request_id, sign.value))


def _take_back(
    connection: sqlite3.Connection, kind: AnswerKind, verdict: Verdict, said_at_ms: int, moment: Moment
) -> None:
    """What is left of it by now goes."""
    row = _sums(connection, kind)
    if row is None:
        return
    now_ms = max(row[2], moment.at_ms)
    left, added = share_left(now_ms - said_at_ms, moment.half_life_days), WEIGHTS[verdict]
    _add(connection, kind, Verdicts(-added.good * left, -added.bad * left), moment)


def _add(connection: sqlite3.Connection, kind: AnswerKind, evidence: Verdicts, moment: Moment) -> int:
    """Add to the sums of a kind, faded until now; gives the moment by which it counts. A clock that was set back never
    has what is kept count for more."""
    row = _sums(connection, kind)
    good, bad, as_of_ms = row or (0.0, 0.0, moment.at_ms)
    now_ms = max(as_of_ms, moment.at_ms)
    left = share_left(now_ms - as_of_ms, moment.half_life_days)
    good, bad = max(0.0, good * left + evidence.good), max(0.0, bad * left + evidence.bad)
    key = (kind.task_type, kind.tier, kind.model)
    if max(good, bad) < _NOTHING:
        connection.execute("DELETE FROM answer_quality WHERE task_type = ? AND tier = ? AND model = ?", key)
    else:
        connection.execute(
            "INSERT OR REPLACE INTO answer_quality VALUES (?, ?, ?, ?, ?, ?)", (*key, good, bad, now_ms)
        )
    return now_ms


def _sums(connection: sqlite3.Connection, kind: AnswerKind) -> tuple[float, float, int] | None:
    found: tuple[float, float, int] | None = connection.execute(
        "SELECT good, bad, as_of_ms FROM answer_quality WHERE task_type = ? AND tier = ? AND model = ?",
        (kind.task_type, kind.tier, kind.model),
    ).fetchone()
    return found


# -- questions ------------------------------------------------------------------------------------------------------


def learned() -> Query[Learned]:
    """All that is known of answers, of every process."""

    def build(results: list[list[Row]]) -> Learned:
        return Learned(
            tuple(
                QualityRow(AnswerKind(task_type, tier, model), Verdicts(good, bad), as_of_ms)
                for task_type, tier, model, good, bad, as_of_ms in results[0]
            ),
            tuple(
                LengthRow(task_type, tier, AnswerLength(weight, tokens), as_of_ms)
                for task_type, tier, weight, tokens, as_of_ms in results[1]
            ),
        )

    quality = "SELECT task_type, tier, model, good, bad, as_of_ms FROM answer_quality ORDER BY 1, 2, 3"
    lengths = "SELECT task_type, tier, weight, tokens, as_of_ms FROM answer_length ORDER BY 1, 2"
    return Query(((quality, ()), (lengths, ())), build)


def last_answered() -> Query[str | None]:
    """The id of the last request of a person or an agent that was answered."""
    sql = """SELECT id FROM request WHERE outcome = 'answered' AND model IS NOT NULL AND origin_kind <> 'internal'
        ORDER BY row DESC LIMIT 1"""
    return Query(((sql, ()),), lambda results: str(results[0][0][0]) if results[0] else None)
