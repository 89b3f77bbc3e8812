"""`trunkline override` and `trunkline crisis`, each read back by the next process."""

from __future__ import annotations

import json
import sqlite3

from tests.cli.conftest import Cli

from trunkline.domain.crisis import Crisis, CrisisMove, CrisisStep, MoveKind
from trunkline.store import crises
from trunkline.store.crises import Ending

BEGAN_MS = 1_795_176_000_000


def test_an_override_lies_over_pin_and_pause_and_leaves_them_as_they_were(cli: Cli) -> None:
    cli.quick("switch", "pool/b")
    cli.quick("pause")
    forced = cli.json("override", "pool/a/small")
    assert forced == {"mode": "balanced", "override": "pool/a/small", "pin": "pool/b", "paused": True}
    explained = cli.json("explain", "hello")["decision"]
    assert (explained["route"], explained["reason"]) == ("pool/a/small", "override")
    assert explained["why"] == "override: you forced pool/a/small for everything"
    assert cli.json("status")["override"] == "pool/a/small"
    assert "OVERRIDE: everything goes to pool/a/small" in cli.quick("status").stdout
    assert cli.json("ask", "a person waits")["receipt"]["route"] == "pool/a/small"
    assert cli.json("override", "off") == {
        "mode": "balanced",
        "override": None,
        "pin": "pool/b",
        "paused": True,
    }
    assert cli.json("explain", "hello")["decision"]["account"] == "b"


def test_what_would_be_held_is_told_beside_who_would_answer(cli: Cli) -> None:
    assert cli.json("explain", "hello", "--agent")["held"] is None
    cli.quick("pause")
    assert cli.json("explain", "hello")["held"] is None  # a person waits for it
    told = cli.json("explain", "hello", "--agent")
    assert told["held"] == {"for": "pause", "why": "paused: only what is critical goes"}
    assert told["decision"] is not None
    cli.quick("resume")
    cli.quick("override", "pool/a/small")
    assert cli.json("explain", "hello", "--agent")["held"]["for"] == "override"
    said = cli.quick("explain", "hello", "--agent").stdout
    assert "held      everything goes to pool/a/small: only what is critical goes" in said
    assert "held" not in cli.quick("explain", "hello").stdout
    high = cli.json("explain", "hello", "--agent", "--priority", "high")
    assert high["held"] is None


def test_a_reset_ends_it_and_a_wrong_name_is_refused(cli: Cli) -> None:
    wrong = cli.quick("override", "pol/a")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "pool/a" in wrong.stderr
    for order in ("override", "switch"):
        nobodys = cli.run(order, "zai")
        assert (nobodys.returncode, nobodys.stdout) == (2, "")
        assert (
            "expected a route that an enabled account with a key serves. `trunkline list`" in nobodys.stderr
        )
    status = cli.json("status")
    assert (status["override"], status["pin"]) == (None, None)
    cli.quick("override", "pool/a")
    cli.quick("reset")
    assert cli.json("status")["override"] is None


def test_the_crises_that_were(cli: Cli) -> None:
    nothing = cli.quick("crisis")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "there was no crisis" in nothing.stderr
    crisis = Crisis("C1", BEGAN_MS, ("east", "west"), 3, (CrisisStep.SIMPLE_TO_CHEAP,), BEGAN_MS + 60_000)
    with sqlite3.connect(cli.home / "trunkline.db") as connection:
        crises.begin(connection, crisis, who="test")
        for kind in (MoveKind.MOVED, MoveKind.SHRUNK):
            move = CrisisMove("R1", BEGAN_MS + 5, kind, "east/a/m", "south/a/m", "agent-7", "simple")
            crises.note(connection, "C1", move)
        crises.note_return(connection, "C1", "R1", MoveKind.MOVED, BEGAN_MS + 90)
        crises.end(connection, crisis, Ending(BEGAN_MS + 90_000, ("east",)), who="test")
    (found,) = cli.json("crisis")
    moves = found.pop("moves")
    assert found == {
        "id": "C1",
        "began": "2026-11-20T12:00:00.000Z",
        "ended": "2026-11-20T12:01:30.000Z",
        "lost": ["east", "west"],
        "enabled": 3,
        "steps": ["simple_to_cheap"],
        "back": "2026-11-20T12:01:00.000Z",
        "drill": False,
        "answered": 0,
        "failed": 0,
        "moved": 1,
        "parked": 0,
        "shrunk": 1,
        "returned": 1,
        "recovered": ["east"],
    }
    assert [(move["kind"], move["returned"] is None) for move in moves] == [
        ("moved", False),
        ("shrunk", True),
    ]
    table = cli.quick("crisis").stdout
    assert "1 m 30 s" in table
    assert "east, west of 3" in table
    assert json.loads(cli.run("crisis", "--limit", "1", "--json").stdout)[0]["id"] == "C1"
