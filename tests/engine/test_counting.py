"""Counting in the engine: with what, when and where, and what reported usage teaches of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, World, agent, ask, open_world, until

from trunkline.analysis import CountText
from trunkline.domain.counting import Counted, CountingRule, Tokenizer
from trunkline.domain.messages import ImagePart, Message, Role, TextPart
from trunkline.domain.receipts import Outcome
from trunkline.domain.routes import Route
from trunkline.domain.tasks import CountSource
from trunkline.engine.corrections import Corrections
from trunkline.engine.counting import counting_plan
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.engine.vocabularies import Vocabularies

HOUR_MS = 3_600_000
# The simulator counts a token for every four characters.
LONG = "Say a word about the one who owns the queue. " * 60


class Loader:
    """Loads a vocabulary in which every six characters are a token, or fails; `allowed` holds it up until it is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.loaded: list[Tokenizer] = []
        self.threads: set[str] = set()
        self.counted_on: set[str] = set()
        self.allowed = threading.Event()
        self.allowed.set()

    def __call__(self, tokenizer: Tokenizer) -> CountText:
        self.threads.add(threading.current_thread().name)
        assert self.allowed.wait(5)
        self.loaded.append(tokenizer)
        if self.error is not None:
            raise self.error
        return self.count

    def count(self, text: str) -> int:
        self.counted_on.add(threading.current_thread().name)
        return len(text) // 6


@asynccontextmanager
async def opened(world: World, loader: Loader, *, long_lived: bool = False) -> AsyncIterator[Engine]:
    settings = EngineSettings(
        world.places,
        world.environ,
        "counting",
        base_providers_text=world.catalogue,
        long_lived=long_lived,
        load_vocabulary=loader,
    )
    engine = Engine.open(settings, clock=world.clock, draw=lambda: world.draw)
    engine.start()
    try:
        yield engine
    finally:
        loader.allowed.set()
        await engine.aclose()


def is_loaded(engine: Engine) -> Callable[[], bool]:
    return lambda: engine.preview_now(ask("word")).task.count_source is CountSource.TOKENIZER


async def test_the_first_request_is_estimated_and_no_request_waits_for_a_vocabulary(tmp_path: Path) -> None:
    loader = Loader()
    loader.allowed.clear()
    async with open_world(tmp_path, Serves("acme"), started=False) as world, opened(world, loader) as engine:
        receipts = [(await world.run(ask(LONG), engine)).receipt for _ in range(3)]
        assert [one.task.count_source for one in receipts] == [CountSource.ESTIMATE] * 3
        assert [one.outcome for one in receipts] == [Outcome.ANSWERED] * 3
        assert loader.loaded == []
        loader.allowed.set()
        await until(is_loaded(engine))
        assert loader.loaded == [Tokenizer.O200K]
        assert threading.main_thread().name not in loader.threads
        counted = (await world.run(ask(LONG), engine)).receipt.task
        assert counted.count_source is CountSource.TOKENIZER
        assert counted.counted.words == "counted with o200k"


async def test_a_command_that_asks_once_loads_none(tmp_path: Path) -> None:
    loader = Loader()
    async with open_world(tmp_path, Serves("acme"), started=False) as world, opened(world, loader) as engine:
        await world.run(ask(LONG), engine)
        assert loader.threads == set()


async def test_a_process_that_stays_loads_it_soon_after_its_start(tmp_path: Path) -> None:
    loader, clock = Loader(), FakeClock()
    serves = Serves(
        "acme", models={"m": {}, "old": {"tokenizer": "cl100k"}, "none": {"tokenizer": "estimate"}}
    )
    async with (
        open_world(tmp_path, serves, clock=clock, started=False) as world,
        opened(world, loader, long_lived=True) as engine,
    ):
        await asyncio.sleep(0)
        assert loader.threads == set()
        clock.advance(2_000)
        await until(lambda: len(loader.loaded) == 2)
        assert set(loader.loaded) == {Tokenizer.O200K, Tokenizer.CL100K}
        await until(lambda: len(engine.preview_now(ask(LONG)).task.counted.totals) == 3)


def test_without_network_it_is_not_tried_again_within_an_hour() -> None:
    clock, loader = FakeClock(), Loader(OSError("no network"))
    vocabularies = Vocabularies(clock, loader, lambda loaded: pytest.fail("nothing was loaded"))
    for _ in range(20):
        vocabularies.want([Tokenizer.O200K, Tokenizer.ESTIMATE])
        vocabularies.wait(5)
    assert loader.loaded == [Tokenizer.O200K]
    clock.advance(HOUR_MS + 1)
    vocabularies.want([Tokenizer.O200K])
    vocabularies.wait(5)
    assert loader.loaded == [Tokenizer.O200K] * 2


async def test_what_is_long_is_counted_off_the_loop(tmp_path: Path) -> None:
    loader = Loader()
    model = {"m": {"context": 1_000_000}}
    async with (
        open_world(tmp_path, Serves("acme", models=model), started=False) as world,
        opened(world, loader) as engine,
    ):
        engine.preview_now(ask("word"))
        engine._core.counting.prepare(engine.generation.counting)
        await until(is_loaded(engine))
        here = threading.current_thread().name
        loader.counted_on.clear()
        text = LONG * 40
        before = engine.preview_now(agent(text, over_budget_ok=True)).task
        assert before.count_source is CountSource.ESTIMATE
        task = (await world.run(agent(text, over_budget_ok=True), engine)).receipt.task
        assert task.count_source is CountSource.TOKENIZER
        assert task.counted.totals[0].tokens == pytest.approx(len(text) / 6, rel=0.01)
        assert here not in loader.counted_on
        shown = await engine.preview(agent(text[::-1], over_budget_ok=True))
        assert shown.task.count_source is CountSource.TOKENIZER
        assert here not in loader.counted_on
        grown = engine.preview_now(agent(f"{text} And?", over_budget_ok=True)).task
        assert grown.count_source is CountSource.TOKENIZER


async def test_what_a_provider_reports_corrects_what_is_counted_for_every_process(tmp_path: Path) -> None:
    loader = Loader()
    serves = Serves(
        "acme",
        models={"m": {}, "n": {}},
        limits=[{"metric": "input_tokens", "amount": 10**6, "window": "day"}],
    )
    async with open_world(tmp_path, replace(serves, known=True), started=False) as world:
        async with opened(world, loader) as engine, opened(world, Loader()) as other:
            engine._core.counting.prepare(engine.generation.counting)
            await until(is_loaded(engine))
            for _ in range(12):
                await world.run(ask(LONG, route="acme/m"), engine)
            factors = engine._core.corrections.factors(1.1)
            assert factors.keys() == {("acme", "m")}
            upper = factors["acme", "m"][Tokenizer.O200K]
            assert 1.45 < upper < 1.8
            counted = engine.preview_now(ask(LONG)).task.counted.totals[0].tokens
            route = engine.preview_now(ask(LONG, route="acme/m")).decision.route
            task = engine.preview_now(ask(LONG, route="acme/m")).task
            assert engine._core.on_route(task, route, engine.generation).input_tokens == pytest.approx(
                counted * upper, abs=1
            )
            await engine._core.store.flush()
            await until(lambda: other._core.corrections.factors(1.1) == factors)
        async with opened(world, Loader()) as later:
            assert later._core.corrections.factors(1.1) == factors
            state = later._core.state_without_request(later.generation)
            assert state.token_factors == factors


async def test_the_learned_upper_end_is_what_a_call_may_take_of_an_allowance(tmp_path: Path) -> None:
    limits = [{"metric": "input_tokens", "amount": 1_000, "window": "day"}]
    serves = Serves("acme", models={"m": {}, "n": {}}, limits=limits, known=True)
    async with open_world(tmp_path, serves) as world:
        core, engine = world.engine._core, world.engine
        preview = engine.preview_now(ask(LONG, route="acme/m"))
        assert preview.task.input_tokens < 1_000
        for _ in range(20):
            counted = preview.task.counted.totals[0]
            core.corrections.learn(preview.decision.route, counted, 2 * counted.tokens, core.clock.wall_ms())
        assert core.on_route(preview.task, preview.decision.route, engine.generation).input_tokens > 1_000
        refused = (await world.run(ask(LONG, route="acme/m"))).receipt
        assert refused.attempts == ()
        assert world.served("acme") == 0
        served = (await world.run(ask(LONG))).receipt
        assert [attempt.route.model for attempt in served.attempts] == ["n"]


async def test_what_was_learned_of_other_models_stays_the_same_object(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        corrections = world.engine._core.corrections
        seen = Counted(Tokenizer.O200K, CountingRule.OPENAI, 400)
        for n, (model, reported) in enumerate([("m", 420), ("n", 300), ("m", 500), ("m", 380)]):
            corrections.factors(1.1)
            corrections.learn(Route("acme", "a", model), seen, reported, n)
        before = corrections.factors(1.1)
        corrections.learn(Route("acme", "a", "m"), seen, 900, 5)
        after = corrections.factors(1.1)
        assert after["acme", "n"] is before["acme", "n"]
        assert after["acme", "m"][Tokenizer.O200K] > before["acme", "m"][Tokenizer.O200K]
        anew = Corrections(world.engine._core.store)
        anew.restore(corrections._known)
        assert anew.factors(1.1) == after
        for n in range(400):  # it is sure by now
            corrections.learn(Route("acme", "a", "n"), seen, 300, n)
        sure = corrections.factors(1.1)
        corrections.learn(Route("acme", "a", "n"), seen, 300, 400)
        assert corrections.factors(1.1) is sure


async def test_nothing_is_learned_where_there_is_an_image(tmp_path: Path) -> None:
    serves = Serves("acme", models={"m": {"capabilities": ["images"]}})
    async with open_world(tmp_path, serves) as world:
        image = Message(Role.USER, (TextPart(LONG), ImagePart("data:image/png;base64,AAAA")))
        assert (await world.run(replace(ask(LONG), messages=(image,)))).receipt.outcome is Outcome.ANSWERED
        assert world.engine._core.corrections.factors(1.1) == {}
        await world.run(ask(LONG))
        assert world.engine._core.corrections.factors(1.1).keys() == {("acme", "m")}


async def test_every_model_of_a_catalogue_finds_its_count(tmp_path: Path) -> None:
    claude = Serves("claude", protocol="anthropic", models={"claude-opus-4-8": {}, "claude-haiku-4-5": {}})
    google = Serves("google", protocol="gemini", models={"gemini-3.8-flash": {}, "gemini-2.5-pro": {}})
    router = Serves("router", models={"openai/gpt-5-mini": {}, "anthropic/claude-opus-4-1": {}, "glm-5": {}})
    async with open_world(tmp_path, claude, google, router) as world:
        catalogue = world.engine.generation.config.catalogue
        rules = {model.id: model.counting for provider in catalogue.providers for model in provider.models}
        assert rules == {
            "claude-opus-4-8": CountingRule.ANTHROPIC_LARGE,
            "claude-haiku-4-5": CountingRule.ANTHROPIC,
            "gemini-3.8-flash": CountingRule.GEMINI_3,
            "gemini-2.5-pro": CountingRule.GEMINI,
            "openai/gpt-5-mini": CountingRule.OPENAI_PATCHES,
            "anthropic/claude-opus-4-1": CountingRule.ANTHROPIC,
            "glm-5": CountingRule.OPENAI,
        }
        plan = counting_plan(catalogue)
        assert {rule for _, rule in plan.pairs} == set(CountingRule)
        counted = world.engine.preview_now(ask(LONG)).task.counted
        assert {one.rule for one in counted.totals} == set(CountingRule)
