"""What is kept until somebody can serve it, between real processes: `ask --park` and `queue`."""

from __future__ import annotations

import json
import signal
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.cli.conftest import LIMIT_S, Cli, until

PARK = ("ask", "who owns the queue?", "--model", "small", "--park")


@pytest.fixture
def limited(cli: Cli) -> Iterator[Callable[..., None]]:
    """Have both accounts refuse the next calls, with so many seconds to wait, and stop that in the end."""
    names: list[str] = []

    def control(method: str, path: str, body: object = None) -> Any:
        url = f"http://127.0.0.1:{cli.port}/_control/faults{path}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=5) as reply:
            return json.load(reply)

    def limit(wait_s: float, wrong: str) -> None:
        for account in "ab":
            where = {"provider": "pool", "account": account}
            fault = {"kind": "limited", "wait_s": wait_s, "wrong": wrong, "first": 2} | where
            names.extend(control("POST", "", fault)["added"])

    yield limit
    for name in names:
        control("DELETE", f"/{name}")


def sql(cli: Cli, statement: str) -> list[tuple[Any, ...]]:
    """Rows of the store."""
    with closing(sqlite3.connect(cli.home / "trunkline.db", isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def kept(cli: Cli) -> list[dict[str, Any]]:
    """What `queue --json` lists."""
    found = cli.json("queue")["queue"]
    assert isinstance(found, list)
    return found


def test_a_killed_process_leaves_its_request_to_another_which_asks_once_after_the_reset(
    cli: Cli, limited: Callable[..., None]
) -> None:
    limited(5.6, "overloaded")
    asking = cli.start(*PARK)
    try:
        (item,) = until(lambda: (cli.home / "trunkline.db").exists() and kept(cli), "kept request", LIMIT_S)
        assert (item["process"], item["held_for"], item["title"]) == ("ask", "reset", "who owns the queue?")
        assert item["until"] is not None
    finally:
        asking.kill()
        asking.communicate(timeout=LIMIT_S)
    before = len(cli.requests())
    runners = [cli.start("queue", "run", "--json") for _ in range(2)]
    for runner in runners:
        assert runner.stderr is not None
        assert "waiting to see whether that lives" in runner.stderr.readline()
    # Ten seconds without a heartbeat are not waited for.
    sql(cli, "UPDATE process SET beat_at_ms = beat_at_ms - 60000 WHERE name = 'ask'")
    (item,) = kept(cli)
    assert item["process"] in (None, "queue run")
    ended = [runner.communicate(timeout=LIMIT_S) for runner in runners]
    said = [err for _, err in ended]
    told = [json.loads(out) for out, _ in ended]
    assert all(one["kept"] == one["run_by_others"] for one in told)
    (receipt,) = (receipt for one in told for receipt in one["done"])
    assert (receipt["request_id"], receipt["outcome"]) == (item["request_id"], "answered")
    assert [runner.returncode for runner in runners] == [0, 0]
    assert "".join(said).count(item["request_id"]) == 1
    assert kept(cli) == []
    assert len(cli.requests()) == before + 1
    (done,) = cli.json("log")
    assert (done["request_id"], done["outcome"]) == (item["request_id"], "answered")
    assert {"pool/a/small", "pool/b/small"} <= set(done["routes"])


def test_ctrl_c_leaves_it_in_the_queue_where_it_can_be_seen_ordered_and_cancelled(
    cli: Cli, limited: Callable[..., None]
) -> None:
    limited(3600, "rate")
    asking = cli.start(*PARK)
    until(lambda: (cli.home / "trunkline.db").exists() and kept(cli), "kept request")
    asking.send_signal(signal.SIGINT)
    out, err = asking.communicate(timeout=LIMIT_S)
    assert asking.returncode == 1
    assert out == ""
    assert "nobody can answer now" in err
    assert "it goes on with the next `trunkline`, or with `trunkline queue run`" in err
    first = kept(cli)[0]["request_id"]
    assert f"trunkline queue cancel {first}" in err
    assert "Ctrl-C leaves it in the queue" in err
    left = cli.run(*PARK, "--no-wait", "--json")
    assert left.returncode == 0
    assert left.stderr.startswith("… nobody can answer now\n")
    assert "waiting" not in left.stderr
    parked = json.loads(left.stdout)["parked"]
    second = parked["request_id"]
    assert parked["process"] is None
    assert [item["request_id"] for item in kept(cli)] == [first, second]
    moved = cli.quick("queue", "move", "--json", second, "--", "-1")
    assert moved.exit_code == 0
    told = json.loads(moved.stdout)
    assert (told["request_id"], told["order"]) == (second, "goes 1 earlier")
    assert [item["request_id"] for item in told["queue"]] == [second, first]
    assert [item["request_id"] for item in kept(cli)] == [second, first]
    assert cli.json("queue", "promote", first.lower())["order"] == "is tried at once"
    assert [(item["request_id"], item["promoted"]) for item in kept(cli)] == [(first, True), (second, False)]
    listed = cli.quick("queue")
    assert "nobody" in listed.stdout
    assert "who owns the queue?" in listed.stdout
    assert cli.json("monitor", "--once")["totals"]["waiting"] == 2
    ambiguous = cli.quick("queue", "cancel", first[:1])
    assert ambiguous.exit_code == 2
    assert "2 kept requests of an id that begins with" in ambiguous.stderr
    assert cli.quick("queue", "cancel", first).exit_code == 0
    assert cli.json("queue", "cancel", second) == {
        "request_id": second,
        "order": "is cancelled",
        "queue": [],
    }
    assert kept(cli) == []
    assert [entry["outcome"] for entry in cli.json("log")] == ["cancelled", "cancelled"]


def test_a_queue_without_a_store_is_empty(cli: Cli) -> None:
    assert kept(cli) == []
    assert "nothing is kept" in cli.quick("queue").stderr
    assert cli.run("ask", "hello", "--no-wait").returncode == 2
