"""Account endpoints asked every so often: by one process for all, less often when they fail, never by a command."""

from __future__ import annotations

import asyncio
from datetime import UTC
from pathlib import Path

import pytest
from tests.support.check_world import NOT_FOUND, REFUSED, Answer
from tests.support.clock import START_MS
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
    view,
)

from trunkline.domain.checks import AccountReport, Balance
from trunkline.domain.limits import FigureSource, Forecast, Metric
from trunkline.domain.receipts import Outcome
from trunkline.engine.engine import Engine
from trunkline.engine.watch import StoreWatch
from trunkline.store.told import told as kept_told
from trunkline.tui.account_checks import report_lines

MINUTE_MS = 60_000


def moonshot(home: Path, **table: object):  # type: ignore[no-untyped-def]  # what report_world gives
    return report_world(home, "moonshot", path=BALANCE, billing="credits", **table)


async def minutes(world: ReportWorld, count: float) -> int:
    """How often the endpoint is asked in so many minutes; whoever asks is let finish before time goes on."""
    before = world.askings
    for _ in range(round(count * 6)):
        world.clock.advance(10_000)
        for _ in range(3):
            await asyncio.sleep(0)
        while asking := [t for t in asyncio.all_tasks() if "Polling._ask" in repr(t.get_coro())]:
            await asyncio.wait(asking)
    return world.askings - before


async def test_a_balance_is_asked_every_minute_and_shown_with_its_age(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world, world.open(long_lived=True) as engine:
        world.report = balance(12.5)
        await world.pass_until(lambda: view(engine).report is not None)
        account = view(engine)
        assert account.report is not None
        assert account.report.balance == Balance(12_500_000, "USD")
        assert account.reported_at_ms is not None
        assert 0 <= account.reported_at_ms - START_MS <= 3_000
        world.report = balance(11)
        assert 4 <= await minutes(world, 5) <= 5
        assert view(engine).report is not None
        assert world.calls == 0


async def test_a_process_that_does_not_stay_asks_nobody_but_shows_what_was_told(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world:
        world.report = balance(3)
        async with world.open(long_lived=True) as engine:
            await world.pass_until(lambda: view(engine).report is not None)
        asked = world.askings
        async with world.open() as engine:
            account = view(engine)
            assert account.report is not None
            assert account.report.balance == Balance(3_000_000, "USD")
            assert await minutes(world, 3) == 0
        assert world.askings == asked


async def test_how_long_a_balance_lasts_is_learned_kept_shown_and_told_once(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world:
        world.report = balance(45)
        async with world.open(long_lived=True) as engine:
            await world.pass_until(lambda: view(engine).report is not None)
            assert _forecast(engine) is None
            for hour in range(1, 37):
                world.report, before = balance(45 - hour), world.askings
                world.clock.advance(HOUR_MS)
                await world.pass_until(lambda before=before: world.askings > before)
            await world.pass_until(lambda: _forecast(engine) is not None)
            await engine._core.quota_watch.look()
            told = await engine._core.store.ask(kept_told())
            assert [cause for cause in told if cause.endswith(":critical")] == [
                f"quota:balance:{view(engine).provider}/{view(engine).id}:critical"
            ]
            expected = _forecast(engine)
        async with world.open() as engine:
            assert _forecast(engine) == expected
        assert expected is not None
        assert expected.burn_per_hour == pytest.approx(1_000_000, rel=0.15)
        assert expected.lasts_until_ms is not None
        assert 6 * HOUR_MS < expected.lasts_until_ms - world.clock.wall_ms() < 10 * HOUR_MS
        lines = report_lines(*_told(engine), 100, world.clock.wall_ms(), UTC)
        assert any("a day it lasts until" in cell.text for line in lines for cell in line.cells)


def _forecast(engine: Engine) -> Forecast | None:
    report = view(engine).report
    return None if report is None else report.balance_forecast


def _told(engine: Engine) -> tuple[AccountReport, int | None]:
    account = view(engine)
    assert account.report is not None
    return account.report, account.reported_at_ms


async def test_of_two_processes_one_asks_and_both_know(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world:
        world.report = balance(3)
        async with world.open(long_lived=True) as one, world.open(long_lived=True) as two:
            for engine in (one, two):
                await world.pass_until(lambda engine=engine: view(engine).report is not None)
            assert view(one).reported_at_ms == view(two).reported_at_ms
            assert world.askings == 1
            assert 1 <= await minutes(world, 2.5) <= 2
        async with world.open(long_lived=True):  # asked a moment ago by others
            assert await minutes(world, 0.5) == 0


@pytest.mark.parametrize(("table", "asked"), [({"check_s": 300}, 2), ({"check_s": 0}, 0)])
async def test_an_account_may_be_asked_less_often_or_never(
    tmp_path: Path, table: dict[str, object], asked: int
) -> None:
    async with moonshot(tmp_path, **table) as world, world.open(long_lived=True):
        world.report = balance(3)
        assert await minutes(world, 6) == asked


async def test_an_account_that_is_off_or_has_no_key_or_no_endpoint_is_not_asked(tmp_path: Path) -> None:
    off, keyless = {"id": "off", "key": "env:P_KEY", "enabled": False}, {"id": "keyless", "key": "env:NONE"}
    async with moonshot(tmp_path, accounts=[off, keyless]) as world, world.open(long_lived=True):
        assert await minutes(world, 2) == 0
    async with report_world(tmp_path, "none") as world, world.open(long_lived=True):
        assert await minutes(world, 2) == 0
        assert world.provider.server.requests == []


@pytest.mark.parametrize("answer", [REFUSED, NOT_FOUND, (403, {"error": {"message": "no"}})])
async def test_who_refuses_is_asked_seldom_and_not_blocked_for_it(tmp_path: Path, answer: Answer) -> None:
    async with moonshot(tmp_path) as world, world.open(long_lived=True) as engine:
        world.report = answer
        assert await minutes(world, 12) == 1
        assert block_of(engine) is None
        assert view(engine).report is None


async def test_who_fails_is_asked_less_and_less_and_back_at_the_usual_pace_once_it_answers(
    tmp_path: Path,
) -> None:
    async with moonshot(tmp_path) as world:
        async with world.open(long_lived=True) as engine:
            world.report = NOT_NOW
            assert await minutes(world, 16) == 4  # at 0, 2, 6 and 15 minutes
        async with world.open(long_lived=True) as engine:  # another process knows how it went
            assert await minutes(world, 10) == 0
            world.report = balance(1)
            assert await minutes(world, 10) >= 2
            assert view(engine).report is not None


async def test_a_clock_that_is_set_back_does_not_keep_it_from_asking(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world, world.open(long_lived=True):
        world.report = balance(3)
        assert await minutes(world, 2) >= 1
        world.clock.jump_wall(-24 * HOUR_MS)
        assert 1 <= await minutes(world, 3) <= 3


async def test_what_was_told_is_kept_while_the_endpoint_fails(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world, world.open(long_lived=True) as engine:
        world.report = balance(7)
        await world.pass_until(lambda: view(engine).report is not None)
        told_at_ms = view(engine).reported_at_ms
        world.report = NOT_NOW
        assert await minutes(world, 4) >= 1
        account = view(engine)
        assert account.report is not None
        assert account.report.balance == Balance(7_000_000, "USD")
        assert account.reported_at_ms == told_at_ms


async def test_a_report_of_another_key_is_not_shown(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world:
        world.report = balance(7)
        async with world.open(long_lived=True) as engine:
            await world.pass_until(lambda: view(engine).report is not None)
        world.environ = {"P_KEY": "sk-another"}
        async with world.open() as engine:
            assert view(engine).report is None
        async with world.open(long_lived=True) as engine:  # and is no reason to wait
            await world.pass_until(lambda: view(engine).report is not None)


async def test_used_shares_of_a_plan_are_limits_that_routing_sees(tmp_path: Path) -> None:
    async with report_world(tmp_path) as world, world.open(long_lived=True) as engine:
        world.report = plan((30, START_MS + HOUR_MS), (96, START_MS + 50 * HOUR_MS))
        await world.pass_until(lambda: len(view(engine).limits) == 2)
        shown = {str(limit.window): limit for limit in view(engine).limits}
        assert {window: round(limit.share_left, 2) for window, limit in shown.items()} == {
            "session:5h": 0.7,
            "session:7d": 0.04,
        }
        assert {limit.resets_at_ms for limit in shown.values()} == {
            START_MS + HOUR_MS,
            START_MS + 50 * HOUR_MS,
        }
        assert {limit.source for limit in shown.values()} == {FigureSource.REPORTED}
        assert {limit.metric for limit in shown.values()} == {Metric.SHARE}
        assert view(engine).status.value == "critical"


async def test_an_empty_balance_blocks_and_credit_frees_without_a_restart(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world, world.open(long_lived=True) as engine:
        world.report = balance(0)
        await world.pass_until(lambda: block_of(engine) is not None)
        assert (await world.run(engine)).receipt.outcome is Outcome.FAILED
        assert world.calls == 0
        world.report = balance(20)
        await minutes(world, 4)
        assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED
        assert block_of(engine) is None


async def test_a_hint_of_days_that_the_plan_itself_disproves_is_not_believed(tmp_path: Path) -> None:
    """CLIProxyAPI#5758: unbounded hints block recovered credentials for days."""
    async with report_world(tmp_path) as world, world.open(long_lived=True) as engine:
        world.report = plan((100, START_MS + 2 * HOUR_MS), (80, START_MS + 50 * HOUR_MS))
        world.chat = plan_used_up(START_MS + 20 * 24 * HOUR_MS)
        assert (await world.run(engine)).receipt.outcome is Outcome.FAILED
        await world.pass_until(
            lambda: (block := block_of(engine)) is not None and block.until_ms == START_MS + 2 * HOUR_MS
        )
        world.chat, world.report = ANSWER, plan((0, START_MS + 9 * HOUR_MS), (80, START_MS + 50 * HOUR_MS))
        await minutes(world, 5)
        assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED
        assert world.calls == 2


async def test_who_is_refused_again_though_there_is_credit_is_tried_less_and_less(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world, world.open(long_lived=True) as engine:
        world.chat, world.report = OUT_OF_CREDIT, balance(0.001)
        tried = await tries(world, engine, 60)
        assert 3 <= tried <= 5


async def tries(world: ReportWorld, engine: Engine, count: int) -> int:
    """Real calls, where somebody asks every minute."""
    for _ in range(count):
        await world.run(engine)
        for _ in range(4):
            world.clock.advance(15_000)
            await asyncio.sleep(0.002)
    return world.calls


async def test_the_monitor_shows_what_others_were_told(tmp_path: Path) -> None:
    async with moonshot(tmp_path) as world, world.open(long_lived=True) as engine:
        world.report = balance(12.5)
        await world.pass_until(lambda: view(engine).report is not None)
        await engine.fresh_snapshot()
        watch = StoreWatch(world.settings(), world.clock)
        try:
            account = watch.look().providers[0].accounts[0]
        finally:
            watch.close()
        assert (account.report, account.reported_at_ms) == (view(engine).report, view(engine).reported_at_ms)


async def test_a_request_does_not_wait_for_an_endpoint_that_hangs(tmp_path: Path) -> None:
    released = asyncio.Event()
    async with moonshot(tmp_path) as world:

        async def hang(peer: object, request: object) -> None:
            if getattr(request, "path", "") == BALANCE:
                await released.wait()

        world.provider.slow = hang
        async with world.open(long_lived=True) as engine:
            await world.pass_until(lambda: world.askings == 1)
            assert (await world.run(engine)).receipt.outcome is Outcome.ANSWERED
            released.set()
