"""Crises in the store: one at a time whoever notices it, ended once, and each request's moves kept once."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from trunkline.domain.crisis import Crisis, CrisisMove, CrisisStep, MoveKind
from trunkline.store import crises, schema
from trunkline.store.crises import Ending

CRISIS = Crisis("A", 1_000, ("east", "west"), 3, tuple(CrisisStep), back_at_ms=9_000)
MOVE = CrisisMove("R1", 1_500, MoveKind.MOVED, "east/a/m", "south/a/m", "agent-7", "simple")


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return schema.open_for_writing(tmp_path / "trunkline.db")


def asked(connection: sqlite3.Connection, limit: int = 10) -> tuple[crises.CrisisSummary, ...]:
    query = crises.crises(limit)
    return query.build([connection.execute(*statement).fetchall() for statement in query.statements])


def test_of_many_that_notice_it_one_begins_it(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.db"
    schema.open_for_writing(file).close()

    def notice(number: int) -> bool:
        mine = schema.open_for_writing(file)
        mine.execute("BEGIN IMMEDIATE")
        begun = crises.begin(mine, replace(CRISIS, id=f"C{number}"), who=f"p{number}")
        mine.execute("COMMIT")
        mine.close()
        return begun

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(notice, range(8))) == 1
    connection = schema.open_for_writing(file)
    assert connection.execute("SELECT count(*) FROM crisis").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM audit").fetchone() == (1,)


def test_it_is_ended_once_and_then_another_may_begin(connection: sqlite3.Connection) -> None:
    assert crises.begin(connection, CRISIS, who="one")
    assert not crises.begin(connection, replace(CRISIS, id="B"), who="two")
    assert crises.end(connection, CRISIS, Ending(5_000, ("east",)), who="two")
    assert not crises.end(connection, CRISIS, Ending(6_000, ()), who="one")
    later = replace(CRISIS, id="B", began_at_ms=7_000)
    assert crises.begin(connection, later, who="one")
    newest, oldest = asked(connection)
    assert newest.crisis == later
    assert oldest.crisis == replace(CRISIS, ended_at_ms=5_000)
    assert oldest.recovered == ("east",)
    assert [found.crisis.id for found in asked(connection, 1)] == ["B"]
    told = connection.execute("SELECT who, why FROM audit").fetchall()
    assert told[:2] == [("one", "2 of 3 providers are lost: east, west"), ("two", "back: east")]


def test_a_request_has_one_move_of_each_kind_and_returns_once(connection: sqlite3.Connection) -> None:
    crises.begin(connection, CRISIS, who="one")
    shrunk = replace(MOVE, kind=MoveKind.SHRUNK, home=None)
    for move in (MOVE, shrunk, replace(MOVE, at_ms=1_900, route="other/a/m"), replace(MOVE, request_id="R2")):
        crises.note(connection, "A", move)
    for at_ms in (3_000, 4_000):
        crises.note_return(connection, "A", "R1", MoveKind.MOVED, at_ms)
    crises.note_return(connection, "A", "unknown", MoveKind.MOVED, 4_000)
    (found,) = asked(connection)
    assert (found.moved, found.shrunk, found.parked, found.returned) == (2, 1, 0, 1)
    assert set(found.moves) == {replace(MOVE, returned_at_ms=3_000), shrunk, replace(MOVE, request_id="R2")}


def test_what_a_newer_version_keeps_beyond_it_is_passed_over(connection: sqlite3.Connection) -> None:
    crises.begin(connection, CRISIS, who="one")
    crises.note(connection, "A", MOVE)
    connection.execute("UPDATE crisis SET body = json_set(body, '$.crisis.mood', 'grim')")
    connection.execute("UPDATE crisis_move SET body = json_set(body, '$[0].mood', 'grim')")
    (found,) = asked(connection)
    assert (found.crisis, found.moves) == (CRISIS, (MOVE,))


def test_of_many_moves_the_latest_are_shown_and_all_are_counted(connection: sqlite3.Connection) -> None:
    crises.begin(connection, CRISIS, who="one")
    for number in range(crises.MOST_MOVES + 5):
        crises.note(connection, "A", replace(MOVE, request_id=f"R{number:04}", at_ms=2_000 + number))
    (found,) = asked(connection)
    assert found.moved == crises.MOST_MOVES + 5
    assert len(found.moves) == crises.MOST_MOVES
    assert found.moves[0].at_ms == 2_000 + crises.MOST_MOVES + 4
