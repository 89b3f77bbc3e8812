"""The gateway inside the deck: the key, its screen, the first line. A fake switch stands for the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, WIDE, Deck, open_deck

from trunkline.domain.snapshot import GatewayView
from trunkline.tui.gateway_lines import GatewayFacts, gateway_lines
from trunkline.tui.gateway_switch import (
    ClientLines,
    GatewayOff,
    GatewayOn,
    GatewayStarting,
    GatewayState,
    GatewayStopping,
)
from trunkline.tui.plain_signs import PlainSigns
from trunkline.tui.screens.gateway import GatewayScreen
from trunkline.tui.widgets.summary import fit_parts, summary_parts

URL = "http://127.0.0.1:8787"
TOKEN = "tl-shown-once"
MINE = GatewayView("P1", 700, START_MS - 60_000, URL)
THEIRS = GatewayView(
    "P2", 4242, START_MS - 180_000, "http://127.0.0.1:8788", at_work=2, answered=1204, failed=3
)


@dataclass
class FakeSwitch:
    """Records what is asked of it; a test says what becomes of the process."""

    asked: list[str] = field(default_factory=list)
    tell: Callable[[GatewayState], None] = lambda _: None

    def start(self, told: Callable[[GatewayState], None]) -> None:
        self.asked.append("start")
        self.tell = told
        told(GatewayStarting())

    def stop(self) -> None:
        self.asked.append("stop")

    def lines(self, base_url: str, token: str | None, *, needs_token: bool) -> tuple[ClientLines, ...]:
        key = token or ("<a token>" if needs_token else "none")
        pasted = ClientLines(
            "openai", "OpenAI-style clients", (f"url={base_url}/v1", f"key={key}"), "or in code"
        )
        return (pasted, ClientLines("wide", "A wide one", ('  {"a": "' + "b" * 200 + '"}',)))

    def close(self) -> None:
        self.asked.append("close")


@asynccontextmanager
async def switched(
    size: tuple[int, int] = NARROW, *gateways: GatewayView, read_only: bool = False
) -> AsyncIterator[tuple[Deck, FakeSwitch]]:
    """A deck with a switch, its key pressed outside the editor."""
    switch = FakeSwitch()
    async with open_deck(size, gateway=None if read_only else switch) as deck:
        await deck.show(world.snapshot(gateways=gateways, read_only=read_only))
        await deck.press("escape", "S")
        yield deck, switch


async def become(deck: Deck, switch: FakeSwitch, state: GatewayState) -> str:
    switch.tell(state)
    await deck.settle()
    return deck.shown()


def notes(deck: Deck) -> list[str]:
    return [note.message for note in deck.app._notifications]


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_key_starts_it_and_shows_what_to_paste_with_its_token_once(size: tuple[int, int]) -> None:
    async with switched(size) as (deck, switch):
        assert switch.asked == ["start"]
        assert "starting … S calls it off" in deck.shown()
        shown = await become(deck, switch, GatewayOn(MINE.pid, URL, TOKEN))
        for expected in (
            URL,
            f"token     {TOKEN}",
            "shown only now",
            f"key={TOKEN}",
            "S stops it",
            "or in code",
        ):
            assert expected in shown
        await deck.press("escape", "S")
        assert isinstance(deck.app.screen, GatewayScreen)
        assert TOKEN not in deck.shown()
        assert "`trunkline tokens list`" in deck.shown()
        assert switch.asked == ["start"], "it runs already"


async def test_what_is_under_the_cursor_is_offered_to_the_clipboard() -> None:
    async with switched() as (deck, switch):
        await become(deck, switch, GatewayOn(MINE.pid, URL, TOKEN))
        copies = []
        for _ in range(3):
            await deck.press("y", "j")
            copies.append(deck.app.clipboard)
        assert copies == [URL, TOKEN, f"url={URL}/v1\nkey={TOKEN}"]
        assert notes(deck)[-1] == "offered to the terminal's clipboard (OSC 52): 2 lines"


async def test_it_stops_at_once_or_when_asked_twice_while_requests_are_under_way() -> None:
    async with switched() as (deck, switch):
        await become(deck, switch, GatewayOn(MINE.pid, URL))
        await deck.show(world.snapshot(gateways=(replace(MINE, at_work=2, answered=7),)))
        assert "2 under way · 7 answered" in deck.shown()
        await deck.press("S")
        assert "2 requests under way: S again lets them finish and stops it" in deck.shown()
        assert switch.asked == ["start"]
        await deck.press("S")
        assert switch.asked == ["start", "stop"]
        shown = await become(deck, switch, GatewayStopping(MINE.pid))
        assert "2 requests under way may finish; S again does not wait" in " ".join(shown.split())
        await deck.press("S")
        assert switch.asked == ["start", "stop", "stop"]
        await deck.show(world.snapshot())
        assert "off. S starts" in await become(deck, switch, GatewayOff())
        await deck.press("S")
        await become(deck, switch, GatewayOn(MINE.pid, URL))
        await deck.press("S")
        assert switch.asked[3:] == ["start", "stop"], "nothing is under way"


async def test_why_it_could_not_start_is_shown_in_its_own_words_and_it_may_be_tried_again() -> None:
    async with switched() as (deck, switch):
        why = "gateway.port: 8787 is taken.\nAnother [bold]`trunkline serve`[/] may have it; --port takes another."
        shown = await become(deck, switch, GatewayOff(why))
        assert "gateway.port: 8787 is taken. Another [bold]`trunkline serve`[/]" in " ".join(shown.split())
        await deck.press("S")
        assert switch.asked == ["start", "start"]
        await become(deck, switch, GatewayOff(why))
        await deck.press("escape", "S")
        assert switch.asked == ["start"] * 3


async def test_a_gateway_of_another_process_is_shown_and_no_second_one_is_started() -> None:
    async with switched(NARROW, THEIRS) as (deck, switch):
        shown = " ".join(deck.shown().split())
        assert "Another process, 4242" in shown
        assert "11:57:00, for 3 m" in shown
        assert "2 under way · 1,204 answered · 3 failed" in shown
        assert "off: another process has one already" in shown
        await deck.press("S")
        assert switch.asked == []
        await deck.press("j", "y")
        assert deck.app.clipboard == f"url={THEIRS.base_url}/v1\nkey=<a token>"
        await deck.show(world.snapshot())
        assert "off. S starts" in deck.shown()


async def test_a_deck_that_only_watches_shows_gateways_and_switches_none() -> None:
    async with switched(NARROW, THEIRS, read_only=True) as (deck, _):
        assert "http://127.0.0.1:8788" in deck.shown()
        assert "off: this deck only watches" in deck.shown()
        await deck.show(world.snapshot(read_only=True))
        await deck.press("S")
        assert "off: this deck only watches; `trunkline serve` starts one" in deck.shown()


async def test_what_becomes_of_it_is_said_while_its_screen_is_closed() -> None:
    async with switched() as (deck, switch):
        await deck.press("escape")
        await become(deck, switch, GatewayOn(MINE.pid, URL, TOKEN))
        assert notes(deck) == [f"the gateway listens on {URL}; S shows what to paste"]
        await deck.press("S")
        assert TOKEN in deck.shown(), "nobody has seen it yet"
        await deck.press("escape")
        await become(deck, switch, GatewayOff("its process ended by itself"))
        assert notes(deck)[-1] == "the gateway: its process ended by itself"


async def test_nothing_is_drawn_again_while_nothing_changes() -> None:
    async with switched(NARROW, THEIRS) as (deck, _):
        lines = deck.app.screen.query_one("#gateway-lines").lines  # type: ignore[attr-defined]
        deck.screen.tick()
        assert deck.app.screen.query_one("#gateway-lines").lines is lines  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 80, 120, 160])
@pytest.mark.parametrize("gateways", [(MINE,), (MINE, THEIRS)])
def test_the_first_line_says_that_one_listens(width: int, gateways: tuple[GatewayView, ...]) -> None:
    snapshot = world.snapshot(gateways=gateways)
    shown = fit_parts(summary_parts(snapshot), width)
    text = "  ".join(part.text for part in shown)
    said = "⇄ 8787" if len(gateways) == 1 else "⇄ 8787 +1"
    assert cell_len(text) < width
    assert (said in text) == (width >= 80)
    assert "✕1" in text
    assert PlainSigns().plain("⇄ 8787") == "@ 8787"
    assert summary_parts(replace(snapshot, at_ms=START_MS + 1)) == summary_parts(snapshot)


@pytest.mark.parametrize("width", [30, 74, 110])
def test_every_line_keeps_to_its_width(width: int) -> None:
    pasted = FakeSwitch().lines(URL, None, needs_token=True)
    for state in (GatewayOff("why " * 40), GatewayOn(MINE.pid, URL, TOKEN), GatewayStopping(MINE.pid)):
        facts = GatewayFacts(state, replace(MINE, at_work=1), (THEIRS,), asked=True, pasted=pasted)
        lines = gateway_lines(facts, "S", START_MS, None, width)
        assert max(cell_len(line.text) for line in lines) <= width
