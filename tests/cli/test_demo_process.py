"""README's demo without a screen, as a real process: its sums, its end, and its end before time."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from tests.cli.conftest import LIMIT_S, Cli, until
from tests.cli.processes import Terminal, children_of, running

from trunkline.cli.demo_agents import DemoHost
from trunkline.cli.demo_world import DemoWorld
from trunkline.engine.api import EngineReady

SUMMARY_KEYS = {
    "seconds", "requests", "answered", "failed", "rerouted", "attempts", "wasted_attempts", "cost_usd", "failover_ms",
    "by_provider",
}  # fmt: skip
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


@pytest.fixture
def demo(empty: Cli, tmp_path: Path) -> Cli:
    """What it makes is made in `tmp_path`."""
    empty.environment["TMPDIR"] = str(tmp_path)
    return empty


def test_the_whole_story_in_three_seconds(demo: Cli, tmp_path: Path) -> None:
    done = demo.run("demo", "--headless", "--seconds", "3", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert summary.keys() >= SUMMARY_KEYS
    assert summary["seconds"] == 3
    assert summary["requests"] == summary["answered"] + summary["failed"] > 200
    assert summary["failed"] == 0
    assert summary["rerouted"] > 0
    assert summary["failover_ms"].keys() == {"p50", "p99"}
    assert 0 < summary["failover_ms"]["p50"] <= summary["failover_ms"]["p99"]
    shares = summary["by_provider"].values()
    assert len(shares) >= 5
    assert all({"requests", "answered", "failed", "cost_usd"} <= share.keys() for share in shares)
    assert sum(share["requests"] for share in shares) == summary["attempts"]
    assert sum(share["answered"] for share in shares) == summary["answered"]
    assert sum(share["failed"] for share in shares) == summary["wasted_attempts"]
    assert summary["cost_usd"] > 0
    assert sum(share["cost_usd"] for share in shares) == pytest.approx(summary["cost_usd"])
    assert list(tmp_path.iterdir()) == []


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_at_once_with_the_sums_so_far(
    demo: Cli, tmp_path: Path, number: signal.Signals
) -> None:
    process = demo.start("demo", "--headless", "--seconds", "60", "--json")
    (simulator,) = until(lambda: children_of(process.pid), "child process")
    until(lambda: list(tmp_path.glob("trunkline-demo-*/trunkline.db")), "engine")
    process.send_signal(number)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert "stopped early" in err
    summary = json.loads(out)
    assert summary["requests"] == summary["answered"] + summary["failed"]
    assert summary["seconds"] < 60
    assert not running(simulator)
    assert list(tmp_path.iterdir()) == []


@on_linux
def test_a_simulator_that_dies_before_it_listens_is_said(demo: Cli, tmp_path: Path) -> None:
    process = demo.start("demo", "--headless", "--seconds", "3")
    (simulator,) = until(lambda: children_of(process.pid), "child process")
    os.kill(simulator, signal.SIGKILL)
    out, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, out) == (1, "")
    assert "the simulated providers did not start" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@on_linux
def test_in_a_terminal_it_shows_how_far_it_is(tmp_path: Path) -> None:
    demo = Terminal("demo", "--headless", "--seconds", "60", TMPDIR=str(tmp_path))
    try:
        demo.wait_for(lambda text: "of 60 s" in text and " answered" in text, "progress")
        demo.type("\x03")
        assert demo.wait() == 130
        assert "requests in" in demo.text
        assert "of 60 s" not in demo.text, "the line of progress is wiped"
    finally:
        demo.close()


@on_linux
def test_a_deck_that_can_only_close_its_engine_leaves_nothing_either() -> None:
    world = DemoWorld.start(seed=7, speed=1.0)
    ready = threading.Event()
    host = DemoHost(world, seed=7)
    host.start(lambda news: ready.set() if isinstance(news, EngineReady) else None)
    assert ready.wait(LIMIT_S)
    host.close()
    assert not running(world.simulator.pid)
    assert not world.home.exists()
    world.close()
