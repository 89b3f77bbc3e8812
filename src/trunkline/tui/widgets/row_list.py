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
from trunkline.tui.cells import Cell, Column, Row, Tone, longest_cells, share_width
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings
from trunkline.tui.messages import RowHighlighted, RowOpened

MOST_STRIPS = 400


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
        self._longest = [0] * len(self._columns)
        self._widths = share_width(self._columns, 0)
        self._rows: tuple[Row, ...] = ()
        self._empty = empty
        self._cursor = 0
        self._strips: dict[tuple[int, int, bool], tuple[Row, Strip]] = {}
        self.cells_changed = 0

    @property
    def _room(self) -> int:
        """The cells of a line: the scroll bar's are not among them."""
        return self.scrollable_content_region.width

    @property
    def _whole(self) -> Size:
        """All that there is to see: the header and the rows, or what is said while there are none."""
        return Size(self._room, 1 + (len(self._rows) or len(self._empty.split("\n"))))

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
                self.virtual_size = self._whole
                self.refresh(layout=self.styles.is_auto_height)

    def show_rows(self, rows: tuple[Row, ...]) -> None:
        """Show other rows; only lines and cells that differ are drawn again."""
        if rows == self._rows:
            return
        before, self._rows = self._rows, rows
        moved = self._follow(before)
        if len(before) != len(rows):
            self.virtual_size = self._whole
            if self.styles.is_auto_height:
                self.refresh(layout=True)
        if self._widen() or moved or not before or not rows:
            self.refresh()
            self.cells_changed += sum(len(row.cells) for row in rows)
        else:
            self._redraw_changed(before)
        self.post_message(RowHighlighted(self.id or "", self.cursor_key))

    def _follow(self, before: tuple[Row, ...]) -> bool:
        """Put the cursor where its row went, and the view with it; a view scrolled away from a cursor on the first row
        stays with the lines it shows. Says whether the view has scrolled."""
        was, top = self._cursor, self.scroll_offset.y
        kept = self._first_kept <= was < len(before)
        if kept:
            found = self._index_of(before[was].key)
            self._cursor = min(was, max(0, len(self._rows) - 1)) if found is None else found
            moved_by = self._cursor - was
        else:
            self._cursor = 0
            found = self._index_of(before[top].key) if 0 < top < len(before) else None
            moved_by = 0 if found is None else found - top
        if not moved_by or not top:
            return False
        self.virtual_size = self._whole  # else it could not scroll so far yet
        self.scroll_to(y=top + moved_by, animate=False, immediate=True)
        return True

    def _widen(self) -> bool:
        """Make columns as wide as the rows in view want them; says whether that changed any. They never become
        narrower again: that would be movement without a need."""
        top = self.scroll_offset.y
        in_view = longest_cells(self._rows[top : top + self.size.height], self._columns)
        self._longest = [max(pair) for pair in zip(self._longest, in_view, strict=True)]
        widths = share_width(self._columns, self._room, self._longest)
        if widths == self._widths:
            return False
        self._widths = widths
        self._strips.clear()
        return True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        self._widen()
        super().watch_scroll_y(old_value, new_value)

    def _index_of(self, key: str) -> int | None:
        return next((index for index, row in enumerate(self._rows) if row.key == key), None)

    def _redraw_changed(self, before: tuple[Row, ...]) -> None:
        regions = []
        offset = self.scroll_offset.y
        in_view = range(offset, min(max(len(before), len(self._rows)), offset + self.size.height))
        for index in in_view:
            old = before[index].cells if index < len(before) else ()
            new = self._rows[index].cells if index < len(self._rows) else ()
            if old == new:
                continue
            y = index + 1 - offset
            if not old or not new:
                self.cells_changed += max(len(old), len(new))
                regions.append(Region(0, y, self._room, 1))
                continue
            x = 0
            if len(old) != len(new):
                self.cells_changed += len(new)
                regions.append(Region(0, y, self._room, 1))
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

    def on_mount(self) -> None:
        self.virtual_size = self._whole

    def on_resize(self) -> None:
        self._widen()
        self._strips.clear()
        self.virtual_size = self._whole
        self.refresh()
        self._bring_into_view()

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width = self._room
        if y == 0:
            cells = [Cell(column.title) for column in self._columns]
            return self._strip(cells, self.rich_style + self._style("header"), width, toned=False)
        if not self._rows:
            return self._empty_line(y, width, self.rich_style)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._row_strip(self._rows[index], width, is_cursor=index == self._cursor and self.has_focus)

    def _row_strip(self, row: Row, width: int, *, is_cursor: bool) -> Strip:
        """A row drawn; once for as long as the very same row is shown at the same width in the same colours."""
        place = (id(row), width, is_cursor)
        known = self._strips.get(place)
        if known is not None and known[0] is row:
            return known[1]
        style = self.rich_style + self._style("cursor") if is_cursor else self.rich_style
        strip = self._strip(row.cells, style, width, toned=not is_cursor)
        if len(self._strips) >= MOST_STRIPS:
            self._strips.clear()
        self._strips[place] = (row, strip)
        return strip

    def _strip(self, cells: Sequence[Cell], style: Style, width: int, *, toned: bool) -> Strip:
        segments: list[Segment] = []
        for cell, column, cell_width in zip(cells, self._columns, self._spread(len(cells)), strict=False):
            if not cell_width:
                continue
            if segments:
                segments.append(Segment(" ", style))
            text = cell.text if cell.text.isprintable() else fmt.one_line(cell.text)
            shown = fmt.fit(text, cell_width, right=column.right)
            segments.append(Segment(shown, style + self._style(cell.tone.value) if toned else style))
        return Strip(segments).adjust_cell_length(width, style).simplify()

    def _spread(self, cell_count: int) -> tuple[int, ...]:
        """The widths of a row's cells; the last of a row with fewer cells than columns takes the rest."""
        if cell_count >= len(self._widths) or not cell_count:
            return self._widths[:cell_count]
        before = self._widths[: cell_count - 1]
        return (*before, max(0, self._room - sum(width + 1 for width in before if width)))

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
        return Region(0, index + 1 - self.scroll_offset.y, self._room, 1)

    def move_cursor(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if not self._rows:
            return
        was, self._cursor = self._cursor, min(max(0, index), len(self._rows) - 1)
        self._bring_into_view()
        if was != self._cursor:
            self.refresh(self._line(was), self._line(self._cursor))
            self.post_message(RowHighlighted(self.id or "", self.cursor_key))

    def _bring_into_view(self) -> None:
        shown_rows = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + shown_rows:
            self.scroll_to(y=self._cursor - shown_rows + 1, animate=False, immediate=True)

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
        else:
            self.notify("there is no line to open", timeout=4)

    def on_focus(self) -> None:
        self.refresh(self._line(self._cursor))

    def on_blur(self) -> None:
        self.refresh(self._line(self._cursor))

    def on_click(self, event: events.Click) -> None:
        """A click takes the cursor there, a double click opens."""
        if event.y < 1 or event.y - 1 + self.scroll_offset.y >= len(self._rows):
            return
        self.move_cursor(event.y - 1 + self.scroll_offset.y)
        if event.chain == 2:
            self.action_open_row()
