"""Panel 3: what became of every request, as it happens."""

from __future__ import annotations

from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from trunkline.tui.cells import Row
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings
from trunkline.tui.log_book import LogBook
from trunkline.tui.log_filter import NOTHING, parse_filter
from trunkline.tui.log_rows import COLUMNS, NEWS_KEY
from trunkline.tui.messages import ReceiptWanted, RowOpened
from trunkline.tui.widgets.log_filter_line import LogFilterLine
from trunkline.tui.widgets.row_list import RowList

EMPTY = "No requests yet.\nWrite one in the chat (key 4), or run `trunkline ask` in another terminal."
EMPTY_WATCHING = "No requests yet.\nThose of other processes come here, of `trunkline ask` as well."
NO_MATCH = "Nothing matches the filter.\nEsc takes it back."


class LogPanel(Vertical):
    """The log, which can be held still, and a filter line that opens on demand. `watching`: nothing can be asked from
    this deck."""

    BINDINGS = bindings(Scope.LOG)

    def __init__(self, book: LogBook, zone: tzinfo | None) -> None:
        super().__init__(id="log-panel", classes="panel")
        self._book = book
        self._zone = zone
        self._wanted = NOTHING
        self._held: frozenset[str] | None = None
        self._title = ""
        self.watching = False

    def compose(self) -> ComposeResult:
        yield RowList(COLUMNS, empty=EMPTY, id="log")
        with Horizontal(id="log-filter-line"):
            yield LogFilterLine(self._book.values, id="log-filter")
            yield Static("", id="log-filter-count", markup=False)

    def on_mount(self) -> None:
        self._tell(self._book.rows(zone=self._zone))
        self.input.cursor_blink = False

    @property
    def listing(self) -> RowList:
        """The log's lines."""
        return self.query_one("#log", RowList)

    @property
    def input(self) -> LogFilterLine:
        """The filter line."""
        return self.query_one("#log-filter", LogFilterLine)

    @property
    def is_filtering(self) -> bool:
        """A filter is open or in force."""
        return self.has_class("-filtering") or bool(self._wanted)

    @property
    def is_held(self) -> bool:
        """Lines stay as they are until they are let go."""
        return self._held is not None

    def refresh_rows(self) -> None:
        """Show the book as it stands, or say how much of it is not shown while the lines are held."""
        rows = self._book.rows(zone=self._zone, wanted=self._wanted)
        if self._held is None:
            empty = EMPTY_WATCHING if self.watching else EMPTY
            self.listing.set_empty(NO_MATCH if self._wanted and len(self._book) else empty)
            self.listing.show_rows(rows)
        self._tell(rows)

    # -- holding --------------------------------------------------------------------------------------------

    def action_follow(self) -> None:
        """Hold the lines still, or follow what comes."""
        if self._held is None:
            self._hold()
        else:
            self._held = None
            self.listing.move_cursor(0)
        self.refresh_rows()

    def _hold(self) -> None:
        self._held = frozenset(row.key for row in self.listing.rows)

    # -- filtering ------------------------------------------------------------------------------------------

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
        held, self._held = self.is_held, None
        self._wanted = parse_filter(text, self._book.values()) if text.strip() else NOTHING
        self.refresh_rows()
        if held:  # what is held is what the filter takes of this moment
            self._hold()
            self.refresh_rows()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._want(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.listing.focus()
        if self._wanted:
            self.remove_class("-filtering")
        else:
            self.close_filter()

    # -- saying how it stands -------------------------------------------------------------------------------

    def _tell(self, rows: tuple[Row, ...]) -> None:
        parts = ["3 Routing log"]
        if self._held is not None:
            unseen = sum(row.key not in self._held for row in rows)
            parts.append(f"held · {unseen} new" if unseen else "held")
        if self._wanted:
            parts += [f"filtered: {self._wanted}", f"{len(rows)} of {len(self._book)}"]
        title = " · ".join(parts)
        if title != self._title:
            self._title = title
            self.border_title = Content(title)
        if self.has_class("-filtering"):
            said = self._wanted.problems[0] if self._wanted.problems else ""
            counted = f"{len(rows)} of {len(self._book)}"
            line = self.query_one("#log-filter-count", Static)
            line.set_class(bool(said), "-warn")
            line.update(said or counted)

    # -- opening --------------------------------------------------------------------------------------------

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        if message.key.startswith(NEWS_KEY):
            self._refuse("this is news of the engine; lines of requests have a receipt")
        elif self._book.is_running(message.key):
            self._refuse("this request is not over yet; its receipt comes with its end")
        else:
            self.post_message(ReceiptWanted(message.key))

    def _refuse(self, why: str) -> None:
        self.notify(why, severity="warning", timeout=4, markup=False)
