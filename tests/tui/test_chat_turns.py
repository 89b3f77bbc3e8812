"""Orders on turns, commands and what holds for a conversation."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import deck_world as world
from tests.support.deck import NARROW, Deck, open_deck
from tests.support.fake_engine import FakeEngine
from tests.tui.test_conversations import engine_with, kept, kept_turn

from trunkline.domain.chats import ConversationSettings
from trunkline.domain.events import Answered, AttemptStarted, Cancelled, Failed, TextDelta
from trunkline.domain.messages import Role
from trunkline.domain.receipts import Outcome
from trunkline.tui.attachments import Attachment, with_attachments
from trunkline.tui.messages import CommandGiven, PromptSubmitted, ReceiptWanted, RetryWanted
from trunkline.tui.widgets.chat_panel import ChatPanel
from trunkline.tui.widgets.transcript import MOST_TURNS_SHOWN


async def exchange(deck: Deck, text: str, answer: str) -> str:
    """One message and its whole answer."""
    request_id = await deck.say(text)
    deck.engine.happen(
        request_id,
        AttemptStarted(1, world.GOOGLE_2),
        TextDelta(answer),
        Answered(world.receipt(request_id, conversation_id="C", turn_id="T")),
    )
    await deck.settle()
    return request_id


async def give(deck: Deck, name: str, argument: str = "") -> None:
    deck.screen._chat.post_message(CommandGiven(name, argument))
    await deck.settle()


def chat(deck: Deck) -> ChatPanel:
    return deck.screen._chat


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def marked(deck: Deck) -> list[str]:
    return [block.turn_id for block in chat(deck).transcript.blocks if block.has_class("-current")]


async def test_the_cursor_walks_the_turns_and_only_shows_outside_the_editor() -> None:
    async with open_deck(NARROW) as deck:
        for number in range(3):
            await exchange(deck, f"q{number}", f"a{number}")
        ids = [turn.id for turn in chat(deck).conversation.turns]
        assert marked(deck) == []
        await deck.press("escape")
        assert marked(deck) == [ids[2]]
        await deck.press("k", "k", "k")
        assert marked(deck) == [ids[0]]
        await deck.press("j")
        assert marked(deck) == [ids[1]]
        await deck.press("G")
        assert marked(deck) == [ids[2]]
        await deck.press("g")
        assert marked(deck) == [ids[0]]


async def test_enter_asks_for_the_receipt_of_the_turn_under_the_cursor() -> None:
    async with open_deck() as deck:
        first = await exchange(deck, "q0", "a0")
        await exchange(deck, "q1", "a1")
        await deck.press("escape", "k", "enter")
        wanted = next(message for message in deck.messages if isinstance(message, ReceiptWanted))
        assert wanted == ReceiptWanted(first, chat(deck).conversation.turns[0].id)


async def test_asked_again_the_old_answer_stays_until_another_begins() -> None:
    async with open_deck() as deck:
        first = await exchange(deck, "q0", "old answer")
        await deck.press("escape", "r")
        again = next(reversed(deck.engine.requests))
        requests = deck.engine.requests
        assert requests[again].turn_id == requests[first].turn_id
        assert requests[again].messages == requests[first].messages
        assert "old answer" in deck.chat_words()
        assert "asking again" in deck.chat_words()
        deck.engine.happen(first, TextDelta("late text of the first"))
        deck.engine.happen(again, AttemptStarted(1, world.ZAI), TextDelta("new answer"))
        await deck.settle()
        assert "old answer" not in deck.chat_words()
        deck.engine.happen(again, Answered(world.receipt(again, route=world.ZAI)))
        await deck.settle()
        words = deck.chat_words()
        assert "new answer" in words
        assert "late" not in words
        assert words.count("╰") == 1
        turn = chat(deck).conversation.turns[0]
        assert (turn.answer, turn.request_id) == ("new answer", again)


@pytest.mark.parametrize("ending", [Failed, Cancelled])
async def test_without_another_answer_the_earlier_one_stands(ending: type[Failed] | type[Cancelled]) -> None:
    async with open_deck() as deck:
        first = await exchange(deck, "q0", "old answer")
        await deck.press("escape", "r")
        again = next(reversed(deck.engine.requests))
        outcome = Outcome.FAILED if ending is Failed else Outcome.CANCELLED
        deck.engine.happen(again, ending(world.receipt(again, outcome=outcome, complete=False)))
        await deck.settle()
        assert "old answer" in deck.chat_words()
        assert "the earlier one stands" in deck.chat_words()
        turn = chat(deck).conversation.turns[0]
        assert (turn.answer, turn.whole, turn.request_id) == ("old answer", True, first)


async def test_the_runner_up_is_asked_by_leaving_out_who_answered() -> None:
    async with open_deck() as deck:
        await exchange(deck, "q0", "a0")
        chat(deck).pin_conversation(world.GOOGLE_2.id)
        await deck.press("escape", "R")
        request = deck.engine.requests[next(reversed(deck.engine.requests))]
        assert request.avoid == (world.GOOGLE_2.id,)
        assert request.route is None


async def test_an_order_from_a_receipt_asks_down_its_route() -> None:
    async with open_deck() as deck:
        await exchange(deck, "q0", "a0")
        turn_id = chat(deck).conversation.turns[0].id
        chat(deck).post_message(RetryWanted(turn_id, "zai/main"))
        await deck.settle()
        assert deck.engine.requests[next(reversed(deck.engine.requests))].route == "zai/main"
        chat(deck).post_message(RetryWanted("elsewhere", "zai/main"))
        await deck.settle()
        assert len(deck.engine.requests) == 2


async def test_a_rewritten_message_replaces_its_turn_and_the_later_ones_and_comes_back() -> None:
    async with open_deck() as deck:
        for number in range(3):
            await exchange(deck, f"q{number}", f"a{number}")
        ids = [turn.id for turn in chat(deck).conversation.turns]
        await deck.press("escape", "k", "e")
        assert chat(deck).prompt.text == "q1"
        assert "✎ enter replaces it and drops 1 later turn; esc leaves it" in deck.shown()
        request = deck.engine.requests[await deck.say("better q1")]
        assert [message.text for message in request.messages] == ["q0", "a0", "better q1"]
        assert request.turn_id not in ids
        conversation_id = chat(deck).conversation.id
        assert ("drop", (conversation_id, (ids[1], ids[2]))) in deck.engine.orders
        assert "q2" not in deck.chat_words()
        assert await chat(deck).undo()
        assert len(chat(deck).conversation.turns) == 2  # not while its answer is on its way
        deck.engine.happen(
            next(reversed(deck.engine.requests)), TextDelta("b1"), Answered(world.receipt("R4"))
        )
        await deck.settle()
        assert await chat(deck).undo()
        await deck.settle()
        assert [turn.id for turn in chat(deck).conversation.turns] == ids
        assert ("undrop", (conversation_id, (ids[1], ids[2]))) in deck.engine.orders
        assert ("drop", (conversation_id, (request.turn_id,))) in deck.engine.orders
        words = deck.chat_words()
        assert "q2" in words
        assert "b1" not in words
        assert words.count("╰") == 3
        assert not await chat(deck).undo()


async def test_escape_leaves_a_message_that_is_rewritten_as_it_was() -> None:
    async with open_deck() as deck:
        await exchange(deck, "q0", "a0")
        await deck.press("escape", "e", "x", "escape")
        assert chat(deck).prompt.text == ""
        assert "enter replaces" not in deck.shown()
        request = deck.engine.requests[await deck.say("next")]
        assert len(request.messages) == 3


async def test_a_draft_in_the_editor_is_never_overwritten() -> None:
    async with open_deck() as deck:
        await exchange(deck, "q0", "a0")
        chat(deck).prompt.text = "half a thought"
        chat(deck).transcript.focus()
        await deck.press("e")
        assert chat(deck).prompt.text == "half a thought"
        assert "the editor holds another message" in " ".join(deck.shown().split())


@pytest.mark.parametrize("key", ["enter", "r", "R", "e", "y", "w", "E"])
async def test_keys_without_a_turn_say_why_they_do_nothing(key: str) -> None:
    async with open_deck() as deck:
        await deck.press("escape", key)
        assert "nothing is said in this conversation yet" in " ".join(deck.shown().split())
        assert deck.engine.requests == {}


async def test_files_go_along_but_only_their_names_are_shown() -> None:
    note = Attachment(Path("/tmp/notes.md"), "[red]secret content\nof it", 3_100, 800)
    async with open_deck() as deck:
        chat(deck).post_message(PromptSubmitted("look at this", (note,)))
        await deck.settle()
        sent = deck.engine.requests["R1"].messages[-1].text
        assert sent == with_attachments("look at this", (note,))
        words = deck.chat_words()
        assert "▤ notes.md · 3.1 kB · ≈800 tok" in words
        assert "secret" not in words


async def test_commands_set_what_holds_for_the_conversation() -> None:
    async with open_deck() as deck:
        await give(deck, "task", "coding")
        await give(deck, "route", "zai/main")
        await give(deck, "system", "Be [red]brief[/red].")
        assert "task coding · pinned zai/main · system 20 chars" in deck.shown()
        assert not any(name == "set_conversation" for name, _ in deck.engine.orders)
        request = deck.engine.requests[await deck.say("go")]
        assert (request.route, request.hints.task_type) == ("zai/main", "coding")
        assert (request.messages[0].role, request.messages[0].text) == (Role.SYSTEM, "Be [red]brief[/red].")
        settings = ConversationSettings("Be [red]brief[/red].", "zai/main", "coding")
        assert ("set_conversation", (chat(deck).conversation.id, settings)) in deck.engine.orders
        await give(deck, "system", "none")
        await give(deck, "model", "auto")
        await give(deck, "task")
        assert deck.engine.orders[-1] == (
            "set_conversation",
            (chat(deck).conversation.id, ConversationSettings()),
        )
        assert not deck.screen.query_one("#chat-terms").display


async def test_a_pin_for_one_message_holds_for_one() -> None:
    async with open_deck() as deck:
        chat(deck).pin_next("zai/main")
        await deck.settle()
        assert "next message pinned zai/main" in deck.shown()
        assert deck.engine.requests[await exchange(deck, "a", "b")].route == "zai/main"
        assert deck.engine.requests[await exchange(deck, "c", "d")].route is None


@pytest.mark.parametrize(("name", "argument"), [("mode", ""), ("help", ""), ("route", "")])
async def test_commands_of_the_deck_are_left_to_it(name: str, argument: str) -> None:
    async with open_deck() as deck:
        given = CommandGiven(name, argument)
        chat(deck).post_message(given)
        await deck.settle()
        assert chat(deck).conversation.settings == ConversationSettings()
        assert sum(message is given for message in deck.messages) > 1  # the chat, and then the deck


async def test_retry_and_new_as_commands() -> None:
    async with open_deck() as deck:
        await give(deck, "retry")
        assert "nothing is said" in " ".join(deck.shown().split())
        await exchange(deck, "q0", "a0")
        await give(deck, "retry", "zai")
        again = next(reversed(deck.engine.requests))
        assert deck.engine.requests[again].route == "zai"
        deck.engine.happen(again, TextDelta("x"), Answered(world.receipt(again, route=world.ZAI)))
        await deck.settle()
        await give(deck, "retry")
        assert deck.engine.requests[next(reversed(deck.engine.requests))].avoid == (world.ZAI.id,)
        await give(deck, "new")
        assert "Nothing said yet" in deck.shown()


async def test_copying_claims_only_an_offer() -> None:
    async with open_deck() as deck:
        await exchange(deck, "q0", "the **answer**")
        await deck.press("escape", "y")
        assert deck.app.clipboard == "the **answer**"
        said = " ".join(deck.shown().split())
        assert "offered to the" in said
        assert "copied" not in said


async def test_answers_and_conversations_are_written_to_files_and_named_afterwards(tmp_path: Path) -> None:
    async with open_deck() as deck:
        chat(deck).files._folder = tmp_path
        await exchange(deck, "Merge two lists!", "the **answer**")
        await deck.press("escape", "w", "w", "E")
        await give(deck, "export", "json")
        await give(deck, "export", "mine.json")
        await deck.app.workers.wait_for_complete()
        await deck.settle()
        assert names_in(tmp_path) == [
            "answer-merge-two-lists-2.md",
            "answer-merge-two-lists.md",
            "merge-two-lists.json",
            "merge-two-lists.md",
            "mine.json",
        ]
        assert (tmp_path / "answer-merge-two-lists.md").read_text() == "the **answer**\n"
        told = [str(one.message) for one in deck.app._notifications]
        assert f"written: answer-merge-two-lists.md · 15 B, in {tmp_path}" in told


async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    async with open_deck() as deck:
        chat(deck).files._folder = tmp_path / "nowhere"
        await exchange(deck, "q", "a")
        await deck.press("escape", "w")
        await deck.app.workers.wait_for_complete()
        await deck.settle()
        told = [str(one.message) for one in deck.app._notifications]
        assert any(one.startswith("not written: ") and "No such file" in one for one in told)


async def test_receipts_not_read_yet_are_read_before_an_export(tmp_path: Path) -> None:
    turns = [kept_turn(n) for n in range(MOST_TURNS_SHOWN + 2)]
    engine: FakeEngine = engine_with(kept("C1", "long", *turns))
    engine.receipts = {f"K{n}": world.receipt(f"K{n}", cost_pico=n) for n in range(len(turns))}
    async with open_deck(engine=engine) as deck:
        chat(deck).files._folder = tmp_path
        await chat(deck).open_conversation("C1")
        await deck.settle()
        chat(deck).export("json")
        for _ in range(MOST_TURNS_SHOWN):
            await deck.pilot.pause()
            if (tmp_path / "long.json").exists():
                break
        await deck.app.workers.wait_for_complete()
        assert (tmp_path / "long.json").read_text().count('"cost_usd"') == len(turns)


async def test_an_engine_that_dies_keeps_no_export_waiting(tmp_path: Path) -> None:
    engine = engine_with(kept("C1", "short", kept_turn(1)))
    engine.find_receipt = lambda request_id, deliver: None  # type: ignore[method-assign]
    async with open_deck(engine=engine) as deck:
        chat(deck).files._folder = tmp_path
        await chat(deck).open_conversation("C1")
        await deck.settle()
        chat(deck).export("md")
        await deck.settle()
        assert names_in(tmp_path) == []
        engine.die("boom")
        await deck.settle()
        await deck.app.workers.wait_for_complete()
        assert names_in(tmp_path) == ["short.md"]
