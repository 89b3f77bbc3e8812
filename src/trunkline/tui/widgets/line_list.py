"""A text of many lines in which the cursor stops only at those that something can be done with."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trunkline.tui import format as fmt
from trunkline.tui.cells import Tone
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings
from trunkline.tui.lines import Line
from trunkline.tui.messages import RowHighlighted, RowOpened


class LineList(ScrollView, can_focus=True):
    """Shows what `make` makes for its width, anew when that changes. A step goes to the next line with a target
    where that is in view, else it scrolls; what has scrolled out of view is under no cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--cursor",
        *(f"row-list--{tone.value}" for tone in Tone),
    }
    BINDINGS = bindings(Scope.LISTS)
    ALLOW_SELECT = False

    def __init__(self, make: Callable[[int], tuple[Line, ...]], *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._make = make
        self._made_for = 0
        self._lines: tuple[Line, ...] = ()
        self._cursor: int | None = None

    # -- what it shows --------------------------------------------------------------------------------------

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines as they stand."""
        return self._lines

    @property
    def current(self) -> Line | None:
        """The line under the cursor."""
        return self._lines[self._cursor] if self._cursor is not None else None

    @property
    def _room(self) -> int:
        """The cells of a line: the scroll bar's are not among them."""
        return self.scrollable_content_region.width

    def remake(self) -> None:
        """Make the lines anew; the cursor stays on its target where that is still in view."""
        target = self.current.target if self.current is not None else None
        self._made_for = self._room
        self._lines = self._make(self._made_for)
        self.virtual_size = Size(self._made_for, len(self._lines))
        seen = self._targets(self._view())
        same = (index for index in seen if self._lines[index].target == target)
        self._cursor = next(same, seen[0] if seen else None)
        self.refresh()
        self._tell()

    def on_resize(self) -> None:
        if self._room != self._made_for:
            self.remake()
        else:
            self._stay_in_view(down=True)

    def render_line(self, y: int) -> Strip:
        width, base = self._room, self.rich_style
        index = y + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(width, base)
        is_cursor = index == self._cursor and self.has_focus
        style = base + self.get_component_rich_style("row-list--cursor") if is_cursor else base
        segments = [
            Segment(
                cell.text if cell.text.isprintable() else fmt.one_line(cell.text),
                style if is_cursor else style + self._tone(cell.tone),
            )
            for cell in self._lines[index].cells
        ]
        return Strip(segments).adjust_cell_length(width, style).simplify()

    def _tone(self, tone: Tone) -> Style:
        whole = self.get_component_rich_style(f"row-list--{tone.value}")
        return Style(color=whole.color, bold=whole.bold, dim=whole.dim)

    # -- the cursor -----------------------------------------------------------------------------------------

    def _view(self) -> range:
        top = self.scroll_offset.y
        return range(top, min(len(self._lines), top + max(1, self.size.height)))

    def _targets(self, among: range) -> list[int]:
        return [index for index in among if self._lines[index].target is not None]

    def _put(self, index: int | None) -> None:
        if index == self._cursor:
            return
        was, self._cursor = self._cursor, index
        for line in (was, index):
            if line is not None:
                self.refresh(Region(0, line - self.scroll_offset.y, self.size.width, 1))
        self._tell()

    def _tell(self) -> None:
        current = self.current
        self.post_message(RowHighlighted(self.id or "", current.target if current is not None else None))

    def _stay_in_view(self, *, down: bool) -> None:
        """Take the cursor along with what is shown: to the end of it where it came from, or to none."""
        view = self._view()
        if self._cursor is not None and self._cursor in view:
            return
        seen = self._targets(view)
        if not seen:
            self._put(None)
        elif self._cursor is None:
            self._put(seen[-1] if down else seen[0])
        else:
            self._put(seen[0] if self._cursor < view.start else seen[-1])

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._stay_in_view(down=new_value > old_value)

    def action_cursor(self, step: int) -> None:
        """To the next line that something can be done with, or a line further."""
        view = self._view()
        here = self._cursor if self._cursor is not None else (view.start - 1 if step > 0 else view.stop)
        ahead = range(here + 1, view.stop) if step > 0 else range(view.start, max(view.start, here))
        found = self._targets(ahead)
        if found:
            self._put(found[0] if step > 0 else found[-1])
        else:
            self.scroll_to(y=self.scroll_offset.y + step, animate=False, immediate=True)

    def action_cursor_to(self, index: int) -> None:
        """To the top, or with -1 to the bottom."""
        self.scroll_to(y=0 if index >= 0 else len(self._lines), animate=False, immediate=True)
        seen = self._targets(self._view())
        if seen:
            self._put(seen[0] if index >= 0 else seen[-1])

    def action_cursor_page(self, pages: int) -> None:
        """A page up or down."""
        self.scroll_to(
            y=self.scroll_offset.y + pages * max(1, self.size.height - 2), animate=False, immediate=True
        )

    def action_open_row(self) -> None:
        """Choose what is under the cursor."""
        current = self.current
        if current is not None and current.target is not None:
            self.post_message(RowOpened(self.id or "", current.target))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if index < len(self._lines) and self._lines[index].target is not None:
            self._put(index)
