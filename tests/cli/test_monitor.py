"""`trunkline monitor`: watching another process work, from the store alone."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from tests.cli.conftest import Cli
from tests.cli.processes import Terminal, running

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
Watch = Callable[[Cli], Terminal]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Opens the monitor in a terminal."""
    opened: list[Terminal] = []

    def open_one(cli: Cli) -> Terminal:
        opened.append(Terminal("monitor", columns=130, lines=40, **cli.surroundings()))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


def test_without_a_store_the_state_is_empty_says_why_and_nothing_is_made(empty: Cli) -> None:
    seen = empty.json("monitor", "--once")
    assert "there is no store yet" in seen["store_error"]
    assert (seen["log"], seen["running"], seen["totals"]["answered"]) == ([], [], 0)
    told = empty.quick("monitor", "--once")
    assert told.exit_code == 0
    assert "nothing to watch" in told.stderr
    assert list(empty.home.iterdir()) == []


def test_what_another_process_did_is_seen_in_the_shape_of_status_and_of_log(cli: Cli) -> None:
    cli.run("ask", "hello there")
    seen, status, log = (cli.json(*words) for words in (["monitor", "--once"], ["status"], ["log"]))
    assert seen.keys() >= status.keys() | {"at", "pin_until", "store_error", "running", "log"}
    assert seen["totals"].keys() >= status["totals"].keys() | {"attempts", "in_flight", "waiting"}
    assert seen["totals"]["answered"] == 1
    assert seen["log"] == log
    assert [one["id"] for one in seen["providers"]] == [one["id"] for one in status["providers"]]
    text = cli.quick("monitor", "--once").stdout
    assert "1 answered" in text
    assert log[0]["request_id"][:12] in text


def test_json_is_of_one_moment_and_a_deck_needs_a_terminal(cli: Cli) -> None:
    alone = cli.quick("monitor", "--json")
    assert (alone.exit_code, alone.stdout) == (2, "")
    assert "--once" in alone.stderr
    piped = cli.run("monitor")
    assert piped.returncode == 2
    assert "monitor --once" in piped.stderr


@linux_only
def test_it_waits_for_a_store_shows_what_others_do_and_lives_on_when_they_end(cli: Cli, watch: Watch) -> None:
    monitor = watch(cli)
    monitor.wait_for(lambda text: "watching only" in text and "no store yet" in text, "what it waits for")
    asked = json.loads(cli.run("ask", "hello there", "--json").stdout)
    route = asked["receipt"]["route"].split("/")
    monitor.wait_for(lambda text: "1 answered" in text and f"{route[0]}/{route[1]}" in text, "the request")
    assert "nothing to watch" not in monitor.text.splitlines()[0]
    worker = cli.start("ask", "and again")
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    assert running(monitor.pid)
    cli.run("ask", "still there")
    monitor.wait_for(lambda text: "answered" in text and "1 answered" not in text, "the next request")
    monitor.type("q")
    assert monitor.wait() == 0
    assert monitor.is_cooked()


@linux_only
@pytest.mark.parametrize(("way_out", "code"), [("\x11", 0), ("hang up", 129)])
def test_it_ends_cleanly(cli: Cli, watch: Watch, way_out: str, code: int) -> None:
    monitor = watch(cli)
    monitor.wait_for(lambda text: "watching only" in text, "a first look")
    if way_out == "hang up":
        monitor.hang_up()
    else:
        monitor.type(way_out)
    assert monitor.wait() == code


@linux_only
def test_nothing_can_be_ordered_and_ctrl_c_ends_it(cli: Cli, watch: Watch) -> None:
    cli.run("ask", "hello there")
    monitor = watch(cli)
    monitor.wait_for(lambda text: "1 answered" in text, "the state")
    mode = cli.json("status")["mode"]
    monitor.type("m")
    monitor.wait_for(lambda text: "watch" in text.replace("watching only", ""), "why not")
    assert cli.json("status")["mode"] == mode
    monitor.type("\x03")
    assert monitor.wait() == 0
