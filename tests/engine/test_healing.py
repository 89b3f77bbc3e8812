"""What becomes of a block when its time has come: a free check, then one real request, then open."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.clock import START_MS
from tests.support.engine_world import ask, told, until
from tests.support.report_world import (
    ANSWER,
    BALANCE,
    HOUR_MS,
    NOT_NOW,
    OUT_OF_CREDIT,
    ReportWorld,
    balance,
    block_of,
    plan,
    plan_used_up,
    report_world,
)

from trunkline.domain.receipts import Outcome
from trunkline.domain.state import Block
from trunkline.engine.engine import Engine

RESET_MS = START_MS + 2 * HOUR_MS


async def refused(world: ReportWorld, engine: Engine) -> Block:
    """Have the account refused until `RESET_MS`."""
    world.chat = plan_used_up(RESET_MS)
    assert (await world.run(engine)).receipt.outcome is Outcome.FAILED
    block = block_of(engine)
    assert block is not None
    assert block.until_ms == RESET_MS
    assert world.calls == 1
    return block


async def test_at_its_reset_it_is_checked_for_free_and_then_tried_by_one_request(tmp_path: Path) -> None:
    async with report_world(tmp_path) as world, world.open() as engine:
        await refused(world, engine)
        world.chat, world.report = ANSWER, plan((1, RESET_MS + 5 * HOUR_MS), (40, RESET_MS))
        await world.pass_by(1_000)
        await world.skip_to(RESET_MS)
        await world.pass_until(lambda: (block := block_of(engine)) is not None and block.half_open)
        assert (world.askings, world.calls) == (1, 1)
        assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED
        assert (world.askings, world.calls) == (1, 2)
        assert block_of(engine) is None
        await world.pass_by(30_000)
        assert world.askings == 1


async def test_what_is_still_used_up_costs_no_real_call(tmp_path: Path) -> None:
    async with report_world(tmp_path) as world, world.open() as engine:
        await refused(world, engine)
        later_ms = RESET_MS + HOUR_MS
        world.report = plan((100, later_ms), (40, RESET_MS + 40 * HOUR_MS))
        await world.pass_by(1_000)
        await world.skip_to(RESET_MS)
        await world.pass_until(lambda: (block := block_of(engine)) is not None and block.until_ms == later_ms)
        assert (await world.run(engine)).receipt.outcome is Outcome.FAILED
        assert (world.askings, world.calls) == (1, 1)


async def test_the_block_holds_for_requests_until_the_check_is_done(tmp_path: Path) -> None:
    async with report_world(tmp_path) as world, world.open() as engine:
        await refused(world, engine)
        world.chat = ANSWER
        await world.pass_by(1_000)
        await world.skip_to(RESET_MS)  # the check begins a little later, apart from others
        block = block_of(engine)
        assert block is not None
        assert block.holds_at(world.clock.wall_ms())
        handle = engine.submit(ask(stream=False, critical=True))
        world.report = plan((1, RESET_MS + 5 * HOUR_MS))
        await world.pass_until(lambda: world.askings == 1)
        answered = await told(handle)
        assert answered.receipt.outcome is Outcome.ANSWERED
        assert (world.askings, world.calls) == (1, 2)


async def test_a_check_that_fails_in_passing_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with report_world(tmp_path) as world, world.open() as engine:
        await refused(world, engine)
        world.chat, world.report = ANSWER, NOT_NOW
        await world.pass_by(1_000)
        await world.skip_to(RESET_MS)
        await world.pass_until(lambda: (block := block_of(engine)) is not None and block.half_open)
        assert world.clock.wall_ms() < RESET_MS + 2_000
        assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED


async def test_a_block_of_seconds_is_not_checked(tmp_path: Path) -> None:
    async with report_world(tmp_path) as world, world.open() as engine:
        world.chat = (429, {"error": {"code": "1302", "message": "rate limit reached"}})
        handle = engine.submit(ask(stream=False))
        await until(lambda: block_of(engine) is not None)
        world.chat = ANSWER
        await world.pass_until(lambda: world.calls == 2)
        assert (await told(handle)).receipt.outcome is Outcome.ANSWERED
        assert (world.askings, world.calls) == (0, 2)


async def test_without_an_account_endpoint_a_request_tries_it_at_once(tmp_path: Path) -> None:
    async with report_world(tmp_path, "none") as world, world.open() as engine:
        await refused(world, engine)
        world.chat = ANSWER
        await world.pass_by(1_000)
        await world.skip_to(RESET_MS)
        assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED
        assert world.askings == 0


def lasts(block: Block, world: ReportWorld) -> bool:
    """Whether a block is there for hours, and nobody is trying it."""
    return block.until_ms is not None and block.until_ms > world.clock.wall_ms() + HOUR_MS


def prolonged(block: Block | None, before: Block) -> bool:
    """Whether a check has given the block more time."""
    return block is not None and block.checked_at_ms != before.checked_at_ms


async def test_an_empty_balance_is_asked_for_every_hour_and_never_tried_while_empty(tmp_path: Path) -> None:
    async with (
        report_world(tmp_path, "moonshot", path=BALANCE, billing="credits") as world,
        world.open() as engine,
    ):
        world.chat, world.report = OUT_OF_CREDIT, balance(0)
        await world.run(engine)
        for hour in range(1, 4):
            block = block_of(engine)
            assert block is not None
            assert block.until_ms is not None
            await world.pass_by(1_000)
            await world.skip_to(block.until_ms)
            await world.pass_until(lambda hour=hour: world.askings == hour)
            await world.pass_until(lambda block=block: prolonged(block_of(engine), block))
        assert world.calls == 1
        block = block_of(engine)
        assert block is not None
        world.chat, world.report = ANSWER, balance(5)
        await world.skip_to(block.until_ms or 0)
        await world.pass_until(lambda: (block := block_of(engine)) is not None and block.half_open)
        assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED
        assert world.calls == 2


async def test_of_several_processes_one_asks_and_all_learn(tmp_path: Path) -> None:
    async with report_world(tmp_path) as world, world.open() as one, world.open() as two:
        await refused(world, one)
        await until(lambda: block_of(two) is not None)
        world.chat, world.report = ANSWER, plan((100, RESET_MS + HOUR_MS))
        await world.pass_by(1_000)
        await world.skip_to(RESET_MS)
        for engine in (one, two):
            await world.pass_until(
                lambda engine=engine: (
                    (block := block_of(engine)) is not None and block.until_ms == RESET_MS + HOUR_MS
                )
            )
        assert (world.askings, world.calls) == (1, 1)
        world.report = plan((2, RESET_MS + 6 * HOUR_MS))
        await world.pass_by(1_000)
        await world.skip_to(RESET_MS + HOUR_MS)
        for engine in (one, two):
            await world.pass_until(
                lambda engine=engine: (block := block_of(engine)) is not None and block.half_open
            )
        assert (world.askings, world.calls) == (2, 1)


async def test_a_block_does_not_outlive_its_reset_over_a_restart(tmp_path: Path) -> None:
    async with report_world(tmp_path) as world:
        async with world.open() as engine:
            await refused(world, engine)
        world.chat = ANSWER
        await world.skip_to(RESET_MS + 3 * 24 * HOUR_MS)
        async with world.open() as engine:
            assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED
            assert block_of(engine) is None
        async with world.open() as engine:
            assert block_of(engine) is None
            assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED


async def test_day_after_day_it_is_back_at_its_reset(tmp_path: Path) -> None:
    """CLIProxyAPI#5277, OmniRoute#8065: a cooldown that stays after the reset, until somebody deletes a file."""
    async with report_world(tmp_path, "none") as world, world.open() as engine:
        for day in range(10):
            reset_ms = START_MS + day * 24 * HOUR_MS + 2 * HOUR_MS
            world.chat = plan_used_up(reset_ms)
            assert (await world.run(engine)).receipt.outcome is Outcome.FAILED
            assert (await world.run(engine)).receipt.outcome is Outcome.FAILED
            assert world.calls == 2 * day + 1
            world.chat = ANSWER
            await world.skip_to(reset_ms)
            assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED
            assert block_of(engine) is None
            await world.skip_to(START_MS + (day + 1) * 24 * HOUR_MS)


async def test_a_person_who_checks_now_is_believed_at_once_in_every_process(tmp_path: Path) -> None:
    """CLIProxyAPI#3866: the button changes what is shown, not where requests go."""
    async with report_world(tmp_path) as world, world.open() as one, world.open() as two:
        await refused(world, one)
        await until(lambda: block_of(two) is not None)
        world.chat, world.report = ANSWER, plan((1, RESET_MS + 5 * HOUR_MS), (3, RESET_MS))
        await world.pass_by(1_000)
        await one.check("p/main")
        assert (block := block_of(one)) is not None
        assert block.half_open
        await world.pass_until(lambda: (block := block_of(two)) is not None and block.half_open)
        assert (await world.run(two)).receipt.outcome is Outcome.ANSWERED
        await until(lambda: block_of(one) is None)


async def test_a_stated_wait_of_days_is_tried_once_a_day_by_whoever_waits(tmp_path: Path) -> None:
    async with report_world(tmp_path, "none") as world, world.open(long_lived=True) as engine:
        world.chat = plan_used_up(START_MS + 5 * 24 * HOUR_MS, "7 day")
        kept = engine.submit(ask(park=True))
        await world.pass_until(lambda: engine.snapshot().queue)
        for day in (1, 2):
            assert world.calls == day
            await world.skip_to(START_MS + day * 24 * HOUR_MS - 60_000)
            await world.pass_by(30_000)
            assert world.calls == day
            if day == 2:
                world.chat = ANSWER
            await world.skip_to(START_MS + day * 24 * HOUR_MS + 30_000)
            await world.pass_until(
                lambda day=day: world.calls == day + 1, 130_000
            )  # a rest of a recheck may have begun just before
            if day == 1:  # the day is counted from when its refusal was understood
                await until(lambda: (block := block_of(engine)) is not None and lasts(block, world))
        assert (await told(kept)).receipt.outcome is Outcome.ANSWERED
        assert block_of(engine) is None


async def test_a_machine_that_sleeps_as_a_kept_request_comes_back_costs_it_nothing(tmp_path: Path) -> None:
    """Its time was counted from before the store was asked: a sleep just then was the end of it."""
    async with report_world(tmp_path, "none") as world, world.open(long_lived=True) as engine:
        world.chat = plan_used_up(RESET_MS)
        kept = engine.submit(ask(park=True))
        await world.pass_until(lambda: engine.snapshot().queue)
        parking, asleep = engine._core.parking, []
        still_ours = parking.still_ours

        async def sleeps(request_id: str) -> bool:
            ours = await still_ours(request_id)
            if not asleep:
                asleep.append(request_id)
                world.clock.advance(HOUR_MS)
            return ours

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parking, "still_ours", sleeps)
            await world.pass_until(lambda: asleep, 70_000)
            world.chat = ANSWER
            await world.skip_to(RESET_MS + 1_000)
            await world.pass_until(lambda: world.calls == 2, 70_000)
        assert (await told(kept)).receipt.outcome is Outcome.ANSWERED
