"""The list above the editor: what could be meant by what is being typed."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from trunkline.tui import format as fmt
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.suggestions import Suggestion, Suggestions

MOST_ROWS = 8
MOST_ROWS_LOW = 4
_LOW = 20  # lines of a terminal


def window_start(chosen: int, rows: int, total: int, start: int) -> int:
    """The first of `rows` shown lines, moved from `start` no further than the chosen one asks for."""
    start = min(start, max(0, total - rows))
    if chosen < start:
        return chosen
    return chosen - rows + 1 if chosen >= start + rows else start


def row_text(item: Suggestion, label_width: int, width: int, *, chosen: bool) -> Content:
    """One line: a mark where it is chosen, the label with the typed letters in bold, the help as far as it fits."""
    style = "$block-cursor-foreground on $block-cursor-background" if chosen else ""
    label = Content(item.label)
    for position in item.positions:
        label = label.stylize("bold $text-accent", position, position + 1)
    room = width - label_width - 6
    gap = " " * max(0, label_width - cell_len(item.label))
    help_text = fmt.fit(fmt.one_line(item.help), room) if item.help and room > 8 else ""
    line = Content.assemble("▸ " if chosen else "  ", label, gap, "  ", (help_text, "$text-muted"))
    return line.truncate(width, pad=True, ellipsis=True).stylize(style)


@dataclass
class CompletionClicked(Message):
    """This one is to be taken."""

    suggestion: Suggestion


class CompletionList(Widget):
    """Never has the focus: the editor asks it what is chosen. It lies over the conversation, so that opening it moves
    nothing."""

    ALLOW_SELECT = False
    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="completions")
        self._suggestions: Suggestions | None = None
        self._chosen: int | None = None
        self._start = 0
        self._rows = 0

    @property
    def suggestions(self) -> Suggestions | None:
        """What is offered; None while closed."""
        return self._suggestions

    @property
    def chosen(self) -> Suggestion | None:
        """The one that enter would take."""
        if self._suggestions is None or self._chosen is None:
            return None
        return self._suggestions.items[self._chosen]

    @property
    def first(self) -> Suggestion | None:
        """The one that tab takes."""
        if self.chosen is not None or self._suggestions is None:
            return self.chosen
        return self._suggestions.items[0]

    def offer(self, suggestions: Suggestions | None) -> None:
        """Open with these, or close."""
        before = self._suggestions
        if suggestions == before:
            return
        self._suggestions = suggestions
        if suggestions is None:
            self.display = False
            return
        same_items = before is not None and before.items == suggestions.items
        if not same_items:
            self._chosen = 0 if suggestions.eager else None
            self._start = 0
        self._place(len(suggestions.items))
        self.display = True
        self.refresh()

    def move(self, step: int) -> None:
        """To the next or the previous one, round the ends."""
        if self._suggestions is None:
            return
        total = len(self._suggestions.items)
        before = self._chosen if self._chosen is not None else (-1 if step > 0 else 0)
        self._chosen = (before + step) % total
        self._start = window_start(self._chosen, self._rows, total, self._start)
        self._entitle(total)
        self.refresh()

    def _place(self, total: int) -> None:
        most = MOST_ROWS_LOW if self.app.size.height < _LOW else MOST_ROWS
        rows = min(total, most)
        if rows != self._rows:
            self._rows = rows
            self.styles.height = rows + 1
            self.styles.offset = (0, -rows - 1)
        self._entitle(total)

    def _entitle(self, total: int) -> None:
        part = f"{self._start + 1}–{self._start + self._rows} of {total} · " if total > self._rows else ""
        keys = keys_in_force(self)
        takes, closes = keys.named("complete").first_label, keys.named("back").first_label
        self.border_title = Content(f"{part}{takes} takes it · {closes} closes")

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = self._start + event.y - 1  # below the border
        if self._suggestions is not None and self._start <= at < len(self._suggestions.items):
            self.post_message(CompletionClicked(self._suggestions.items[at]))

    def render(self) -> Content:
        offered = self._suggestions
        if offered is None:
            return Content("")
        label_width = min(max(cell_len(item.label) for item in offered.items), self.size.width - 4)
        shown = range(self._start, min(len(offered.items), self._start + self._rows))
        lines = [
            row_text(offered.items[at], label_width, self.size.width, chosen=at == self._chosen)
            for at in shown
        ]
        return Content("\n").join(lines)
