"""A person marks something as available: requests go there at once, in every process, and it does not come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.check_world import REFUSED
from tests.support.clock import START_MS
from tests.support.engine_world import Serves, agent, open_world, told, until
from tests.support.report_world import ANSWER, HOUR_MS, block_of, plan_used_up, report_world

from trunkline.domain.decisions import Decision
from trunkline.domain.errors import ConfigError
from trunkline.domain.events import Parked
from trunkline.domain.receipts import Outcome

RESET_MS = START_MS + 5 * 24 * HOUR_MS


async def test_a_freed_account_takes_requests_in_every_process_and_stays_free(tmp_path: Path) -> None:
    async with report_world(tmp_path, "none") as world, world.open() as one, world.open() as two:
        world.chat = plan_used_up(RESET_MS)
        await world.run(one)
        await until(lambda: block_of(two) is not None)
        world.chat = ANSWER
        two.free("p/main")
        assert (await world.run(two)).receipt.outcome is Outcome.ANSWERED
        await until(lambda: block_of(one) is None)
        assert (await world.run(one)).receipt.outcome is Outcome.ANSWERED
        async with world.open() as three:
            assert block_of(three) is None
        one.pause()  # once the second order is heard, everything that came with the first was taken in
        await until(lambda: two.snapshot().paused)
        one.resume()
        await until(lambda: not two.snapshot().paused)
        assert block_of(two) is None


async def test_a_block_of_this_very_moment_is_freed_by_another_process_too(tmp_path: Path) -> None:
    async with report_world(tmp_path, "none") as world, world.open() as one, world.open() as two:
        world.chat = plan_used_up(RESET_MS)
        await world.run(one)
        await until(lambda: block_of(two) is not None)
        two.free("p/main")  # the clock stands still: the block is not a millisecond old
        await until(lambda: block_of(one) is None)


async def test_what_waits_for_it_goes_at_once(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("acme")) as world:
        world.fault("limited", wait_s=15.0)
        other = world.open("other")
        other.start()
        try:
            handle = world.engine.submit(agent())
            await until(lambda: bool(world.engine.snapshot().queue))
            world.simulator.faults.remove(None)
            await until(lambda: other.blocked)
            other.free("acme/a")
            ended = await told(handle, 5.0)
        finally:
            await other.aclose()
        assert ended.receipt.outcome is Outcome.ANSWERED
        assert ended.of(Parked)


async def test_blocks_above_it_go_too_and_those_beside_it_stay(tmp_path: Path) -> None:
    accounts = [{"id": one, "key": "env:P_KEY"} for one in ("a", "b")]
    async with report_world(tmp_path, "none", accounts=accounts) as world, world.open() as engine:
        world.chat = REFUSED
        await world.run(engine)
        assert engine.blocked == {"p/a", "p/b"}
        engine.free("p/a/m")
        assert engine.blocked == {"p/b"}
        world.chat = ANSWER
        assert [str(route) for route in (await world.run(engine)).routes] == ["p/a/m"]
        with pytest.raises(ConfigError, match="p/nobody"):
            engine.free("p/nobody")


async def test_a_figure_that_has_it_used_up_is_believed_no_more(tmp_path: Path) -> None:
    """CLIProxyAPI#3866: a reset that changes what is shown, not where requests go."""
    limit = {"metric": "requests", "amount": 2, "window": "day", "scope": "account"}
    async with open_world(tmp_path, Serves("acme", limits=[limit], known=True)) as world:
        for _ in range(2):
            assert (await world.run("go")).receipt.outcome is Outcome.ANSWERED
        assert not isinstance(world.engine.preview_now(agent()).decision, Decision)
        world.simulator.reset()
        other = world.open("other")
        other.start()
        try:
            other.free("acme/a")
            for engine in (other, world.engine):
                await until(lambda engine=engine: isinstance(engine.preview_now(agent()).decision, Decision))
        finally:
            await other.aclose()
        assert (await world.run("go")).receipt.outcome is Outcome.ANSWERED
        await until(lambda: world.open_reservations() == 0)
