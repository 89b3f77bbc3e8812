"""The engine against plain httpx on the same loopback server, in one run: CPU per request, and failover times.

    python tests/benchmarks/bench_engine.py [--requests 400]

The server is the simulator in a process of its own; CPU is this process's (all threads), so only the client side
counts. The engine runs with everything on: JSON, analysis, decision, ledger, store, events, logging.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from trunkline.config.places import Places
from trunkline.domain.events import TextDelta
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.receipts import Outcome
from trunkline.domain.tasks import Origin, OriginKind, Priority
from trunkline.engine.engine import Engine
from trunkline.engine.logs import start_logging
from trunkline.engine.settings import EngineSettings

WORLD = """
[providers.fast]
protocol = "openai"
headers = "openai"
[[providers.fast.accounts]]
id = "main"
key = "sim-fast"
limits = [{ metric = "requests", amount = 10000000, window = "60s" }]
[providers.fast.models.whole]
fixed_chunks = 8
[providers.fast.models.stream]
fixed_chunks = 64

[providers.pool]
protocol = "openai"
headers = "none"
retry_after = true
[[providers.pool.accounts]]
id = "dry"
key = "sim-dry"
[[providers.pool.accounts]]
id = "full"
key = "sim-full"
[providers.pool.models.whole]
fixed_chunks = 8

[[faults]]
kind = "http"
provider = "pool"
account = "dry"
status = 429
body = '{"error": {"message": "Too many requests", "type": "rate_limit_error", "code": "slow_down"}}'
"""
CATALOGUE = """
[providers.fast]
protocol = "openai"
base_url = "http://127.0.0.1:{port}/fast/v1"
[[providers.fast.accounts]]
id = "main"
key = "env:FAST"
limits = [
    { metric = "requests", amount = 10000000, window = "60s" },
    { metric = "total_tokens", amount = 1000000000, window = "day" },
]
[providers.fast.models.whole]
context = 128000
price = { input = 0.1, output = 0.4 }
[providers.fast.models.stream]
context = 128000
price = { input = 0.1, output = 0.4 }

[providers.pool]
protocol = "openai"
base_url = "http://127.0.0.1:{port}/pool/v1"
pool = "priority"
[[providers.pool.accounts]]
id = "dry"
key = "env:DRY"
[[providers.pool.accounts]]
id = "full"
key = "env:FULL"
[providers.pool.models.whole]
context = 128000
"""
KEYS = {"FAST": "sim-fast", "DRY": "sim-dry", "FULL": "sim-full"}
PROMPT = "Explain in two sentences what a rolling window is and why a limit over one needs buckets. " * 11


async def in_lanes(lanes: int, requests: int, one: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """CPU milliseconds a request, and requests a second, over `lanes` at once."""

    async def lane() -> None:
        for _ in range(requests // lanes):
            await one()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    done = requests // lanes * lanes
    return (time.process_time() - cpu) / done * 1000, done / (time.perf_counter() - wall)


def httpx_calls(client: httpx.AsyncClient, base_url: str) -> dict[str, Callable[[], Awaitable[None]]]:
    body = {"messages": [{"role": "user", "content": PROMPT}]}
    headers = {"Authorization": "Bearer sim-fast"}

    async def whole() -> None:
        reply = await client.post(
            f"{base_url}/chat/completions", json={**body, "model": "whole"}, headers=headers
        )
        assert reply.json()["choices"][0]["message"]["content"]

    async def stream() -> None:
        asked = {**body, "model": "stream", "stream": True, "stream_options": {"include_usage": True}}
        text = []
        async with client.stream(
            "POST", f"{base_url}/chat/completions", json=asked, headers=headers
        ) as reply:
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    chunk = json.loads(line[6:])
                    if chunk["choices"]:
                        text.append(chunk["choices"][0]["delta"].get("content") or "")
        assert "".join(text)

    return {"whole": whole, "stream": stream}


def engine_calls(engine: Engine) -> dict[str, Callable[[], Awaitable[None]]]:
    def request(model: str) -> ChatRequest:
        return ChatRequest(
            (Message.of(Role.USER, PROMPT),),
            Origin(OriginKind.GATEWAY, "bench"),
            route=f"fast/main/{model}",
            priority=Priority.HIGH,
            stream=model == "stream",
        )

    async def whole() -> None:
        answer = await engine.complete(request("whole"))
        assert answer.receipt.outcome is Outcome.ANSWERED, answer.receipt.fault

    async def stream() -> None:
        pieces = [
            event.body.text
            async for event in engine.stream(request("stream"))
            if isinstance(event.body, TextDelta)
        ]
        assert "".join(pieces)

    return {"whole": whole, "stream": stream}


async def compare(base_url: str, engine: Engine, requests: int) -> None:
    print(f"{'':14}{'httpx':>18}{'engine':>18}{'ratio':>8}   load")
    for kind in ("whole", "stream"):
        for lanes in (1, 16):
            async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
                plain = httpx_calls(client, base_url)[kind]
                ours = engine_calls(engine)[kind]
                await in_lanes(lanes, lanes * 4, plain)
                await in_lanes(lanes, lanes * 4, ours)
                plain_ms, plain_rate = await in_lanes(lanes, requests, plain)
                our_ms, our_rate = await in_lanes(lanes, requests, ours)
            print(
                f"{kind + ', ' + str(lanes):14}{plain_ms:8.2f} ms {plain_rate:5.0f}/s{our_ms:9.2f} ms {our_rate:5.0f}/s"
                f"{our_ms / plain_ms:8.2f}   {os.getloadavg()[0]:.2f}",
                flush=True,
            )


async def failover(engine: Engine, requests: int) -> None:
    samples = []
    for _ in range(requests):
        engine.reset()
        request = ChatRequest(
            (Message.of(Role.USER, PROMPT),),
            Origin(OriginKind.GATEWAY, "bench"),
            route="pool",
            stream=True,
            priority=Priority.HIGH,
        )
        answer = await engine.complete(request)
        assert answer.receipt.outcome is Outcome.ANSWERED, answer.receipt.fault
        samples += [
            attempt.failover_ms for attempt in answer.receipt.attempts if attempt.failover_ms is not None
        ]
    samples.sort()
    print(
        f"refusal to next request: n {len(samples)}, p50 {samples[len(samples) // 2]:.2f} ms, "
        f"p99 {samples[int(len(samples) * 0.99)]:.2f} ms   load {os.getloadavg()[0]:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        world = home / "world.toml"
        world.write_text(WORLD, encoding="utf-8")
        command = [sys.executable, "-m", "trunkline.simulator", "--config", str(world)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdin is not None
        port = json.loads(server.stdout.readline())["port"]
        log = start_logging(home / "logs", "bench")
        catalogue = CATALOGUE.replace("{port}", str(port))
        settings = EngineSettings(Places(home, home, home), KEYS, "bench", base_providers_text=catalogue)
        try:
            asyncio.run(measure(f"http://127.0.0.1:{port}/fast/v1", settings, requests))
        finally:
            log.stop()
            server.stdin.close()
            server.wait()


async def measure(base_url: str, settings: EngineSettings, requests: int) -> None:
    async with Engine.open(settings) as engine:
        engine.load_transport()
        await compare(base_url, engine, requests)
        await failover(engine, requests)


if __name__ == "__main__":
    main()
