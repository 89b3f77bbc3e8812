"""The text of an answer: one widget however long it is, drawn line by line."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from trunkline.tui.answer_lines import AnswerLines
from trunkline.tui.text_lines import Line, Look

_NAMES = {look: f"answer--{(look.name or '').lower()}" for look in Look if look}


class AnswerText(Widget):
    """Costs what it shows: a flush wraps the block being written, a paint the lines in view. `text` is all of it, also
    where only its beginning is laid out."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_NAMES.values())

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._pieces = [text] if text else []
        self._lines = AnswerLines()
        self._lines.append(text)
        self._styles_of: dict[Look, Style] = {}

    @property
    def text(self) -> str:
        """Everything that was written."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def append(self, text: str) -> None:
        """More text."""
        self._pieces.append(text)
        lines_before = len(self._lines.lines)
        changed = self._lines.append(text)
        lines_now = len(self._lines.lines)
        if lines_now != lines_before:
            self.refresh(layout=True)
        else:
            self.refresh(Region(0, changed, self.size.width, lines_now - changed))

    def clear(self) -> None:
        """Nothing of it counts any more."""
        self._pieces = []
        self._lines = AnswerLines(self.size.width or 80)
        self.refresh(layout=True)

    # -- layout and drawing ---------------------------------------------------------------------------------

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        self._lines.set_width(width)
        return len(self._lines.lines)

    def notify_style_update(self) -> None:
        self._styles_of.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        lines = self._lines.lines
        line = lines[y] if y < len(lines) else Line(())
        width = self.size.width
        base = self.rich_style
        strip = Strip([Segment(text, base + self._style(look)) for text, look in line.pieces])
        strip = strip.adjust_cell_length(width, base + self._style(Look.CODE) if line.code else base)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            start, end = span[0], width if span[1] == -1 else span[1]
            chosen = self.screen.get_component_rich_style("screen--selection")
            inside = strip.crop(start, end).apply_style(chosen)
            strip = Strip.join([strip.crop(0, start), inside, strip.crop(end, width)])
        return strip.apply_offsets(0, y)

    def _style(self, look: Look) -> Style:
        found = self._styles_of.get(look)
        if found is None:
            found = Style.null()
            for one in look:
                found += self.get_component_rich_style(_NAMES[one], partial=True)
            self._styles_of[look] = found
        return found

    # -- the mouse's selection ------------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join(line.text for line in self._lines.lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()
