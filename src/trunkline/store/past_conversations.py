"""Questions about how conversations ran: what another process, or this one after a restart, must know to go on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from trunkline.domain.decisions import Decision, Reason
from trunkline.domain.money import Usage
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.store.queries import Query, Row

MOST_TURNS_READ = 100
# Decisions that say where a conversation was before: why else it moved does not matter later.
_TELLING = (Reason.COST, Reason.CRISIS, Reason.OVERRIDE)


@dataclass(frozen=True, slots=True)
class PastTurn:
    """An answer of a conversation: by whom, when (wall time of its request, and how long that took), what it was taken
    for; `turn` is the turn's id, or the request's. `usage` and `complexity` of the latest of a conversation only;
    `decision` only where it may say from where it was moved."""

    route: Route
    origin: Origin
    at_ms: int
    total_ms: float
    task_type: str
    tier: str
    tokens: int
    output_tokens: int
    turn: str
    usage: Usage | None
    decision: Decision | None
    complexity: float | None = None

    @property
    def ended_at_ms(self) -> int:
        """When it was answered."""
        return self.at_ms + round(self.total_ms)


@dataclass(frozen=True, slots=True)
class PastConversation:
    """`turns` is how many of its turns were answered; `latest` are the last answers, the latest first."""

    turns: int
    latest: tuple[PastTurn, ...]


_ANSWERS = """FROM request r
    WHERE r.conversation_id = ? AND r.outcome = 'answered' AND r.provider IS NOT NULL"""
"""Of requests and not of messages: what agents say in a conversation is not kept."""

_COUNT = f"SELECT count(DISTINCT coalesce(r.turn_id, r.id)) {_ANSWERS}"
_ROWS = f"""SELECT r.provider, r.account, r.model, r.origin_kind, r.origin, r.at_ms, r.total_ms, r.task_type, r.tier,
    r.input_tokens, r.output_tokens, coalesce(r.turn_id, r.id),
    CASE WHEN r.reason IN ({", ".join(f"'{reason}'" for reason in _TELLING)})
        THEN (SELECT body FROM decision WHERE request = r.row) END
    {_ANSWERS} ORDER BY r.at_ms DESC, r.row DESC LIMIT {MOST_TURNS_READ}"""  # noqa: S608 - no text from outside
_LAST = f"SELECT r.receipt {_ANSWERS} ORDER BY r.at_ms DESC, r.row DESC LIMIT 1"


def past_conversation(conversation_id: str) -> Query[PastConversation | None]:
    """How a conversation ran; None where no answer of it is kept."""
    values = (conversation_id,)
    return Query(((_COUNT, values), (_ROWS, values), (_LAST, values)), _past)


def answered_elsewhere(after_row: int | None, process_id: str) -> Query[tuple[int, frozenset[str]]]:
    """The conversations that other processes had answers in since the request numbered `after_row` (None: as if none
    had), and the number of the last request there is."""
    last = ("SELECT coalesce(max(row), 0) FROM request", ())
    sql = """SELECT DISTINCT conversation_id FROM request
        WHERE row > ? AND process_id <> ? AND conversation_id IS NOT NULL"""
    newer = () if after_row is None else ((sql, (after_row, process_id)),)
    return Query(
        (last, *newer),
        lambda results: (results[0][0][0], frozenset(row[0] for rows in results[1:] for row in rows)),
    )


def _past(results: list[list[Row]]) -> PastConversation | None:
    counts, rows, last = results
    if not rows:
        return None
    import orjson

    receipt = orjson.loads(last[0][0])
    usage = Usage(**{field.name: receipt["usage"].get(field.name) for field in fields(Usage)})
    latest = replace(_turn(rows[0]), usage=usage, complexity=receipt["task"].get("complexity"))
    return PastConversation(counts[0][0], (latest, *map(_turn, rows[1:])))


def _turn(row: Row) -> PastTurn:
    from trunkline.store import packed

    provider, account, model, kind, name, at_ms, total_ms, task_type, tier, read, written, turn, body = row
    return PastTurn(
        Route(provider, account, model),
        Origin(OriginKind(kind), None if name == kind else name),
        at_ms,
        total_ms,
        task_type,
        tier,
        (read or 0) + (written or 0),
        written or 0,
        turn,
        None,
        packed.unpack(body) if body else None,
    )
