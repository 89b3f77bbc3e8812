"""How long commands take, as a person at a prompt waits for them. By hand: `python tests/benchmarks/bench_cli.py`.

Each command runs seven times, each in a process and all in one home with a hundred requests in its log; `ask` is
timed from the start of its process to the arrival of its request at a simulated provider. Figures are wall time in
milliseconds; beside them processor time, which says more on a busy machine, and the load average.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

ROUNDS = 7
FILL = 100
NO_CALL_TARGET_MS, ASK_TARGET_MS = 400.0, 1_000.0
COMMANDS = (
    ("--help",),
    ("config", "get", "mode"),
    ("explain", "merge two sorted lists"),
    ("status",),
    ("list",),
    ("log",),
)
WORLD = """
seed = 3
[providers.pool]
[[providers.pool.accounts]]
id = "a"
key = "sim-pool-a"
[providers.pool.models."small"]
first_token_ms = [1, 0.1, 0.0]
tokens_per_s = [100000, 0.1, 0]
output_tokens = [40, 0.1, 0.0]
"""
PROVIDERS = """
[providers.pool]
protocol = "openai"
base_url = "http://127.0.0.1:{port}/pool/v1"
accounts = [{ id = "a", key = "env:KEY_A" }]
[providers.pool.models."small"]
context = 32768
price = { input = 0.1, output = 0.4 }
"""
FILLER = """
import asyncio, os
from trunkline.config.places import find_places
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings

async def fill():
    async with Engine.open(EngineSettings(find_places(os.environ), os.environ, "fill")) as engine:
        asked = ChatRequest((Message.of(Role.USER, "hello"),), Origin(OriginKind.GATEWAY, "filler"))
        await asyncio.gather(*(engine.complete(asked) for _ in range({count})))

asyncio.run(fill())
"""


def wall_ms(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    """From the start of a command's process to its end."""
    began_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "trunkline", *arguments],
        env=environment,
        check=True,
        capture_output=True,
    )
    return (time.monotonic() - began_s) * 1000


def sent_ms(environment: dict[str, str], port: int) -> float:
    """From the start of `ask` to the arrival of its request; both clocks are the machine's monotonic one."""
    began_ms = time.monotonic() * 1000
    wall_ms(("ask", "-q", "hello"), environment)
    newest = max(requests(port), key=lambda request: request["number"])
    return float(newest["at_ms"]) - began_ms


def requests(port: int) -> list[dict[str, Any]]:
    """What has arrived at the simulator."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_control/requests?since=0", timeout=5) as reply:
        found: list[dict[str, Any]] = json.load(reply)
    return found


def report(name: str, measure: Callable[[], float], target_ms: float) -> None:
    """Measure seven times and print one line: median, best, whether the median is within the target."""
    before_ms = children_cpu_ms()
    figures_ms = [measure() for _ in range(ROUNDS)]
    cpu_ms = (children_cpu_ms() - before_ms) / ROUNDS
    middle_ms = median(figures_ms)
    print(
        f"{name:42} median {middle_ms:4.0f}  best {min(figures_ms):4.0f}  processor {cpu_ms:4.0f}"
        f"  target {target_ms:4.0f} {'met' if middle_ms < target_ms else 'MISSED'}  load {os.getloadavg()[0]:.2f}"
    )


def children_cpu_ms() -> float:
    """Processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def main() -> None:
    """Fill a home, then time every command in it."""
    with tempfile.TemporaryDirectory(prefix="bench-cli-") as folder:
        home = Path(folder)
        (home / "world.toml").write_text(WORLD)
        command = [sys.executable, "-m", "trunkline.simulator", "--config", str(home / "world.toml")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as simulator:
            assert simulator.stdin is not None
            assert simulator.stdout is not None
            port = int(json.loads(simulator.stdout.readline())["port"])
            (home / "providers.toml").write_text(PROVIDERS.replace("{port}", str(port)))
            environment = os.environ | {"TRUNKLINE_HOME": folder, "KEY_A": "sim-pool-a"}
            filler = FILLER.replace("{count}", str(FILL))
            subprocess.run([sys.executable, "-c", filler], env=environment, check=True)
            for arguments in COMMANDS:
                measure = partial(wall_ms, arguments, environment)
                report("trunkline " + " ".join(arguments), measure, NO_CALL_TARGET_MS)
            report("trunkline ask, until it is sent", partial(sent_ms, environment, port), ASK_TARGET_MS)
            simulator.stdin.close()


if __name__ == "__main__":
    main()
