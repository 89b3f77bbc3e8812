"""A list of rows in columns that redraws only the cells whose text changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trunkline.tui import format as fmt
from trunkline.tui.cells import Column, Row, Tone, share_width
from trunkline.tui.keys import Scope, bindings
from trunkline.tui.messages import RowHighlighted, RowOpened


class RowList(ScrollView, can_focus=True):
    """Rows under a header. The cursor stays on its row, found by key, when rows come and go above it; with
    `follow_first`, on the first row it stays on the first row, whatever that is, so that a log follows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--header",
        "row-list--cursor",
        "row-list--empty",
        *(f"row-list--{tone.value}" for tone in Tone),
    }
    BINDINGS = bindings(Scope.LISTS)
    ALLOW_SELECT = False

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        empty: str,
        id: str,  # noqa: A002 - Textual's name
        follow_first: bool = True,
    ) -> None:
        super().__init__(id=id)
        self._first_kept = 1 if follow_first else 0
        self._columns = tuple(columns)
        self._widths = share_width(self._columns, 0)
        self._rows: tuple[Row, ...] = ()
        self._empty = empty
        self._cursor = 0
        self.cells_changed = 0

    # -- what it shows --------------------------------------------------------------------------------------

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows as they stand."""
        return self._rows

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self._cursor].key if self._cursor < len(self._rows) else None

    def set_empty(self, text: str) -> None:
        """What to say while there are no rows."""
        if text != self._empty:
            self._empty = text
            if not self._rows:
                self.refresh()

    def show_rows(self, rows: tuple[Row, ...]) -> None:
        """Show other rows; only lines and cells that differ are drawn again."""
        if rows == self._rows:
            return
        before, self._rows = self._rows, rows
        key = before[self._cursor].key if self._first_kept <= self._cursor < len(before) else None
        moved = self._follow(key)
        if len(before) != len(rows):
            self.virtual_size = Size(self.size.width, len(rows) + 1)
            if self.styles.is_auto_height:
                self.refresh(layout=True)
        if moved or not before or not rows:
            self.refresh()
            self.cells_changed += sum(len(row.cells) for row in rows)
        else:
            self._redraw_changed(before)
        self.post_message(RowHighlighted(self.id or "", self.cursor_key))

    def _follow(self, key: str | None) -> bool:
        """Put the cursor where its row went; says whether the view has scrolled."""
        if key is None:
            self._cursor = 0
            return False
        was = self._cursor
        found = next((i for i, row in enumerate(self._rows) if row.key == key), None)
        self._cursor = min(was, max(0, len(self._rows) - 1)) if found is None else found
        if self._cursor == was or not self.scroll_offset.y:
            return False
        self.scroll_to(y=self.scroll_offset.y + self._cursor - was, animate=False, immediate=True)
        return True

    def _redraw_changed(self, before: tuple[Row, ...]) -> None:
        regions = []
        offset = self.scroll_offset.y
        for index in range(max(len(before), len(self._rows))):
            old = before[index].cells if index < len(before) else ()
            new = self._rows[index].cells if index < len(self._rows) else ()
            if old == new:
                continue
            y = index + 1 - offset
            if not old or not new:
                self.cells_changed += max(len(old), len(new))
                regions.append(Region(0, y, self.size.width, 1))
                continue
            x = 0
            if len(old) != len(new):
                self.cells_changed += len(new)
                regions.append(Region(0, y, self.size.width, 1))
                continue
            for old_cell, new_cell, width in zip(old, new, self._spread(len(new)), strict=True):
                if old_cell != new_cell and width:
                    self.cells_changed += 1
                    regions.append(Region(x, y, width, 1))
                x += width + 1 if width else 0
        visible = [region for region in regions if 1 <= region.y < self.size.height]
        if visible:
            self.refresh(*visible)

    # -- drawing --------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._widths = share_width(self._columns, self.size.width)
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if y == 0:
            cells = [(column.title, column.right, Tone.PLAIN) for column in self._columns]
            return self._strip(cells, base + self._style("header"), width, toned=False)
        index = y - 1 + self.scroll_offset.y
        if not self._rows:
            return self._empty_line(y, width, base)
        if index >= len(self._rows):
            return Strip.blank(width, base)
        is_cursor = index == self._cursor and self.has_focus
        style = base + self._style("cursor") if is_cursor else base
        row_cells = [
            (cell.text, column.right, cell.tone)
            for cell, column in zip(self._rows[index].cells, self._columns, strict=False)
        ]
        return self._strip(row_cells, style, width, toned=not is_cursor)

    def _strip(
        self, cells: Sequence[tuple[str, bool, Tone]], style: Style, width: int, *, toned: bool
    ) -> Strip:
        segments: list[Segment] = []
        for (text, right, tone), cell_width in zip(cells, self._spread(len(cells)), strict=True):
            if not cell_width:
                continue
            if segments:
                segments.append(Segment(" ", style))
            shown = fmt.fit(text if text.isprintable() else fmt.one_line(text), cell_width, right=right)
            segments.append(Segment(shown, style + self._style(tone.value) if toned else style))
        return Strip(segments).adjust_cell_length(width, style).simplify()

    def _spread(self, cell_count: int) -> tuple[int, ...]:
        """The widths of a row's cells; the last of a row with fewer cells than columns takes the rest."""
        if cell_count >= len(self._widths) or not cell_count:
            return self._widths[:cell_count]
        rest = [width for width in self._widths[cell_count - 1 :] if width]
        return (*self._widths[: cell_count - 1], sum(rest) + max(0, len(rest) - 1))

    def _empty_line(self, y: int, width: int, base: Style) -> Strip:
        lines = self._empty.split("\n")
        first = 2 if self.size.height > len(lines) + 3 else 1
        text = lines[y - first] if 0 <= y - first < len(lines) else ""
        return Strip([Segment(fmt.fit(f" {text}", width), base + self._style("empty"))])

    def _style(self, name: str) -> Style:
        """The colour and weight of a component; only the cursor brings a background."""
        whole = self.get_component_rich_style(f"row-list--{name}")
        return whole if name == "cursor" else Style(color=whole.color, bold=whole.bold, dim=whole.dim)

    # -- the cursor -----------------------------------------------------------------------------------------

    def _line(self, index: int) -> Region:
        return Region(0, index + 1 - self.scroll_offset.y, self.size.width, 1)

    def move_cursor(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if not self._rows:
            return
        was, self._cursor = self._cursor, min(max(0, index), len(self._rows) - 1)
        shown_rows = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + shown_rows:
            self.scroll_to(y=self._cursor - shown_rows + 1, animate=False, immediate=True)
        if was != self._cursor:
            self.refresh(self._line(was), self._line(self._cursor))
            self.post_message(RowHighlighted(self.id or "", self.cursor_key))

    def action_cursor(self, step: int) -> None:
        """A row up or down."""
        self.move_cursor(self._cursor + step)

    def action_cursor_to(self, index: int) -> None:
        """The first row, or with -1 the last."""
        self.move_cursor(index if index >= 0 else len(self._rows) - 1)

    def action_cursor_page(self, pages: int) -> None:
        """A page up or down."""
        self.move_cursor(self._cursor + pages * max(1, self.size.height - 2))

    def action_open_row(self) -> None:
        """Choose the row under the cursor."""
        if self.cursor_key is not None:
            self.post_message(RowOpened(self.id or "", self.cursor_key))

    def on_focus(self) -> None:
        self.refresh(self._line(self._cursor))

    def on_blur(self) -> None:
        self.refresh(self._line(self._cursor))

    def on_click(self, event: events.Click) -> None:
        if event.y >= 1:
            self.move_cursor(event.y - 1 + self.scroll_offset.y)
