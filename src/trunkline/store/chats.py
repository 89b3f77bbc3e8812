"""Units of work that keep conversations.

A turn is a message of a person under the turn's id; the answer that counts is the one that the same request gave.
Asking a turn again keeps its place and gives it the new request, so that older answers no longer count.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trunkline.domain.chats import ConversationSettings
from trunkline.domain.messages import Role
from trunkline.store import codec

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of a conversation; `complete` is False for an answer that was cut or stopped."""

    message_id: str
    role: Role
    text: str
    request_id: str | None
    complete: bool
    at_ms: int


def save_message(connection: sqlite3.Connection, conversation_id: str, message: StoredMessage) -> None:
    """Keep a message; the same id again replaces it in its place, and it counts again. What a person writes into a
    deleted conversation brings that back."""
    connection.execute(
        """INSERT INTO conversation (id, started_at_ms, updated_at_ms) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET updated_at_ms = max(updated_at_ms, excluded.updated_at_ms)""",
        (conversation_id, message.at_ms, message.at_ms),
    )
    if message.role is Role.USER:
        restore(connection, conversation_id)
    connection.execute(
        """INSERT INTO message (id, conversation_id, role, text, request_id, complete, at_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET conversation_id = excluded.conversation_id, role = excluded.role,
            text = excluded.text, request_id = excluded.request_id, complete = excluded.complete, dropped = 0""",
        (
            message.message_id,
            conversation_id,
            message.role.value,
            message.text,
            message.request_id,
            message.complete,
            message.at_ms,
        ),
    )


def rename(connection: sqlite3.Connection, conversation_id: str, title: str) -> None:
    """Give a conversation a title of its own; an empty one takes it away."""
    own = " ".join(title.split()) or None
    connection.execute("UPDATE conversation SET title = ? WHERE id = ?", (own, conversation_id))


def set_settings(
    connection: sqlite3.Connection, conversation_id: str, settings: ConversationSettings, at_ms: int
) -> None:
    """Keep what holds for the whole of a conversation, before its first message too."""
    connection.execute(
        """INSERT INTO conversation (id, started_at_ms, updated_at_ms, settings) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET settings = excluded.settings""",
        (conversation_id, at_ms, at_ms, codec.encode(settings).decode()),
    )


def delete(connection: sqlite3.Connection, conversation_id: str, at_ms: int) -> None:
    """Take a conversation out of the list; `purge` erases it later."""
    connection.execute("UPDATE conversation SET deleted_at_ms = ? WHERE id = ?", (at_ms, conversation_id))


def restore(connection: sqlite3.Connection, conversation_id: str) -> None:
    """Bring back a deleted conversation."""
    connection.execute(
        "UPDATE conversation SET deleted_at_ms = NULL WHERE id = ? AND deleted_at_ms IS NOT NULL",
        (conversation_id,),
    )


def drop_turns(
    connection: sqlite3.Connection, conversation_id: str, turn_ids: Iterable[str], *, dropped: bool
) -> None:
    """Have these turns count no longer, or again."""
    connection.executemany(
        "UPDATE message SET dropped = ? WHERE id = ? AND conversation_id = ?",
        [(dropped, turn_id, conversation_id) for turn_id in turn_ids],
    )


def purge(connection: sqlite3.Connection, deleted_before_ms: int) -> int:
    """Erase conversations that were deleted before that moment, overwriting their text in the file. Returns how
    many messages went."""
    gone = "SELECT id FROM conversation WHERE deleted_at_ms < ?"
    with erasing(connection):
        erased = connection.execute(
            f"DELETE FROM message WHERE conversation_id IN ({gone})",  # noqa: S608 - only the text above
            (deleted_before_ms,),
        ).rowcount
        connection.execute("DELETE FROM conversation WHERE deleted_at_ms < ?", (deleted_before_ms,))
    return erased


def prune(connection: sqlite3.Connection, before_ms: int) -> int:
    """Delete messages older than `before_ms`, overwriting their text in the file, and conversations that have
    none left. Returns how many messages went."""
    with erasing(connection):
        gone = connection.execute(
            "DELETE FROM message WHERE rowid IN (SELECT rowid FROM message WHERE at_ms < ?)", (before_ms,)
        ).rowcount
        connection.execute(
            """DELETE FROM conversation
            WHERE updated_at_ms < ? AND id NOT IN (SELECT conversation_id FROM message)""",
            (before_ms,),
        )
    return gone


@contextmanager
def erasing(connection: sqlite3.Connection) -> Iterator[None]:
    """What is deleted within is overwritten in the file."""
    connection.execute("PRAGMA secure_delete=ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA secure_delete=OFF")
