"""The emergency override: one route for everything, what is not critical held, and all as before once it is off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support.engine_world import Serves, agent, ask, open_world, told, until, until_event

from trunkline.domain.decisions import NoRoute, Reason
from trunkline.domain.errors import ConfigError
from trunkline.domain.events import Held
from trunkline.domain.queue import HeldFor
from trunkline.domain.receipts import Outcome
from trunkline.domain.tasks import Priority
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.routing import no_route_sentence, rejection_words
from trunkline.tui.receipt_line import nobody_sentence

TWO = (Serves("first"), Serves("second"))
WAY_OUT = "only second may answer (override): `trunkline override off` or the key ! undoes it"
FIRST = 'default = ["first"]\n'


async def test_everything_goes_down_it_in_every_process_and_off_restores_what_was(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world, world.open("other") as other:
        world.engine.switch("first")
        world.engine.override("second")
        forced = await world.run(ask(route="first"))
        assert forced.routes == ["second/a/m"]
        assert forced.receipt.decision is not None
        assert forced.receipt.decision.reason is Reason.OVERRIDE
        await until(lambda: other.snapshot().override == "second")
        assert (await world.run(ask(), other)).routes == ["second/a/m"]
        other.override(None)
        await until(lambda: world.engine.snapshot().override is None)
        assert world.engine.snapshot().pin == "first"
        assert (await world.run(ask())).routes == ["first/a/m"]
        await other.fresh_snapshot()
        assert world.query("SELECT who, why FROM audit") == [
            ("test", "switch"),
            ("test", "override"),
            ("other", "override off"),
        ]


async def test_what_is_not_critical_waits_and_goes_where_it_would_have_gone(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.engine.override("second")
        waiting = world.engine.submit(agent(priority=Priority.LOW))
        held = await until_event(waiting, Held)
        assert held.held_for is HeldFor.OVERRIDE
        (item,) = world.engine.snapshot().queue
        assert item.home == "first/a/m"
        assert (await world.run(agent(critical=True))).routes == ["second/a/m"]
        world.engine.override(None)
        assert (await told(waiting)).routes == ["first/a/m"]


async def test_a_conversation_that_it_took_along_returns_home(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        assert (await world.run(ask(conversation_id="c"))).routes == ["first/a/m"]
        world.engine.override("second")
        assert (await world.run(ask(conversation_id="c"))).routes == ["second/a/m"]
        world.engine.override(None)
        assert (await world.run(ask(conversation_id="c"))).routes == ["first/a/m"]
        again = (await world.run(ask(conversation_id="c"))).receipt.decision
        assert again is not None
        assert "home" not in dict(again.facts)


async def test_an_open_breaker_is_tried_once_and_then_believed(tmp_path: Path) -> None:
    impatient = f"{FIRST}[thresholds]\npatience_s = 0.01\n"
    async with open_world(tmp_path, *TWO, preferences=impatient) as world:
        world.draw = 1.0
        rule = world.fault("http", provider="second", status=503)
        await world.run(ask(route="second"))
        assert (await world.run(ask(route="second"))).routes == []
        world.engine.override("second")
        failed = await world.run(ask())
        assert failed.receipt.outcome is Outcome.FAILED
        assert failed.routes == ["second/a/m", "second/a/m"]  # a 5xx has its quick retry
        assert failed.receipt.fault is not None
        assert WAY_OUT in failed.receipt.fault.message
        world.simulator.control.answer("DELETE", f"faults/{rule}", {}, b"")
        assert (await world.run(ask())).receipt.complete
        assert world.engine.snapshot().providers[1].accounts[0].block is None


async def test_a_rejected_key_refuses_it_with_the_reason(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.fault("key_revoked", provider="second", first=1)
        await world.run(ask(route="second"))
        world.engine.override("second")
        failed = await world.run(ask())
        assert failed.receipt.outcome is Outcome.FAILED
        assert failed.routes == []
        assert failed.receipt.no_route is not None
        assert {one.code.value for one in failed.receipt.no_route.rejected} == {
            "pinned_elsewhere",
            "breaker_open",
        }
        assert failed.receipt.fault is not None
        assert WAY_OUT in failed.receipt.fault.message
        preview = world.engine.preview_now(ask()).decision
        assert isinstance(preview, NoRoute)
        assert WAY_OUT in no_route_sentence(preview, world.engine.snapshot().at_ms)
        assert WAY_OUT in nobody_sentence(preview, world.engine.snapshot().at_ms, None)
        assert "`trunkline override off`" in "".join(rejection_words(one) for one in preview.rejected)


async def test_it_is_refused_where_it_names_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO) as world:
        with pytest.raises(ConfigError):
            world.engine.override("nobody")
        assert world.engine.snapshot().override is None


async def test_two_processes_that_order_at_once_undo_nothing_of_each_other(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, started=False) as world:
        other = world.open("other")
        try:
            world.engine.switch("first")
            other.set_mode("cost_first")
            world.engine.override("second")
            other.pause()
            other.set_account("first/a", enabled=False)
            await asyncio.gather(world.engine.fresh_snapshot(), other.fresh_snapshot())
            await world.engine._upkeep._follow_orders()
            await other._upkeep._follow_orders()
            for engine in (world.engine, other):
                seen = engine.snapshot()
                assert (seen.pin, seen.mode, seen.override, seen.paused) == (
                    "first",
                    "cost_first",
                    "second",
                    True,
                )
                assert engine._core.control.state.set_aside == ("first/a",)
        finally:
            await other.aclose()


async def test_nothing_is_held_for_a_route_that_is_configured_no_more(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.engine.override("second/a/m")
        await world.engine.fresh_snapshot()
        without = world.catalogue.split("[providers.second]")[0]
        settings = EngineSettings(world.places, world.environ, "later", base_providers_text=without)
        async with Engine.open(settings) as later:
            assert later.snapshot().override is None
            assert (await world.run(agent(), later)).routes == ["first/a/m"]
