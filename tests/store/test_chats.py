from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.store.samples import opened

from trunkline.domain.chats import ConversationSettings, KeptTurn
from trunkline.domain.messages import Role
from trunkline.store import chats, schema
from trunkline.store.chats import StoredMessage
from trunkline.store.store import Store


def say(store: Store, talk: str, turn: str, asked: str, answer: str | None, at_ms: int, **fields: Any) -> str:
    """A turn and its answer, by a request named after turn and time."""
    request_id = f"{turn}@{at_ms}"
    store.save_message(talk, turn, Role.USER, asked, request_id, at_ms=at_ms)
    if answer is not None:
        store.save_message(
            talk, f"{request_id}!", Role.ASSISTANT, answer, request_id, at_ms=at_ms + 1, **fields
        )
    return request_id


async def do(store: Store, unit: Callable[..., object], *values: object, **fields: object) -> None:
    await store.write(lambda connection: unit(connection, *values, **fields))


async def listed(store: Store, search: str = "", limit: int = 99) -> list[str]:
    return [found.conversation_id for found in await store.conversations(search, limit)]


async def turns(store: Store, talk: str = "talk") -> list[tuple[str, str, str]]:
    kept = await store.conversation(talk)
    assert kept is not None
    return [(turn.turn_id, turn.asked, turn.answer) for turn in kept.turns]


async def test_a_conversation_is_kept_turn_by_turn(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.save_message("talk", "s", Role.SYSTEM, "be brief", at_ms=1)
        say(store, "talk", "t1", "Write\n a  function " + "x" * 99, "def f", 2)
        say(store, "talk", "t2", "and now?", "it was c", 5, complete=False)
        say(store, "talk", "t3", "still there?", None, 9)
        await store.flush()
        kept = await store.conversation("talk")
        assert kept is not None
        assert kept.turns == (
            KeptTurn("t1", "Write\n a  function " + "x" * 99, "def f", True, "t1@2", 2),
            KeptTurn("t2", "and now?", "it was c", False, "t2@5", 5),
            KeptTurn("t3", "still there?", "", None, "t3@9", 9),
        )
        assert kept.summary.title == "Write a function " + "x" * 42 + "…"
        assert (kept.summary.started_at_ms, kept.summary.updated_at_ms, kept.summary.turns) == (1, 9, 3)
        assert await store.conversations("", 9) == (kept.summary,)
        assert await store.conversation("another") is None
        assert (await store.messages("talk"))[0] == StoredMessage("s", Role.SYSTEM, "be brief", None, True, 1)


async def test_a_turn_asked_again_keeps_its_place_and_only_the_last_answer_counts(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        first = say(store, "talk", "t1", "one", "first try", 1)
        say(store, "talk", "t2", "two", "zwei", 3)
        say(store, "talk", "t1", "one", "second try", 7)
        store.save_message("talk", "late", Role.ASSISTANT, "of the first", first, at_ms=9)
        await store.flush()
        assert await turns(store) == [("t1", "one", "second try"), ("t2", "two", "zwei")]
        assert await listed(store, "second") == ["talk"]
        assert await listed(store, "first") == []
        say(store, "talk", "t2", "two", None, 11)
        await store.flush()
        assert await turns(store) == [("t1", "one", "second try"), ("t2", "two", "")]


async def test_dropped_turns_are_left_out_until_they_count_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        say(store, "talk", "t1", "one", "uno", 1)
        say(store, "talk", "t2", "two", "due", 3)
        say(store, "else", "t9", "nine", "nove", 4)
        await do(store, chats.drop_turns, "talk", ("t1", "t9", "unknown"), dropped=True)
        assert await turns(store) == [("t2", "two", "due")]
        assert await turns(store, "else") == [("t9", "nine", "nove")]
        (_, summary) = await store.conversations("", 9)
        assert (summary.title, summary.turns) == ("two", 1)
        assert await listed(store, "uno") == []
        await do(store, chats.drop_turns, "talk", ("t2",), dropped=True)
        assert await listed(store) == ["else"]
        await do(store, chats.drop_turns, "talk", ("t1", "t2"), dropped=False)
        assert [turn for turn, *_ in await turns(store)] == ["t1", "t2"]
        await do(store, chats.drop_turns, "talk", ("t1",), dropped=True)
        say(store, "talk", "t1", "one", "again", 9)
        await store.flush()
        assert await turns(store) == [("t1", "one", "again"), ("t2", "two", "due")]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["fish", "bread", "100"]),
        ("   ", ["fish", "bread", "100"]),
        ("BAKE", ["bread"]),
        ("flour bread", ["bread"]),
        ("flour fish", []),
        ("dough", ["bread"]),
        ("über", ["fish"]),
        ("ÜBER fisch", ["fish"]),
        ("100%", ["100"]),
        ("0%_", []),
        ("a_b", ["100"]),
        ("\\", ["100"]),
        ("'", []),
        ("kitchen", ["bread"]),
    ],
)
async def test_every_word_is_looked_for_in_titles_and_texts(
    tmp_path: Path, search: str, found: list[str]
) -> None:
    async with opened(tmp_path / "t.db") as store:
        say(store, "100", "a", "Is it 100% of a_b or \\n?", "Yes.", 1)
        say(store, "bread", "b", "How do I bake bread?", "With flour.", 3)
        say(store, "bread", "c", "And then?", "Knead the dough.", 5)
        say(store, "fish", "d", "Was heißt Übermut?", "Frag den Fisch.", 7)
        store.save_message("nobody", "e", Role.ASSISTANT, "bread fish 100% über", at_ms=9)
        await do(store, chats.rename, "bread", "Kitchen")
        assert await listed(store, search) == found


async def test_renaming_and_taking_the_name_back(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        say(store, "talk", "t1", "one", "uno", 1)
        for title, shown in ((" My\n own  title ", "My own title"), ("", "one")):
            await do(store, chats.rename, "talk", title)
            assert [found.title for found in await store.conversations("", 9)] == [shown]
        await do(store, chats.rename, "unknown", "x")
        assert await listed(store) == ["talk"]


async def test_settings_may_come_before_the_first_message(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        chosen = ConversationSettings("be brief", "zai/main", "coding")
        await do(store, chats.set_settings, "talk", chosen, 5)
        await store.prune(4)
        await store.purge(99)
        assert await listed(store) == []
        kept = await store.conversation("talk")
        assert kept is not None
        assert (kept.settings, kept.turns) == (chosen, ())
        say(store, "talk", "t1", "one", "uno", 9)
        await do(store, chats.set_settings, "talk", ConversationSettings(route="kimi"), 10)
        kept = await store.conversation("talk")
        assert kept is not None
        assert (kept.settings, kept.summary.turns) == (ConversationSettings(route="kimi"), 1)


async def test_a_deleted_conversation_comes_back_when_restored_or_written_into(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        request_id = say(store, "talk", "t1", "one", None, 1)
        await do(store, chats.delete, "talk", 5)
        store.save_message("talk", "late", Role.ASSISTANT, "uno", request_id, at_ms=6)
        await store.flush()
        assert await listed(store) == []
        await do(store, chats.restore, "talk")
        assert await turns(store) == [("t1", "one", "uno")]
        await do(store, chats.delete, "talk", 7)
        say(store, "talk", "t2", "two", None, 8)
        await store.flush()
        assert await listed(store) == ["talk"]


async def test_what_is_erased_leaves_no_trace_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with opened(path) as store:
        say(store, "old", "o", "old-canary " * 50, "old-canary", 1)
        say(store, "gone", "g", "gone-canary " * 50, "gone-canary", 20)
        say(store, "later", "l", "later-canary", "later-canary", 21)
        say(store, "new", "n", "new-canary", None, 22)
        await do(store, chats.delete, "gone", 30)
        await do(store, chats.delete, "later", 40)
        assert await store.prune(9) == 2
        assert await store.purge(40) == 2
        await do(store, chats.restore, "later")
        assert await listed(store) == ["new", "later"]
    content = path.read_bytes()
    assert b"new-canary" in content
    assert b"later-canary" in content
    assert b"old-canary" not in content
    assert b"gone-canary" not in content


async def test_conversations_of_the_first_version_are_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = sqlite3.connect(path)
    for statement in schema.MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute("PRAGMA user_version=1")
    connection.execute("INSERT INTO conversation VALUES ('talk', 1, 4)")
    connection.execute("INSERT INTO message VALUES ('t1', 'talk', 'user', 'one', 'R', 1, 1)")
    connection.execute("INSERT INTO message VALUES ('a', 'talk', 'assistant', 'uno', 'R', 1, 4)")
    connection.commit()
    connection.close()
    async with opened(path) as store:
        assert await listed(store, "uno") == ["talk"]
        assert await turns(store) == [("t1", "one", "uno")]
        kept = await store.conversation("talk")
        assert kept is not None
        assert kept.settings == ConversationSettings()
