"""The command palette: a line for each action, and the conversations that hold what is typed."""

from __future__ import annotations

from tests.support import deck_world as world
from tests.support.deck import open_deck
from tests.support.fake_engine import FakeEngine
from tests.tui.test_conversations import kept, kept_turn


async def test_an_action_stands_on_a_line_with_its_key_in_the_order_of_the_registry() -> None:
    async with open_deck((100, 40), start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("ctrl+p")
        while "alt-2" not in deck.shown():
            await deck.pilot.pause()
        lines = deck.shown().splitlines()
        at = [next(i for i, line in enumerate(lines) if f"{key} / alt-{key}" in line) for key in "12345zxs"]
        assert at == list(range(at[0], at[0] + 8))
        assert "Providers and accounts" in lines[at[0]]


async def test_what_cannot_act_now_says_so_in_the_palette() -> None:
    async with open_deck((120, 40), start_panel=1) as deck:
        await deck.show(world.snapshot(read_only=True))
        await deck.press("ctrl+p", *"next mode")
        await deck.pilot.pause()
        assert "not now: this deck only watches" in " ".join(deck.shown().split())


async def test_a_conversation_is_found_and_opened_from_the_palette() -> None:
    engine = FakeEngine()
    engine.kept = {"C1": kept("C1", "sorting networks", kept_turn(1))}
    async with open_deck((100, 40), engine=engine) as deck:
        await deck.press("ctrl+p", *"sorting")
        while "sorting networks" not in deck.shown():
            await deck.pilot.pause()
        await deck.press("down", "enter")
        await deck.settle()
        assert "4 Chat · sorting networks · 1 turn" in deck.shown()
