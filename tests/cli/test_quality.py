"""`trunkline feedback` and `trunkline quality`."""

from __future__ import annotations

import sqlite3

from tests.cli.conftest import Cli


def asked(cli: Cli) -> str:
    """The id of a request about code that was answered."""
    receipt = cli.json("ask", "--task", "coding", "merge two lists")["receipt"]
    assert receipt["verdicts"] == []
    return str(receipt["request_id"])


def test_feedback_is_of_the_last_answer_or_a_named_one_and_is_taken_back(cli: Cli) -> None:
    assert cli.quick("feedback", "up").exit_code == 1
    first, last = asked(cli), asked(cli)
    said = cli.json("feedback", "down")
    assert (said["request_id"], said["task"], said["thumb"]) == (last, "coding", "down")
    assert said["route"] == "pool/a/small"
    assert cli.json("feedback", "up", first)["request_id"] == first
    assert cli.json("log", first)["verdicts"] == ["up"]
    assert "found good" in cli.quick("log", first).stdout
    (line,) = cli.json("quality")["quality"]
    assert (line["model"], line["task"], line["tier"]) == ("small", "coding", said["tier"])
    assert 1.0 < line["good"] < 1.1
    assert line["bad"] >= 1.0
    assert cli.json("feedback", "clear", first)["verdicts"] == []
    assert cli.quick("feedback", "clear").exit_code == 0
    (line,) = cli.json("quality", "list")["quality"]
    assert line["good"] + line["bad"] < 0.1
    assert "small" in cli.quick("quality").stdout


def test_a_request_that_nobody_knows_is_told(cli: Cli) -> None:
    done = cli.run("feedback", "up", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no answered request has the id nobody" in done.stderr


def test_what_was_learned_is_forgotten_after_asking_once_and_the_audit_says_so(cli: Cli) -> None:
    asked(cli)
    cli.json("feedback", "down")
    wrong = cli.quick("quality", "reset", "smal", "--yes")
    assert wrong.exit_code == 2
    assert "Did you mean 'small'" in wrong.stderr
    assert cli.run("quality", "reset", stdin="n\n").returncode == 130
    assert len(cli.json("quality")["quality"]) == 1
    done = cli.run("quality", "reset", "small", "--task", "coding", stdin="y\n")
    assert done.returncode == 0
    assert "small at coding" in done.stderr
    assert cli.json("quality")["quality"] == []
    assert cli.json("quality", "reset", "--yes")["forgotten"] == 0
    with sqlite3.connect(cli.home / "trunkline.db") as store:
        (entry,) = store.execute("SELECT who, what, why FROM audit").fetchall()
    assert entry == ("quality", "quality", "reset")
