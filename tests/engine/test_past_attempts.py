"""What other processes met counts for success share, health and speed as what this one did."""

from __future__ import annotations

from pathlib import Path

from tests.support.engine_world import Serves, open_world, until

from trunkline.engine.engine import Engine
from trunkline.engine.past_attempts import LONGEST_REMEMBERED_MS, PastAttempts
from trunkline.quota.health import ENOUGH_ATTEMPTS, RecentStats


def stats(engine: Engine) -> RecentStats:
    found = engine._core.tracker._board.route_stats
    (one,) = found.values() if found else (RecentStats(),)
    return one


async def test_another_process_s_attempts_are_known_here_once_and_ones_own_are_not_counted_twice(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path, Serves("only")) as world, world.open("other") as other:
        for _ in range(ENOUGH_ATTEMPTS):
            await world.run("Who owns the queue?", other)
        await until(lambda: stats(world.engine).attempts == ENOUGH_ATTEMPTS)
        assert stats(world.engine).success_share == 1.0
        await world.run("Who owns the queue?")
        await until(lambda: stats(other).attempts == ENOUGH_ATTEMPTS + 1)
        await world.run("Who owns the queue?", other)
        await until(lambda: stats(world.engine).attempts == ENOUGH_ATTEMPTS + 2)
        assert stats(other).attempts == ENOUGH_ATTEMPTS + 2
        assert len(stats(world.engine).total_samples_ms) == ENOUGH_ATTEMPTS + 2


async def test_an_engine_begins_with_what_was_met_before_it(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path, Serves("only"), Serves("second")) as world:
        world.fault("http", provider="only", status=500)
        first = await world.run("Who owns the queue?")
        await world.engine._core.store.flush()
        met = [attempt.outcome for attempt in first.receipt.attempts]
        assert len(met) > 1
        async with world.open("later") as later:
            known = later._core.tracker._board.route_stats
            assert {route.provider: one.success_share for route, one in known.items()} == {
                "only": 0.0,
                "second": 1.0,
            }
            (shown,) = (one for one in later.snapshot().providers if one.id == "second")
            assert shown.latency.p50_ms is not None


async def test_what_is_days_ago_is_not_taken_in(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        await world.run("Who owns the queue?")
        core = world.engine._core
        await core.store.flush()
        async with world.open("later") as later:
            seen = PastAttempts(later._core.tracker, "nobody")
            answer = await core.store.ask(seen.unread())
            before = stats(later).attempts
            seen.take_in(answer, core.clock.wall_ms() + 2 * LONGEST_REMEMBERED_MS)
            assert stats(later).attempts == before == 1
            seen.take_in(answer, core.clock.wall_ms())
            assert stats(later).attempts == before + 1
            assert (await core.store.ask(seen.unread()))[1] == ()


async def test_a_pool_goes_round_over_processes_that_ask_once_each(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("pool", accounts=("a", "b", "c")), started=False) as world:
        await world.engine.aclose()
        served = []
        for _ in range(4):
            async with world.open("once") as engine:
                told = await world.run("Who owns the queue?", engine)
                assert told.receipt.route is not None
                served.append(told.receipt.route.account)
    assert served == ["a", "b", "c", "a"]
