"""The gateway while nothing can be written down, over real HTTP and real SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, open_world, until
from tests.support.gateway_world import OPEN, listening

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Who owns the queue?"}]}


class Asker:
    """A client, and the store's file, which can be taken away."""

    def __init__(self, world: World, client: aiohttp.ClientSession, clock: FakeClock) -> None:
        self.world, self.clock = world, clock
        self._client = client
        self._file, self._away = world.places.store_file, world.home / "away.db"

    async def ask(self) -> tuple[int, Any]:
        async with self._client.post(CHAT, json=ASKED) as reply:
            return reply.status, await reply.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._client.get(path) as reply:
            return reply.status, await reply.json()

    async def begin(self) -> asyncio.Task[tuple[int, Any]]:
        """A request that is answered soon, and is with its provider now."""
        self.world.fault("slow_first_token", provider="p", ms=200.0, first=1)
        asking = asyncio.create_task(self.ask())
        await until(lambda: self.world.open_reservations() and self.world.simulator.record.open_streams)
        return asking

    def take_away(self) -> None:
        self._file.rename(self._away)

    async def put_back(self) -> None:
        """And have the store notice it, as it does every two seconds."""
        self._away.rename(self._file)
        self.clock.advance(2_000)
        for _ in range(2):
            await self.world.engine.store.write(lambda _: None)


@asynccontextmanager
async def asking(home: Path, most_at_once: int) -> AsyncIterator[Asker]:
    clock = FakeClock()
    provider = Serves("p", limits=[{"metric": "concurrency", "amount": most_at_once}], known=True)
    async with (
        open_world(home, provider, preferences=OPEN, clock=clock) as world,
        listening(world, clock) as (_, root),
        aiohttp.ClientSession(root, timeout=aiohttp.ClientTimeout(5)) as client,
    ):
        yield Asker(world, client, clock)


async def test_who_asks_is_told_why_and_what_was_under_way_is_written_later(tmp_path: Path) -> None:
    async with asking(tmp_path, most_at_once=2) as asker:
        world = asker.world
        under_way = await asker.begin()
        asker.take_away()
        status, told = await asker.ask()
        assert (status, told["error"]["code"]) == (500, "store_error")
        assert "was taken away" in told["error"]["message"]
        status, told = await asker.get("/healthz")
        assert (status, told["ok"]) == (503, False)
        assert str(tmp_path) not in told["why"]
        assert (await asker.get("/v1/models"))[0] == 200

        assert (await under_way)[0] == 200, "what was let in is answered"
        await asker.put_back()
        assert world.open_reservations() == 0
        assert (await asker.ask())[0] == 200
        assert await asker.get("/healthz") == (200, {"ok": True})
        await world.engine.store.flush()
        assert world.query("SELECT count(*) FROM request WHERE outcome = 'answered'") == [(2,)]


async def test_who_waits_for_a_place_has_it_when_the_store_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with asking(tmp_path, most_at_once=1) as asker:
        under_way = await asker.begin()
        waiting = asyncio.create_task(asker.ask())
        await until(lambda: len(asker.world.engine.snapshot().queue) == 1)
        asker.take_away()
        assert (await under_way)[0] == 200
        await asker.put_back()

        def later() -> bool:
            asker.clock.advance(100)  # whoever looks again may only now have begun to wait for that
            return waiting.done()

        await until(later)
        assert (await waiting)[0] == 200
    assert "never retrieved" not in caplog.text
