"""Typing a value: what is wrong with it stands under the field while it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class FieldScreen(ModalScreen["str | None"]):
    """Gives what was typed once it can be used, or None where nothing is to change."""

    CSS_PATH = "preferences.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it as it is")]

    def __init__(
        self,
        title: str,
        about: str,
        text: str,
        check: Callable[[str], str | None],
        *,
        placeholder: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._about = about
        self._text = text
        self._check = check
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with Vertical(classes="preferences-box") as box:
            box.border_title = self._title
            box.border_subtitle = "enter takes it · esc leaves it"
            yield Static(self._about, classes="about", markup=False)
            yield Input(
                self._text, placeholder=self._placeholder, id="preferences-field", select_on_focus=True
            )
            yield Static("", id="preferences-reason", classes="reason", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(self._check(event.value))

    def _show(self, reason: str | None) -> None:
        line = self.query_one("#preferences-reason", Static)
        line.update("" if reason is None else f"✕ {reason}")
        line.set_class(reason is not None, "-bad")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        reason = self._check(event.value)
        self._show(reason)
        if reason is None:
            self.dismiss(event.value)

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)
