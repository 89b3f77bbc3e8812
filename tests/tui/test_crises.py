"""Crises and the emergency override: the first line, the screen, what is said when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.deck import NARROW, WIDE, Deck, open_deck
from tests.support.fake_engine import FakeEngine

from trunkline.domain.crisis import CrisisStep, CrisisSummary
from trunkline.domain.events import Alert, AlertLevel
from trunkline.tui.crisis_lines import after_words, crisis_lines
from trunkline.tui.orders import ASKED_FOR_MS
from trunkline.tui.screens.crises import CrisesScreen
from trunkline.tui.screens.route_picker import RoutePicker
from trunkline.tui.widgets.summary import fit_parts, summary_parts

MINUTE_MS = 60_000


def over(crisis_id: str = "C1", **changes: object) -> CrisisSummary:
    """The same crisis once it is over."""
    summary = world.crisis()
    ended = replace(summary.crisis, id=crisis_id, ended_at_ms=START_MS + 10 * MINUTE_MS)
    return replace(summary, crisis=ended, recovered=("kimi",), returned=1, **changes)  # type: ignore[arg-type] # fields of it


def text(summary: CrisisSummary | None, *others: CrisisSummary, width: int = 90) -> str:
    lines = crisis_lines(summary, others, START_MS, UTC, width)
    assert all(cell_len(line.text) <= width for line in lines)
    return "\n".join(line.text for line in lines)


def notes(deck: Deck) -> list[str]:
    return [note.message for note in deck.app._notifications]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 160])
def test_the_first_line_names_who_is_lost_and_when_they_are_back(width: int) -> None:
    shown = fit_parts(summary_parts(world.snapshot(crisis=world.crisis()), zone=UTC), width)
    line = "  ".join(part.text for part in shown)
    assert line.index("CRISIS kimi, zai lost · next try 12:10") >= 0
    assert ("1 moved, 1 parked" in line) == (width >= 120)


def test_everything_is_told_of_a_crisis_under_way() -> None:
    summary = world.crisis()
    steps = replace(summary.crisis, steps=(CrisisStep.SIMPLE_TO_CHEAP,))
    told = text(replace(summary, crisis=steps))
    assert "under way since 11:58:30, 1 m 30 s" in told
    assert "kimi, zai: 2 of 6 providers" in told
    assert "12:10 (in 10 m)" in told
    assert "✓ simple work goes to a cheap route that survives" in told
    assert "answers get a smaller output limit: not declared" in told
    assert "12 answered, 0 failed, 1 moved, 1 parked" in told
    assert "12:00:00 moved  kimi/main → local/main · agent-7 simple" in told
    assert "12:00:00 parked kimi/main · docs documentation" in told


def test_a_crisis_that_is_over_is_summed_up_and_others_stand_below() -> None:
    drill = replace(over("C0").crisis, drill=True)
    told = text(over(), over(), replace(over("C0"), crisis=drill))
    assert "over: began 11:58:30, lasted 11 m 30 s" in told
    assert "1 back at home" in told
    assert told.count("drill, 11 m 30 s") == 1
    assert after_words(over()).startswith("the crisis is over after 11 m 30 s: 12 answered, 0 failed")
    assert "There has been no crisis" in text(None)


@pytest.mark.parametrize("size", [NARROW, (40, 20)])
async def test_it_is_opened_by_key_reads_older_ones_and_goes_to_a_receipt(size: tuple[int, int]) -> None:
    engine = FakeEngine(past_crises=(over("C1"), over("C0")))
    engine.receipts["R7"] = world.receipt("R7")
    async with open_deck(size, engine=engine) as deck:
        await deck.show(world.snapshot(last_crisis=over("C1")))
        await deck.press("escape", "C")
        assert isinstance(deck.app.screen, CrisesScreen)
        assert "over: began" in deck.shown()
        await deck.press("G", "enter")
        assert deck.app.screen._chosen == "C0"
        await deck.press("escape")
        assert deck.app.screen._chosen is None
        while deck.app.screen._listing.current is None:
            await deck.press("j")
        await deck.press("enter")
        assert "Receipt" in deck.shown()
        await deck.press("escape", "escape")
        assert deck.app.screen is deck.screen


async def test_the_end_is_told_once_with_its_figures() -> None:
    async with open_deck(NARROW) as deck:
        await deck.show(world.snapshot(crisis=world.crisis()))
        await deck.show(world.snapshot(last_crisis=over()))
        await deck.show(world.snapshot(last_crisis=over()))
        said = [note for note in notes(deck) if "the crisis is over" in note]
        assert len(said) == 1
        assert said[0].endswith("C shows it")
        assert not deck.screen.query_one("#summary").has_class("-alarm")


async def test_a_crisis_of_long_ago_is_not_told_at_the_start() -> None:
    async with open_deck(NARROW) as deck:
        await deck.show(world.snapshot(last_crisis=over()))
        assert notes(deck) == []


async def test_one_route_is_forced_for_everything_and_the_same_key_takes_it_back() -> None:
    async with open_deck(WIDE, start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("exclamation_mark")
        assert isinstance(deck.app.screen, RoutePicker)
        assert "EMERGENCY" in deck.shown()
        assert "automatic" not in deck.shown()
        await deck.press(*"zai/main", "enter")
        assert deck.engine.orders == [("override", "zai/main")]
        await deck.press("exclamation_mark")
        assert deck.engine.orders[-1] == ("override", None), "before the engine has said anything of it"
        await deck.press("u")
        assert deck.engine.orders[2:] == [], "nothing is forced again without asking"
        await deck.press("exclamation_mark", *"zai/main", "enter")
        await deck.show(world.snapshot(override="zai/main"))
        first = deck.shown().splitlines()[0]
        assert "EVERYTHING → zai/main (! takes it back)" in first
        assert deck.screen.query_one("#summary").has_class("-alarm")
        await deck.press("u")
        assert deck.engine.orders[-1] == ("override", None)


def first_line(deck: Deck) -> str:
    return deck.shown().splitlines()[0]


async def test_the_key_acts_on_what_the_first_line_shows_and_an_order_overruled_elsewhere_is_forgotten() -> (
    None
):
    async with open_deck(WIDE, start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("exclamation_mark", *"zai/main", "enter")
        assert "EVERYTHING → zai/main" in first_line(deck), "it is shown before the engine has said anything"
        await deck.show(world.snapshot())
        assert "EVERYTHING" in first_line(deck), "a snapshot of before the order says nothing of it"
        deck.clock.advance(ASKED_FOR_MS + 1)
        # What the key does, at once: a tick in between would paint the first line anew.
        deck.app.screen.action_override()
        assert deck.engine.orders[-1] == ("override", None), "the first line still shows it"
        await deck.press("u")
        deck.clock.advance(ASKED_FOR_MS + 1)
        await deck.show(world.snapshot())
        assert "EVERYTHING" not in first_line(deck), "somebody else has taken it back"
        ordered = len(deck.engine.orders)
        await deck.press("exclamation_mark")
        assert isinstance(deck.app.screen, RoutePicker)
        assert len(deck.engine.orders) == ordered, "forcing a route asks first"


async def test_leaving_the_picker_forces_nothing() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("exclamation_mark", "escape")
        assert deck.engine.orders == []


async def test_a_quota_alert_is_told_once_and_stands_in_the_log() -> None:
    async with open_deck(NARROW) as deck:
        await deck.show(world.snapshot())
        for _ in range(3):
            deck.engine.announce(Alert(AlertLevel.WARNING, "quota:k:warn", "google-1: 80 % of 20 a day used"))
        await deck.settle()
        assert notes(deck) == ["google-1: 80 % of 20 a day used"]
        deck.screen.tick()
        await deck.settle()
        assert sum("google-1: 80 % of 20" in line for line in deck.shown().splitlines()) >= 1


async def test_without_a_crisis_there_is_nothing_to_open() -> None:
    async with open_deck(NARROW, start_panel=1) as deck:
        await deck.show(world.snapshot())
        await deck.press("C")
        hints = deck.app.screen.query_one("#crisis-hints").content  # type: ignore[attr-defined] # a line of text
        styles = {str(span.style) for span in hints.spans if "open" in hints.plain[span.start : span.end]}
        assert styles == {"$text-disabled"}
        assert "esc back" in hints.plain
