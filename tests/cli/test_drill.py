"""`trunkline drill` as a user has it: on routes of their own, on the demo's, stopped, refused."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import LIMIT_S, Cli, until
from tests.cli.nursery import Nursery
from tests.cli.processes import children_of, running

KEYS = {"KEY_A": "real-a", "KEY_B": "real-b", "KEY_C": "real-c"}
PROVIDERS = """
[providers.pool]
protocol = "openai"
base_url = "http://127.0.0.1:{port}/pool/v1"
pool = "priority"
accounts = [{ id = "a", key = "env:KEY_A" }, { id = "b", key = "env:KEY_B" }]
[providers.pool.models."small"]
context = 32768
prefill = "prefix"
[providers.other]
protocol = "anthropic"
base_url = "http://127.0.0.1:{port}/other"
accounts = [{ id = "main", key = "env:KEY_C" }]
[providers.other.models."large"]
context = 200000
"""
PREFERENCES = 'default = ["pool", "other"]\n'
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


@pytest.fixture
def own(tmp_path: Path, nursery: Nursery, simulator_port: int) -> Cli:
    """Two providers and three accounts, whose addresses lead to a server that tells who came."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "providers.toml").write_text(PROVIDERS.replace("{port}", str(simulator_port)))
    (home / "preferences.toml").write_text(PREFERENCES)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return Cli(home, nursery, KEYS | {"TMPDIR": str(temporary)}, simulator_port)


def drilled(cli: Cli, *faults: str, code: int = 0) -> dict[str, Any]:
    """What `drill FAULT… --json` prints."""
    done = cli.run("drill", *faults, "--json")
    assert done.returncode == code, (done.stdout, done.stderr)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {fault["name"]: fault for fault in found["faults"]}


def test_own_routes_are_drilled_and_nothing_reaches_them(own: Cli) -> None:
    before = len(own.requests())
    faults = ("limit-long", "key-revoked", "unreachable", "cut-anchor", "cut-prefill", "context-too-long")
    found = drilled(own, *faults)
    met = by_name(found)
    assert list(met) == list(faults)
    assert (found["passed"], found["failed"], found["skipped"], found["routes"]) == (6, 0, [], "own")
    assert {fault["outcome"] for fault in found["faults"]} == {"served"}
    assert (met["limit-long"]["attempts"], met["limit-long"]["wasted"]) == (3, 1)
    assert met["limit-long"]["route"] == met["key-revoked"]["route"] == "pool/b/small"
    assert met["unreachable"]["route"] == met["context-too-long"]["route"] == "other/main/large"
    assert met["cut-anchor"]["route"] == "other/main/large"
    assert met["cut-prefill"]["route"] == "pool/b/small"
    assert met["cut-anchor"]["wasted"] == 0
    assert all(fault["ms"] > 0 for fault in found["faults"])
    assert len(own.requests()) == before
    assert list((own.home.parent / "tmp").iterdir()) == []
    assert not (own.home / "trunkline.db").exists()


def test_what_cannot_be_is_skipped_and_what_one_account_cannot_serve_is_refused_with_advice(own: Cli) -> None:
    text = (own.home / "providers.toml").read_text()
    single = text.partition("[providers.other]")[0].replace(', { id = "b", key = "env:KEY_B" }', "")
    (own.home / "providers.toml").write_text(single)
    (own.home / "preferences.toml").unlink()
    found = drilled(own, "limit-long", "two-providers-down", "organisation-limit")
    (refused,) = found["faults"]
    assert (refused["outcome"], refused["route"], refused["wasted"]) == ("refused", None, 1)
    assert "only pool/a can serve" in refused["remedy"]
    assert "no account can answer this now; again at 20" in refused["said"]
    assert {one["name"] for one in found["skipped"]} == {"two-providers-down", "organisation-limit"}
    assert "only pool" in found["skipped"][0]["why"]


def test_a_fault_that_is_not_met_names_the_broken_hop_and_what_to_do(own: Cli) -> None:
    (own.home / "preferences.toml").write_text(PREFERENCES + "[thresholds]\nmax_attempts = 1\n")
    done = own.run("drill", "error-once", "no-terminator")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[1].startswith("✕  error-once")
    assert lines[2].startswith("●  no-terminator")
    assert "    1. pool/a/small refused" in done.stdout
    assert "it should have been served by pool/a/small" in done.stdout
    assert "thresholds.max_attempts" in done.stdout
    assert lines[-1] == "2 faults: 1 served, 0 correctly refused, 1 failed, 0 not applicable"


def test_with_nothing_configured_the_demos_routes_are_drilled(empty: Cli) -> None:
    found = drilled(empty, "limit-unsaid", "crisis", "two-providers-down")
    limited, crisis, two_down = found["faults"]
    assert (found["routes"], found["passed"]) == ("demo", 3)
    routes = [call["route"] for call in two_down["calls"] if call["outcome"] == "failed"]
    alone = [route for place, route in enumerate(routes) if route != routes[place - 1]]
    assert len(alone) == len(set(alone)), "after its quick retry none is asked again"
    assert (limited["outcome"], limited["wasted"]) == ("served", 1)
    told = "\n".join(crisis["story"])
    assert crisis["outcome"] == "served"
    assert "crisis (drill): 2 of 6 providers are lost" in told
    assert "moved from" in told
    assert "the rest: held, then answered" in told
    assert "crisis (drill) over" in told


def test_a_fault_that_there_is_not_is_refused_with_the_nearest(empty: Cli) -> None:
    done = empty.quick("drill", "limit-lng")
    assert done.exit_code == 2
    assert "limit-long" in done.stderr


def test_the_catalogue_says_what_is_expected(empty: Cli) -> None:
    listed = empty.json("drill", "--list")
    names = [one["name"] for one in listed]
    assert len(names) == len(set(names)) >= 30
    assert all(one["happens"] and one["expected"] for one in listed)


@on_linux
def test_ctrl_c_leaves_nothing_behind(own: Cli) -> None:
    process = own.start("drill")
    (simulator,) = until(lambda: children_of(process.pid), "child process")
    home = own.home.parent / "tmp"
    until(lambda: list(home.glob("trunkline-drill-*/engine-1")), "first fault")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "stopped early" in err
    assert out.splitlines()[-1].endswith("not applicable")
    assert not running(simulator)
    assert list(home.iterdir()) == []


@on_linux
def test_a_simulator_that_dies_on_the_way_is_said(own: Cli) -> None:
    process = own.start("drill")
    (simulator,) = until(lambda: children_of(process.pid), "child process")
    home = own.home.parent / "tmp"
    until(lambda: list(home.glob("trunkline-drill-*/engine-1")), "first fault")
    os.kill(simulator, signal.SIGKILL)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert "the simulated providers are gone" in err
    assert "Traceback" not in err
    assert list(home.iterdir()) == []


def test_a_task_type_that_there_is_not_is_refused(own: Cli) -> None:
    done = own.run("drill", "--task", "codng", "limit-long")
    assert done.returncode == 2
    assert "coding" in done.stderr
