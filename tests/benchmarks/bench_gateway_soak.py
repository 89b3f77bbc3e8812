"""10,000 mixed requests through `trunkline serve` while one in twenty upstream fails in some way.

    python tests/benchmarks/bench_gateway_soak.py [--requests 10000] [--faults 0.05]

Three processes: the simulator (three protocols, six accounts), `trunkline serve` with three tokens, and this one, which
asks in four protocols, whole and streamed, for words, calls, pictures seen and JSON, 32 at once; some of its clients
leave midway, some read slowly. What a simulated model says depends on the prompt alone, so that every answer that calls
itself whole can be compared with what should have been said. At last: how soon an upstream is left whose client left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import tomlkit
from tests.benchmarks.gateway_asks import OUTPUT_TOKENS, Ask, heard
from tests.benchmarks.pools import PASSING, PREFERENCES, SLOW

LANES = 32
TOKENS = ("agent-one", "agent-two", "cron")
PROTOCOLS = {"oai": ("openai", "/v1"), "ant": ("anthropic", ""), "gem": ("gemini", "")}
ACCOUNTS = ("a", "b")
ALLOWED = [{"metric": "requests", "amount": 10_000_000, "window": "60s"}]
LEAVERS = 200
# Conversations, receipts and latencies are remembered up to a number of each; after a quarter few are missing.
_GROWN_MIB = 25
_ANSWERED, _LEFT, _TOLD = "answered", "left", "told that it is cut"
_WRONG, _TORN = "WRONG BUT CALLED WHOLE", "torn without a word"


def world(faults: float) -> str:
    """What the simulator plays."""
    kinds = (*PASSING, *SLOW)
    model = {"output_tokens": [OUTPUT_TOKENS, 0.0, 0.0], "thinks": "never"}
    providers = {
        name: {
            "protocol": protocol,
            "accounts": [{"id": one, "key": f"sim-{name}-{one}", "limits": ALLOWED} for one in ACCOUNTS],
            "models": {"m": model},
        }
        for name, (protocol, _) in PROTOCOLS.items()
    }
    rules = [{"name": kind, "kind": kind, "probability": faults / len(kinds)} for kind in kinds]
    return tomlkit.dumps({"seed": 1, "providers": providers, "faults": rules if faults else []})


def catalogue(port: int) -> str:
    """The same for the gateway."""
    able = {"context": 128_000, "capabilities": ["tools", "images", "json"]}
    model = {**able, "price": {"input": 1.0, "output": 2.0}}
    providers = {
        name: {
            "protocol": protocol,
            "base_url": f"http://127.0.0.1:{port}/{name}{path}",
            "accounts": [
                {"id": one, "key": f"env:{name.upper()}_{one.upper()}", "limits": ALLOWED} for one in ACCOUNTS
            ],
            "models": {"m": model},
        }
        for name, (protocol, path) in PROTOCOLS.items()
    }
    return tomlkit.dumps({"providers": providers})


@dataclass
class Tally:
    """What became of them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    marks: list[tuple[int, float, int]] = field(default_factory=list)


@contextmanager
def child(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process and the first line that it prints."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.terminate()


async def one(session: aiohttp.ClientSession, root: str, token: str, ask: Ask, tally: Tally) -> str:
    """Ask it, and what became of it."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    came = b""
    try:
        async with session.post(f"{root}{ask.path}", json=ask.body(), headers=headers) as reply:
            if ask.leaves == 0:
                return _LEFT
            tally.ids.add(reply.headers["x-trunkline-request"])
            async for data in reply.content.iter_chunked(700 if ask.slow else 65_536):
                came += data
                if ask.leaves is not None and len(came) >= ask.leaves:
                    return _LEFT
                if ask.slow:
                    await asyncio.sleep(0.005)
            status = reply.status
    except (aiohttp.ClientError, TimeoutError) as error:
        tally.odd.append(f"{ask.number} {ask.protocol} {ask.shape}: {error!r}")
        return _TORN
    if status != 200:
        tally.refused[f"{status} {came[:300].decode()}"] += 1
        return f"refused with {status}"
    said = heard(ask.protocol, came, stream=ask.stream)
    if said.failed:
        tally.refused[f"cut {came[-300:].decode(errors='replace')}"] += 1
        return _TOLD
    if said.whole and ask.is_right(said):
        return _ANSWERED
    tally.odd.append(f"{ask.number} {ask.protocol} {ask.shape} stream={ask.stream}: {came[-400:]!r}")
    return _WRONG if said.whole else _TORN


async def leave_early(session: aiohttp.ClientSession, root: str, token: str, ask: Ask) -> None:
    """Send a request and close the connection before anything can have come."""
    with_body = asyncio.create_task(one(session, root, token, ask, Tally()))
    await asyncio.sleep(random.Random(ask.number).uniform(0.001, 0.05))
    with_body.cancel()
    await asyncio.gather(with_body, return_exceptions=True)


async def soak(root: str, tokens: list[str], pid: int, requests: int) -> Tally:
    """All of them, 32 at once."""
    tally, numbers = Tally(), iter(range(requests))
    marks = {requests // 4 * quarter for quarter in (1, 2, 3)}

    async def lane(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            ask, token = Ask.numbered(number), tokens[number % len(tokens)]
            if ask.leaves == 0 and number % 2:
                await leave_early(session, root, token, ask)
                tally.outcomes[_LEFT] += 1
            else:
                tally.outcomes[await one(session, root, token, ask, tally)] += 1
            if number in marks:
                tally.marks.append((number, memory_mib(pid), descriptors(pid)))

    timeout = aiohttp.ClientTimeout(total=130)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(lane(session) for _ in range(LANES)))
    await asyncio.sleep(1.0)
    tally.marks.append((requests, memory_mib(pid), descriptors(pid)))
    return tally


async def leave(root: str, token: str, simulator_port: int) -> list[float]:
    """How many milliseconds an upstream goes on after its client has left, many times."""
    control = f"http://127.0.0.1:{simulator_port}/_control"
    took: list[float] = []
    async with aiohttp.ClientSession() as session:

        async def open_streams() -> int:
            async with session.get(f"{control}/counters") as reply:
                return int((await reply.json())["open_streams"])

        async with session.delete(f"{control}/faults"):
            pass
        async with session.post(f"{control}/faults", json={"kind": "stall", "after": 3}):
            pass
        body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Wait."}]}
        headers = {"authorization": f"Bearer {token}"}
        for _ in range(LEAVERS):
            async with session.post(f"{root}/v1/chat/completions", json=body, headers=headers) as reply:
                await reply.content.readany()
                assert await open_streams() == 1
                began = time.perf_counter()
                reply.close()
            while await open_streams():
                pass
            took.append((time.perf_counter() - began) * 1000)
    return sorted(took)


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def descriptors(pid: int) -> int:
    """Files and sockets that a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def told(tally: Tally, home: Path, requests: int) -> bool:
    """Print what came; whether every promise held."""
    stayed = requests - tally.outcomes[_LEFT]
    share = tally.outcomes[_ANSWERED] / stayed
    print(f"{dict(tally.outcomes)}: {share:.3%} of {stayed} that stayed (promised 99.9 %)")
    for words, count in tally.refused.most_common(8):
        print(f"  {count} x {words}")
    for words in tally.odd[:8]:
        print(f"  odd: {words}")
    for number, mib, files in tally.marks:
        print(f"  after {number}: {mib:.0f} MiB, {files} descriptors")
    with sqlite3.connect(home / "trunkline.db") as store:
        left = store.execute("SELECT count(*) FROM reservation WHERE orphaned = 0").fetchone()[0]
        known = {row[0] for row in store.execute("SELECT id FROM request")}
        used = dict(
            store.execute(
                "SELECT name, sum(cost_pico) FROM gateway_use JOIN gateway_token ON id = token_id GROUP BY name"
            )
        )
        spent = dict(
            store.execute(
                "SELECT origin, sum(coalesce(cost_pico, 0) + waste_pico) FROM request GROUP BY origin"
            )
        )
    missing = tally.ids - known
    charged = True
    print(f"reservations left {left}; receipts {len(known)}, missing {len(missing)} of {len(tally.ids)}")
    for name in TOKENS:
        receipts = sum(pico for origin, pico in spent.items() if str(origin).endswith(name))
        charged = charged and receipts == used.get(name, 0)
        print(f"  {name}: token {used.get(name, 0) / 1e12:.6f} USD, receipts {receipts / 1e12:.6f} USD")
    (_, warm_mib, warm_files), (_, last_mib, last_files) = tally.marks[0], tally.marks[-1]
    steady = last_mib < warm_mib + _GROWN_MIB and last_files <= warm_files
    wrong = tally.outcomes[_WRONG] + tally.outcomes[_TORN]
    return share >= 0.999 and not wrong and not left and not missing and charged and steady


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--faults", type=float, default=0.05)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "world.toml").write_text(world(asked.faults))
        (home / "preferences.toml").write_text(PREFERENCES.format(first_token_s=3))
        keys = {f"{name}_{one}".upper(): f"sim-{name}-{one}" for name in PROTOCOLS for one in ACCOUNTS}
        environ = {"TRUNKLINE_HOME": str(home), "TRUNKLINE_LOCAL_SERVERS": "off", **keys}
        with child("trunkline.simulator", "--config", str(home / "world.toml")) as (_, line):
            port = json.loads(line)["port"]
            (home / "providers.toml").write_text(catalogue(port))
            tokens = [_made(name, environ) for name in TOKENS]
            with child("trunkline", "serve", "--port", "0", "--quiet", **environ) as (process, url):
                root, began = url.strip(), time.perf_counter()
                tally = asyncio.run(soak(root, tokens, process.pid, asked.requests))
                took_s = time.perf_counter() - began
                print(f"{asked.requests} requests in {took_s:.0f} s, load {os.getloadavg()[0]:.1f}")
                took = asyncio.run(leave(root, tokens[0], port))
            held = told(tally, home, asked.requests)
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(f"from a client's leaving to the upstream's: p50 {p50:.1f} ms, p99 {p99:.1f} ms (promised 100)")
    raise SystemExit(0 if held and p99 <= 100 else 1)


def _made(name: str, environ: dict[str, str]) -> str:
    """A new token's text."""
    command = [sys.executable, "-m", "trunkline", "tokens", "create", name, "--json"]
    made: Any = json.loads(
        subprocess.run(
            command, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        ).stdout
    )
    return str(made["token"])


if __name__ == "__main__":
    main()
