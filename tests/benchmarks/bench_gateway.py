"""The gateway beside a direct call, in one run: added latency, requests a second, memory.

    python tests/benchmarks/bench_gateway.py [--seconds 20] [--count 2000]

Three processes: the simulator (the upstream), `trunkline serve`, and this one, which asks both with plain aiohttp. The
open loop sends one request every 20 ms (50/s) whatever becomes of the ones before, alternately to the upstream itself
and to the gateway, against an upstream that takes 50 ms; the difference of the quantiles is what the gateway adds. The
closed loop keeps 16 requests under way; the gateway is one process on one core, so that its requests a second are what
one core gives, the upstream and this process having the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

RATE_PER_S = 50
LANES = 16
PROMPT = "Explain in two sentences what a rolling window is and why a limit over one needs buckets. " * 11
WORLD = """
[providers.up]
protocol = "openai"
headers = "openai"
[[providers.up.accounts]]
id = "main"
key = "sim-up"
limits = [{ metric = "requests", amount = 10000000, window = "60s" }]
[providers.up.models.slow]
fixed_chunks = 8
first_token_ms = [50, 0.0, 0.0]
tokens_per_s = [1000000, 0.0, 0]
[providers.up.models.whole]
fixed_chunks = 8
[providers.up.models.stream]
fixed_chunks = 64
"""
CATALOGUE = """
[providers.up]
protocol = "openai"
base_url = "http://127.0.0.1:{port}/up/v1"
[[providers.up.accounts]]
id = "main"
key = "env:UP"
limits = [{{ metric = "requests", amount = 10000000, window = "60s" }}]
[providers.up.models.slow]
context = 128000
price = {{ input = 0.1, output = 0.4 }}
[providers.up.models.whole]
context = 128000
price = {{ input = 0.1, output = 0.4 }}
[providers.up.models.stream]
context = 128000
price = {{ input = 0.1, output = 0.4 }}
"""
PREFERENCES = "[gateway]\nrequire_token = false\n"


@dataclass(frozen=True)
class Target:
    """Whom to ask: the upstream itself, or the gateway in front of it."""

    name: str
    url: str
    headers: dict[str, str]
    prefix: str

    def body(self, model: str, *, stream: bool) -> bytes:
        """The same request for both."""
        messages = [{"role": "user", "content": PROMPT}]
        return json.dumps({"model": f"{self.prefix}{model}", "messages": messages, "stream": stream}).encode()


@contextmanager
def child(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process and the first line that it prints."""
    command = [sys.executable, "-m", *arguments]
    environ = os.environ | environment
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.terminate()


async def whole(session: aiohttp.ClientSession, target: Target, model: str) -> float:
    """One whole reply; milliseconds to its end."""
    began = time.perf_counter()
    async with session.post(
        target.url, data=target.body(model, stream=False), headers=target.headers
    ) as reply:
        await reply.read()
        assert reply.status == 200, await reply.text()
    return (time.perf_counter() - began) * 1000


async def first_text(session: aiohttp.ClientSession, target: Target, model: str) -> float:
    """One stream read to its end; milliseconds to its first text."""
    began = time.perf_counter()
    first_ms = None
    async with session.post(
        target.url, data=target.body(model, stream=True), headers=target.headers
    ) as reply:
        assert reply.status == 200, await reply.text()
        async for data in reply.content.iter_any():
            if first_ms is None and re.search(rb'"content": ?"[^"]', data):
                first_ms = (time.perf_counter() - began) * 1000
    assert first_ms is not None
    return first_ms


async def open_loop(
    session: aiohttp.ClientSession, targets: list[Target], one: object, seconds: float
) -> None:
    """What the gateway adds at a steady rate, both asked in turn."""
    times: dict[str, list[float]] = {target.name: [] for target in targets}
    tasks = []

    async def ask(target: Target) -> None:
        times[target.name].append(await one(session, target, "slow"))  # type: ignore[operator]

    began = time.perf_counter()
    for number in range(int(RATE_PER_S * seconds)):
        await asyncio.sleep(max(0.0, began + number / RATE_PER_S - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(targets[number // 25 % len(targets)])))
    await asyncio.gather(*tasks)
    direct, through = (sorted(times[target.name]) for target in targets)
    for label, at in (("p50", 0.50), ("p99", 0.99)):
        without, with_it = direct[int(at * len(direct))], through[int(at * len(through))]
        print(
            f"  {label}: direct {without:6.1f} ms, gateway {with_it:6.1f} ms, added {with_it - without:+5.1f} ms"
        )


async def closed_loop(
    session: aiohttp.ClientSession, target: Target, one: object, model: str, count: int, pid: int
) -> None:
    """How many a second with `LANES` under way, and the gateway's CPU for each."""

    async def lane() -> None:
        for _ in range(count // LANES):
            await one(session, target, model)  # type: ignore[operator]

    before_s, began = cpu_s(pid), time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(LANES)))
    took_s = time.perf_counter() - began
    done = count // LANES * LANES
    used_ms = (cpu_s(pid) - before_s) / done * 1000
    print(
        f"  {done / took_s:6.0f}/s, {used_ms:.2f} ms of the gateway's CPU each: {1000 / used_ms:.0f}/s for one core"
    )


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


async def run(upstream_port: int, gateway_url: str, pid: int, seconds: float, count: int) -> None:
    direct = Target(
        "direct",
        f"http://127.0.0.1:{upstream_port}/up/v1/chat/completions",
        {"authorization": "Bearer sim-up", "content-type": "application/json"},
        "",
    )
    gateway = Target(
        "gateway", f"{gateway_url}/v1/chat/completions", {"content-type": "application/json"}, "up/"
    )
    both = [direct, gateway]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        for target in both:
            for model in ("slow", "whole"):
                await asyncio.gather(*(whole(session, target, model) for _ in range(LANES)))
        print(f"open loop, {RATE_PER_S}/s, upstream 50 ms, whole replies (aim: +4 / +12)")
        await open_loop(session, both, whole, seconds)
        print("the same, first text of streams (aim: +4 / +15)")
        await open_loop(session, both, first_text, seconds)
        print(f"{LANES} at once, whole replies (aim: 400/s)")
        await closed_loop(session, gateway, whole, "whole", count, pid)
        print(f"{LANES} at once, streams of 64 chunks (aim: 150/s)")
        await closed_loop(session, gateway, first_text, "stream", count // 2, pid)
        print(f"memory after these: {memory_mib(pid):.0f} MiB")
        left = max(0, 10_000 - int(count * 1.5 + 2 * seconds * RATE_PER_S))
        await closed_loop(session, gateway, whole, "whole", left, pid) if left else None
        print(f"memory after 10,000: {memory_mib(pid):.0f} MiB (aim: under 150)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--count", type=int, default=3_200)
    asked = parser.parse_args()
    load = statistics.fmean(os.getloadavg()[:1])
    print(f"load {load:.1f}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "world.toml").write_text(WORLD)
        with child("trunkline.simulator", "--config", str(home / "world.toml")) as (_, line):
            port = json.loads(line)["port"]
            (home / "providers.toml").write_text(CATALOGUE.format(port=port))
            (home / "preferences.toml").write_text(PREFERENCES)
            environ = {"TRUNKLINE_HOME": str(home), "UP": "sim-up", "TRUNKLINE_LOCAL_SERVERS": "off"}
            with child("trunkline", "serve", "--port", "0", "--quiet", **environ) as (process, url):
                asyncio.run(run(port, url.strip(), process.pid, asked.seconds, asked.count))


if __name__ == "__main__":
    main()
