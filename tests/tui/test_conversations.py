from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, TINY, WIDE, Deck, open_deck
from tests.support.fake_engine import FakeEngine
from textual.widgets import Input

from trunkline.domain.chats import ConversationSettings, ConversationSummary, KeptConversation, KeptTurn
from trunkline.domain.messages import Role
from trunkline.tui.conversation_rows import past_moment
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.messages import ConversationWanted
from trunkline.tui.screens.conversations import ConversationsScreen
from trunkline.tui.widgets.transcript import MOST_TURNS_SHOWN

HOUR_MS = 3_600_000


def kept_turn(number: int, answer: str = "An answer.", **changes: object) -> KeptTurn:
    values: dict[str, object] = {
        "turn_id": f"T{number}",
        "asked": f"question {number}",
        "answer": answer,
        "complete": True if answer else None,
        "request_id": f"K{number}" if answer else None,
        "at_ms": START_MS - HOUR_MS,
    }
    return KeptTurn(**(values | changes))  # type: ignore[arg-type]


def kept(
    conversation_id: str,
    title: str,
    *turns: KeptTurn,
    ago_h: int = 1,
    settings: ConversationSettings | None = None,
) -> KeptConversation:
    at_ms = START_MS - ago_h * HOUR_MS
    summary = ConversationSummary(conversation_id, title, at_ms, at_ms, len(turns))
    return KeptConversation(summary, turns, settings or ConversationSettings())


def engine_with(*conversations: KeptConversation) -> FakeEngine:
    engine = FakeEngine()
    engine.kept = {one.summary.conversation_id: one for one in conversations}
    return engine


@asynccontextmanager
async def listed(
    engine: FakeEngine, size: tuple[int, int] = WIDE, current: str | None = None
) -> AsyncIterator[tuple[Deck, list[ConversationWanted | None]]]:
    """The list over a deck, and what it was left with."""
    given: list[ConversationWanted | None] = []
    async with open_deck(size, engine=engine) as deck:
        link = EngineLink(lambda: engine)
        link._engine = engine
        deck.app.push_screen(ConversationsScreen(link, deck.clock, UTC, current), given.append)
        await deck.settle()
        yield deck, given


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (START_MS, "12:00"),
        (START_MS - 13 * HOUR_MS, "Mon 23:00"),
        (START_MS - 10 * 24 * HOUR_MS, None),
        (START_MS - 400 * 24 * HOUR_MS, None),
    ],
)
def test_a_moment_in_the_past_is_as_short_as_it_stays_clear(at_ms: int, text: str | None) -> None:
    shown = past_moment(at_ms, START_MS, UTC)
    if text is not None:
        assert shown.split()[-1] == text.split()[-1]
    assert (" " in shown) == (at_ms != START_MS)


@pytest.mark.parametrize("size", [TINY, NARROW, WIDE])
async def test_conversations_are_listed_latest_first_and_opened(size: tuple[int, int]) -> None:
    engine = engine_with(
        kept("C1", "merge lists", kept_turn(1), ago_h=3), kept("C2", "[red]hostile\x1b[31m", ago_h=1)
    )
    async with listed(engine, size, current="C2") as (deck, given):
        lines = deck.shown().splitlines()
        assert "Conversations · 2" in lines[0]
        assert lines[2].split()[:2] == ["▸", "[red]hostile"]
        assert lines[3].split()[:2] == ["merge", "lists"]
        await deck.press("j", "enter")
        assert given == [ConversationWanted("C1")]


async def test_the_empty_list_says_what_fills_it_and_n_begins_one() -> None:
    async with listed(FakeEngine()) as (deck, given):
        assert "No conversation is kept. n begins one" in deck.shown()
        await deck.press("d")
        assert "no conversation under the cursor" in deck.shown()
        await deck.press("n")
        assert given == [ConversationWanted(None)]


async def test_search_narrows_by_words_of_titles_and_messages_and_escape_takes_it_back() -> None:
    engine = engine_with(kept("C1", "merge lists", kept_turn(1, "use heapq")), kept("C2", "other"))
    async with listed(engine) as (deck, given):
        await deck.press("slash", *"heapq", "enter")
        assert "merge lists" in deck.shown()
        assert "other" not in deck.shown()
        await deck.press("slash")
        deck.app.screen.query_one("#conversations-search", Input).value = "nowhere"
        await deck.press("enter")
        assert "Nothing kept holds “nowhere”; esc shows all." in deck.shown()
        await deck.press("escape")
        deck.app.screen._search()  # type: ignore[attr-defined]
        await deck.settle()
        assert "other" in deck.shown()
        await deck.press("escape")
        assert given == [None]


async def test_a_title_is_changed_in_place_and_the_open_one_is_asked_for_anew() -> None:
    engine = engine_with(kept("C1", "old title", kept_turn(1)))
    async with listed(engine, NARROW, current="C1") as (deck, given):
        await deck.press("r")
        field = deck.app.screen.query_one("#conversations-rename", Input)
        assert field.value == "old title"
        await deck.press("escape")
        assert not any(name == "rename" for name, _ in engine.orders)
        await deck.press("r")
        field.value = "new title"
        await deck.press("enter")
        assert ("rename", ("C1", "new title")) in engine.orders
        assert "new title" in deck.shown()
        await deck.press("escape")
        assert given == [ConversationWanted("C1")]


async def test_a_deleted_conversation_comes_back_and_the_open_one_is_left_when_it_does_not() -> None:
    engine = engine_with(kept("C1", "one", kept_turn(1)), kept("C2", "two", ago_h=2))
    async with listed(engine, current="C1") as (deck, given):
        await deck.press("d")
        assert "1 deleted · u brings it back, for a day" in deck.shown()
        assert list(engine.kept) == ["C2"]
        await deck.press("u")
        assert set(engine.kept) == {"C1", "C2"}
        await deck.press("u")
        assert "nothing was deleted here" in deck.shown()
        await deck.press("g", "d", "q")
        assert given == [ConversationWanted(None)]


async def test_opening_shows_turns_receipts_and_settings_and_goes_on_from_there() -> None:
    settings = ConversationSettings(system="Be brief.", route="zai/main", task_type="coding")
    first = kept_turn(1, "Said **so**.", asked='look\n\n<file path="a.md" lines="2">\nx\ny\n</file>')
    engine = engine_with(
        kept("C1", "my title", first, kept_turn(2, "Half", complete=False), settings=settings)
    )
    engine.receipts = {"K1": world.receipt("K1", route=world.ZAI)}
    async with open_deck(engine=engine) as deck:
        await deck.screen._chat.open_conversation("C1")
        await deck.settle()
        shown, words = deck.shown(), deck.chat_words()
        assert "4 Chat · my title · 2 turns" in shown
        assert "Said so." in words
        assert "▤ a.md" in words
        assert "<file" not in words
        assert "╰ zai/main · glm-5.3-flash" in words
        assert "✂ the answer is not whole" in words
        assert "task coding · pinned zai/main · system 9 chars" in shown
        request = engine.requests[await deck.say("go on")]
        assert request.conversation_id == "C1"
        assert request.route == "zai/main"
        assert request.hints.task_type == "coding"
        assert [message.role for message in request.messages] == [
            Role.SYSTEM,
            Role.USER,
            Role.ASSISTANT,
            Role.USER,
            Role.ASSISTANT,
            Role.USER,
        ]
        assert request.messages[1].text == first.asked


async def test_a_question_whose_answer_was_lost_says_so() -> None:
    engine = engine_with(kept("C1", "t", kept_turn(1, "")))
    async with open_deck(NARROW, engine=engine) as deck:
        await deck.screen._chat.open_conversation("C1")
        await deck.settle()
        assert "question 1 no answer kept" in deck.chat_words()


async def test_only_the_last_turns_of_a_long_conversation_are_laid_out() -> None:
    turns = [kept_turn(n) for n in range(MOST_TURNS_SHOWN + 12)]
    engine = engine_with(kept("C1", "t", *turns))
    engine.receipts = {turn.request_id or "": world.receipt(turn.request_id or "") for turn in turns}
    async with open_deck(NARROW, engine=engine) as deck:
        chat = deck.screen._chat
        await chat.open_conversation("C1")
        for _ in range(60):
            await deck.pilot.pause()
            if all(turn.receipt is not None for turn in chat.conversation.turns[12:]):
                break
        assert len(chat.transcript.blocks) == MOST_TURNS_SHOWN
        chat.transcript.scroll_home(animate=False)
        await deck.settle()
        assert "12 earlier turns are kept; E writes the whole conversation" in deck.chat_words()
        request = engine.requests[await deck.say("more")]
        assert len(request.messages) == 2 * len(turns) + 1
        shown = [turn.receipt is not None for turn in chat.conversation.turns[:-1]]
        assert shown == [False] * 12 + [True] * MOST_TURNS_SHOWN


async def test_a_conversation_that_is_gone_is_said_to_be_gone() -> None:
    async with open_deck() as deck:
        await deck.screen._chat.open_conversation("nowhere")
        await deck.settle()
        assert "that conversation is not kept any more" in deck.shown()


async def test_one_wanted_before_the_engine_is_there_opens_when_it_is() -> None:
    from trunkline.engine.api import EngineReady

    engine = engine_with(kept("C1", "early", kept_turn(1)))
    engine.ready_at_start = False
    async with open_deck(engine=engine) as deck:
        await deck.screen._chat.open_conversation("C1")
        await deck.settle()
        assert "as soon as the engine has started" in deck.shown()
        engine.tell(EngineReady())
        await deck.settle()
        assert "4 Chat · early · 1 turn" in deck.shown()
