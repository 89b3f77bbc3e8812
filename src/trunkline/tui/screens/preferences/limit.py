"""One limit of an account: what is counted, how much of it, how it renews."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label, Static

from trunkline.config.account_edits import LIMIT_FIELDS, check_limit
from trunkline.config.account_facts import LimitText
from trunkline.config.schema import LimitTable
from trunkline.config.shape import choices_of
from trunkline.tui.screens.preferences.values import typed_text

_REQUIRED = ("metric", "amount", "window")


def limit_of(texts: dict[str, str]) -> LimitText | str:
    """The limit that was typed, field by field, or what was expected of the first field that cannot be used."""
    texts = {name: texts.get(name, "").strip() for name in LIMIT_FIELDS}
    for name in LIMIT_FIELDS:
        if not texts[name] and name in _REQUIRED:
            return f"{name}: {LimitTable.model_fields[name].description}"
        if texts[name] and (reason := check_limit(name, texts[name].replace(",", ""))) is not None:
            return f"{name}: {reason}"
    return LimitText(
        texts["metric"],
        float(texts["amount"].replace(",", "").replace("_", "")),
        texts["window"],
        texts["scope"] or None,
        texts["model"] or None,
    )


class LimitScreen(ModalScreen["LimitText | None"]):
    """Gives the limit once it can be used, or None where nothing is to change."""

    CSS_PATH = "preferences.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it as it is"),
        Binding("down", "app.focus_next", "Next field"),
        Binding("up", "app.focus_previous", "Previous field"),
    ]

    def __init__(self, account: str, limit: LimitText | None) -> None:
        super().__init__()
        self._account = account
        self._limit = limit

    def compose(self) -> ComposeResult:
        with Vertical(classes="preferences-box") as box:
            box.border_title = f"Limit of {self._account}"
            box.border_subtitle = "enter takes it · tab next field · esc leaves it"
            for name in LIMIT_FIELDS:
                field = LimitTable.model_fields[name]
                choices = choices_of(field.annotation)
                value = getattr(self._limit, name) if self._limit is not None else None
                with Horizontal(classes="field"):
                    yield Label(name)
                    yield Input(
                        typed_text(value),
                        placeholder=", ".join(choices) or field.description or "",
                        suggester=SuggestFromList(choices) if choices else None,
                        name=name,
                    )
            yield Static("", id="preferences-reason", classes="reason", markup=False)

    def _typed(self) -> LimitText | str:
        return limit_of({field.name or "": field.value for field in self.query(Input)})

    def _show(self, answer: LimitText | str) -> None:
        line = self.query_one("#preferences-reason", Static)
        line.update(f"✕ {answer}" if isinstance(answer, str) else str(answer))
        line.set_class(isinstance(answer, str), "-bad")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(self._typed())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        answer = self._typed()
        if isinstance(answer, LimitText):
            self.dismiss(answer)
        else:
            self._show(answer)

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)
