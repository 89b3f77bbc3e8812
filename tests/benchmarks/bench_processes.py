"""Four engines on one store for a minute, one killed every few seconds: what is answered, exceeded and left behind.

    python tests/benchmarks/bench_processes.py [--seconds 60] [--kill-every 5]

Each engine is a process of its own that asks as fast as its lanes allow; a killed one is started again at once. The
simulator enforces the limits, which all of them share.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import tomlkit
from tests.benchmarks import pools
from tests.support.simulator import SimulatorProcess

from trunkline.config.places import Places
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings

ENGINES = 4
LANES = 6
PER_MINUTE = 120
# A killed process's heartbeat counts as dead after 10 s; its bookings are settled with the next sweep.
_SETTLED_AFTER_S = 16


async def ask_for_ever(home: Path, port: int) -> None:
    """A child: ask, and say of each request on a line of stdout how it ended."""
    allowed = pools.limits(PER_MINUTE, 10_000_000)
    settings = EngineSettings(
        Places(home, home, home), pools.environ(), "bench", base_providers_text=pools.catalogue(port, allowed)
    )
    async with Engine.open(settings) as engine:

        async def lane(first: int) -> None:
            for n in range(first, 10_000_000, LANES):
                receipt = (await engine.complete(pools.request(n))).receipt
                code = receipt.fault.code if receipt.fault is not None else ""
                sys.stdout.write(f"{receipt.outcome.value} {code}\n")
                sys.stdout.flush()

        await asyncio.gather(*(lane(n) for n in range(LANES)))


class Child:
    """One engine in a process, and what it said of its requests."""

    def __init__(self, home: Path, port: int, said: Counter[str]) -> None:
        self._home, self._port, self._said = home, port, said
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "--child", str(self._home), str(self._port)),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._reading = asyncio.create_task(self._read())

    async def end(self, how: signal.Signals) -> None:
        assert self._process is not None
        assert self._reading is not None
        self._process.send_signal(how)
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._said[line.decode().strip()] += 1


async def run(seconds: float, kill_every_s: float) -> bool:
    """Run it and print what came; whether every promise held."""
    allowed = pools.limits(PER_MINUTE, 10_000_000)
    home = Path(tempfile.mkdtemp(prefix="trunkline-processes-"))
    played = home / "played.toml"
    played.write_text(tomlkit.dumps(pools.description(allowed, fault_share=0.05, slow=False)))
    said: Counter[str] = Counter()
    async with SimulatorProcess(played) as simulator:
        places = Places(home, home, home)
        places.preferences_file.write_text(pools.PREFERENCES.format(first_token_s=15))
        children = [Child(home, simulator.port, said) for _ in range(ENGINES)]
        for child in children:
            await child.start()
        ends_at, kills = time.monotonic() + seconds, 0
        while time.monotonic() < ends_at:
            await asyncio.sleep(kill_every_s)
            victim = children[kills % ENGINES]
            await victim.end(signal.SIGKILL)
            await victim.start()
            kills += 1
        for child in children:
            await child.end(signal.SIGKILL)
        counters = await simulator.counters()
        await asyncio.sleep(_SETTLED_AFTER_S)
        settings = EngineSettings(
            places, pools.environ(), "after", base_providers_text=pools.catalogue(simulator.port, allowed)
        )
        async with Engine.open(settings) as engine:
            await engine.fresh_snapshot()
    connection = sqlite3.connect(places.store_file)
    sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    left = connection.execute("SELECT count(*) FROM reservation WHERE orphaned = 0").fetchone()[0]
    kept = connection.execute("SELECT count(*) FROM request").fetchone()[0]
    connection.close()
    ended = sum(said.values())
    answered = said["answered"] / ended
    print(f"{ENGINES} engines, {kills + ENGINES} kills in {seconds:g} s, load {os.getloadavg()[0]:.1f}")
    print(f"ended {ended}, kept {kept}, answered {answered:.4%}: {dict(said)}")
    print(f"calls upstream {counters['requests']}, limits exceeded {counters['refused_truly']}")
    print(f"store {sound}, reservations left {left}")
    return answered >= 0.999 and counters["refused_truly"] == 0 and left == 0 and sound == "ok"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kill-every", type=float, default=5)
    parser.add_argument("--child", nargs=2, metavar=("HOME", "PORT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        asyncio.run(ask_for_ever(Path(chosen.child[0]), int(chosen.child[1])))
        return
    raise SystemExit(0 if asyncio.run(run(chosen.seconds, chosen.kill_every)) else 1)


if __name__ == "__main__":
    main()
