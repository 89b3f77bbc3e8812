"""What other processes begin and finish is told at once, and of what is no news nothing is read again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, ask, open_world, until

from trunkline.domain.clock import Clock
from trunkline.domain.events import Event, TrafficSeen
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.engine import Engine
from trunkline.engine.monitor import Monitor
from trunkline.engine.settings import EngineSettings
from trunkline.engine.watch import StoreWatch

SLOW = Serves("only", played={"tokens_per_s": 20.0, "chunk_tokens": 2})


def settings_of(world: World) -> EngineSettings:
    return EngineSettings(world.places, world.environ, "monitor", base_providers_text=world.catalogue)


@asynccontextmanager
async def heard_by(engine: Engine) -> AsyncIterator[list[TrafficSeen]]:
    """What the engine tells of others, from now on."""
    heard: list[TrafficSeen] = []

    async def listen() -> None:
        async for event in engine.subscribe():
            if isinstance(event.body, TrafficSeen):
                heard.append(event.body)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    try:
        yield heard
    finally:
        listening.cancel()


async def test_an_engine_tells_what_others_have_under_way_and_how_it_ended(tmp_path: Path) -> None:
    async with open_world(tmp_path, SLOW) as world, world.open("other") as other:
        own = world.engine.submit(ask())
        async with heard_by(world.engine) as heard:
            theirs = other.submit(ask())
            await until(lambda: heard)
            assert {call.request_id for call in heard[-1].running} == {own.request_id, theirs.request_id}
            assert world.engine.snapshot().running == heard[-1].running
            own.cancel()
            theirs.cancel()
            await until(lambda: heard[-1].ended)
            assert [entry.request_id for entry in heard[-1].ended] == [theirs.request_id], (
                "one's own is known"
            )
            assert heard[-1].running == ()


async def test_of_a_heartbeat_there_is_nothing_to_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path, Serves("only")) as world, world.open("other") as other:
        core, past = world.engine._core, world.engine._upkeep._past_attempts
        followed = asyncio.Event()
        take_in: Callable[..., Any] = past.take_in
        monkeypatch.setattr(past, "take_in", lambda *answer: (take_in(*answer), followed.set()))

        async def after(doing: Any) -> bool:
            """Whether sums and log are wanted once what `other` did has been followed."""
            core.changed = False
            await doing
            followed.clear()
            await followed.wait()
            await asyncio.sleep(0)
            return core.changed

        await after(other._core.store.beat())
        assert not await after(other._core.store.beat())
        assert await after(other.complete(ask()))


@asynccontextmanager
async def monitored(world: World) -> AsyncIterator[list[Any]]:
    """What a monitor delivers that will not look a second time within the test."""
    news: list[Any] = []
    monitor = Monitor(settings_of(world), look_ms=60_000.0, glance_ms=5.0)
    monitor.start(news.append)
    try:
        await until(lambda: any(isinstance(one, Snapshot) for one in news))
        yield news
    finally:
        await asyncio.to_thread(monitor.close)


async def test_a_monitor_tells_it_between_two_looks(tmp_path: Path) -> None:
    async with open_world(tmp_path, SLOW) as world:
        before = world.engine.submit(ask())
        before.cancel()
        await before.answer()
        await world.engine._core.store.flush()
        async with monitored(world) as news:

            def told() -> list[TrafficSeen]:
                bodies = [one.body for one in news if isinstance(one, Event)]
                return [body for body in bodies if isinstance(body, TrafficSeen)]

            assert told() == [], "what there was before is in the first picture"
            handle = world.engine.submit(ask())
            await until(told)
            assert [call.request_id for call in told()[0].running] == [handle.request_id]
            handle.cancel()
            await until(lambda: told()[-1].ended)
            assert [entry.request_id for entry in told()[-1].ended] == [handle.request_id]
            assert sum(isinstance(one, Snapshot) for one in news) == 1


class _Looks:
    """A watch of a world's store under a clock that is turned by hand."""

    def __init__(self, world: World) -> None:
        self.clock = FakeClock()
        clock: Clock = self.clock
        self._watch = StoreWatch(settings_of(world), clock)

    def look(self) -> Snapshot:
        self.clock.advance(1_000)
        self._watch.glance()
        return self._watch.look()


async def test_a_picture_is_taken_again_when_there_is_news_or_time_has_passed(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        looks = _Looks(world)
        first = looks.look()
        await world.engine._core.store.beat()
        assert looks.look() is first
        await world.engine.complete(ask())
        await world.engine._core.store.flush()
        second = looks.look()
        assert (len(first.log), len(second.log), second.totals.answered) == (0, 1, 1)
        world.engine.pause()
        await until(lambda: world.query("SELECT count(*) FROM audit") == [(1,)])
        paused = looks.look()
        assert paused.paused
        assert [looks.look() is paused for _ in range(6)] == [True] * 4 + [False, False]
