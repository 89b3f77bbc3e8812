"""A crisis from its beginning to its end, on simulated providers: who is moved, who waits, who goes on, and what is
said of it afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, Told, World, agent, ask, open_world, told, until, until_event

from trunkline.domain.crisis import Crisis, CrisisStep, CrisisSummary, MoveKind
from trunkline.domain.decisions import Decision, Reason
from trunkline.domain.errors import StoreError
from trunkline.domain.events import Alert, AlertLevel, Held
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import Metric
from trunkline.domain.messages import ChatRequest, Hints, ResponseFormat
from trunkline.domain.queue import HeldFor
from trunkline.domain.receipts import Outcome
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Priority
from trunkline.engine.engine import Engine
from trunkline.engine.monitor import watch_once
from trunkline.engine.settings import EngineSettings
from trunkline.quota.ledger import Reservation, ReserveAsk, Shortage
from trunkline.store import crises

DEAR = {"price": {"input": 5.0, "output": 15.0}, "max_output": 4_000}
CHEAP = {"price": {"input": 0.1, "output": 0.2}, "max_output": 4_000}
MIDDLE = {"price": {"input": 1.0, "output": 2.0}, "max_output": 4_000}
THREE = (
    Serves("east", models={"big": DEAR}),
    Serves("west", models={"mid": MIDDLE}),
    Serves("south", models={"dear": DEAR, "cheap": CHEAP}),
)
SIMPLE = Hints(task_type="simple", complexity=0.1)
HARD = Hints(task_type="creative", complexity=0.5)


def preferences(crisis: str = "") -> str:
    return (
        'default = ["east", "south/dear"]\n'
        "[thresholds]\nmedium_lane_s = 0.001\nlow_lane_s = 0.001\n"
        f"[crisis]\nafter_s = 0.1\nleast_output_tokens = 100\n{crisis}"
    )


def simple(**fields: Any) -> ChatRequest:
    return agent("Say yes.", hints=SIMPLE, priority=Priority.MEDIUM, **fields)


def hard(**fields: Any) -> ChatRequest:
    return agent("Write a poem about the queue.", hints=HARD, priority=Priority.MEDIUM, **fields)


async def lose(
    world: World, *providers: str, kind: str = "key_revoked", engine: Engine | None = None, **params: Any
) -> list[str]:
    """Have providers refuse, and be asked once, so that it is known."""
    rules = []
    for name in providers:
        rules.append(world.fault(kind, provider=name, **params))
        failed = await world.run(ask(route=name), engine)
        assert failed.receipt.outcome is Outcome.FAILED
    return rules


def recover(world: World, *rules: str) -> None:
    """The providers answer again."""
    for rule in rules:
        world.simulator.control.answer("DELETE", f"faults/{rule}", {}, b"")


async def crisis_of(engine: Engine) -> CrisisSummary:
    """The crisis under way, once there is one."""
    await until(lambda: engine.snapshot().crisis)
    found = engine.snapshot().crisis
    assert found is not None
    return found


async def over(engine: Engine) -> CrisisSummary:
    """The crisis that was, once it is over."""
    await until(lambda: engine.snapshot().crisis is None and engine.snapshot().last_crisis)
    found = engine.snapshot().last_crisis
    assert found is not None
    return found


def moves_of(world: World) -> dict[str, set[str]]:
    """What the store says that crises did, by request."""
    found: dict[str, set[str]] = {}
    for request_id, kind in world.query(
        "SELECT request_id, json_extract(one.value, '$.kind') FROM crisis_move, json_each(crisis_move.body) AS one"
    ):
        found.setdefault(request_id, set()).add(kind)
    return found


async def test_the_whole_story(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences()) as world:
        engine = world.engine
        before = await world.run(simple(conversation_id="c1"))
        assert before.routes == ["east/a/big"]
        rules = await lose(world, "east")
        await lose(world, "west", kind="limited", wait_s=3_600.0)
        found = await crisis_of(engine)
        assert set(found.crisis.lost) == {"east", "west"}
        assert found.crisis.enabled == 3
        assert found.crisis.back_at_ms is not None

        moved = await world.run(simple(conversation_id="c1"))
        assert moved.routes == ["south/a/cheap"]
        assert moved.receipt.decision is not None
        assert moved.receipt.decision.reason is Reason.CRISIS
        assert moved.receipt.warnings == ("crisis: the answer was held to 2,000 tokens in place of 4,000",)

        waiting = engine.submit(hard(conversation_id="c2"))
        held = await until_event(waiting, Held)
        assert held.held_for is HeldFor.CRISIS
        (item,) = engine.snapshot().queue
        assert (item.held_for, item.home) == (HeldFor.CRISIS, "east/a/big")
        foreseen = (await world.engine.preview(hard())).held
        assert foreseen is not None
        assert foreseen.held_for is HeldFor.CRISIS
        assert item.until_ms == found.crisis.back_at_ms

        critical = await world.run(hard(critical=True))
        assert critical.routes == ["south/a/dear"]
        assert critical.receipt.warnings == ()

        recover(world, *rules)
        engine.free("east")
        assert (await told(waiting)).routes == ["east/a/big"]
        home = await world.run(simple(conversation_id="c1"))
        assert home.routes == ["east/a/big"]
        assert home.receipt.decision is not None
        assert home.receipt.decision.reason is Reason.STAY
        await engine.fresh_snapshot()

        (summary,) = await engine.crises(5)
        assert summary.recovered == ("east",)
        assert summary.crisis.ended_at_ms is not None
        assert (summary.answered, summary.failed) == (3, 0)
        assert (summary.moved, summary.parked, summary.shrunk, summary.returned) == (1, 1, 1, 2)
        by_kind = {move.kind: move for move in summary.moves}
        assert by_kind[MoveKind.MOVED].home == "east/a/big"
        assert by_kind[MoveKind.MOVED].route == "south/a/cheap"
        assert by_kind[MoveKind.PARKED].home == "east/a/big"
        assert world.query("SELECT what, why FROM audit WHERE what = 'crisis'") == [
            ("crisis", "2 of 3 providers are lost: east, west"),
            ("crisis", "back: east"),
        ]


async def test_every_process_sees_one_crisis_and_one_end_of_it(tmp_path: Path) -> None:
    # Longer than news from another process take.
    slower = preferences().replace("after_s = 0.1", "after_s = 0.6")
    async with (
        open_world(tmp_path, *THREE, preferences=slower) as world,
        world.open("second") as second,
        world.open("third") as third,
    ):
        engines = (world.engine, second, third)
        heard = [asyncio.create_task(alerts(engine)) for engine in engines]
        await lose(world, "east", "west")
        found = [await crisis_of(engine) for engine in engines]
        assert len({one.crisis.id for one in found}) == 1
        assert (await world.run(simple(), third)).routes == ["south/a/cheap"]
        waiting = second.submit(hard())
        await until_event(waiting, Held)
        world.simulator.control.answer("DELETE", "faults", {}, b"")
        third.free("west")
        ended = [await over(engine) for engine in engines]
        assert {one.crisis.ended_at_ms for one in ended} == {ended[0].crisis.ended_at_ms}
        assert (await told(waiting)).receipt.complete
        assert world.query("SELECT count(*) FROM crisis") == [(1,)]
        assert world.query("SELECT count(*) FROM audit WHERE what = 'crisis'") == [(2,)]
        for told_of in await asyncio.gather(*heard):
            assert [level.value for level, _ in told_of] == ["critical", "notice"]
            assert "2 of 3 providers are lost (east, west)" in told_of[0][1]
            assert "west back" in told_of[1][1]


async def alerts(engine: Engine) -> list[tuple[AlertLevel, str]]:
    """What is said of a crisis until it is over."""
    found: list[tuple[AlertLevel, str]] = []
    async for event in engine.subscribe():
        if isinstance(event.body, Alert) and event.body.cause.startswith("crisis:"):
            found.append((event.body.level, event.body.text))
            if event.body.cause.endswith(":over"):
                break
    return found


async def test_a_process_that_begins_in_a_crisis_knows_of_it_at_once(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences()) as world:
        await lose(world, "east", "west")
        found = await crisis_of(world.engine)
        late = world.open("late")
        try:
            known = late.snapshot().crisis
            assert known is not None
            assert known.crisis == found.crisis
            preview = late.preview_now(simple())
            assert isinstance(preview.decision, Decision)
            assert preview.decision.reason is Reason.CRISIS
        finally:
            await late.aclose()
        seen = watch_once(
            EngineSettings(world.places, world.environ, "look", base_providers_text=world.catalogue)
        )
        assert seen.crisis is not None
        assert seen.crisis.crisis.id == found.crisis.id


@pytest.mark.parametrize(
    ("steps", "waits", "moves"),
    [([], False, False), (["simple_to_cheap"], False, True), (["park_the_rest"], True, False)],
)
async def test_each_step_can_be_left_out(tmp_path: Path, steps: list[str], waits: bool, moves: bool) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences(f"steps = {steps}\n")) as world:
        await lose(world, "east", "west")
        await crisis_of(world.engine)
        answered = await world.run(simple())
        assert (answered.routes == ["south/a/cheap"]) is moves
        assert answered.receipt.warnings == ()
        asked = world.engine.submit(hard(deadline_at_ms=world.engine.snapshot().at_ms + 150))
        result = await told(asked)
        assert (result.receipt.outcome is Outcome.FAILED) is waits
        assert bool(result.of(Held)) is waits


async def test_what_must_be_whole_is_not_shortened_and_a_limit_of_the_askers_is(tmp_path: Path) -> None:
    json_too = {**CHEAP, "capabilities": ["json"]}
    three = (*THREE[:2], Serves("south", models={"dear": DEAR, "cheap": json_too}))
    async with open_world(tmp_path, *three, preferences=preferences()) as world:
        await lose(world, "east", "west")
        await crisis_of(world.engine)
        asked = await world.run(simple(max_output_tokens=900))
        assert asked.receipt.warnings == ("crisis: the answer was held to 450 tokens in place of 900",)
        small = await world.run(simple(max_output_tokens=80))
        assert small.receipt.warnings == ()
        whole = await world.run(simple(response_format=ResponseFormat.JSON))
        assert whole.receipt.warnings == ()
        await world.engine.fresh_snapshot()
        assert {asked.receipt.request_id: {"moved", "shrunk"}}.items() <= moves_of(world).items()
        assert moves_of(world)[small.receipt.request_id] == {"moved"}


class Reserving(Serves):
    """Takes the whole output limit from the minute's tokens, as Cerebras does."""

    def catalogue(self, base_url: str) -> dict[str, Any]:
        return super().catalogue(base_url) | {"quirks": {"reserves_output_limit": True}}


async def test_where_the_output_limit_is_reserved_the_shortened_one_is(tmp_path: Path) -> None:
    minute = [{"metric": "output_tokens", "amount": 100_000, "window": "60s"}]
    south = Reserving("south", models={"dear": DEAR, "cheap": CHEAP}, limits=minute, known=True)
    async with open_world(tmp_path, *THREE[:2], south, preferences=preferences()) as world:
        await lose(world, "east", "west")
        await crisis_of(world.engine)
        moved = await world.run(simple())
        assert moved.routes == ["south/a/cheap"]
        (spent,) = moved.receipt.quota
        assert (spent.amount, spent.left) == (2_000, 98_000)
        critical = await world.run(simple(critical=True))
        assert [one.amount for one in critical.receipt.quota] == [4_000]


async def test_what_only_the_shortened_output_limit_leaves_room_for_is_answered(tmp_path: Path) -> None:
    minute = [{"metric": "output_tokens", "amount": 3_000, "window": "60s"}]
    south = Reserving("south", models={"dear": DEAR, "cheap": CHEAP}, limits=minute, known=True)
    async with open_world(tmp_path, *THREE[:2], south, preferences=preferences()) as world:
        await lose(world, "east", "west")
        await crisis_of(world.engine)
        refused = await world.run(simple(critical=True))
        assert refused.receipt.outcome is Outcome.FAILED
        moved = await world.run(simple())
        assert moved.routes == ["south/a/cheap"]
        assert [one.left for one in moved.receipt.quota] == [1_000]


async def test_where_estimates_are_booked_the_shortened_limit_is_the_most_of_them(tmp_path: Path) -> None:
    less = preferences().replace("least_output_tokens = 100", "least_output_tokens = 20")
    minute = [{"metric": "output_tokens", "amount": 100_000, "window": "60s"}]
    south = Serves("south", models={"dear": DEAR, "cheap": CHEAP}, limits=minute, known=True)
    async with open_world(tmp_path, *THREE[:2], south, preferences=less) as world:
        await lose(world, "east", "west")
        await crisis_of(world.engine)
        core = world.engine._core
        booked: list[int] = []
        reserve = core.ledger.reserve

        async def noted(asked: ReserveAsk) -> Reservation | Shortage:
            booked.extend(one.amount for one in asked.claims if one.metric is Metric.OUTPUT_TOKENS)
            return await reserve(asked)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core.ledger, "reserve", noted)
            moved = await world.run(simple(max_output_tokens=60))
        assert moved.receipt.task.output_tokens > 30
        assert booked == [30]


async def test_who_is_turned_away_is_told_of_the_crisis(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences()) as world:
        await lose(world, "east", "west", "south")
        await crisis_of(world.engine)
        failed = await world.run(ask())
        assert failed.receipt.fault is not None
        assert "there is a crisis, east, west" in failed.receipt.fault.message


async def test_what_waits_gives_up_at_its_deadline_and_is_not_called_returned(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences()) as world:
        await lose(world, "east", "west")
        await crisis_of(world.engine)
        failed = await world.run(hard(deadline_at_ms=world.engine.snapshot().at_ms + 100))
        assert failed.receipt.outcome is Outcome.FAILED
        await world.engine.fresh_snapshot()
        (summary,) = await world.engine.crises(1)
        assert (summary.parked, summary.returned) == (1, 0)


async def test_crisis_mode_switched_off_ends_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences()) as world:
        await lose(world, "east", "west")
        await crisis_of(world.engine)
        waiting = world.engine.submit(hard())
        await until_event(waiting, Held)
        world.prefer(preferences("enabled = false\n"))
        assert (await told(waiting)).receipt.complete
        assert (await over(world.engine)).recovered == ()


async def test_at_a_stated_reset_one_of_those_who_wait_tries_and_the_others_follow(tmp_path: Path) -> None:
    impatient = preferences().replace("[thresholds]", "[thresholds]\npatience_s = 0.01")
    slower = impatient.replace("after_s = 0.1", "after_s = 0.3")
    async with open_world(tmp_path, *THREE, preferences=slower) as world:
        await lose(world, "west")
        await lose(world, "east", kind="limited", wait_s=1.2, wrong="overloaded", first=2)
        found = await crisis_of(world.engine)
        assert found.crisis.back_at_ms is not None
        waiting = [world.engine.submit(hard()) for _ in range(3)]
        first, *others = await asyncio.gather(*(told(one) for one in waiting))
        summary = await over(world.engine)
        assert summary.crisis.ended_at_ms is not None
        assert {result.routes[0] for result in (first, *others)} == {"east/a/big"}
        assert found.crisis.back_at_ms <= called_at_ms(first) < summary.crisis.ended_at_ms
        assert min(map(called_at_ms, others)) >= summary.crisis.ended_at_ms


def called_at_ms(result: Told) -> float:
    """When a request's first call was made."""
    return result.receipt.started_at_ms + result.receipt.attempts[0].started_ms


async def test_a_crisis_whose_end_nobody_saw_is_over_for_who_comes_next(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences(), started=False) as world:
        old = Crisis("OLD", world.engine.snapshot().at_ms - 3_600_000, ("east", "west"), 3, tuple(CrisisStep))
        await world.engine._core.store.write(lambda connection: crises.begin(connection, old, who="gone"))
        async with world.open("next") as later:
            assert later.snapshot().crisis is None
            look = EngineSettings(world.places, world.environ, "look", base_providers_text=world.catalogue)
            assert watch_once(look).crisis is None
            assert (await world.run(hard(), later)).routes == ["east/a/big"]
            assert (await over(later)).recovered == ("east", "west")


async def test_whom_no_request_tries_is_asked_by_a_free_call_and_back_when_that_is_answered(
    tmp_path: Path,
) -> None:
    impatient = preferences().replace("[thresholds]", "[thresholds]\npatience_s = 0.01")
    async with open_world(tmp_path, *THREE, preferences=impatient) as world:
        await lose(world, "west")
        await lose(world, "east", kind="limited", wait_s=1.2, wrong="overloaded")
        await crisis_of(world.engine)
        assert (await over(world.engine)).recovered == ("east",)
        assert "east" not in world.engine.blocked


async def test_who_is_lost_is_not_back_by_waiting_while_nothing_says_so(tmp_path: Path) -> None:
    clock, nobody = FakeClock(), "http://127.0.0.1:9/v1"
    down = Fault(FaultKind.NETWORK, FaultScope.PROVIDER, FaultCode.CONNECT, "refused")
    dead = (Serves("east", models={"big": DEAR}, url=nobody), Serves("west", url=nobody))
    settings = preferences()
    async with open_world(
        tmp_path, *dead, THREE[2], preferences=settings, clock=clock, started=False
    ) as world:
        world.draw = 1.0
        core = world.engine._core
        for _ in range(4):
            clock.advance(10_000)
            for route in (Route("east", "a", "big"), Route("west", "a", "m")):
                core.lessons.fault_seen(route, down)
        await core.crisis.look()
        clock.advance(200)
        await core.crisis.look()
        assert world.engine.snapshot().crisis is not None
        for passed_ms in (60_000, 3_600_000, 20 * 3_600_000):
            clock.advance(passed_ms)
            for _ in range(3):
                clock.advance(200)
                await core.crisis.look()
                await asyncio.gather(*core.crisis.probes._checking.values())
            assert world.engine.snapshot().crisis is not None
        late = world.open("late")
        try:
            assert late.snapshot().crisis is not None, "nor for who comes now"
        finally:
            await late.aclose()


async def test_a_person_lets_one_go_that_a_crisis_holds(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences()) as world:
        await lose(world, "east", "west")
        await crisis_of(world.engine)
        waiting = world.engine.submit(hard())
        await until_event(waiting, Held)
        world.engine.promote(waiting.request_id)
        assert (await told(waiting)).routes == ["south/a/dear"]


async def test_a_crisis_and_its_end_outlive_a_store_that_takes_nothing_for_a_while(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, *THREE, preferences=preferences(), clock=clock, started=False) as world:
        core = world.engine._core
        await lose(world, "east", "west")
        await core.crisis.look()
        clock.advance(120)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(core.store, "write", refuse)
            with pytest.raises(StoreError):
                await core.crisis.look()
        assert world.engine.snapshot().crisis is None
        await core.crisis.look()
        assert world.engine.snapshot().crisis is not None


async def refuse(_: object) -> None:
    raise StoreError("the disk is full")


async def test_a_drill_is_marked_as_one(tmp_path: Path) -> None:
    async with open_world(tmp_path, *THREE, preferences=preferences()) as world:
        settings = EngineSettings(
            world.places, world.environ, "drill", base_providers_text=world.catalogue, rehearsal=True
        )
        await world.engine.aclose()
        async with Engine.open(settings) as engine:
            heard = asyncio.create_task(alerts(engine))
            await lose(world, "east", "west", engine=engine)
            assert (await crisis_of(engine)).crisis.drill
            engine.free("west")
            assert all(text.startswith("crisis (drill)") for _, text in await heard)
