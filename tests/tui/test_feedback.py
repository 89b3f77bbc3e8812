"""Saying that an answer was good or bad, and what a redo carries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support import deck_world as world
from tests.support.deck import Deck, open_deck
from tests.tui.test_chat_turns import chat, exchange
from tests.tui.test_conversations import engine_with, kept, kept_turn

from trunkline.domain.events import Failed, RerouteCause, Rerouted
from trunkline.domain.learned import Verdict
from trunkline.domain.messages import Redo
from trunkline.domain.receipts import Outcome, TierUpgrade
from trunkline.domain.tasks import Tier
from trunkline.tui.commands import Argument, Given, Problem, choices_of, parse, suggest_command
from trunkline.tui.notices import notice
from trunkline.tui.receipt_line import receipt_line
from trunkline.tui.receipt_rows import ReceiptView, all_lines

UPGRADE = TierUpgrade(Tier.T1, Tier.T2, Verdict.EMPTY, 1)


def judged(deck: Deck) -> list[object]:
    return [said for order, said in deck.engine.orders if order == "feedback"]


def note(deck: Deck) -> str:
    (shown,) = [str(one.render()) for one in deck.screen.query("ReceiptNote")]
    return shown


async def test_plus_and_minus_say_how_an_answer_was_and_again_takes_it_back() -> None:
    async with open_deck() as deck:
        request_id = await exchange(deck, "q", "a")
        await deck.press("escape", "plus")
        assert judged(deck) == [(request_id, Verdict.UP)]
        assert "+ good" in note(deck)
        await deck.press("minus")
        assert judged(deck)[1:] == [(request_id, Verdict.DOWN)]
        assert "− bad" in note(deck)
        assert "+ good" not in note(deck)
        await deck.press("minus")
        assert judged(deck)[2:] == [(request_id, None)]
        assert "bad" not in note(deck)


async def test_only_the_answer_under_the_cursor_is_judged() -> None:
    async with open_deck() as deck:
        first = await exchange(deck, "q0", "a0")
        await exchange(deck, "q1", "a1")
        await deck.press("escape", "k", "plus")
        assert judged(deck) == [(first, Verdict.UP)]


async def test_nothing_is_said_of_what_is_no_answer() -> None:
    async with open_deck() as deck:
        request_id = await deck.say("q")
        await deck.press("escape", "plus")
        deck.engine.happen(request_id, Failed(world.receipt(request_id, outcome=Outcome.FAILED)))
        await deck.settle()
        await deck.press("plus")
        assert judged(deck) == []


async def test_in_the_editor_plus_is_a_letter() -> None:
    async with open_deck() as deck:
        await exchange(deck, "q", "a")
        await deck.press("plus")
        assert judged(deck) == []
        assert chat(deck).prompt.text == "+"


@pytest.mark.parametrize(("key", "elsewhere"), [("r", False), ("R", True)])
async def test_asked_again_a_message_carries_the_answer_that_it_is_to_replace(
    key: str, elsewhere: bool
) -> None:
    async with open_deck() as deck:
        first = await exchange(deck, "q", "a")
        receipt = chat(deck).conversation.turns[0].receipt
        assert receipt is not None
        assert receipt.route is not None
        assert deck.engine.requests[first].redo is None
        await deck.press("escape", key)
        *_, last = deck.engine.requests.values()
        assert last.redo == Redo(first, receipt.task.tier, receipt.route.id, elsewhere)


async def test_what_failed_is_only_tried_again() -> None:
    async with open_deck() as deck:
        request_id = await deck.say("q")
        deck.engine.happen(request_id, Failed(world.receipt(request_id, outcome=Outcome.FAILED)))
        await deck.settle()
        await deck.press("escape", "r")
        *_, last = deck.engine.requests.values()
        assert len(deck.engine.requests) == 2
        assert last.redo is None


def test_a_receipt_says_what_was_put_behind_it_and_what_was_said_of_it() -> None:
    receipt = replace(world.receipt("R"), upgrade=UPGRADE, verdicts=(Verdict.EMPTY, Verdict.UP))
    assert "one tier up (t2) because the answer was empty · + good" in receipt_line(receipt)
    lines = "\n".join(line.text for line in all_lines(ReceiptView(receipt, 0, None), 100))
    assert "one tier up (t2) because the answer was empty" in lines
    assert "an answer was empty, found good" in lines
    same = replace(receipt, upgrade=TierUpgrade(Tier.T3, Tier.T3, Verdict.REFUSED), verdicts=())
    assert "the next best route because the answer was refused" in receipt_line(same)


def test_a_reroute_one_tier_up_says_so() -> None:
    rerouted = Rerouted(world.GOOGLE_1, world.ZAI, RerouteCause.REFUSED, None, 5.0, Tier.T2)
    said = notice(rerouted, 0, None)
    assert said is not None
    assert said.text.endswith("one tier up (t2)")


def test_the_task_command_knows_auto_and_completes_it() -> None:
    choices = choices_of(world.snapshot())
    assert parse("/task coding", choices) == Given("task", "coding")
    assert parse("/task auto", choices) == Given("task", "")
    wrong = parse("/task codin", choices)
    assert isinstance(wrong, Problem)
    assert "coding" in wrong.text
    found = suggest_command("/task a", 7, choices)
    assert found is not None
    assert "auto" in [item.insert for item in found.items]
    assert "auto" in choices[Argument.TASK]


async def test_an_answer_from_before_can_be_judged_too() -> None:
    engine = engine_with(kept("C1", "older", kept_turn(1)))
    async with open_deck(engine=engine) as deck:
        await chat(deck).open_conversation("C1")
        await deck.settle()
        await deck.press("escape", "plus")
        assert judged(deck) == [("K1", Verdict.UP)]
