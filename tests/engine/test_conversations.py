"""A running conversation is known by every process, and after a restart: where it was, how long it is likely to go on,
and what of it is cached."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.clock import START_MS, FakeClock
from tests.support.engine_world import Serves, ask, open_world, until

from trunkline.domain.caching import PromptCache
from trunkline.domain.messages import ChatRequest, Hints, Message, Role
from trunkline.domain.money import Usage
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.routes import Catalogue, ModelSpec, ProviderSpec, Route
from trunkline.domain.tasks import Origin, OriginKind, Priority, Task, Tier
from trunkline.engine.conversation_lengths import GOES_ON, ConversationLengths
from trunkline.engine.conversations import Conversations
from trunkline.engine.engine import Engine
from trunkline.routing import short_reason

MINUTE_MS = 60_000
LONG = "Who owns the queue? " * 2_000
CHAT = Origin(OriginKind.CHAT)
TASK = Task("coding", 0.9, 0.5, Tier.T2, 10_000, 500, Priority.MEDIUM)
CACHE = PromptCache(5 * MINUTE_MS, 1_024)


def turn(conversation_id: str, number: int, **fields: object) -> ChatRequest:
    """The request of the conversation's turn of that number; from the second on it tells what was said before."""
    before = (Message.of(Role.USER, LONG), Message.of(Role.ASSISTANT, "The worker does.")) * (number - 1)
    said = replace(
        ask(LONG), conversation_id=conversation_id, turn_id=f"{conversation_id}-{number}", **fields
    )
    return replace(said, messages=(*before, *said.messages))


def state(engine: Engine, conversation_id: str):  # type: ignore[no-untyped-def]  # a private look
    return engine._core.conversations.state(conversation_id)


@pytest.mark.parametrize("keeps_words", [True, False], ids=["chat", "agent"])
async def test_a_conversation_stays_where_it_was_after_a_restart(tmp_path: Path, keeps_words: bool) -> None:
    """Also an agent's, of which no word is kept."""
    async with open_world(tmp_path, Serves("one"), Serves("two")) as world:
        first = await world.run(turn("c", 1, route="two", keeps_words=keeps_words))
        assert first.receipt.route.provider == "two"
        await world.run(turn("c", 2, route="two", keeps_words=keeps_words))
        known = state(world.engine, "c")
        await world.engine._core.store.flush()
        async with world.open("later") as later:
            assert state(later, "c") is None
            third = await world.run(turn("c", 3, keeps_words=keeps_words), later)
            assert third.receipt.route.provider == "two"
            assert third.receipt.decision.reason == "stay"
            assert state(later, "c").turns == 3
            assert (known.turns, known.route) == (2, third.receipt.route)


async def test_what_is_restored_is_what_was_known(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("one")) as world:
        await world.run(turn("c", 1))
        await world.run(turn("c", 2))
        known = state(world.engine, "c")
        await world.engine._core.store.flush()
        async with world.open("later") as later:
            assert await later._core.recall("c")
            assert not await later._core.recall("c")
            found = state(later, "c")
            near_ms = abs(found.cache_warm_until_ms - known.cache_warm_until_ms)
            assert near_ms < 1_000
            assert abs(found.pause_ms - known.pause_ms) < 5_000
            alike = {
                "cache_warm_until_ms": 0,
                "pause_ms": 0,
                "turns_left": 0.0,
                "cached_tokens": 0,
                "cached_share": 1,
            }
            assert replace(found, **alike) == replace(known, **alike)
            assert found.turns == 2
            assert abs(found.turns_left - known.turns_left) < 0.01


async def test_what_follows_a_hard_task_is_as_hard_here_and_after_a_restart(tmp_path: Path) -> None:
    def said(number: int, text: str, **hints: object) -> ChatRequest:
        request = turn("c", number, hints=Hints(**hints))  # type: ignore[arg-type]
        return replace(request, messages=(*request.messages[:-1], Message.of(Role.USER, text)))

    async with open_world(tmp_path, Serves("one")) as world:
        await world.run(said(1, LONG, task_type="coding", complexity=0.85))
        for number, text in ((2, "go on"), (3, "do it")):
            task = (await world.run(said(number, text))).receipt.task
            assert (task.type, task.tier, task.complexity) == ("coding", Tier.T3, 0.85)
        await world.engine._core.store.flush()
        async with world.open("later") as later:
            task = (await world.run(said(4, "ok, go on"), later)).receipt.task
            assert (task.type, task.tier, task.complexity) == ("coding", Tier.T3, 0.85)


async def test_another_process_goes_on_from_where_this_one_left_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("one"), Serves("two")) as world, world.open("other") as other:
        await world.run(turn("c", 1, route="one"))
        await world.engine._core.store.flush()
        await world.run(turn("c", 2, route="two"), other)
        await other._core.store.flush()
        await until(lambda: "c" in world.engine._core.conversations._outdated)
        third = await world.run(turn("c", 3))
        assert third.receipt.route.provider == "two"
        assert state(world.engine, "c").turns == 3


async def test_opening_a_conversation_tells_the_estimate_where_it_was(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("one"), Serves("two")) as world:
        await world.run(turn("c", 1, route="two"))
        await world.engine._core.store.flush()
        async with world.open("later") as later:
            assert (await later.chats.open("c")).turns[0].asked == LONG
            assert (await later.preview(turn("c", 2))).decision.route.provider == "two"
            assert await later.chats.open("nobody") is None


async def test_a_new_conversation_asks_the_store_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("one")) as world:
        conversations = world.engine._core.conversations
        catalogue = world.engine.generation.config.catalogue
        assert not await conversations.recall(turn("c", 1), catalogue)
        assert not await conversations.recall(replace(turn("c", 2), conversation_id=None), catalogue)


async def test_a_conversation_that_moved_to_save_stays_moved_and_every_process_knows_what_it_left(
    tmp_path: Path,
) -> None:
    usual = {"context": 200_000, "quality": 50.0}
    dear = Serves("dear", models={"m": {**usual, "price": {"input": 10.0, "output": 50.0}}})
    cheap = Serves("cheap", models={"m": {**usual, "price": {"input": 0.5, "output": 1.0}}})
    rules = "[rules]\ncheap_simple = false\nprefer_free = false\n"
    async with open_world(tmp_path, dear, cheap, preferences=rules) as world:
        await world.run(turn("c", 1, route="dear"))
        second = await world.run(turn("c", 2))
        decision = second.receipt.decision
        assert (str(second.receipt.route), decision.reason) == ("cheap/a/m", "cost")
        said = short_reason(decision)
        assert re.fullmatch(
            r"cost: moving saves \$\d\.\d\d\d over the next ~\d turns, its cold cache paid for", said
        ), said
        facts = dict(decision.facts)
        assert facts["saving_pico"] == facts["stay_pico"] - facts["move_pico"] > 0
        third = await world.run(turn("c", 3))
        assert (str(third.receipt.route), third.receipt.decision.reason) == ("cheap/a/m", "stay")
        assert state(world.engine, "c").left == (("dear", "m"),)
        await world.engine._core.store.flush()
        async with world.open("later") as later:
            await later._core.recall("c")
            assert state(later, "c").left == (("dear", "m"),)
            assert state(later, "c").home is None


async def test_a_conversation_that_an_override_moved_has_its_home_after_a_restart_too(tmp_path: Path) -> None:
    models = {"m": {"context": 200_000}}
    async with open_world(tmp_path, Serves("one", models=models), Serves("two", models=models)) as world:
        await world.run(turn("c", 1, route="one"))
        world.engine.override("two")
        for number in (2, 3):
            moved = await world.run(turn("c", number))
            assert moved.receipt.route.provider == "two"
        home = state(world.engine, "c").home
        world.engine.override(None)
        await world.engine._core.store.flush()
        async with world.open("later") as later:
            await later._core.recall("c")
            assert str(state(later, "c").home) == str(home) == "one/a/m"
            back = await world.run(turn("c", 4), later)
            assert back.receipt.route.provider == "one"


# -- what is learned of one -------------------------------------------------------------------------------------------


class Posted:
    """A store that only counts what it is given to write."""

    process_id = "p"

    def __init__(self) -> None:
        self.posted = 0

    def post(self, _: object) -> None:
        self.posted += 1


class Talk:
    """A conversation of which each turn is answered as told, a minute after the one before."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        store = Posted()
        self.store = store
        self.lengths = ConversationLengths(store)  # type: ignore[arg-type]  # nothing else of it is used
        self.known = Conversations(store, self.clock, self.lengths)  # type: ignore[arg-type]  # as above
        self.number = 0

    def answered(self, usage: Usage, *, turn_id: str | None = None, cache: PromptCache = CACHE) -> None:
        model = ModelSpec("p", "m", 100_000, cache=cache)
        catalogue = Catalogue((ProviderSpec("p", "openai", "http://127.0.0.1", models=(model,)),))
        self.number += 1
        self.clock.advance(MINUTE_MS)
        receipt = Receipt(
            f"r{self.number}",
            CHAT,
            Outcome.ANSWERED,
            TASK,
            None,
            Route("p", "a", "m"),
            (),
            self.clock.wall_ms(),
            0.0,
            None,
            usage,
            None,
            conversation_id="c",
            turn_id=turn_id,
        )
        self.known.note(receipt, catalogue)

    @property
    def state(self):  # type: ignore[no-untyped-def]  # of the one conversation
        return self.known.state("c")


def test_what_a_turn_sent_is_taken_to_be_cached_until_the_provider_says_otherwise() -> None:
    talk = Talk()
    talk.answered(Usage(10_000, 500))
    assert (talk.state.cached_tokens, talk.state.cached_share) == (10_000, 1.0)
    assert talk.state.cache_warm_until_ms == START_MS + 6 * MINUTE_MS
    talk.answered(Usage(12_000, 500, cached_tokens=5_000))
    assert talk.state.cached_share == 0.75
    assert talk.state.cached_tokens == 9_000
    talk.answered(Usage(14_000, 500, cached_tokens=12_000))
    assert talk.state.cached_share == 0.875
    assert talk.state.turn_tokens == 2_000


def test_nothing_is_learned_from_a_turn_that_came_too_late_for_the_cache() -> None:
    talk = Talk()
    talk.answered(Usage(10_000, 500))
    talk.clock.advance(5 * MINUTE_MS)
    talk.answered(Usage(12_000, 500, cached_tokens=0))
    assert talk.state.cached_share == 1.0


def test_where_writing_is_told_only_what_was_written_or_read_is_cached() -> None:
    talk = Talk()
    talk.answered(Usage(10_000, 500, cached_tokens=0, written_tokens=0))
    assert talk.state.cached_tokens == 0
    talk.answered(Usage(12_000, 500, cached_tokens=0, written_tokens=12_000))
    assert talk.state.cached_tokens == 12_000


def test_too_short_a_prompt_is_not_cached_nor_is_anything_where_nothing_is_kept() -> None:
    talk = Talk()
    talk.answered(Usage(1_023, 500))
    assert talk.state.cached_tokens == 0
    talk.answered(Usage(1_024, 500), cache=PromptCache(0, 1_024))
    assert talk.state.cached_tokens == 0
    talk.answered(Usage(1_024, 500))
    assert talk.state.cached_tokens == 1_024


def test_turns_are_as_far_apart_as_the_nearer_two_so_that_a_night_says_nothing() -> None:
    talk = Talk()
    talk.answered(Usage(10_000, 500))
    assert talk.state.pause_ms == 0
    talk.answered(Usage(12_000, 500))
    talk.clock.advance(480 * MINUTE_MS)
    assert talk.state.pause_ms == MINUTE_MS
    talk.answered(Usage(14_000, 500))
    talk.clock.advance(20 * MINUTE_MS)
    assert talk.state.pause_ms == 20 * MINUTE_MS


def test_the_same_turn_asked_again_is_one_turn() -> None:
    talk = Talk()
    for turn_id in ("a", "a", "b"):
        talk.answered(Usage(10_000, 500), turn_id=turn_id)
    assert talk.state.turns == 2
    assert talk.store.posted == 2


# -- how long they go on ----------------------------------------------------------------------------------------------


def test_nothing_known_a_conversation_goes_on_as_people_s_do() -> None:
    lengths = Talk().lengths
    expected = [lengths.expected_after(CHAT, turns, START_MS) for turns in (1, 2, 9)]
    assert all(abs(one - GOES_ON / (1 - GOES_ON)) < 1e-9 for one in expected)
    agent = Origin(OriginKind.GATEWAY, "agent-7")
    assert abs(lengths.expected_after(agent, 1, START_MS) - 9.0) < 1e-9


def test_conversations_that_went_before_say_how_long_one_goes_on() -> None:
    lengths = Talk().lengths
    for _ in range(1_000):  # half of them have four turns, half one
        lengths.came_to(CHAT, 1, START_MS)
    for turns in (2, 3, 4):
        for _ in range(500):
            lengths.came_to(CHAT, turns, START_MS)
    after = [lengths.expected_after(CHAT, turns, START_MS) for turns in (1, 2, 4, 60)]
    assert [round(one, 1) for one in after] == [1.5, 2.0, 0.0, 1.5]


def test_what_is_learned_fades_and_is_kept_by_origin(tmp_path: Path) -> None:
    lengths = Talk().lengths
    for _ in range(100):
        lengths.came_to(CHAT, 1, START_MS)
    soon, later_ms = lengths.expected_after(CHAT, 1, START_MS), START_MS + 365 * 86_400_000
    assert soon < 0.1
    assert lengths.expected_after(CHAT, 1, later_ms) > 1.4
    assert lengths.expected_after(Origin(OriginKind.ASK), 1, START_MS) > 1.4


async def test_an_origin_that_is_long_gone_leaves_nothing_in_the_store(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("one")) as world:
        core = world.engine._core
        now_ms, gone = core.clock.wall_ms(), Origin(OriginKind.GATEWAY, "agent-7")
        core.conversation_lengths.came_to(gone, 1, now_ms - 301 * 86_400_000)
        core.conversation_lengths.came_to(CHAT, 2, now_ms - 299 * 86_400_000)
        core.conversation_lengths.came_to(CHAT, 1, now_ms)
        await core.store.flush()
        kept = world.query("SELECT origin, turns FROM conversation_length ORDER BY turns")
        assert kept == [("chat", 1), ("chat", 2)]


async def test_two_processes_count_together_and_a_later_one_knows_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("one")) as world, world.open("other") as other:
        await world.run(turn("c", 1))
        await world.engine._core.store.flush()
        await world.run(turn("d", 1), other)
        await other._core.store.flush()
        kept = "SELECT origin, turns, round(conversations, 2) FROM conversation_length"
        await until(lambda: world.query(kept) == [("ask", 1, 2.0)])
        origin = Origin(OriginKind.ASK)

        def counted(engine: Engine) -> float:
            core = engine._core
            return core.conversation_lengths.expected_after(origin, 1, core.clock.wall_ms())

        twice = 1.5 * 5 / 7  # the two, and the five that are assumed
        await until(lambda: all(abs(counted(one) - twice) < 1e-3 for one in (world.engine, other)))
        async with world.open("later") as later:
            assert abs(counted(later) - twice) < 1e-3


async def test_a_conversation_is_not_moved_from_a_cache_whose_price_nobody_has_said(tmp_path: Path) -> None:
    def said(number: int, route: str | None = None) -> ChatRequest:
        before = (Message.of(Role.USER, "And then?"), Message.of(Role.ASSISTANT, "The worker does.")) * number
        messages = (Message.of(Role.SYSTEM, LONG), *before, Message.of(Role.USER, "And then?"))
        return replace(turn("c", number, route=route), messages=messages)

    usual = {"context": 200_000, "quality": 50.0}
    unsaid = Serves("unsaid", models={"m": {**usual, "price": {"input": 10.0, "output": 50.0}}})
    cheap = Serves("cheap", models={"m": {**usual, "price": {"input": 4.0, "output": 20.0}}})
    rules = "[rules]\ncheap_simple = false\nprefer_free = false\n"
    async with open_world(tmp_path, unsaid, cheap, preferences=rules) as world:
        await world.run(said(1, "unsaid"))
        second = (await world.run(said(2, "unsaid"))).receipt
        assert second.usage.cached_tokens
        in_full_pico = 10_000_000 * second.usage.input_tokens + 50_000_000 * second.usage.output_tokens
        assert second.cost_pico == in_full_pico, "what is read is counted, and paid as other input"
        third = (await world.run(said(3))).receipt
        assert (str(third.route), third.decision.reason) == ("unsaid/a/m", "stay")
        assert "stay_pico" not in dict(third.decision.facts), "nobody knows what staying costs"
        await world.engine._core.store.flush()
        async with world.open("later") as later:
            assert (await world.run(said(4), later)).receipt.route.provider == "unsaid"
