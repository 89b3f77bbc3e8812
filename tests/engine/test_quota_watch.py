"""Forecasts and alerts of running engines: told once, whoever is there; and work that is paced by them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, agent, ask, open_world, told, until

from trunkline.domain.events import Alert, Held, RequestBody
from trunkline.domain.limits import Forecast, LimitUse
from trunkline.domain.messages import ChatRequest
from trunkline.domain.queue import HeldFor
from trunkline.domain.tasks import Priority
from trunkline.engine.engine import Engine
from trunkline.engine.pacing import LONGEST_PACE_MS
from trunkline.engine.ticket import Ticket

HOUR_MS = 3_600_000
DAY_OF_TEN = {"metric": "requests", "amount": 10, "window": "day"}


def one(limit: dict[str, Any] = DAY_OF_TEN, **fields: Any) -> Serves:
    """A provider of one account with a limit that only the configuration knows of."""
    unlimited = {"accounts": [{"id": "a", "key": "sim-zai-a"}]}
    return Serves("zai", limits=[limit], known=True, simulated=unlimited, **fields)


class Listener:
    """Alerts of limits that an engine tells."""

    def __init__(self, engine: Engine) -> None:
        self._news = engine.subscribe()
        self.alerts: list[Alert] = []
        self._task = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._news:
            if isinstance(event.body, Alert) and event.body.cause.startswith("quota:"):
                self.alerts.append(event.body)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def look(engine: Engine) -> None:
    """One look at the limits as they are in the store, and time for what it says to be heard."""
    await engine._core.store.flush()
    engine._core.tracker.refresh_all(engine._core.clock.wall_ms())
    await engine._core.quota_watch.look()
    await engine._core.store.flush()


async def use(world: World, times: int) -> None:
    for _ in range(times):
        assert (await world.run("Who owns the queue?")).receipt.complete


def shown(engine: Engine) -> LimitUse:
    return engine.snapshot().providers[0].accounts[0].limits[0]


async def test_each_mark_is_told_once_by_one_of_all_engines_and_not_again_after_a_restart(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path, one(), clock=FakeClock(), started=False) as world:
        other = world.open("other")
        here, there = Listener(world.engine), Listener(other)
        await use(world, 8)
        await look(world.engine)
        assert here.alerts == []
        await use(world, 1)
        for engine in (world.engine, other, world.engine, other):
            await look(engine)
        assert len(here.alerts + there.alerts) == 1
        assert "zai/a: 90 % of about 10 requests a day used; it resets" in here.alerts[0].text
        await use(world, 1)
        for engine in (other, world.engine, other):
            await look(engine)
        assert ([one.level.value for one in here.alerts], [one.level.value for one in there.alerts]) == (
            ["warning"],
            ["critical"],
        )
        await here.close()
        await there.close()
        await other.aclose()
        again = world.open("again")
        silent = Listener(again)
        await look(again)
        assert silent.alerts == []
        await silent.close()
        await again.aclose()


async def test_a_window_that_renews_is_told_of_anew(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, one(), clock=clock, started=False) as world:
        listener = Listener(world.engine)
        await use(world, 9)
        await look(world.engine)
        clock.advance(13 * HOUR_MS)
        await look(world.engine)
        assert len(listener.alerts) == 1
        assert world.query("SELECT name FROM meta WHERE name LIKE 'told:%'") == []
        await use(world, 9)
        await look(world.engine)
        await look(world.engine)
        assert len(listener.alerts) == 2
        await listener.close()


async def test_that_it_will_run_out_is_told_and_shown_and_known_to_a_process_that_only_looks(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    limit = {"metric": "requests", "amount": 40, "window": "day"}
    async with open_world(tmp_path, one(limit), clock=clock, started=False) as world:
        listener = Listener(world.engine)
        for _ in range(20):
            await use(world, 1)
            clock.advance(8 * 60_000)
            await look(world.engine)
        (alert,) = listener.alerts
        assert "at this rate about 40 requests a day will be used up" in alert.text
        expected = shown(world.engine).forecast
        assert expected is not None
        assert expected.burn_per_hour == pytest.approx(7.5, rel=0.15)
        fresh = world.open("status")
        assert shown(fresh).forecast is None
        fresh.look_ahead_now()
        seen = shown(fresh).forecast
        assert seen is not None
        assert seen.burn_per_hour == pytest.approx(7.5, rel=0.15)
        assert seen.lasts_until_ms == pytest.approx(clock.wall_ms() + 20 / 7.5 * HOUR_MS, abs=0.5 * HOUR_MS)
        await listener.close()
        await fresh.aclose()


async def test_it_looks_by_itself(tmp_path: Path) -> None:
    async with open_world(tmp_path, one(), started=False) as world:
        listener = Listener(world.engine)
        await use(world, 9)
        world.engine.start()
        await until(lambda: listener.alerts)
        await listener.close()


# -- pacing -----------------------------------------------------------------------------------------------------


def about_to_run_out(world: World, provider: str, left: int) -> None:
    """Have the engine expect a limit of `provider` to be used up an hour from now, ten hours before its reset."""
    core = world.engine._core
    now_ms = core.clock.wall_ms()
    for owner, _, limit in core.tracker.outlook.limits():
        if owner == provider:
            core.quota_watch.limits[limit.key] = LimitUse(
                limit.key,
                limit.metric,
                limit.window,
                limit.scope,
                limit.model,
                1_000,
                1_000 - left,
                now_ms + 10 * HOUR_MS,
                limit.source,
                now_ms,
                forecast=Forecast(float(left), now_ms + HOUR_MS, 0.9),
            )


BIG = {"metric": "requests", "amount": 1_000, "window": "day"}


class Pacer:
    """Asks an engine's pacing to let requests through, without the lanes before it."""

    def __init__(self, world: World) -> None:
        self.core = world.engine._core
        self.held: list[RequestBody] = []

    def admit(self, request: ChatRequest) -> asyncio.Task[bool]:
        task = self.core.analyse(request, self.core.generation)
        ticket = Ticket(self.core.ids.new(), request, task, self.core.clock.wall_ms())
        return asyncio.get_running_loop().create_task(self.core.pacing.admit(ticket, self.held.append))


async def idly() -> None:
    """Let whoever was woken do what is to be done."""
    for _ in range(8):
        await asyncio.sleep(0)


async def test_what_nobody_waits_for_goes_at_the_pace_that_lasts(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, one(BIG), clock=clock, started=False) as world:
        about_to_run_out(world, "zai", left=1_000)  # 36 s apart
        pacer = Pacer(world)
        assert await pacer.admit(agent())
        assert pacer.held == []
        second, third = pacer.admit(agent()), pacer.admit(agent())
        await until(lambda: len(world.engine._core.queue()) == 2)
        (item, _) = world.engine._core.queue()
        assert item.held_for is HeldFor.PACE
        assert "used up before it renews" in item.why
        assert item.until_ms == clock.wall_ms() + 36_000
        clock.advance(35_999)
        await idly()
        assert not second.done()
        clock.advance(1)
        assert await second
        await idly()
        assert not third.done()
        clock.advance(36_000)
        assert await third


async def test_a_request_is_paced_on_its_way_through_the_engine(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, one(BIG), clock=clock, started=False) as world:
        about_to_run_out(world, "zai", left=1_000)
        await Pacer(world).admit(agent())
        waiting = world.engine.submit(agent())
        await until(lambda: any("renews" in item.why for item in world.engine._core.queue()))
        clock.advance(40_000)
        answered = await told(waiting)
        assert answered.receipt.complete
        assert [one.held_for for one in answered.of(Held) if "renews" in one.why] == [HeldFor.PACE]


async def test_people_and_critical_work_are_never_paced(tmp_path: Path) -> None:
    async with open_world(tmp_path, one(BIG), clock=FakeClock(), started=False) as world:
        about_to_run_out(world, "zai", left=10)
        pacer = Pacer(world)
        for request in (ask(), ask(), agent(priority=Priority.HIGH), agent(priority=Priority.HIGH)):
            assert await pacer.admit(request)
        assert pacer.held == []


async def test_nobody_is_paced_while_somebody_else_can_serve(tmp_path: Path) -> None:
    async with open_world(tmp_path, one(BIG), Serves("kimi"), clock=FakeClock(), started=False) as world:
        about_to_run_out(world, "zai", left=10)
        pacer = Pacer(world)
        for _ in range(3):
            assert await pacer.admit(agent())
        assert pacer.held == []
        assert await pacer.admit(agent(route="zai"))
        pinned = pacer.admit(agent(route="zai"))
        await until(lambda: pacer.held)
        pinned.cancel()


async def test_no_pace_is_slower_than_a_minute(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, one(BIG), clock=clock, started=False) as world:
        about_to_run_out(world, "zai", left=2)  # five hours apart
        pacer = Pacer(world)
        assert await pacer.admit(agent())
        second = pacer.admit(agent())
        await until(lambda: pacer.held)
        clock.advance(LONGEST_PACE_MS)
        assert await second


async def test_a_promoted_request_goes_at_once_and_a_late_one_not_at_all(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, one(BIG), clock=clock, started=False) as world:
        about_to_run_out(world, "zai", left=2)
        pacer = Pacer(world)
        assert await pacer.admit(agent())
        promoted = pacer.admit(agent())
        await until(lambda: world.engine._core.queue())
        world.engine.promote(world.engine._core.queue()[0].request_id)
        assert await promoted
        late = pacer.admit(agent(deadline_at_ms=clock.wall_ms() + 10_000))
        await until(lambda: world.engine._core.queue())
        clock.advance(10_000)
        assert not await late


async def test_a_limit_that_lasts_again_paces_nobody(tmp_path: Path) -> None:
    async with open_world(tmp_path, one(BIG), clock=FakeClock(), started=False) as world:
        about_to_run_out(world, "zai", left=2)
        pacer = Pacer(world)
        assert await pacer.admit(agent())
        world.engine._core.quota_watch.limits.clear()
        assert await pacer.admit(agent())
        assert pacer.held == []
