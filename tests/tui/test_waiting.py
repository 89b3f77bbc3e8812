"""A question of the chat that waits: what is said of it, what its keys do, and what becomes of it across conversations
and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS, FakeClock
from tests.support.deck import NARROW, Deck, open_deck
from tests.support.engine_world import World, open_world
from tests.support.fake_engine import FakeEngine
from tests.support.parking import ONLY, keeper
from tests.tui.test_conversations import engine_with, kept, kept_turn
from tests.tui.test_queue import waits

from trunkline.domain.clock import SystemClock
from trunkline.domain.decisions import NoRoute, Rejection, RejectionCode
from trunkline.domain.events import (
    Answered,
    AttemptStarted,
    Body,
    Cancelled,
    Held,
    Parked,
    RerouteCause,
    Rerouted,
    TextDelta,
    Waiting,
)
from trunkline.domain.ids import IdSource
from trunkline.domain.queue import HeldFor, QueueItem
from trunkline.domain.receipts import Outcome
from trunkline.domain.snapshot import RunningCall
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.host import EngineHost
from trunkline.tui.app import DeckApp
from trunkline.tui.conversation import Conversation, Turn
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.options import DeckOptions
from trunkline.tui.screens.route_picker import RoutePicker
from trunkline.tui.waiting_turns import GONE_FOR_MS, waiting_turn
from trunkline.tui.widgets.chat_panel import ChatPanel

MINUTE_MS = 60_000
UNTIL_MS = START_MS + 152 * MINUTE_MS
SOON_MS = START_MS + 12 * MINUTE_MS + 3_000


def parked(until_ms: int | None = SOON_MS, *, is_kept: bool = True) -> Parked:
    nobody = NoRoute((Rejection("kimi/*", RejectionCode.LIMIT, (), UNTIL_MS),), until_ms)
    return Parked(until_ms, nobody, is_kept)


def chat(deck: Deck) -> ChatPanel:
    return deck.screen._chat


async def ask(deck: Deck, text: str = "merge two lists", until: Parked | Held | None = None) -> str:
    """Ask something that then waits."""
    request_id = await deck.say(text)
    deck.engine.happen(request_id, until or parked())
    await deck.settle()
    return request_id


def of_chat(conversation_id: str, **changes: object) -> QueueItem:
    values: dict[str, object] = {
        "request_id": "K9",
        "origin": Origin(OriginKind.CHAT),
        "conversation_id": conversation_id,
        "kept": True,
        "title": "",
        "until_ms": SOON_MS,
    }
    return replace(waits("K9"), **(values | changes))  # type: ignore[arg-type] # fields of it


async def tells(deck: Deck, **changes: object) -> None:
    deck.engine.tell(world.snapshot(**changes))
    await deck.settle()
    await deck.settle()


async def test_what_is_asked_in_the_chat_may_be_kept() -> None:
    async with open_deck(NARROW) as deck:
        assert deck.engine.requests[await deck.say("x")].park


@pytest.mark.parametrize("size", [NARROW, (40, 20)])
async def test_who_cannot_serve_and_when_it_goes_on_counts_down(size: tuple[int, int]) -> None:
    async with open_deck(size) as deck:
        await ask(deck)
        words = deck.chat_words()
        assert "nobody can serve: kimi/*: limit until 14:32 (in 3 h)" in words
        assert "kept, goes on at 12:12 (in 12 m 3 s)" in words
        assert "it waits, 12 m 3 s left" in deck.shown()
        assert "alt-n try now" in deck.shown().splitlines()[-1]
        await deck.show(world.snapshot())
        deck.clock.advance(2_000)
        deck.screen.tick()
        await deck.settle()
        assert "(in 12 m 1 s)" in deck.chat_words()
        assert deck.chat_words().count("nobody can serve") == 1


async def test_why_it_is_held_is_told_and_when_it_goes_on_that_is_all_gone() -> None:
    async with open_deck(NARROW) as deck:
        held = Held(HeldFor.PAUSE, "paused: only what is critical goes")
        request_id = await ask(deck, until=held)
        assert (
            "held: paused: only what is critical goes · goes on as soon as somebody can" in deck.chat_words()
        )
        deck.engine.happen(request_id, AttemptStarted(1, world.ZAI), TextDelta("Yes."))
        await deck.settle()
        assert not chat(deck).waiting.is_waiting
        assert "esc esc stops the answer" in deck.shown()
        deck.engine.happen(request_id, Answered(world.receipt(request_id, route=world.ZAI)))
        await deck.settle()
        assert chat(deck).conversation.turns[0].answer == "Yes."


async def test_one_line_tells_of_all_the_waiting_and_in_the_end_how_long_it_was() -> None:
    async with open_deck(NARROW) as deck:
        request_id = await deck.say("merge two lists")

        async def words(after_ms: int, *bodies: Body) -> str:
            deck.clock.advance(after_ms)
            deck.engine.happen(request_id, *bodies)
            await deck.settle()
            said = deck.chat_words()
            assert said.count("◷") == 1, said
            return said

        assert "zai/main asks to wait" in await words(0, Waiting(START_MS + MINUTE_MS, world.ZAI))
        assert "nobody can serve" in await words(MINUTE_MS, parked())
        gone_on = await words(11 * MINUTE_MS + 3_000, AttemptStarted(1, world.ZAI))
        assert "◷ waited 12 m 3 s" in gone_on
        again = await words(
            1_000, Rerouted(world.ZAI, world.GOOGLE_1, RerouteCause.REFUSED, None, 9), parked(None)
        )
        assert "goes on as soon as somebody can" in again
        assert "waited" not in again
        ended = await words(2_000, TextDelta("Yes."), Answered(world.receipt(request_id)))
        assert "◷ waited 12 m 5 s" in ended
        assert "as soon as" not in ended


async def test_what_did_not_wait_for_a_second_says_nothing_of_it_and_another_asking_begins_anew() -> None:
    async with open_deck(NARROW) as deck:
        request_id = await ask(deck)
        deck.engine.happen(request_id, AttemptStarted(1, world.ZAI))
        await deck.settle()
        assert "◷" not in deck.chat_words()
        deck.engine.happen(request_id, parked())
        await deck.settle()
        assert deck.chat_words().count("◷") == 1
        chat(deck).waiting.send_elsewhere(chat(deck).conversation.turns[0].id, "zai/main")
        await deck.settle()
        assert "◷" not in deck.chat_words(), "the route chosen is asked now"


@pytest.mark.parametrize("key", ["alt+n", "r"])
async def test_it_is_tried_now(key: str) -> None:
    async with open_deck(NARROW) as deck:
        request_id = await ask(deck)
        if key == "r":
            chat(deck).transcript.focus()
        await deck.press(key)
        assert deck.engine.orders[-1] == ("promote", request_id)


@pytest.mark.parametrize("keys", [("alt+d",), ("escape", "escape")])
async def test_who_changes_their_mind_has_the_message_in_the_editor_again(keys: tuple[str, ...]) -> None:
    async with open_deck(NARROW) as deck:
        request_id = await ask(deck, "merge two lists")
        await deck.press(*keys)
        assert deck.engine.orders[-1] == ("cancel", request_id)
        ended = world.receipt(request_id, outcome=Outcome.CANCELLED, complete=False, attempts=())
        deck.engine.happen(request_id, Cancelled(ended))
        await deck.settle()
        assert chat(deck).prompt.text == "merge two lists"
        assert "✎ enter replaces it" in deck.shown()
        await deck.press("enter")
        assert len(chat(deck).conversation.turns) == 1, "what was taken back is replaced"


async def test_escape_says_what_it_does_to_what_waits_and_to_what_goes_on() -> None:
    async with open_deck(NARROW) as deck:
        request_id = await ask(deck)

        async def said_after_a_tick() -> str:
            deck.screen.tick()
            await deck.settle()
            return deck.shown()

        await deck.press("escape")
        assert "esc again takes it back to the editor" in await said_after_a_tick()
        deck.engine.happen(request_id, AttemptStarted(1, world.ZAI))
        assert "esc again stops the answer" in await said_after_a_tick()
        deck.engine.happen(request_id, parked())
        assert "esc again takes it back" in await said_after_a_tick()
        await deck.press("escape")
        assert "taking it back …" in await said_after_a_tick()


async def test_what_a_provider_asked_to_wait_for_is_stopped_and_that_stays_said() -> None:
    async with open_deck(NARROW) as deck:
        request_id = await deck.say("merge two lists")
        deck.engine.happen(request_id, Waiting(START_MS + MINUTE_MS, world.ZAI))
        await deck.press("escape")
        assert "esc again stops the answer" in deck.shown()
        await deck.press("escape")
        deck.screen.tick()
        await deck.settle()
        assert "stopping …" in deck.shown()
        assert deck.engine.orders[-1] == ("cancel", request_id)


async def test_an_answer_that_came_meanwhile_is_not_taken_back() -> None:
    async with open_deck(NARROW) as deck:
        request_id = await ask(deck)
        await deck.press("alt+d")
        deck.engine.happen(request_id, TextDelta("Too late."), Answered(world.receipt(request_id)))
        await deck.settle()
        assert chat(deck).prompt.text == ""
        assert "Too late." in deck.chat_words()


async def test_it_is_sent_down_another_route() -> None:
    async with open_deck(NARROW) as deck:
        await deck.show(world.snapshot())
        first = await ask(deck)
        await deck.press("alt+o")
        assert isinstance(deck.app.screen, RoutePicker)
        await deck.press(*"zai/main", "enter")
        second = next(reversed(deck.engine.requests))
        assert deck.engine.orders[-2:] == [("cancel", first), ("submit", second)]
        assert deck.engine.requests[second].route == "zai/main"
        assert deck.engine.requests[second].turn_id == deck.engine.requests[first].turn_id
        deck.engine.happen(first, parked())
        deck.engine.happen(
            second, AttemptStarted(1, world.ZAI), TextDelta("There."), Answered(world.receipt(second))
        )
        await deck.settle()
        assert "There." in deck.chat_words()


async def test_nothing_else_can_be_asked_beside_it_but_in_another_conversation_where_it_stays_in_the_queue() -> (
    None
):
    async with open_deck(NARROW) as deck:
        request_id = await ask(deck)
        chat(deck).prompt.text = "another"
        await deck.press("enter")
        assert "ctrl-n begins another conversation" in deck.shown()
        assert len(deck.engine.requests) == 1
        await deck.press("ctrl+n")
        assert ("cancel", request_id) not in deck.engine.orders
        assert "stays in the queue" in deck.shown()
        deck.engine.happen(request_id, TextDelta("late"))
        await deck.settle()
        await tells(deck, log=(world.entry(request_id, world.ZAI),))
        assert "a question that you left waiting is over" in deck.shown()


async def test_what_is_not_kept_is_stopped_with_its_conversation() -> None:
    async with open_deck(NARROW) as deck:
        request_id = await ask(deck, until=parked(is_kept=False))
        await deck.press("ctrl+n")
        assert ("cancel", request_id) in deck.engine.orders


# -- asked by a process before this one ---------------------------------------------------------------------------


async def opened(deck: Deck, conversation_id: str = "C1") -> None:
    await chat(deck).open_conversation(conversation_id)
    await deck.settle()


def answered_later(engine: FakeEngine) -> None:
    """The store has the answer now."""
    one = engine.kept["C1"]
    engine.kept["C1"] = replace(one, turns=(kept_turn(1), kept_turn(2, "Here it is.", request_id="K9")))
    engine.receipts["K9"] = world.receipt("K9", route=world.ZAI)


async def test_after_a_restart_a_question_that_still_waits_says_so_and_its_answer_appears() -> None:
    engine = engine_with(kept("C1", "t", kept_turn(1), kept_turn(2, "")))
    async with open_deck(NARROW, engine=engine) as deck:
        await tells(deck, queue=(of_chat("C1", title="question 2"),))
        await opened(deck)
        await tells(deck, queue=(of_chat("C1", title="question 2"),))
        assert "kept, goes on at 12:12 (in 12 m 3 s)" in deck.chat_words()
        assert "no answer kept" not in deck.chat_words()
        await tells(deck, running=(RunningCall("K9", 1, world.ZAI.id, "deck 1", START_MS),))
        assert "being answered" in deck.chat_words()
        assert "goes on at" not in deck.chat_words()
        answered_later(engine)
        await tells(deck, log=(world.entry("K9", world.ZAI),))
        assert "Here it is." in deck.chat_words()
        assert "╰ zai/main" in deck.chat_words()
        assert chat(deck).conversation.turns[1].answer == "Here it is."
        await tells(deck, log=(world.entry("K9", world.ZAI),))
        assert deck.chat_words().count("Here it is.") == 1


async def test_one_that_is_gone_without_a_trace_has_no_answer() -> None:
    engine = engine_with(kept("C1", "t", kept_turn(1, "")))
    async with open_deck(NARROW, engine=engine) as deck:
        await opened(deck)
        await tells(deck, queue=(of_chat("C1"),))
        await tells(deck, log=())
        assert "being answered" in deck.chat_words()
        deck.clock.advance(GONE_FOR_MS + 1)
        await tells(deck, log=())
        assert "no answer kept" in deck.chat_words()


async def test_a_question_of_another_process_is_promoted_and_taken_back_by_its_id() -> None:
    engine = engine_with(kept("C1", "t", kept_turn(1, "")))
    async with open_deck(NARROW, engine=engine) as deck:
        await opened(deck)
        await tells(deck, queue=(of_chat("C1"),))
        await deck.press("alt+n", "alt+d")
        assert engine.orders[-2:] == [("promote", "K9"), ("drop", "K9")]
        assert chat(deck).prompt.text == "question 1"
        assert "goes on at" not in deck.chat_words()


async def test_keys_without_anything_that_waits_say_so() -> None:
    async with open_deck(NARROW) as deck:
        await deck.show(world.snapshot())
        await deck.press("alt+n", "alt+d", "alt+o")
        assert "no question waits in this conversation" in deck.shown()
        assert deck.engine.orders == []
        assert "try now" not in deck.shown().splitlines()[-1]


def test_the_turn_that_waits_is_told_also_where_the_same_was_asked_twice() -> None:
    turns = [Turn("T1", "go on"), Turn("T2", "go on"), Turn("T3", "and then?", answer="yes")]
    conversation = Conversation("C1", turns)
    assert waiting_turn(conversation, of_chat("C1", title="go on", turn_id="T1")) is turns[0]
    assert waiting_turn(conversation, of_chat("C1", title="go on")) is turns[1]
    assert waiting_turn(conversation, of_chat("C1", title="go on", turn_id="T9")) is None
    assert waiting_turn(Conversation("C1"), of_chat("C1")) is None


async def test_what_another_process_goes_on_with_still_waits_here() -> None:
    async with open_deck(NARROW) as deck:
        request_id = await ask(deck)
        conversation_id = chat(deck).conversation.id
        ended = world.receipt(request_id, outcome=Outcome.CANCELLED, complete=False, attempts=())
        deck.engine.happen(request_id, Cancelled(ended, kept=True))
        await deck.settle()
        assert "stopped by you" not in deck.chat_words()
        assert "goes on" not in deck.chat_words(), "nobody here knows what becomes of it yet"
        item = of_chat(conversation_id, request_id=request_id, title="merge two lists", process="deck 2")
        await tells(deck, queue=(item,))
        assert "kept, goes on at 12:12 (in 12 m 3 s)" in deck.chat_words()
        await deck.press("alt+d")
        assert deck.engine.orders[-1] == ("drop", request_id)


# -- with engines -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def deck_on(home: World) -> AsyncIterator[Deck]:
    """A deck with an engine of its own, as `trunkline` opens it, on a world's store."""
    link = EngineLink(lambda: EngineHost(lambda: keeper(home, "deck")))
    clock = SystemClock()
    app = DeckApp(link, clock, IdSource(clock), DeckOptions(zone=UTC))
    try:
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            deck = Deck(app, pilot, FakeEngine(), FakeClock(), [])
            await until_shown(deck, lambda: app.deck._snapshot is not None)
            yield deck
    finally:
        await asyncio.to_thread(link.close)


async def until_shown(deck: Deck, condition: Callable[[], object]) -> None:
    async with asyncio.timeout(8):
        while not condition():
            await deck.pilot.pause(0.02)
            deck.screen.tick()


async def test_a_question_outlives_its_deck_and_is_answered_in_the_next(tmp_path: Path) -> None:
    async with open_world(tmp_path, ONLY) as home:
        home.fault("limited", wait_s=600, first=1)
        async with deck_on(home) as first:
            first.screen.query_one("#prompt").text = "Who owns the queue?"  # type: ignore[attr-defined] # a text area
            await first.pilot.press("enter")
            await until_shown(first, lambda: "kept, goes on at" in first.chat_words())
            conversation_id = chat(first).conversation.id
        async with deck_on(home) as second:
            await chat(second).open_conversation(conversation_id)
            await until_shown(second, lambda: "kept, goes on at" in second.chat_words())
            assert "no answer kept" not in second.chat_words()
            second.screen._orders.free("only/a")
            await until_shown(second, lambda: "measure how long a message waits" in second.chat_words())
            await until_shown(second, lambda: "╰ only/a" in second.chat_words())
