"""What answers teach, over real HTTP: verdicts of people and of the course of events, in every process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import WHOLE_TEXT, Serves, Told, World, agent, ask, open_world, until

from trunkline.domain.errors import UnknownRequestError
from trunkline.domain.events import Decided, Rerouted
from trunkline.domain.learned import UNREMARKED, WEIGHTS, Verdict, Verdicts
from trunkline.domain.messages import Hints, Redo
from trunkline.domain.receipts import Outcome, TierUpgrade
from trunkline.domain.tasks import Origin, OriginKind, Priority, Tier
from trunkline.engine.engine import Engine

CODING = Hints(task_type="coding", complexity=0.2)
SCORED = {"m": {"quality": 50}, "n": {"quality": 100}}
TWO = (Serves("first"), Serves("second", models={"n": {}}))
FIRST = 'default = ["first", "second"]\n'
KIND = ("coding", "t1")


async def known(engine: Engine) -> dict[str, Verdicts]:
    """What the engine decides on of models at simple coding, as soon as it may be published."""
    await engine._core.learning.refresh()
    return dict(engine._core.learning.quality.get(KIND, {}))


async def said(world: World, **fields: Any) -> Told:
    return await world.run(ask(hints=CODING, **fields))


def is_near(found: Verdicts, good: float, bad: float) -> bool:
    return (found.good, found.bad) == pytest.approx((good, bad), abs=1e-3)


# -- verdicts of people ---------------------------------------------------------------------------------------------


async def test_a_thumb_moves_the_model_at_that_kind_of_task(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        request_id = (await said(world)).receipt.request_id
        received = await world.engine.feedback(request_id, Verdict.DOWN)
        assert (received.route, received.task_type, received.tier) == ("first/a/m", *KIND)
        assert received.thumb is Verdict.DOWN
        assert is_near((await known(world.engine))["m"], UNREMARKED, 1.0)
        kept = await world.engine.receipt(request_id)
        assert kept is not None
        assert kept.verdicts == (Verdict.DOWN,)


async def test_a_thumb_taken_back_never_was(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        request_id = (await said(world)).receipt.request_id
        before = await known(world.engine)
        for verdict in (Verdict.UP, Verdict.DOWN, None):
            received = await world.engine.feedback(request_id, verdict)
        assert received.verdicts == ()
        after = await known(world.engine)
        assert is_near(after["m"], before["m"].good, before["m"].bad)
        assert world.query("SELECT count(*) FROM feedback WHERE kind = 'thumb'") == [(0,)]


async def test_an_unknown_or_unanswered_request_is_said_to_be_so(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("first")) as world:
        world.fault("http", status=400)
        failed = await said(world)
        assert failed.receipt.outcome is Outcome.FAILED
        for request_id in ("nobody", "", failed.receipt.request_id):
            with pytest.raises(UnknownRequestError, match="no answered request"):
                await world.engine.feedback(request_id, Verdict.UP)


async def test_a_thumb_is_known_to_another_process_and_after_a_restart(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        other = world.open("other")
        other.start()
        try:
            request_id = (await said(world)).receipt.request_id
            await world.engine.feedback(request_id[:20], Verdict.UP)
            await until(lambda: "m" in other._core.learning.quality.get(KIND, {}))
        finally:
            await other.aclose()
        later = world.open("later")
        try:
            assert is_near(later._core.learning.quality[KIND]["m"], 1.0 + UNREMARKED, 0.0)
        finally:
            await later.aclose()


async def test_enough_thumbs_change_who_is_asked_and_a_stated_list_does_not_mind(tmp_path: Path) -> None:
    models = {"m": {"quality": 60, "preference": 50}}, {"n": {"quality": 60, "preference": 50}}
    providers = (Serves("first", models=models[0]), Serves("second", models=models[1]))
    only_quality = "[modes.balanced]\nweights = { quality = 1.0 }\n"
    async with open_world(tmp_path, *providers, preferences=only_quality) as world:
        first = await said(world)
        assert first.routes == ["first/a/m"]
        await world.engine.feedback(first.receipt.request_id, Verdict.DOWN)
        await known(world.engine)
        assert (await said(world)).routes == ["second/a/n"]
        world.prefer(FIRST + only_quality)
        stated = world.open("stated")
        try:
            assert (await world.run(ask(hints=CODING), stated)).routes == ["first/a/m"]
        finally:
            await stated.aclose()


async def test_what_is_learned_is_published_every_few_seconds_at_most(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, *TWO, preferences=FIRST, clock=clock) as world:
        first, second = [(await said(world)).receipt.request_id for _ in range(2)]
        learning = world.engine._core.learning
        await until(lambda: learning.quality)
        await world.engine.feedback(first, Verdict.UP)
        await world.engine.feedback(second, Verdict.UP)
        stale = learning.quality
        await world.engine.fresh_snapshot()
        assert learning.quality is stale
        clock.advance(3_000)
        await until(lambda: learning.quality is not stale)
        assert is_near(learning.quality[KIND]["m"], 2.0 + 2 * UNREMARKED, 0.0)


async def test_what_has_not_changed_stays_the_same_object(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        request_id = (await said(world)).receipt.request_id
        await world.engine.feedback(request_id, Verdict.UP)
        await known(world.engine)
        before = world.engine._core.learning.quality
        await world.run(ask(hints=replace(CODING, task_type="simple")))
        await known(world.engine)
        after = world.engine._core.learning.quality
        assert after is not before
        assert after[KIND] is before[KIND]


async def test_learning_that_is_off_moves_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST + "[learning]\nenabled = false\n") as world:
        request_id = (await said(world)).receipt.request_id
        assert (await world.engine.feedback(request_id, Verdict.UP)).thumb is Verdict.UP
        assert await known(world.engine) == {}
        assert world.engine._core.learning.lengths == {}
        assert len(world.engine.past.learned().quality) == 1


# -- what happens by itself -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ({"kind": "empty_answer"}, Verdict.EMPTY),
        ({"kind": "html"}, None),
        ({"kind": "http", "status": 500}, None),
        ({"kind": "limited"}, None),
        ({"kind": "reset"}, None),
    ],
)
async def test_only_what_is_the_models_doing_counts(
    tmp_path: Path, fault: dict[str, Any], verdict: Verdict | None
) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.fault(provider="first", **fault)
        result = await said(world)
        assert result.routes[-1] == "second/a/n"
        found = await known(world.engine)
        if verdict is None:
            assert "m" not in found
        else:
            assert is_near(found["m"], 0.0, WEIGHTS[verdict].bad)


async def test_an_hour_of_trouble_counts_as_a_few(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_world(tmp_path, *TWO, preferences=FIRST, clock=clock, started=False) as world:
        world.fault("empty_answer", provider="first")
        for _ in range(4):
            world.engine.reset()
            await said(world)
        assert is_near((await known(world.engine))["m"], 0.0, 1.0)
        clock.advance(601_000)
        world.engine.reset()
        await said(world)
        assert (await known(world.engine))["m"].bad == pytest.approx(2.0, abs=1e-3)


async def test_an_answer_that_nobody_minds_leaves_a_model_where_it_is(tmp_path: Path) -> None:
    models = {"m": {"quality": 40}}, {"n": {"quality": 80}}
    providers = (Serves("first", models=models[0]), Serves("second", models=models[1]))
    async with open_world(tmp_path, *providers, preferences=FIRST) as world:
        await said(world)
        share = world.engine.generation.config.catalogue.model("first", "m")
        assert share is not None
        assert share.quality_share is not None
        found = (await known(world.engine))["m"]
        assert found.good / (found.good + found.bad) == pytest.approx(share.quality_share)
        assert found.good + found.bad == pytest.approx(UNREMARKED)


async def test_internal_calls_teach_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        await said(world, origin=Origin(OriginKind.INTERNAL))
        assert await known(world.engine) == {}
        assert not world.engine.past.learned().lengths


async def test_an_answer_asked_for_again_was_not_wanted(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        first = (await said(world)).receipt
        await said(world, redo=Redo(first.request_id))
        assert is_near((await known(world.engine))["m"], UNREMARKED, 0.5)
        await said(world, redo=Redo(first.request_id, elsewhere=True), avoid=("first",))
        found = await known(world.engine)
        assert is_near(found["m"], UNREMARKED, 0.7)
        kept = await world.engine.receipt(first.request_id)
        assert kept is not None
        assert kept.verdicts == (Verdict.ELSEWHERE,)


async def test_the_kind_of_task_that_a_person_names_wins_and_is_kept(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        named = await world.run(ask("hello", hints=Hints(task_type="audit")))
        assert named.receipt.task.type == "audit"
        await world.run(agent("hello", hints=Hints(task_type="coding")))
        await world.run(ask("hello"))
        await world.engine._core.store.flush()
        rows = world.query("SELECT request_id, value FROM feedback WHERE kind = 'task'")
        assert rows == [(named.receipt.request_id, "audit")]


async def test_the_length_of_answers_is_learned_and_used(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        first = await said(world)
        shipped = first.receipt.task.output_tokens
        await known(world.engine)
        second = await said(world)
        seen = first.receipt.usage.output_tokens
        assert seen is not None
        assert second.receipt.task.output_tokens == round((shipped * 10 + seen) / 11)


async def test_exploring_is_drawn_once_for_each_request_and_never_previewed(tmp_path: Path) -> None:
    models = {"quality": 60, "preference": 60}, {"quality": 60, "preference": 50}
    providers = (Serves("first", models={"m": models[0]}), Serves("second", models={"n": models[1]}))
    async with open_world(tmp_path, *providers, preferences="[learning]\nexplore_share = 0.1\n") as world:
        request = agent(hints=CODING, priority=Priority.MEDIUM)
        world.draw = 0.02
        assert (await world.run(request)).routes == ["second/a/n"]
        preview = await world.engine.preview(request)
        assert str(getattr(preview.decision, "route", "")) == "first/a/m"
        world.draw = 0.5
        assert (await world.run(request)).routes == ["first/a/m"]


async def test_no_single_answer_says_how_long_answers_are(tmp_path: Path) -> None:
    endless = {"output_tokens": [60_000, 0.1, 0.0], "answers": ["word " * 60_000]}
    providers = (Serves("first", played=endless, simulated={}),)
    async with open_world(tmp_path, *providers) as world:
        first = await said(world)
        expected, came = first.receipt.task.output_tokens, first.receipt.usage.output_tokens
        assert came is not None
        assert came > 5 * expected
        await known(world.engine)
        assert (await said(world)).receipt.task.output_tokens == round((expected * 10 + 4 * expected) / 11)


# -- one tier up ----------------------------------------------------------------------------------------------------


async def test_an_empty_answer_is_asked_for_again_one_tier_up(tmp_path: Path) -> None:
    lists = '[tiers.t1]\nprefer = ["first"]\n[tiers.t2]\nprefer = ["third"]\n'
    providers = (*TWO, Serves("third", models={"o": {}}))
    async with open_world(tmp_path, *providers, preferences=lists) as world:
        world.fault("empty_answer", provider="first")
        result = await world.run(agent(hints=CODING))
        assert result.routes == ["first/a/m", "third/a/o"]
        assert result.receipt.complete
        assert result.receipt.task.tier is Tier.T2
        assert result.receipt.upgrade == TierUpgrade(Tier.T1, Tier.T2, Verdict.EMPTY, 1)
        (rerouted,) = result.of(Rerouted)
        assert rerouted.tier is Tier.T2
        await known(world.engine)
        quality = world.engine._core.learning.quality
        assert set(quality["coding", "t1"]) == {"m"}
        assert set(quality["coding", "t2"]) == {"o"}
        kept = await world.engine.receipt(result.receipt.request_id)
        assert kept is not None
        assert kept.upgrade == result.receipt.upgrade


async def test_it_is_raised_once_only(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.fault("empty_answer")
        result = await world.run(agent(hints=CODING))
        assert result.receipt.outcome is Outcome.FAILED
        assert result.receipt.task.tier is Tier.T2
        assert len([body for body in result.of(Rerouted) if body.tier is not None]) == 1
        assert len(result.routes) <= 6


async def test_at_the_highest_tier_and_at_one_that_was_named_the_next_best_is_asked(tmp_path: Path) -> None:
    providers = (Serves("first", ("a", "b")), Serves("second", models={"n": {}}))
    async with open_world(tmp_path, *providers, preferences=FIRST) as world:
        world.fault("empty_answer", provider="first")
        for hints, tier in (
            (Hints(task_type="coding", complexity=0.9), Tier.T3),
            (Hints(task_type="coding", tier=Tier.T1), Tier.T1),
        ):
            world.engine.reset()
            result = await world.run(agent(hints=hints))
            assert [route.partition("/")[0] for route in result.routes] == ["first", "second"]
            assert result.receipt.upgrade == TierUpgrade(tier, tier, Verdict.EMPTY, 1)


async def test_the_rule_can_be_off(tmp_path: Path) -> None:
    off = FIRST + "[rules]\nupgrade_tier = false\n"
    async with open_world(tmp_path, *TWO, preferences=off) as world:
        world.fault("empty_answer", provider="first")
        result = await world.run(agent(hints=CODING))
        assert result.routes == ["first/a/m", "first/a/m", "second/a/n"]
        assert result.receipt.upgrade is None
        assert result.receipt.task.tier is Tier.T1


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_what_was_refused_for_its_content_stops_unless_others_may_be_asked(
    tmp_path: Path, elsewhere: bool
) -> None:
    preferences = FIRST + f"[rules]\nretry_refused_elsewhere = {str(elsewhere).lower()}\n"
    async with open_world(tmp_path, *TWO, preferences=preferences) as world:
        world.fault("content", provider="first")
        result = await world.run(agent(hints=CODING))
        assert (result.receipt.outcome is Outcome.ANSWERED) is elsewhere
        upgrade = TierUpgrade(Tier.T1, Tier.T2, Verdict.REFUSED, 1)
        assert result.receipt.upgrade == (upgrade if elsewhere else None)
        assert is_near((await known(world.engine))["m"], 0.0, WEIGHTS[Verdict.REFUSED].bad)


async def test_an_answer_asked_for_again_is_asked_for_one_tier_up(tmp_path: Path) -> None:
    lists = '[tiers.t1]\nprefer = ["first"]\n[tiers.t2]\nprefer = ["second"]\n'
    async with open_world(tmp_path, *TWO, preferences=lists) as world:
        first = await said(world, conversation_id="talk")
        assert first.routes == ["first/a/m"]
        redo = Redo(first.receipt.request_id, Tier.T1, "first/a/m")
        again = await said(world, conversation_id="talk", redo=redo)
        assert again.routes == ["second/a/n"]
        assert again.receipt.upgrade == TierUpgrade(Tier.T1, Tier.T2, Verdict.REGENERATED, 0)
        assert again.of(Decided)[0].task.tier is Tier.T2
        third = await said(world, redo=Redo(again.receipt.request_id, Tier.T2, "second/a/n"))
        assert third.receipt.task.tier is Tier.T3
        fourth = await said(world, redo=Redo(third.receipt.request_id, Tier.T3, third.routes[0]))
        assert fourth.receipt.task.tier is Tier.T3
        assert fourth.routes != third.routes


async def test_whoever_chose_who_answers_instead_is_not_raised(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        first = await said(world)
        redo = Redo(first.receipt.request_id, Tier.T1, "first/a/m", elsewhere=True)
        again = await said(world, redo=redo, avoid=("first/a/m",))
        assert again.routes == ["second/a/n"]
        assert again.receipt.upgrade is None


async def test_another_answer_to_a_raised_one_is_of_its_tier(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        first = await said(world)
        redo = Redo(first.receipt.request_id, Tier.T3, "second/a/n", elsewhere=True)
        again = await said(world, redo=redo, avoid=("second/a/n",))
        assert first.receipt.task.tier is Tier.T1
        assert again.receipt.task.tier is Tier.T3
        assert again.receipt.upgrade is None
        lower = await said(world, redo=replace(redo, tier=Tier.T1))
        assert lower.receipt.task.tier is Tier.T1


async def test_the_only_route_is_asked_again_rather_than_nobody(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("first")) as world:
        world.fault("empty_answer", first=1)
        result = await said(world)
        assert result.routes == ["first/a/m", "first/a/m"]
        assert result.receipt.complete
        assert result.receipt.upgrade is None
        assert not world.engine.blocked
        assert (await world.engine.submit(ask(route="first")).answer()).text == WHOLE_TEXT
