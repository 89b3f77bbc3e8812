"""How long commands take, as a person at a prompt waits for them. By hand: `python tests/benchmarks/bench_cli.py`.

Each command runs seven times, each in a process and all in one home with a hundred requests in its log; `ask` is
timed from the start of its process to the arrival of its request at a simulated provider. Figures are wall time in
milliseconds, with the machine's load average beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
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
from trunkline.engine.engine import Engine, EngineSettings

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
        stdout=subprocess.DEVNULL,
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


def report(name: str, figures_ms: list[float], target_ms: float) -> None:
    """One line: median, best, whether the median is within the target, load."""
    middle, best = median(figures_ms), min(figures_ms)
    verdict = "ok" if middle < target_ms else "OVER"
    print(
        f"{name:34} median {middle:6.0f} ms  best {best:6.0f} ms  target {target_ms:5.0f} ms {verdict:4}"
        f"  load {os.getloadavg()[0]:.2f}"
    )


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
                figures_ms = [wall_ms(arguments, environment) for _ in range(ROUNDS)]
                report("trunkline " + " ".join(arguments), figures_ms, NO_CALL_TARGET_MS)
            report(
                "trunkline ask, until sent",
                [sent_ms(environment, port) for _ in range(ROUNDS)],
                ASK_TARGET_MS,
            )
            simulator.stdin.close()


if __name__ == "__main__":
    main()
