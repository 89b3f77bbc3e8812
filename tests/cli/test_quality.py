"""`trunkline feedback` and `trunkline quality`."""

from __future__ import annotations

import sqlite3

import pytest
from tests.cli.conftest import Cli

from trunkline.domain.errors import UnknownRequestError


def test_what_was_said_of_an_answer_is_shown_taken_back_and_forgotten(cli: Cli) -> None:
    assert cli.quick("feedback", "up").exit_code == 1  # nothing was answered yet
    asked = cli.json("ask", "--task", "coding", "merge two lists")["receipt"]
    request_id = asked["request_id"]
    assert asked["verdicts"] == []
    said = cli.json("feedback", "down")
    assert (said["request_id"], said["task"], said["thumb"]) == (request_id, "coding", "down")
    assert said["route"] == asked["route"] == "pool/a/small"
    (line,) = cli.json("quality")["quality"]
    assert (line["model"], line["task"], line["tier"]) == ("small", "coding", said["tier"])
    assert 1.0 <= line["bad"] < 1.1
    assert cli.json("feedback", "up", request_id[:22])["verdicts"] == ["up"]
    assert cli.json("log", request_id)["verdicts"] == ["up"]
    assert "found good" in cli.quick("log", request_id).stdout
    assert cli.json("feedback", "clear")["verdicts"] == []
    (line,) = cli.json("quality", "list")["quality"]
    assert line["good"] + line["bad"] < 0.1
    assert "small" in cli.quick("quality").stdout

    wrong = cli.quick("quality", "reset", "smal", "--yes")
    assert wrong.exit_code == 2
    assert "Did you mean 'small'" in wrong.stderr
    unanswered = cli.quick("quality", "reset")
    assert unanswered.exit_code == 1
    assert "small at coding" in unanswered.stderr
    assert len(cli.json("quality")["quality"]) == 1
    assert cli.json("quality", "reset", "small", "--task", "coding", "--yes")["forgotten"] == 1
    assert cli.json("quality")["quality"] == []
    assert cli.json("quality", "reset", "--yes")["forgotten"] == 0
    with sqlite3.connect(cli.home / "trunkline.db") as store:
        (entry,) = store.execute("SELECT who, what, why FROM audit").fetchall()
    assert entry == ("quality", "quality", "reset")


def test_a_request_that_nobody_knows_is_told(cli: Cli) -> None:
    with pytest.raises(UnknownRequestError, match="no answered request has the id nobody"):
        cli.quick("feedback", "up", "nobody")
