from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from tests.store import hammer
from tests.store.samples import BALANCE, MINUTE, OTHER, ask, claim, opened
from tests.support.clock import START_MS, FakeClock

from trunkline.domain.limits import Metric
from trunkline.quota.ledger import Reservation
from trunkline.store.store import StoreReader

ROOT = Path(__file__).parents[2]
CALLS = claim(1, 6, key="calls", window=BALANCE, metric=Metric.CONCURRENCY)


async def start(path: Path, count: int, limit: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.store.hammer",
        str(path),
        str(count),
        str(limit),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def test_two_processes_never_exceed_a_limit_by_one(tmp_path: Path) -> None:
    path, limit = tmp_path / "t.db", 200
    processes = [await start(path, 60, limit) for _ in range(2)]
    outputs = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    ends = [json.loads(out.splitlines()[-1]) for out, _ in outputs]
    assert sum(end["granted"] for end in ends) == limit
    assert sum(end["granted"] + end["refused"] for end in ends) == 2 * 60 * hammer.LANES
    reader = StoreReader.open(path, FakeClock())
    assert reader.use("requests", MINUTE).used == limit
    assert reader.use("tokens", BALANCE).used == limit * hammer.TOKENS_USED
    assert reader.use("calls", BALANCE).used == 0
    reader.close()


@pytest.mark.parametrize("seed", range(3))
async def test_a_killed_process_loses_only_its_reservations_which_settle_at_their_estimates(
    tmp_path: Path, seed: int
) -> None:
    path, clock = tmp_path / "t.db", FakeClock()
    async with opened(path, clock) as store:
        victim = await start(path, 1_000_000, 10**9)
        mine = await store.ledger.reserve(ask("mine", claim(1, 10**9, key="mine"), CALLS))
        assert isinstance(mine, Reservation)
        assert victim.stdout is not None
        acknowledged = [await victim.stdout.readline() for _ in range(random.Random(seed).randrange(20, 200))]
        os.kill(victim.pid, signal.SIGKILL)
        acknowledged += (await victim.stdout.read()).splitlines()
        await victim.wait()

        for _ in range(4):
            clock.advance(2_400)
            await store.beat()
        assert rows(path, "SELECT count(*) FROM reservation WHERE orphaned")[0][0] == 0
        clock.advance(2_400)
        await store.beat()
        orphans = rows(path, "SELECT count(*) FROM reservation WHERE orphaned")[0][0]
        assert isinstance(orphans, int)
        granted = store.ledger.use("requests", MINUTE).used
        assert granted >= sum(line.startswith(b'{"booked"') and line.endswith(b"}") for line in acknowledged)
        assert store.ledger.use("tokens", BALANCE).used == (
            orphans * hammer.TOKENS_BOOKED + (granted - orphans) * hammer.TOKENS_USED
        )
        assert store.ledger.use("calls", BALANCE).used == 1
        assert [running.request_id for running in await store.running_requests()] == ["request-of-mine"]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


async def test_opening_settles_what_a_dead_process_left(tmp_path: Path) -> None:
    path, clock = tmp_path / "t.db", FakeClock()
    async with opened(path, FakeClock(), "suspended") as dead:
        await dead.ledger.reserve(ask("a", claim(4), CALLS, route=OTHER))
        clock.advance(9_000)
        async with opened(path, clock) as store:
            running = (await store.running_requests())[0]
            assert (running.route, running.process, running.since_ms) == (OTHER.id, "suspended", START_MS)
        clock.advance(2_000)
        async with opened(path, clock) as store:
            assert await store.running_requests() == ()
            assert store.ledger.use("calls", BALANCE).used == 0
            assert store.ledger.use("requests", MINUTE).used == 4
            # It was only suspended after all: its settling still counts, and gives its call back only once.
            await store.ledger.reserve(ask("b", CALLS))
            dead.ledger.settle("a", [("requests", 1)])
            await dead.flush()
            await store.flush()
            assert store.ledger.use("requests", MINUTE).used == 1
            assert store.ledger.use("calls", BALANCE).used == 1


async def test_after_a_suspend_the_others_get_the_chance_to_beat(tmp_path: Path) -> None:
    path, clock = tmp_path / "t.db", FakeClock()
    async with opened(path, clock) as one, opened(path, clock) as two:
        await two.ledger.reserve(ask("a", CALLS))
        clock.advance(3_600_000)
        await one.beat()
        assert len(await one.running_requests()) == 1
        for _ in range(4):
            clock.advance(2_000)
            await two.beat()
            await one.beat()
        assert len(await one.running_requests()) == 1


async def test_closing_settles_what_is_still_booked(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with opened(path) as store:
        await store.ledger.reserve(ask("a", claim(4), CALLS))
    async with opened(path) as store:
        assert store.ledger.use("requests", MINUTE).used == 4
        assert store.ledger.use("calls", BALANCE).used == 0
        assert await store.running_requests() == ()
    assert rows(path, "SELECT count(*) FROM process WHERE ended_at_ms IS NULL") == [(0,)]


async def test_the_heartbeat_comes_by_itself(tmp_path: Path) -> None:
    path, clock = tmp_path / "t.db", FakeClock()
    async with opened(path, clock), opened(path, clock) as other:
        changed = asyncio.Event()
        other.on_change(changed.set)
        clock.advance(2_000)
        await asyncio.wait_for(changed.wait(), 5)
        beats = rows(path, "SELECT min(beat_at_ms) FROM process")
        assert beats == [(START_MS + 2_000,)] or await _later(path)


async def _later(path: Path) -> bool:
    # The first process to beat wakes the second, whose own beat may be a moment behind.
    for _ in range(100):
        if rows(path, "SELECT min(beat_at_ms) FROM process") == [(START_MS + 2_000,)]:
            return True
        await asyncio.sleep(0.01)
    return False
