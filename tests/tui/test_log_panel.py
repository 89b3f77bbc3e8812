"""The routing log's panel: following and holding, filtering, opening; and the list it shows them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS
from tests.support.panel_app import Panel, open_panel
from textual.strip import Strip

from trunkline.domain.snapshot import LogEntry, RunningCall
from trunkline.tui.cells import Tone
from trunkline.tui.log_book import LogBook
from trunkline.tui.messages import ReceiptWanted, RowOpened
from trunkline.tui.widgets.log_panel import LogPanel
from trunkline.tui.widgets.row_list import RowList

NARROW = (80, 24)


@asynccontextmanager
async def open_log(
    *entries: LogEntry, size: tuple[int, int] = NARROW
) -> AsyncIterator[tuple[Panel, LogPanel, LogBook]]:
    book = LogBook()
    book.take_snapshot(entries)
    async with open_panel(lambda: LogPanel(book, UTC), size) as panel:
        log = panel.app.query_one(LogPanel)
        log.refresh_rows()
        log.listing.focus()
        await panel.settle()
        yield panel, log, book


def entries(count: int, first: int = 0) -> tuple[LogEntry, ...]:
    """So many lines, the newest first."""
    return tuple(world.entry(f"E{n}", world.ZAI, ago_s=-n) for n in range(first + count - 1, first - 1, -1))


def row_keys(log: LogPanel) -> list[str]:
    return [row.key for row in log.listing.rows]


# -- following and holding --------------------------------------------------------------------------------------------


async def test_held_lines_stay_and_the_title_counts_what_is_new() -> None:
    async with open_log(*entries(3)) as (panel, log, book):
        await panel.press("f")
        assert log.is_held
        assert "3 Routing log · held" in panel.shown()
        book.take_snapshot(entries(2, first=3))
        log.refresh_rows()
        await panel.settle()
        assert row_keys(log) == ["E2", "E1", "E0"]
        assert "held · 2 new" in panel.shown()
        await panel.press("space")
        assert row_keys(log) == ["E4", "E3", "E2", "E1", "E0"]
        assert "held" not in panel.shown()
        assert log.listing.cursor_key == "E4"


async def test_the_cursor_keeps_its_place_without_holding_anything() -> None:
    async with open_log(*entries(3)) as (panel, log, book):
        await panel.press("j")
        assert log.listing.cursor_key == "E1"
        book.take_snapshot(entries(1, first=3))
        log.refresh_rows()
        await panel.settle()
        assert row_keys(log)[0] == "E3"
        assert log.listing.cursor_key == "E1"
        assert not log.is_held


async def test_a_filter_is_taken_of_held_lines_as_well() -> None:
    async with open_log(world.entry("g", world.GOOGLE_1), world.entry("z", world.ZAI)) as (panel, log, book):
        await panel.press("f")
        log.open_filter()
        log.input.value = "provider:zai"
        await panel.press("enter")
        assert row_keys(log) == ["z"]
        book.take_snapshot(
            (world.entry("z2", world.ZAI, ago_s=-9), world.entry("g2", world.GOOGLE_1, ago_s=-9))
        )
        log.refresh_rows()
        await panel.settle()
        assert row_keys(log) == ["z"]
        assert "held · 1 new" in panel.shown()


# -- filtering --------------------------------------------------------------------------------------------------------


async def test_the_filter_says_how_many_of_how_many_and_stays_in_the_title() -> None:
    async with open_log(*world.snapshot().log) as (panel, log, _):
        log.open_filter()
        log.input.value = "!provider:zai"
        await panel.settle()
        assert row_keys(log) == ["L2", "L1"]
        assert panel.shown().splitlines()[-2].endswith("2 of 3 │")
        await panel.press("enter")
        assert log.listing.has_focus
        assert "filtered: !provider:zai · 2 of 3" in panel.shown()
        log.close_filter()
        await panel.settle()
        assert row_keys(log) == ["L3", "L2", "L1"]
        assert "filtered" not in panel.shown()


async def test_tab_completes_from_the_log_one_after_the_other() -> None:
    async with open_log(*world.snapshot().log) as (panel, log, _):
        log.open_filter()
        await panel.press(*"pro", "tab")
        assert log.input.value == "provider:"
        await panel.press("tab")
        assert log.input.value == "provider:google"
        await panel.press("tab")
        assert log.input.value == "provider:zai"
        assert row_keys(log) == ["L3"]
        assert log.input.has_focus
        await panel.press(*"xx", "tab")
        assert panel.notes() == ["nothing in the log begins like that"]


async def test_an_unknown_field_is_told_beside_the_filter() -> None:
    async with open_log(*world.snapshot().log) as (panel, log, _):
        log.open_filter()
        log.input.value = "provder:zai"
        await panel.settle()
        assert "no field provder:, did you mean provider:?" in panel.shown()
        assert "Nothing matches the filter." in panel.shown()


async def test_markup_in_a_filter_is_text() -> None:
    async with open_log(*world.snapshot().log) as (panel, log, _):
        log.open_filter()
        log.input.value = "[/bold] [red]"
        await panel.press("enter")
        assert "filtered: [/bold] [red] · 0 of 3" in panel.shown()


# -- opening ----------------------------------------------------------------------------------------------------------


async def test_enter_wants_the_receipt_of_a_finished_request() -> None:
    async with open_log(*entries(2)) as (panel, _, _book):
        await panel.press("j", "enter")
        assert panel.said(ReceiptWanted) == [ReceiptWanted("E0")]
        assert len(panel.said(RowOpened)) == 1


async def test_lines_without_a_receipt_say_why() -> None:
    async with open_log() as (panel, log, book):
        assert "No requests yet." in panel.shown()
        book.take_snapshot((), (RunningCall("X1", 1, world.ZAI.id, "serve", START_MS),))
        log.refresh_rows()
        await panel.press("enter")
        book.take_snapshot(())
        book.take_news(START_MS, "kimi/main set aside", Tone.BAD)
        log.refresh_rows()
        await panel.press("enter")
        assert panel.said(ReceiptWanted) == []
        assert panel.notes() == [
            "this request is not over yet; its receipt comes with its end",
            "this is news of the engine; lines of requests have a receipt",
        ]


async def test_a_double_click_opens_and_one_only_goes_there() -> None:
    async with open_log(*entries(5)) as (panel, log, _):
        await panel.pilot.click("#log", offset=(5, 3))
        await panel.settle()
        assert log.listing.cursor_key == "E2"
        assert panel.said(ReceiptWanted) == []
        await panel.pilot.click("#log", offset=(5, 4), times=2)
        await panel.settle()
        assert panel.said(ReceiptWanted) == [ReceiptWanted("E1")]
        await panel.pilot.click("#log", offset=(5, 12), times=2)
        await panel.settle()
        assert len(panel.said(ReceiptWanted)) == 1, "below the last line there is nothing to open"


# -- the list ---------------------------------------------------------------------------------------------------------


async def test_the_cursor_stays_in_view_of_a_list_longer_than_the_screen() -> None:
    async with open_log(*entries(60)) as (panel, log, _):
        await panel.press("G")
        assert "12:00:00" in panel.shown()
        await panel.press("g")
        assert "12:00:59" in panel.shown()
        await panel.press("pagedown", "pagedown")
        at = START_MS // 1000 + 59 - (list(row_keys(log)).index(str(log.listing.cursor_key)))
        assert f"12:00:{at % 60:02}" in panel.shown()
        await panel.press("G")
        await panel.pilot.resize_terminal(80, 12)
        await panel.settle()
        assert "12:00:00" in panel.shown()


async def test_a_view_scrolled_by_the_wheel_stays_with_its_lines() -> None:
    async with open_log(*entries(60)) as (panel, log, book):
        log.listing.scroll_to(y=10, animate=False, immediate=True)
        await panel.settle()
        first_shown = panel.shown().splitlines()[2].split()[0]
        book.take_snapshot(entries(4, first=60))
        log.refresh_rows()
        await panel.settle()
        assert panel.shown().splitlines()[2].split()[0] == first_shown


@pytest.mark.usefixtures("every_frame")
async def test_an_unchanged_row_is_drawn_once() -> None:
    async with open_log(*entries(10)) as (panel, log, book):
        before = drawn(log.listing)
        book.take_snapshot(entries(1, first=10))
        log.refresh_rows()
        await panel.settle()
        after = drawn(log.listing)
        assert all(after[key] is before[key] for key in ("E0", "E5", "E8"))
        panel.app.theme = "textual-light"
        await panel.settle()
        assert drawn(log.listing)["E5"] is not before["E5"], "other colours are drawn anew"


def drawn(listing: RowList) -> dict[str, Strip]:
    """What was drawn of the rows that are under no cursor."""
    return {row.key: strip for (_, _, is_cursor), (row, strip) in listing._strips.items() if not is_cursor}


async def test_wide_terminals_show_task_first_token_tokens_and_cost() -> None:
    async with open_log(*world.snapshot().log, size=(160, 24)) as (panel, *_):
        header = panel.shown().splitlines()[1].strip("│ ")
        assert header.split() == ["time", "from", "task", "route", "took", "first", "tokens", "cost", "why"]
        assert "800→120" in panel.shown()
    async with open_log(*world.snapshot().log, size=(60, 16)) as (panel, *_):
        assert panel.shown().splitlines()[1].strip("│ ").split() == ["time", "from", "route", "took"]
