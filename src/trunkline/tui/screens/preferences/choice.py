"""Choosing one of many words by typing a few letters of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from trunkline.tui import format as fmt
from trunkline.tui.fuzzy import Match, best

MOST_SHOWN = 60


class ChoiceScreen(ModalScreen["str | None"]):
    """Gives the chosen word, or None. `check` is given where other words than the choices may be typed, and says what
    is wrong with one; `preview` hears of each choice that the cursor comes to."""

    CSS_PATH = "preferences.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it as it is"),
        Binding("down,ctrl+j", "move(1)", "Next", priority=True),
        Binding("up,ctrl+k", "move(-1)", "Previous", priority=True),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[str],
        current: str | None,
        *,
        check: Callable[[str], str | None] | None = None,
        preview: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = tuple(choices)
        self._current = current
        self._check = check
        self._preview = preview
        self._shown: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="preferences-box") as box:
            box.border_title = self._title
            box.border_subtitle = "enter takes it · esc leaves it"
            yield Input(placeholder="a few letters", id="preferences-field")
            yield OptionList(id="preferences-choices", markup=False)
            yield Static("", id="preferences-reason", classes="reason", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._show("")

    def _show(self, query: str) -> None:
        found = best(query, self._choices, MOST_SHOWN)
        typed = query.strip()
        is_own = self._check is not None and bool(typed) and typed not in self._choices
        self._shown = (*(hit.text for hit in found), *((typed,) if is_own else ()))
        options = [Option(self._option(hit)) for hit in found]
        if is_own:
            options.append(Option(Content.assemble("  ", ("as typed: ", "$text-muted"), typed)))
        listing = self.query_one(OptionList)
        listing.set_options(options)
        at = self._shown.index(self._current) if not typed and self._current in self._shown else 0
        listing.highlighted = at if options else None
        self._say(None if options else "Nothing fits.")

    def _option(self, hit: Match) -> Content:
        sign = "▸ " if hit.text == self._current else "  "
        text = Content(hit.text if hit.text.isprintable() else fmt.one_line(hit.text))
        for at in hit.positions:
            text = text.stylize("bold $text-accent", at, at + 1)
        return Content.assemble((sign, "$text-accent"), text)

    def _say(self, reason: str | None) -> None:
        line = self.query_one("#preferences-reason", Static)
        line.update("" if reason is None else f"✕ {reason}")
        line.set_class(reason is not None, "-bad")

    def _take(self, index: int | None) -> None:
        if index is None:
            return
        word = self._shown[index]
        reason = self._check(word) if self._check is not None else None
        if reason is None:
            self.dismiss(word)
        else:
            self._say(reason)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._take(self.query_one(OptionList).highlighted)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        word = self._shown[event.option_index] if event.option_index < len(self._shown) else None
        if word is None:
            return
        if self._preview is not None and word in self._choices:
            self._preview(word)
        self._say(self._check(word) if self._check is not None else None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(event.option_index)

    def action_move(self, step: int) -> None:
        """The next or the previous choice, while the text field keeps the focus."""
        listing = self.query_one(OptionList)
        if step > 0:
            listing.action_cursor_down()
        else:
            listing.action_cursor_up()

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
