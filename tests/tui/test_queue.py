"""The queue: what its rows say, and what its keys do while requests come and go under the cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, WIDE, Deck, open_deck

from trunkline.domain.queue import HeldFor, QueueItem
from trunkline.domain.snapshot import Totals
from trunkline.domain.tasks import Origin, OriginKind, Priority, Tier
from trunkline.tui.cells import Tone
from trunkline.tui.queue_rows import goes_on, queue_detail, queue_rows
from trunkline.tui.screens.queue import ORDER_HELD_MS, QueueScreen

MINUTE_MS = 60_000
NARROWEST = (40, 20)


def waits(request_id: str, **changes: object) -> QueueItem:
    """A request of an agent that nobody can serve for 28 minutes."""
    values: dict[str, object] = {
        "request_id": request_id,
        "origin": Origin(OriginKind.GATEWAY, "agent-7"),
        "priority": Priority.MEDIUM,
        "task_type": "data_analysis",
        "tier": Tier.T2,
        "held_for": HeldFor.RESET,
        "why": "nobody can serve it now",
        "since_ms": START_MS - 40_000,
        "until_ms": START_MS + 28 * MINUTE_MS + 3_000,
        "process": "serve 99",
        "title": f"question {request_id}",
    }
    return QueueItem(**(values | changes))  # type: ignore[arg-type] # of a test's own making


THREE = (waits("Q1"), waits("Q2"), waits("Q3"))


@asynccontextmanager
async def open_queue(*items: QueueItem, size: tuple[int, int] = NARROW) -> AsyncIterator[Deck]:
    async with open_deck(size) as deck:
        await deck.show(world.snapshot(queue=items))
        await deck.press("escape", "5")
        yield deck


async def changes(deck: Deck, *items: QueueItem, **rest: object) -> None:
    """The engine tells of another queue."""
    deck.engine.tell(world.snapshot(queue=items, **rest))
    await deck.settle()


def listed(deck: Deck) -> list[str]:
    screen = deck.app.screen
    assert isinstance(screen, QueueScreen)
    return [row.key for row in screen._list.rows]


def under_cursor(deck: Deck) -> str | None:
    screen = deck.app.screen
    assert isinstance(screen, QueueScreen)
    return screen._list.cursor_key


@pytest.mark.parametrize(
    ("until_ms", "text"),
    [
        (None, "–"),
        (START_MS - 1, "now"),
        (START_MS + 41_000, "41 s"),
        (START_MS + 12 * MINUTE_MS + 3_000, "12:12 12 m 3 s"),
        (START_MS + 192 * MINUTE_MS, "15:12 3 h 12 m"),
    ],
)
def test_when_a_request_goes_on_counts_down(until_ms: int | None, text: str) -> None:
    assert goes_on(until_ms, START_MS, UTC) == text


def test_a_row_says_what_why_for_whom_until_when_and_whether_it_is_kept() -> None:
    item = waits(
        "Q1",
        title="",
        kept=True,
        process=None,
        home="kimi/main/kimi-k3",
        deadline_at_ms=START_MS + MINUTE_MS,
        promoted=True,
    )
    cells = [cell.text for cell in queue_rows((item,), START_MS, UTC)[0].cells]
    assert cells == [
        "▲ (data analysis)",
        "nobody can",
        "12:28 28 m 3 s",
        "agent-7",
        "medium t2",
        "kept",
        "40 s",
        "12:01",
        "kimi/main",
        "nobody's",
    ]
    assert queue_rows((item,), START_MS, UTC)[0].cells[7].tone is Tone.BAD, "it fails before it goes on"
    lines = queue_detail(item, START_MS, UTC)
    assert "goes on at 12:28 (in 28 m 3 s)" in lines[1]
    assert lines[2] == "fails at 12:01 (in 1 m) if nobody has served it"
    assert "no process runs it yet · would have gone to kimi/main/kimi-k3" in lines[3]
    assert "only in the memory of serve 99" in queue_detail(waits("Q2"), START_MS, UTC)[-1]


@pytest.mark.parametrize("held_for", HeldFor)
def test_every_reason_to_wait_has_words(held_for: HeldFor) -> None:
    assert queue_rows((waits("Q1", held_for=held_for),), START_MS, UTC)[0].cells[1].text


@pytest.mark.parametrize("size", [WIDE, NARROWEST])
async def test_it_can_be_read_at_every_size_and_hostile_titles_stay_text(size: tuple[int, int]) -> None:
    async with open_queue(waits("Q1", title="[red]x\x1b[31m\ny"), *THREE[1:], size=size) as deck:
        lines = deck.shown().splitlines()
        assert lines[0].strip() == "Queue · 3 wait"
        assert lines[2].strip().startswith("[red]x y")
        assert "28 m 3 s" in lines[2]
        assert all(cell_len(line) <= size[0] for line in lines)
        assert "p now" in lines[-1]
        assert "esc back" in lines[-1]
        await deck.press("escape")
        assert deck.app.screen is deck.screen


async def test_it_opens_by_key_in_the_editor_by_the_palette_and_by_a_click_on_the_first_line() -> None:
    async with open_deck(NARROW) as deck:
        await deck.show(world.snapshot(queue=THREE, totals=Totals(waiting=3)))
        deck.screen.query_one("#prompt").focus()
        await deck.press("alt+5")
        assert isinstance(deck.app.screen, QueueScreen)
        await deck.press("q")
        column = deck.shown().splitlines()[0].index("3 waiting")
        await deck.pilot.click("#summary", offset=(column + 1, 0))
        await deck.settle()
        assert isinstance(deck.app.screen, QueueScreen)
        await deck.press("q")
        titles = [command.title for command in deck.app.palette_commands(deck.screen)]
        assert any(title.startswith("Queue") for title in titles)


async def test_an_empty_queue_says_what_would_stand_there() -> None:
    async with open_queue() as deck:
        assert "Nothing waits." in deck.shown()
        assert "outlives this deck" in deck.shown()
        await deck.press("p")
        assert "nothing waits under the cursor" in deck.shown()
        assert deck.engine.orders == []


async def test_the_countdown_runs_without_another_snapshot() -> None:
    async with open_queue(*THREE) as deck:
        deck.clock.advance(2_000)
        deck.screen.tick()
        await deck.settle()
        assert "28 m 1 s" in deck.shown()


async def test_enter_and_p_let_a_request_go_at_once() -> None:
    async with open_queue(*THREE) as deck:
        await deck.press("p", "j", "enter")
        assert deck.engine.orders == [("promote", "Q1"), ("promote", "Q2")]


async def test_a_request_is_moved_at_once_here_and_moved_back_by_undo() -> None:
    async with open_queue(*THREE) as deck:
        await deck.press("J")
        assert (listed(deck), under_cursor(deck)) == (["Q2", "Q1", "Q3"], "Q1")
        await deck.press("alt+down")
        assert listed(deck) == ["Q2", "Q3", "Q1"]
        await deck.press("J")
        assert "it is the last" in deck.shown()
        assert deck.engine.orders == [("move", ("Q1", 1)), ("move", ("Q1", 1))]
        await changes(deck, THREE[1], THREE[2], THREE[0])
        assert listed(deck) == ["Q2", "Q3", "Q1"]
        await deck.press("u")
        assert deck.engine.orders[-1] == ("move", ("Q1", -1))


async def test_an_order_that_the_engine_does_not_follow_is_not_shown_for_long() -> None:
    async with open_queue(*THREE) as deck:
        await deck.press("J")
        deck.clock.advance(ORDER_HELD_MS + 1)
        await changes(deck, *THREE)
        assert listed(deck) == ["Q1", "Q2", "Q3"]


async def test_cancelling_asks_once_and_never_takes_another_request() -> None:
    async with open_queue(*THREE) as deck:
        await deck.press("j", "d")
        assert "d again cancels it" in deck.shown()
        await changes(deck, THREE[0], THREE[2])  # the one that was asked about has gone on
        assert "d again cancels it" not in deck.shown()
        await deck.press("d")
        assert deck.engine.orders == [], "another request is asked about first"
        assert "d again cancels it" in deck.shown()
        await deck.press("escape")
        assert "d again cancels it" not in deck.shown()
        await deck.press("d", "d")
        assert deck.engine.orders == [("drop", "Q3")]


async def test_the_cursor_stays_on_its_request_while_others_come_and_go() -> None:
    async with open_queue(*THREE) as deck:
        await deck.press("j")
        await changes(deck, waits("Q0"), *THREE)
        assert under_cursor(deck) == "Q2"
        await changes(deck, THREE[1])
        assert under_cursor(deck) == "Q2"
        await changes(deck)
        assert "Nothing waits." in deck.shown()
        await deck.press("J", "K", "d", "enter")
        assert deck.engine.orders == []


async def test_a_deck_that_watches_shows_the_queue_and_orders_nothing() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(world.snapshot(queue=THREE, read_only=True))
        await deck.press("5", "d", "p", "J")
        assert listed(deck) == ["Q1", "Q2", "Q3"]
        assert "only watches" in deck.shown()
        assert deck.engine.orders == []
