"""Latency that the deck adds to other requests when it draws the demo's load in the same process.

    python tests/benchmarks/bench_hosted.py [--seconds 20]

Probe requests go to a model without delay, 25 a second, on the engine's own thread: once with the host alone, once
with the deck drawing on the main thread in a pseudo-terminal of 160 × 50. Both under the demo's agents.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from trunkline import simulator
from trunkline.cli.demo_agents import _start_agents as start_agents
from trunkline.cli.demo_world import _simulated_keys as simulated_keys
from trunkline.config.load import substitute_port
from trunkline.config.places import Places
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.receipts import Outcome
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.engine import Engine
from trunkline.engine.host import EngineHost
from trunkline.engine.settings import EngineSettings

FAST_WORLD = """
[providers.fast]
protocol = "openai"
headers = "none"
[[providers.fast.accounts]]
id = "main"
key = "sim-fast"
[providers.fast.models.whole]
fixed_chunks = 8
"""
FAST_CATALOGUE = """
[providers.fast]
protocol = "openai"
base_url = "http://127.0.0.1:{port}/fast/v1"
[[providers.fast.accounts]]
id = "main"
key = "env:FAST"
[providers.fast.models.whole]
context = 128000
"""
INTERVAL_S = 0.04


async def probe(engine: Engine, seconds: float) -> list[float]:
    samples = []
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    due_s = began_s + 2
    while loop.time() < began_s + seconds:
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        request = ChatRequest(
            (Message.of(Role.USER, "ping"),), Origin(OriginKind.GATEWAY, "probe"), route="fast", stream=False
        )
        answer = await engine.complete(request)
        assert answer.receipt.outcome is Outcome.ANSWERED, answer.receipt.fault
        samples.append((loop.time() - due_s) * 1000)
        due_s = max(due_s + INTERVAL_S, loop.time())
    return samples


def child(with_deck: bool, seconds: float, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        simulator_dir = Path(simulator.__file__).parent
        world_file = home / "world.toml"
        world_file.write_text((simulator_dir / "demo.toml").read_text("utf-8") + FAST_WORLD, "utf-8")
        command = [sys.executable, "-m", "trunkline.simulator", "--config", str(world_file)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())["port"]
        text = (simulator_dir / "demo_providers.toml").read_text("utf-8") + FAST_CATALOGUE
        settings = EngineSettings(
            Places(home, home, home),
            {**simulated_keys(text), "FAST": "sim-fast"},
            "bench",
            base_providers_text=substitute_port(text, port),
        )
        tasks = []

        def begin(engine: Engine) -> None:
            start_agents(engine, seed=7)
            tasks.append(asyncio.get_running_loop().create_task(finish(engine)))

        async def finish(engine: Engine) -> None:
            samples = json.dumps(await probe(engine, seconds))
            await asyncio.to_thread(out.write_text, samples, "utf-8")
            os.kill(os.getpid(), signal.SIGTERM)

        def make_engine() -> EngineHost:
            host = EngineHost(lambda: Engine.open(settings))
            host.run_beside(begin)
            return host

        if with_deck:
            from trunkline.tui import DeckOptions, run_deck

            run_deck(make_engine, options=DeckOptions())
        else:
            signal.signal(signal.SIGTERM, lambda *_: None)
            host = make_engine()
            host.start(lambda _: None)
            while not out.exists():
                time.sleep(0.2)
            host.close()
        server.terminate()


def run(with_deck: bool, seconds: float) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "samples.json"
        pid, master = pty.fork()
        if pid == 0:
            child(with_deck, seconds, out)
            os._exit(0)
        ioctl(master, TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        while True:
            try:
                ready, _, _ = select.select([master], [], [], 1.0)
                if ready and not os.read(master, 65536):
                    break
            except OSError:
                break
        os.waitpid(pid, 0)
        return sorted(json.loads(out.read_text("utf-8")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    quantiles = {}
    for with_deck in (False, True):
        samples = run(with_deck, seconds)
        p50, p99 = samples[len(samples) // 2], samples[int(len(samples) * 0.99)]
        quantiles[with_deck] = (p50, p99)
        name = "with the deck" if with_deck else "host alone"
        print(
            f"{name:14} n {len(samples)}  p50 {p50:6.1f} ms  p99 {p99:6.1f} ms   load {os.getloadavg()[0]:.2f}",
            flush=True,
        )
    added = [after - before for before, after in zip(quantiles[False], quantiles[True], strict=True)]
    print(f"added          p50 {added[0]:6.1f} ms  p99 {added[1]:6.1f} ms")


if __name__ == "__main__":
    main()
