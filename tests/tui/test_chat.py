from __future__ import annotations

import dataclasses

import pytest
from tests.support import deck_world as world
from tests.support.deck import NARROW, WIDE, Deck, open_deck
from tests.support.fake_engine import FakeEngine
from textual import events

from trunkline.domain.decisions import NoRoute, Rejection, RejectionCode
from trunkline.domain.events import (
    Answered,
    AttemptStarted,
    Cancelled,
    Decided,
    Failed,
    Parked,
    RerouteCause,
    Rerouted,
    Restarted,
    Seam,
    SeamKind,
    TextDelta,
    ThinkingDelta,
    Waiting,
)
from trunkline.domain.messages import Role
from trunkline.domain.receipts import FinishReason, Outcome
from trunkline.engine.api import Preview
from trunkline.tui.conversation import Conversation, Turn
from trunkline.tui.conversation_rows import chat_title
from trunkline.tui.messages import PromptSubmitted
from trunkline.tui.widgets.answer_text import AnswerText


def answer_text(deck: Deck) -> str:
    return "".join(one.text for one in deck.screen.query(AnswerText))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_message_is_sent_and_its_answer_streamed_with_a_receipt(size: tuple[int, int]) -> None:
    async with open_deck(size) as deck:
        request_id = await deck.say("merge two lists")
        assert any(isinstance(m, PromptSubmitted) and m.text == "merge two lists" for m in deck.messages)
        request = deck.engine.requests[request_id]
        assert [message.text for message in request.messages] == ["merge two lists"]
        assert request.origin.interactive
        assert len(request.conversation_id or "") == 26
        deck.engine.happen(
            request_id,
            Decided(world.TASK, world.decision()),
            AttemptStarted(1, world.GOOGLE_2),
            TextDelta("A **linear"),
            TextDelta("** merge"),
        )
        await deck.settle()
        deck.engine.happen(request_id, TextDelta(" walks."), Answered(world.receipt(request_id)))
        await deck.settle()
        assert answer_text(deck) == "A **linear** merge walks."
        words = deck.chat_words()
        assert "google-2 · gemini-3.8-flash · 412 ms · 1,204→380 tok · $0.0023" in words
        assert "cost: cheapest above the floor" in words
        assert not deck.screen._chat.is_streaming


async def test_the_whole_conversation_is_sent_and_cut_answers_are_marked() -> None:
    async with open_deck() as deck:
        first = await deck.say("one")
        deck.engine.happen(first, TextDelta("First."), Answered(world.receipt(first)))
        await deck.settle()
        second = await deck.say("two")
        cut = world.receipt(
            second, outcome=Outcome.FAILED, complete=False, finish=None, fault=world.LIMIT_FAULT
        )
        deck.engine.happen(second, TextDelta("Sec"), Failed(cut))
        await deck.settle()
        third = await deck.say("three")
        failed = dataclasses.replace(
            world.receipt(third), outcome=Outcome.FAILED, complete=False, route=None, attempts=()
        )
        deck.engine.happen(third, Failed(failed))
        await deck.settle()
        fourth = await deck.say("four")
        messages = deck.engine.requests[fourth].messages
        assert [message.role for message in messages] == [
            Role.USER,
            Role.ASSISTANT,
            Role.USER,
            Role.ASSISTANT,
            Role.USER,
        ]
        assert [message.text for message in messages][:3] == ["one", "First.", "two"]
        assert messages[3].text.startswith("Sec")
        assert "cut off" in messages[3].text
        assert messages[4].text == "four"
        conversations = {request.conversation_id for request in deck.engine.requests.values()}
        assert len(conversations) == 1


async def test_a_reroute_is_told_as_it_happens_in_the_answer_and_the_log() -> None:
    async with open_deck() as deck:
        request_id = await deck.say("x")
        deck.engine.happen(
            request_id,
            AttemptStarted(1, world.GOOGLE_1),
            Rerouted(world.GOOGLE_1, world.GOOGLE_2, RerouteCause.REFUSED, world.LIMIT_FAULT, 6.2),
        )
        await deck.settle()
        words = deck.chat_words()
        assert "↪ google-1 refused (daily quota used up) → google-2" in words
        log_lines = [line for line in deck.shown().splitlines() if "google-1 → google-2 · gemini" in line]
        assert any("chat" in line for line in log_lines)


async def test_who_is_still_parked_is_told_so_once() -> None:
    def parked(seconds: int) -> Parked:
        until_ms = world.START_MS + seconds * 1000
        return Parked(
            until_ms, NoRoute((Rejection("google/*", RejectionCode.LIMIT, (), until_ms),), until_ms)
        )

    async with open_deck() as deck:
        request_id = await deck.say("x")
        deck.engine.happen(request_id, parked(10), parked(20), parked(30))
        await deck.settle()
        assert deck.chat_words().count("parked:") == 1
        assert "before 12:00:30" in deck.chat_words()
        deck.engine.happen(request_id, Restarted(world.GOOGLE_1), parked(40))
        await deck.settle()
        assert deck.chat_words().count("parked:") == 1
        assert "before 12:00:40" in deck.chat_words()


async def test_waiting_parking_and_seams_are_told() -> None:
    no_route = NoRoute(
        (Rejection("google/*", RejectionCode.LIMIT, (), world.START_MS + 60_000),), world.START_MS + 60_000
    )
    async with open_deck() as deck:
        request_id = await deck.say("x")
        deck.engine.happen(request_id, Waiting(world.START_MS + 2_000, world.ZAI))
        await deck.settle()
        assert "◷ zai/main asks to wait 2 s, until 12:00:02" in deck.chat_words()
        deck.engine.happen(request_id, Parked(None, no_route))
        await deck.settle()
        assert "zai/main asks" not in deck.chat_words()
        words = deck.chat_words()
        assert "nobody can serve before 12:01 (in 1 m): google/*: limit until 12:01 (in 1 m)" in words
        deck.engine.happen(
            request_id, TextDelta("Half "), Seam(SeamKind.ANCHOR, 5, world.ZAI), TextDelta("and half")
        )
        await deck.settle()
        words = deck.chat_words()
        assert "from character 5 on zai/main is writing" in words
        deck.engine.happen(
            request_id, Restarted(world.GOOGLE_1), TextDelta("New."), Answered(world.receipt(request_id))
        )
        await deck.settle()
        assert answer_text(deck) == "New."
        assert deck.screen._chat.conversation.turns[0].answer == "New."


async def test_escape_arms_and_escape_again_stops() -> None:
    async with open_deck() as deck:
        request_id = await deck.say("x")
        deck.engine.happen(request_id, TextDelta("Half"))
        await deck.press("escape")
        assert "esc again stops" in deck.shown()
        assert ("cancel", request_id) not in deck.engine.orders
        await deck.press("escape")
        assert ("cancel", request_id) in deck.engine.orders
        stopped = world.receipt(
            request_id, outcome=Outcome.CANCELLED, complete=False, finish=FinishReason.CANCELLED
        )
        deck.engine.happen(request_id, Cancelled(stopped))
        await deck.settle()
        assert "stopped by you; the answer is not whole" in deck.shown()
        assert "Half" in deck.shown()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finish": FinishReason.LENGTH}, "reached its output limit; the answer is not whole"),
        ({"finish": None}, "✂ cut: the answer is not whole"),
    ],
)
async def test_a_cut_answer_is_never_presented_as_whole(changes: dict[str, object], said: str) -> None:
    async with open_deck() as deck:
        request_id = await deck.say("x")
        receipt = world.receipt(request_id, complete=False, **changes)
        deck.engine.happen(request_id, TextDelta("Half an"), Answered(receipt))
        await deck.settle()
        assert said in deck.chat_words()
        deck.screen.tick()
        assert deck.screen._chat.conversation.turns[0].whole is False


async def test_thinking_is_named_and_never_part_of_the_answer() -> None:
    async with open_deck() as deck:
        request_id = await deck.say("x")
        deck.engine.happen(request_id, AttemptStarted(1, world.ZAI), ThinkingDelta("secret plan"))
        await deck.settle()
        assert "zai/main · glm-5.3-flash · thinking" in deck.shown()
        deck.engine.happen(request_id, TextDelta("Done."), Answered(world.receipt(request_id)))
        await deck.settle()
        assert answer_text(deck) == "Done."


async def test_hostile_answers_are_only_text() -> None:
    hostile = (
        "[bold]b[/bold] <script>s</script> \x1b]52;c;AAAA\x07\x1b[2J [click](javascript:x) 日本語"
        + "w" * 3000
    )
    async with open_deck(NARROW) as deck:
        request_id = await deck.say("[red]mine[/red]\x1b[31m")
        deck.engine.happen(request_id, TextDelta(hostile), Answered(world.receipt(request_id)))
        await deck.settle()
        deck.screen._chat.transcript.scroll_home(animate=False)
        await deck.settle()
        shown = deck.shown()
        assert "\x1b" not in shown
        assert "[red]mine[/red]" in shown
        assert "[bold]b[/bold]" in shown
        assert "<script>s</script>" in shown
        assert "AAAA" not in shown


async def test_a_message_sent_before_the_engine_is_ready_goes_out_when_it_is() -> None:
    from trunkline.engine.api import EngineReady

    async with open_deck(engine=FakeEngine(ready_at_start=False)) as deck:
        deck.screen.query_one("#prompt").text = "early"  # type: ignore[attr-defined]
        await deck.press("enter")
        assert deck.engine.requests == {}
        assert "waiting for the engine" in deck.shown()
        deck.engine.tell(EngineReady())
        await deck.settle()
        assert [request.messages[-1].text for request in deck.engine.requests.values()] == ["early"]


async def test_a_dying_engine_ends_the_answer_and_keeps_the_next_message() -> None:
    async with open_deck() as deck:
        request_id = await deck.say("x")
        deck.engine.happen(request_id, TextDelta("Half"))
        deck.engine.die("boom")
        await deck.settle()
        assert "✕ boom" in deck.shown()
        deck.screen.query_one("#prompt").text = "next"  # type: ignore[attr-defined]
        await deck.press("enter")
        assert deck.screen.query_one("#prompt").text == "next"  # type: ignore[attr-defined]
        assert len(deck.engine.requests) == 1


async def test_a_second_message_waits_for_the_first_answer() -> None:
    async with open_deck() as deck:
        await deck.say("x")
        deck.screen.query_one("#prompt").text = "y"  # type: ignore[attr-defined]
        await deck.press("enter")
        assert len(deck.engine.requests) == 1
        assert deck.screen.query_one("#prompt").text == "y"  # type: ignore[attr-defined]


async def test_the_estimate_follows_the_text_and_late_ones_are_dropped() -> None:
    async with open_deck() as deck:
        deck.screen.query_one("#prompt").text = "hello"  # type: ignore[attr-defined]
        await deck.settle()
        deck.screen._chat.composer.ask_preview()
        request, deliver = deck.engine.previews[-1]
        assert request.messages[-1].text == "hello"
        deliver(Preview(world.TASK, world.decision()))
        await deck.settle()
        assert "≈1.2k tok · coding t2 → google/google-2 · gemini-3.8-flash ≈ $0.0023" in deck.shown()
        deck.screen.query_one("#prompt").text = "hello you"  # type: ignore[attr-defined]
        await deck.settle()
        deliver(Preview(world.TASK, NoRoute(())))
        await deck.settle()
        assert "nobody can serve" not in deck.shown()


async def test_a_burst_of_keys_is_sent_whole() -> None:
    async with open_deck() as deck:
        for key in (*"burst", "enter"):
            deck.app.post_message(events.Key(key, key if len(key) == 1 else "\r"))
        await deck.settle()
        assert [request.messages[-1].text for request in deck.engine.requests.values()] == ["burst"]


async def test_newline_and_history() -> None:
    async with open_deck() as deck:
        await deck.press("a", "ctrl+j", "b", "alt+enter", "c")
        prompt = deck.screen.query_one("#prompt")
        assert prompt.text == "a\nb\nc"  # type: ignore[attr-defined]
        await deck.press("enter")
        deck.engine.happen("R1", Answered(world.receipt("R1")))
        await deck.settle()
        await deck.press("d", "up")
        assert prompt.text == "a\nb\nc"  # type: ignore[attr-defined]
        await deck.press("down")
        assert prompt.text == "d"  # type: ignore[attr-defined]


async def test_a_new_conversation_forgets_and_gets_another_id() -> None:
    async with open_deck() as deck:
        first = await deck.say("x")
        deck.engine.happen(first, TextDelta("Half"))
        await deck.settle()
        deck.clock.advance(1000)
        await deck.press("ctrl+n")
        assert ("cancel", first) in deck.engine.orders
        assert "Nothing said yet" in deck.shown()
        second = await deck.say("y")
        requests = deck.engine.requests
        assert [message.text for message in requests[second].messages] == ["y"]
        assert requests[second].conversation_id != requests[first].conversation_id
        deck.engine.happen(first, TextDelta("late"))
        await deck.settle()
        assert "late" not in deck.shown()


async def test_a_deck_that_only_watches_says_how_a_conversation_is_opened() -> None:
    async with open_deck() as deck:
        await deck.show(world.snapshot(read_only=True))
        assert "this deck only watches: c lists those that are kept" in deck.chat_words()
        assert "Write below" not in deck.shown()


def test_the_first_message_names_a_conversation_once_there_are_more() -> None:
    turns = [Turn("T1", "merge two sorted lists", answer="a")]
    assert chat_title(Conversation("C", turns), 60) == "4 Chat"
    assert chat_title(Conversation("C", turns, own_title="mine"), 60) == "4 Chat · mine · 1 turn"
    longer = Conversation("C", [*turns, Turn("T2", "and three?")])
    assert chat_title(longer, 60) == "4 Chat · merge two sorted lists · 2 turns"
    assert chat_title(longer, 34) == "4 Chat · merge two sort… · 2 turns"
    assert chat_title(longer, 20) == "4 Chat · 2 turns"


async def test_what_is_held_counts_down_below_the_editor_until_it_goes_on() -> None:
    async with open_deck() as deck:
        request_id = await deck.say("x")
        deck.engine.happen(request_id, Waiting(world.START_MS + 90_000, world.ZAI))
        await deck.settle()
        assert "waiting for zai/main, 2 m left · esc esc stops" in deck.shown()
        deck.clock.advance(60_000)
        await deck.show(world.snapshot())
        assert "waiting for zai/main, 30 s left · esc esc stops" in deck.shown()
        deck.engine.happen(request_id, AttemptStarted(1, world.ZAI))
        await deck.settle()
        assert "left · esc" not in deck.shown()
        assert "esc esc stops the answer" in deck.shown()
