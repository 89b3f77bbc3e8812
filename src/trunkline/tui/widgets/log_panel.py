"""Panel 3: what became of every request, as it happens."""

from __future__ import annotations

from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from trunkline.tui.log_book import LogBook
from trunkline.tui.log_rows import COLUMNS
from trunkline.tui.widgets.row_list import RowList

EMPTY = "No requests yet.\nWrite one in the chat (key 4), or run `trunkline ask` in another terminal."
NO_MATCH = "Nothing matches the filter.\nEsc takes it back."


class LogPanel(Vertical):
    """The log, and a filter line that opens on demand."""

    def __init__(self, book: LogBook, zone: tzinfo | None) -> None:
        super().__init__(id="log-panel", classes="panel")
        self._book = book
        self._zone = zone
        self._wanted: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield RowList(COLUMNS, empty=EMPTY, id="log")
        yield Input(placeholder="filter: words that must be there, !word must not", id="log-filter")

    def on_mount(self) -> None:
        self._retitle()
        self.input.cursor_blink = False

    @property
    def listing(self) -> RowList:
        """The log's lines."""
        return self.query_one("#log", RowList)

    @property
    def input(self) -> Input:
        """The filter line."""
        return self.query_one("#log-filter", Input)

    @property
    def is_filtering(self) -> bool:
        """A filter is open or in force."""
        return self.has_class("-filtering") or bool(self._wanted)

    def refresh_rows(self) -> None:
        """Show the book as it stands."""
        self.listing.set_empty(NO_MATCH if self._wanted and len(self._book) else EMPTY)
        self.listing.show_rows(self._book.rows(zone=self._zone, wanted=self._wanted))

    def open_filter(self) -> None:
        """Show the filter line and write in it."""
        self.add_class("-filtering")
        self.input.focus()

    def close_filter(self) -> None:
        """Take the filter back."""
        self.remove_class("-filtering")
        self.input.value = ""
        self._want("")
        self.listing.focus()

    def _want(self, text: str) -> None:
        self._wanted = tuple(text.lower().split())
        self._retitle()
        self.refresh_rows()

    def _retitle(self) -> None:
        self.border_title = "3 Routing log" + (" · filtered" if self._wanted else "")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._want(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.listing.focus()
        if not self._wanted:
            self.close_filter()
