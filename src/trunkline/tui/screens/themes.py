"""Choosing the colours: each is put on while the cursor stands on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.theme import Theme
from textual.widgets import Static

from trunkline.tui.cells import Cell, Column, Row, Tone
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import bindings
from trunkline.tui.messages import RowHighlighted, RowOpened
from trunkline.tui.widgets.row_list import RowList

_COLUMNS = (Column("colours", 24, flex=1), Column("ground", 10, drop=1), Column("from", 9, drop=2))


def theme_rows(
    themes: Iterable[Theme], ours: Collection[str], theirs: Collection[str], now: str
) -> tuple[Row, ...]:
    """A row for each theme: the user's own, then Trunkline's, then Textual's; `now` is marked."""

    def group(theme: Theme) -> int:
        return 0 if theme.name in theirs else 1 if theme.name in ours else 2

    return tuple(
        Row(
            theme.name,
            (
                Cell(f"{theme.name} · now" if theme.name == now else theme.name),
                Cell("terminal's" if theme.ansi else "dark" if theme.dark else "light", Tone.DIM),
                Cell(("yours", "Trunkline", "Textual")[group(theme)], Tone.DIM),
            ),
        )
        for theme in sorted(themes, key=lambda theme: (group(theme), theme.name))
    )


class ThemePicker(ModalScreen[str | None]):
    """Gives the name of the theme that was chosen; None after escape, with the colours as they were."""

    CSS_PATH = "themes.tcss"
    AUTO_FOCUS = "#themes"
    # Textual declares it as an instance variable, so its own type would be an error.
    BINDINGS: ClassVar = bindings(Scope.DETAIL, instead={"detail.close": "leave"})

    def __init__(self, rows: tuple[Row, ...], problems: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._rows = rows
        self._problems = problems
        self._before = ""
        self._listing = RowList(_COLUMNS, empty="There are no themes.", id="themes")

    def compose(self) -> ComposeResult:
        enter = keys_in_force(self).named("list.open").first_label
        with Vertical(id="themes-box") as box:
            box.border_title = "Colours"
            box.border_subtitle = f"{enter} keeps · esc as it was"
            yield self._listing
            if self._problems:
                yield Static("\n".join(self._problems), id="themes-problems", markup=False)

    def on_mount(self) -> None:
        self._before = self.app.theme
        self._listing.show_rows(self._rows)
        names = [row.key for row in self._rows]
        if self._before in names:
            self._listing.move_cursor(names.index(self._before))

    def on_row_highlighted(self, message: RowHighlighted) -> None:
        message.stop()
        if message.key is not None and message.key == self._listing.cursor_key:
            self.app.theme = message.key

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        self.dismiss(message.key)

    def action_leave(self) -> None:
        """Everything as it was."""
        self.app.theme = self._before
        self.dismiss(None)
