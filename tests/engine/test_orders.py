"""Orders of a person and changed files: they reach every process and every later decision, and undo themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.engine_world import Serves, agent, ask, open_world, told, until, until_event

from trunkline.domain.decisions import NoRoute
from trunkline.domain.errors import ConfigError
from trunkline.domain.events import BreakerChanged, ConfigChanged, Decided, Queued
from trunkline.domain.receipts import Outcome
from trunkline.domain.tasks import Priority
from trunkline.engine.engine import Engine
from trunkline.store.keep import ControlState

TWO = (Serves("first"), Serves("second"))
FIRST = 'default = ["first"]\n'


async def test_orders_given_in_one_process_are_obeyed_in_another(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world, world.open("other") as other:
        world.engine.switch("second")
        assert (await world.run(ask())).routes == ["second/a/m"]
        await until(lambda: other.snapshot().pin == "second")
        assert (await world.run(ask(), other)).routes == ["second/a/m"]
        other.set_mode("cost_first")
        await until(lambda: world.engine.snapshot().mode == "cost_first")
        assert world.engine.snapshot().pin == "second"
        other.reset()
        await until(lambda: world.engine.snapshot().pin is None)
        assert world.engine.snapshot().mode == "balanced"
        assert (await world.run(ask())).routes == ["first/a/m"]


async def test_a_later_process_obeys_what_was_ordered_before_it_began(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.engine.switch("second/a/m")
        await world.engine.fresh_snapshot()
        async with world.open("later") as later:
            assert later.snapshot().pin == "second/a/m"
            assert (await world.run(ask(), later)).routes == ["second/a/m"]


async def test_a_pin_holds_even_where_nobody_else_may_answer(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.engine.switch("second")
        world.fault("key_revoked", provider="second")
        result = await world.run(ask())
        assert result.routes == ["second/a/m"]
        assert result.receipt.outcome is Outcome.FAILED
        assert world.served("first") == 0


async def test_paused_work_waits_and_critical_work_does_not(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world, world.open("other") as other:
        world.engine.pause()
        waiting = world.engine.submit(agent())
        await until_event(waiting, Queued)
        assert world.served("only") == 0
        assert (await world.run(agent(critical=True))).receipt.complete
        assert (await world.run(agent(priority=Priority.HIGH))).receipt.complete
        assert (await world.run(ask())).receipt.complete
        assert world.engine.snapshot().totals.waiting == 1
        await until(lambda: other.snapshot().paused)
        other.resume()
        assert (await told(waiting)).receipt.complete


async def test_a_pause_takes_no_time_from_the_request_but_its_own_deadline_holds(tmp_path: Path) -> None:
    limits = "[timeouts]\nrequest_s = 0.1\n"
    async with open_world(tmp_path, Serves("only"), preferences=limits) as world:
        world.engine.pause()
        patient = world.engine.submit(agent())
        hurried = world.engine.submit(agent(deadline_at_ms=world.engine.snapshot().at_ms + 150))
        failed = await told(hurried)
        assert failed.receipt.outcome is Outcome.FAILED
        assert failed.receipt.fault is not None
        assert failed.receipt.fault.code == "deadline"
        world.engine.resume()
        assert (await told(patient)).receipt.complete


@pytest.mark.parametrize(
    "order",
    [lambda engine: engine.switch("nobody"), lambda engine: engine.set_mode("nonsense")],
)
async def test_an_order_that_names_nothing_is_refused_and_changes_nothing(
    tmp_path: Path, order: Callable[[Engine], None]
) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        before = world.engine.snapshot()
        with pytest.raises(ConfigError):
            order(world.engine)
        after = world.engine.snapshot()
        assert (after.pin, after.mode) == (before.pin, before.mode)
        await world.engine.fresh_snapshot()
        assert world.query("SELECT count(*) FROM audit") == [(0,)]


@pytest.mark.parametrize("order", [Engine.switch, Engine.override])
async def test_an_order_that_leaves_nobody_to_ask_is_refused_with_a_remedy(
    tmp_path: Path, order: Callable[[Engine, str | None], None]
) -> None:
    async with open_world(tmp_path, Serves("first"), Serves("second", ["a", "b"])) as world:
        world.engine.set_account("first/a", enabled=False)
        world.engine.set_account("second/a", enabled=False)
        for route in ("first", "first/a", "first/m", "first/a/m", "second/a/m"):
            with pytest.raises(ConfigError, match=r"enabled account with a key.*`trunkline list`"):
                order(world.engine, route)
        after = world.engine.snapshot()
        assert (after.pin, after.override) == (None, None)
        for route in ("second", "second/m", "m", None):
            order(world.engine, route)


async def test_orders_are_audited_with_who_gave_them(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        world.engine.switch("only")
        world.engine.pause()
        await world.engine.fresh_snapshot()
        assert world.query("SELECT who, what, why FROM audit ORDER BY rowid") == [
            ("test", "control", "switch"),
            ("test", "control", "pause"),
        ]


async def test_an_order_read_while_a_newer_one_is_given_does_not_undo_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, started=False) as world:
        other = world.open("other")
        other.switch("first")
        await other.aclose()
        reading = asyncio.create_task(world.engine._upkeep._follow_orders())
        await asyncio.sleep(0)
        world.engine.switch("second")
        await reading
        assert world.engine.snapshot().pin == "second"
        await world.engine._upkeep._follow_orders()
        assert world.engine.snapshot().pin == "second"


async def test_a_reset_closes_every_breaker_here_and_elsewhere(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world, world.open("other") as other:
        world.fault("key_revoked", first=1)
        assert (await world.run(ask())).receipt.outcome is Outcome.FAILED
        await until(lambda: other.snapshot().providers[0].accounts[0].block is not None)
        world.engine.reset()
        assert world.engine.snapshot().providers[0].accounts[0].block is None
        assert (await world.run(ask())).receipt.complete
        await world.engine.fresh_snapshot()
        assert world.query("SELECT count(*) FROM block") == [(0,)]


# -- files ----------------------------------------------------------------------------------------------------------


async def test_a_changed_file_changes_the_next_decision(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        news = world.engine.subscribe()
        before = world.engine.generation.config.generation
        assert (await world.run(ask())).routes == ["first/a/m"]
        world.prefer('default = ["second"]\n')
        changed = await _config_news(news)
        assert changed.error is None
        assert changed.generation != before
        assert (await world.run(ask())).routes == ["second/a/m"]


async def test_a_broken_file_keeps_the_last_good_configuration_and_says_so(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        news = world.engine.subscribe()
        world.prefer('default = ["second"]\n[thresholds]\nmax_attempts = "many"\n')
        changed = await _config_news(news)
        assert changed.error is not None
        assert "max_attempts" in changed.error
        assert "preferences.toml" in changed.error
        assert world.engine.snapshot().config_error == changed.error
        assert (await world.run(ask())).routes == ["first/a/m"]
        world.prefer('default = ["second"]\n')
        assert (await _config_news(news)).error is None
        assert world.engine.snapshot().config_error is None
        assert (await world.run(ask())).routes == ["second/a/m"]


async def test_a_running_request_keeps_the_configuration_it_began_with(tmp_path: Path) -> None:
    slow = Serves("first", played={"tokens_per_s": 120.0})
    async with open_world(tmp_path, slow, Serves("second"), preferences=FIRST) as world:
        news = world.engine.subscribe()
        world.fault("cut", provider="first", after=20)
        running = asyncio.create_task(world.run(ask()))
        await until(lambda: world.simulator.record.open_streams or world.simulator.record.open)
        world.prefer('default = ["second"]\n[providers_that_are_not]\n')
        assert (await _config_news(news)).error is not None
        result = await running
        assert result.receipt.complete


async def test_another_key_reference_frees_an_account_that_was_blocked_for_its_key(tmp_path: Path) -> None:
    only = Serves("only")
    async with open_world(tmp_path, only) as world:
        news = world.engine.subscribe()
        good, world.environ[only.variable("a")] = world.environ[only.variable("a")], "wrong-for-now"
        assert (await world.run(ask())).receipt.outcome is Outcome.FAILED
        assert world.engine.snapshot().providers[0].accounts[0].block is not None
        world.environ["ANOTHER_KEY"] = good
        world.places.providers_file.write_text(
            '[[providers.only.accounts]]\nid = "a"\nkey = "env:ANOTHER_KEY"\n'
        )
        async with asyncio.timeout(5):
            async for event in news:
                if isinstance(event.body, BreakerChanged) and event.body.block is None:
                    break
        assert (await world.run(ask())).receipt.complete
        await world.engine.fresh_snapshot()
        assert world.query("SELECT count(*) FROM block") == [(0,)]


async def test_with_nobody_configured_the_request_fails_with_its_rejections(tmp_path: Path) -> None:
    only = Serves("only")
    async with open_world(tmp_path, only, started=False) as world:
        del world.environ[only.variable("a")]
        async with world.open("keyless") as keyless:
            result = await world.run(agent(), keyless)
            assert result.receipt.outcome is Outcome.FAILED
            (decided,) = result.of(Decided)
            assert isinstance(decided.decision, NoRoute)
            assert decided.decision.rejected
            assert result.receipt.attempts == ()


async def test_a_preview_decides_and_calls_nobody(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        preview = await world.engine.preview(ask())
        assert not isinstance(preview.decision, NoRoute)
        assert str(preview.decision.route) == "first/a/m"
        assert world.served("first") == 0
        assert world.open_reservations() == 0
        assert ControlState() == world.engine._core.control.state


async def _config_news(news: object) -> ConfigChanged:
    async with asyncio.timeout(5):
        async for event in news:  # type: ignore[attr-defined]
            if isinstance(event.body, ConfigChanged):
                return event.body
    raise AssertionError("no news of the configuration")


async def test_an_engine_that_is_begun_twice_does_every_chore_once(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO) as world:
        before = asyncio.all_tasks()
        world.engine.start()
        assert asyncio.all_tasks() == before
