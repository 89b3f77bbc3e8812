"""A gateway as other processes see it: where it listens, who asks through it, what has gone through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, open_world, until

from trunkline.domain.clock import Clock, SystemClock
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.monitor import watch_once
from trunkline.engine.settings import EngineSettings
from trunkline.gateway.running import running_gateway
from trunkline.gateway.server import Pages
from trunkline.store.upkeep import DEAD_AFTER_MS

OPEN = "[gateway]\nrequire_token = false\n"
SLOW = Serves("only", played={"tokens_per_s": 40.0, "chunk_tokens": 2})
ASKED = {"model": "auto", "messages": [{"role": "user", "content": "Who owns the queue?"}], "stream": True}


class Hurried(SystemClock):
    """Whoever waits for a second waits for a fiftieth of it."""

    async def sleep(self, ms: float) -> None:
        await super().sleep(ms / 50)


async def _nothing(_: str | None) -> object | None:
    return None


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """A whole gateway in front of a world's engine."""
    pages, clock = Pages(_nothing, _nothing), Hurried()
    file = world.places.preferences_file
    async with running_gateway(world.engine, clock, pages, file=file, port=0) as running:
        yield f"http://127.0.0.1:{running.port}"


def seen(world: World, clock: Clock | None = None) -> Snapshot:
    """What a monitor sees."""
    settings = EngineSettings(world.places, world.environ, "monitor", base_providers_text=world.catalogue)
    return watch_once(settings, clock)


async def test_another_process_sees_where_it_listens_and_who_asks_until_it_ends(tmp_path: Path) -> None:
    async with open_world(tmp_path, SLOW, preferences=OPEN) as world, world.open("deck") as deck:
        async with serving(world) as address, httpx.AsyncClient() as client:
            headers = {"x-trunkline-origin": "agent-7"}
            stream = client.stream("POST", f"{address}/v1/chat/completions", json=ASKED, headers=headers)
            async with stream:
                await until(lambda: [one.at_work for one in seen(world).gateways] == [1])
                for snapshot in (seen(world), await deck.fresh_snapshot()):
                    (call,), (told,) = snapshot.running, snapshot.gateways
                    assert (call.origin, call.process) == ("agent-7", "test")
                    assert (told.base_url, told.needs_token) == (address, False)
                    assert told.process_id == call.process_id
            await until(lambda: [one.at_work for one in seen(world).gateways] == [0])
        await world.engine.store.flush()
        for snapshot in (await deck.fresh_snapshot(), seen(world)):
            assert (snapshot.gateways, snapshot.running) == ((), ())
        assert world.query("SELECT count(*) FROM asker") == [(0,)]


async def test_what_went_through_is_told_and_one_that_died_is_seen_no_more(tmp_path: Path) -> None:
    async with (
        open_world(tmp_path, Serves("only"), preferences=OPEN) as world,
        serving(world) as address,
        httpx.AsyncClient() as client,
    ):
        for kind in (None, "content"):
            if kind is not None:
                world.fault(kind)
            await client.post(f"{address}/v1/chat/completions", json=ASKED | {"stream": False})
        await until(lambda: [(one.answered, one.failed) for one in seen(world).gateways] == [(1, 1)])
        after_it_died_ms = SystemClock().wall_ms() + DEAD_AFTER_MS + 5_000
        assert seen(world, FakeClock(after_it_died_ms)).gateways == ()
