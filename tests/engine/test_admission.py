"""Orders first, then the lane: over an engine with lanes in force."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from tests.support.engine_world import Serves, agent, ask, open_world, told, until, until_event

from trunkline.domain.events import AttemptStarted, Held
from trunkline.domain.queue import HeldFor
from trunkline.domain.tasks import Priority

LANE = "[thresholds]\nmedium_lane_s = {}\nlow_lane_s = 1\n"


async def test_what_a_pause_held_back_goes_on_into_its_lane(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only"), preferences=LANE.format(0.15)) as world:
        world.engine.pause()
        handles = [world.engine.submit(agent(f"n {n}", priority=Priority.MEDIUM)) for n in range(3)]
        for handle in handles:
            assert (await until_event(handle, Held)).held_for is HeldFor.PAUSE
        world.engine.resume()
        results = await asyncio.gather(*(told(handle) for handle in handles))
        waits = sorted([held.held_for.value for held in one.of(Held)] for one in results)
        assert waits == [["pause"], ["pause", "lane"], ["pause", "lane"]]
        for one in results:
            began_at_ms = next(e.at_ms for e in one.events if isinstance(e.body, AttemptStarted))
            assert all(began_at_ms >= (held.until_ms or 0) - 2 for held in one.of(Held))
        first, second = sorted(held.until_ms or 0 for one in results for held in one.of(Held)[1:])
        assert 140 <= second - first <= 160


async def test_a_lane_can_be_passed_by_order_left_by_cancelling_and_taken_away_by_settings(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path, Serves("only"), preferences=LANE.format(600)) as world:
        assert (await world.run(agent("first"))).receipt.complete
        assert (await world.run(agent("of another", name="agent-8"))).receipt.complete
        assert (await world.run(ask("of a person"))).receipt.complete
        handles = [world.engine.submit(agent(name)) for name in ("a", "b", "c", "d")]
        await until(lambda: len(world.engine.snapshot().queue) == 4)
        items = world.engine.snapshot().queue
        assert [(item.title, item.held_for) for item in items] == [(name, HeldFor.LANE) for name in "abcd"]
        untils = [item.until_ms or 0 for item in items]
        assert [round((b - a) / 1000) for a, b in pairwise(untils)] == [600, 600, 600]
        world.engine.move(handles[3].request_id, -2)
        assert [item.title for item in world.engine.snapshot().queue] == ["a", "d", "b", "c"]
        world.engine.promote(handles[1].request_id)
        assert (await told(handles[1])).receipt.complete
        handles[0].cancel()
        await until(lambda: [item.title for item in world.engine.snapshot().queue] == ["d", "c"])
        world.prefer(LANE.format(0))
        assert (await told(handles[3])).receipt.complete
        assert (await told(handles[2])).receipt.complete
