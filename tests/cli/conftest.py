"""The command line as a user has it: real processes, a home of their own, and simulated providers behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.cli.nursery import Nursery

from trunkline.cli.program import program

WORLD = """
seed = 3
[providers.pool]
protocol = "openai"
style = "openai"
headers = "openai"
accounts = [
  { id = "a", key = "sim-pool-a", limits = [{ metric = "requests", amount = 500, window = "60s", scope = "model" }] },
  { id = "b", key = "sim-pool-b" },
]
[providers.pool.models."small"]
first_token_ms = [1, 0.1, 0.0]
tokens_per_s = [100000, 0.1, 0]
output_tokens = [40, 0.1, 0.0]
[providers.pool.models."endless"]
first_token_ms = [1, 0.1, 0.0]
tokens_per_s = [100, 0.1, 0]
output_tokens = [5000, 0.1, 0.0]
"""
PROVIDERS = """
[providers.pool]   # mine
protocol = "openai"
base_url = "http://127.0.0.1:{port}/pool/v1"
pool = "priority"
accounts = [
  { id = "a", key = "env:KEY_A", limits = [{ metric = "requests", amount = 500, window = "60s", scope = "model" }] },
  { id = "b", key = "env:KEY_B" },
]
[providers.pool.models."small"]
context = 32768
price = { input = 0.1, output = 0.4 }
[providers.pool.models."endless"]
context = 32768
preference = 0
"""
KEYS = {"KEY_A": "sim-pool-a", "KEY_B": "sim-pool-b"}
LIMIT_S = 30.0


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that would configure an account, a place or a terminal's size (a
    test runner sets that for its workers)."""
    wanted = ("_API_KEY", "_BASE_URL", "_HOST", "_PROXY", "_proxy", "TRUNKLINE_", "COLUMNS", "LINES")
    return {name: value for name, value in os.environ.items() if not any(part in name for part in wanted)}


def until(true: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """What `true` gives once it is truthy. A real process is waited for, so there is no clock to turn."""
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError(f"in {limit_s} s there was no {what}")


@dataclass
class Cli:
    """`python -m trunkline` with a home and an environment of its own; its commands are forked from `nursery`."""

    home: Path
    nursery: Nursery
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def surroundings(self) -> dict[str, str]:
        """The variables of its own. Whatever model servers this machine really runs are none of the tests' business."""
        nothing_else = {"TRUNKLINE_LOCAL_SERVERS": "off", "TRUNKLINE_VOCABULARIES": "off"}
        return {"TRUNKLINE_HOME": str(self.home)} | nothing_else | self.environment

    def start(self, *arguments: str, **how: Any) -> subprocess.Popen[str]:
        """A running command; its streams are pipes unless told otherwise."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
        environment = clean_environment() | self.surroundings()
        command = [sys.executable, "-m", "trunkline", *arguments]
        return subprocess.Popen(command, env=environment, text=True, **streams)

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command run to its end, by Python's start where that reads the environment."""
        if Nursery.can_give(self.environment):
            environment = clean_environment() | self.surroundings()
            done = self.nursery.run(arguments, environment, stdin, LIMIT_S)
            assert "Traceback" not in done.stderr, done.stderr
            return done
        process = self.start(*arguments, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
        out, err = process.communicate(stdin, LIMIT_S)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def quick(self, *arguments: str) -> Result:
        """A command that makes no call, run in this process: for what a process of its own adds nothing to."""
        assert arguments[0] != "ask", "it would take over this process's log and signals"
        clean = clean_environment()
        unset: dict[str, str | None] = {name: None for name in os.environ if name not in clean}
        environment = unset | self.surroundings()
        done = CliRunner().invoke(program, arguments, env=environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints with `--json`; nothing else may stand on stdout. `ask` runs in its own process."""
        if arguments[0] == "ask":
            done = self.run(*arguments, "--json")
            assert done.returncode == code, (done.returncode, done.stderr)
            return json.loads(done.stdout)
        result = self.quick(*arguments, "--json")
        assert result.exit_code == code, (result.exit_code, result.stderr)
        return json.loads(result.stdout)

    def requests(self) -> list[dict[str, Any]]:
        """What has arrived at the simulated providers."""
        url = f"http://127.0.0.1:{self.port}/_control/requests?since=0"
        with urllib.request.urlopen(url, timeout=5) as reply:
            found = json.load(reply)
        assert isinstance(found, list)
        return found


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """What commands are forked from."""
    nursery = Nursery.start(clean_environment())
    yield nursery
    nursery.end(LIMIT_S)


@pytest.fixture
def empty(tmp_path: Path, nursery: Nursery) -> Cli:
    """Nothing configured."""
    return Cli(tmp_path, nursery)


@pytest.fixture(scope="session")
def simulator_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Simulated providers for all of these tests."""
    description = tmp_path_factory.mktemp("world") / "world.toml"
    description.write_text(WORLD)
    command = [sys.executable, "-m", "trunkline.simulator", "--config", str(description)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])
        process.stdin.close()
        process.wait(LIMIT_S)


@pytest.fixture
def cli(tmp_path: Path, nursery: Nursery, simulator_port: int) -> Cli:
    """A pool of two simulated accounts configured in the user's own providers.toml."""
    (tmp_path / "providers.toml").write_text(PROVIDERS.replace("{port}", str(simulator_port)))
    return Cli(tmp_path, nursery, dict(KEYS), simulator_port)
