"""Questions about conversations."""

from __future__ import annotations

from trunkline.domain.chats import ConversationSettings, ConversationSummary, KeptConversation, KeptTurn
from trunkline.domain.messages import Role
from trunkline.store.chats import StoredMessage
from trunkline.store.queries import Query, Row

_TITLE_CHARACTERS = 60
_TITLE_READ_CHARACTERS = 400
_MOST_WORDS = 12

_TURN = "role = 'user' AND dropped = 0"
_ORDER = "ORDER BY at_ms, rowid"

_SUMMARY_COLUMNS = f"""c.id, c.title,
    (SELECT substr(text, 1, {_TITLE_READ_CHARACTERS}) FROM message
        WHERE conversation_id = c.id AND {_TURN} {_ORDER} LIMIT 1),
    c.started_at_ms, c.updated_at_ms, (SELECT count(*) FROM message WHERE conversation_id = c.id AND {_TURN})"""  # noqa: S608 - only texts of this module are put in

# Whether a text that counts is spelled so; an answer counts while the question of its request does.
_SAID = f"""EXISTS (SELECT 1 FROM message m WHERE m.conversation_id = c.id AND (%s)
    AND EXISTS (SELECT 1 FROM message WHERE conversation_id = c.id AND {_TURN}
        AND (id = m.id OR request_id = m.request_id AND m.role = 'assistant')))"""  # noqa: S608 - only texts of this module are put in


def conversations(search: str, limit: int) -> Query[tuple[ConversationSummary, ...]]:
    """The last `limit` conversations that have a turn and whose title or texts hold every word of `search` (the
    first 12), most recently used first. Case does not matter; of letters beyond ASCII, a word is found as it is
    written, in lower case, in capitals and capitalised."""
    wanted = []
    values: list[object] = []
    for word in search.split()[:_MOST_WORDS]:
        patterns = _patterns(word)
        in_title, in_text = (
            " OR ".join([f"{column} LIKE ? ESCAPE '\\'"] * len(patterns)) for column in ("c.title", "m.text")
        )
        wanted.append(f" AND ({in_title} OR {_SAID % in_text})")
        values += [*patterns, *patterns]
    sql = f"""SELECT {_SUMMARY_COLUMNS} FROM conversation c
        WHERE c.deleted_at_ms IS NULL
            AND EXISTS (SELECT 1 FROM message WHERE conversation_id = c.id AND {_TURN}){"".join(wanted)}
        ORDER BY c.updated_at_ms DESC, c.id DESC LIMIT ?"""  # noqa: S608 - only texts of this module are put in
    return Query(((sql, (*values, limit)),), lambda results: tuple(map(_summary, results[0])))


def conversation(conversation_id: str) -> Query[KeptConversation | None]:
    """A conversation with the turns that count in the order in which they were first asked, a deleted one too; None
    where there is none of that id."""
    head = f"SELECT {_SUMMARY_COLUMNS}, c.settings FROM conversation c WHERE c.id = ?"  # noqa: S608 - only texts of this module are put in
    turns = """SELECT u.id, u.text, u.request_id, u.at_ms, a.text, a.complete
        FROM message u LEFT JOIN message a
            ON a.request_id = u.request_id AND a.conversation_id = u.conversation_id AND a.role = 'assistant'
        WHERE u.conversation_id = ? AND u.role = 'user' AND u.dropped = 0 ORDER BY u.at_ms, u.rowid, a.rowid"""
    return Query(((head, (conversation_id,)), (turns, (conversation_id,))), _kept)


def messages(conversation_id: str) -> Query[tuple[StoredMessage, ...]]:
    """Every message of a conversation in order, those that no longer count too."""
    sql = f"""SELECT id, role, text, request_id, complete, at_ms FROM message
        WHERE conversation_id = ? {_ORDER}"""  # noqa: S608 - only texts of this module are put in
    return Query(
        ((sql, (conversation_id,)),),
        lambda results: tuple(
            StoredMessage(row[0], Role(row[1]), row[2], row[3], bool(row[4]), row[5]) for row in results[0]
        ),
    )


def _patterns(word: str) -> tuple[str, ...]:
    """What LIKE finds `word` by; it folds the case of ASCII letters only."""
    spellings = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    escaped = (
        spelling.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for spelling in spellings
    )
    return tuple(f"%{spelling}%" for spelling in sorted(escaped))


def _summary(row: Row) -> ConversationSummary:
    conversation_id, title, first, started_at_ms, updated_at_ms, turns = row[:6]
    return ConversationSummary(conversation_id, title or _title(first), started_at_ms, updated_at_ms, turns)


def _title(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= _TITLE_CHARACTERS else line[: _TITLE_CHARACTERS - 1] + "…"


def _kept(results: list[list[Row]]) -> KeptConversation | None:
    heads, rows = results
    if not heads:
        return None
    turns: dict[str, KeptTurn] = {}
    for turn_id, asked, request_id, at_ms, answer, complete in rows:
        ended = None if complete is None else bool(complete)
        turns[turn_id] = KeptTurn(turn_id, asked, answer or "", ended, request_id, at_ms)
    return KeptConversation(_summary(heads[0]), tuple(turns.values()), _settings(heads[0][6]))


def _settings(text: str | None) -> ConversationSettings:
    """What was kept, what a newer version knows beyond it passed over."""
    import orjson

    kept = orjson.loads(text) if text else {}
    return ConversationSettings(
        system=kept.get("system"), route=kept.get("route"), task_type=kept.get("task_type")
    )
