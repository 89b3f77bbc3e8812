"""`explain --request`: of a request of the past."""

from __future__ import annotations

import json
import sqlite3

from tests.cli.conftest import Cli


def test_a_request_of_the_past_is_explained_decided_again_and_as_now(cli: Cli) -> None:
    asked = cli.json("ask", "say hello", "--task", "coding")
    request_id = asked["receipt"]["request_id"]
    told = cli.json("explain", "--request", request_id[:22], "--replay", "--as-now")
    assert told["request_id"] == request_id
    assert told.keys() >= {"task", "decision", "ranking", "rejected", "reasons", "runner_up", "stay_or_move"}
    assert told["task"]["type"] == "coding"
    assert told["decision"]["route"] == asked["receipt"]["route"] == "pool/a/small"
    assert told["ranking"][0]["terms"].keys() >= {"preference", "cost", "quality"}
    assert told["replay"] == {
        "same": True,
        "route": "pool/a/small",
        "after": [],
        "note": None,
        "differences": [],
    }
    assert told["as_now"]["decision"]["route"] == "pool/a/small"
    shown = cli.quick("explain", "--request", request_id, "--replay", "--as-now")
    assert shown.exit_code == 0
    assert "the same decision, to the last bit" in shown.stdout
    assert "as things are now:" in shown.stdout
    # Without its account it would go elsewhere now, but not then.
    cli.environment = {"KEY_B": "sim-pool-b"}
    told = cli.json("explain", "--request", request_id, "--replay", "--as-now")
    assert told["replay"]["same"] is True
    assert told["as_now"]["decision"]["route"] == "pool/b/small"


def test_of_a_request_that_failed_over_it_is_said_which_decision_is_made_again(cli: Cli) -> None:
    cli.environment["KEY_A"] = "revoked"
    asked = cli.json("ask", "say hello")
    request_id = asked["receipt"]["request_id"]
    assert [one["route"] for one in asked["receipt"]["attempts"]] == ["pool/a/small", "pool/b/small"]
    told = cli.json("explain", "--request", request_id, "--replay")["replay"]
    assert (told["same"], told["route"], told["after"]) == (True, "pool/b/small", ["pool/a/small"])
    said = "the last decision of the request, made after pool/a/small could not answer"
    assert said in told["note"]
    shown = cli.quick("explain", "--request", request_id, "--replay").stdout
    assert said in shown
    assert "what was decided before is not kept" in shown


def test_a_decision_that_comes_out_otherwise_is_said_to(cli: Cli) -> None:
    request_id = cli.json("ask", "say hello")["receipt"]["request_id"]
    connection = sqlite3.connect(cli.home / "trunkline.db")
    (body,) = connection.execute("SELECT body FROM decision").fetchone()
    kept = json.loads(body)
    kept[4][0][1] += 0.25
    connection.execute("UPDATE decision SET body = ?", (json.dumps(kept),))
    connection.commit()
    told = cli.json("explain", "--request", request_id, "--replay", code=1)
    assert told["replay"]["same"] is False
    assert [one["where"] for one in told["replay"]["differences"]] == ["ranking[0].score"]
    shown = cli.quick("explain", "--request", request_id, "--replay")
    assert shown.exit_code == 1
    assert "another decision: 1 figure differs" in shown.stdout
    connection.execute("UPDATE decision SET inputs = NULL")
    connection.commit()
    connection.close()
    gone = cli.quick("explain", "--request", request_id, "--replay")
    assert gone.exit_code == 1
    assert "kept for the last 1,000 requests" in gone.stderr
    assert cli.quick("explain", "--request", request_id).exit_code == 0


def test_what_cannot_be_asked_of_the_past(cli: Cli) -> None:
    assert cli.quick("explain", "--request", "nothing").exit_code == 1
    assert cli.quick("explain", "--replay", "hello").exit_code == 2
    assert cli.quick("explain", "--request", "x", "hello").exit_code == 2
