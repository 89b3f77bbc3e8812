"""Short questions and findings in a box, answered by one key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from trunkline.domain.errors import ConfigError
from trunkline.tui import format as fmt
from trunkline.tui.screens.preferences.values import shown


class AskScreen(ModalScreen["str | None"]):
    """Gives the word of the key that was pressed, None for escape. `answers`: Textual key name to (word, what the key
    does)."""

    CSS_PATH = "preferences.tcss"

    def __init__(self, title: str, text: Content, answers: Mapping[str, tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._answers = answers

    def compose(self) -> ComposeResult:
        with Vertical(classes="preferences-box") as box:
            box.border_title = self._title
            box.border_subtitle = " · ".join(f"{key} {what}" for key, (_, what) in self._answers.items())
            with VerticalScroll(classes="text", can_focus=True):
                yield Static(self._text, markup=False)

    def on_key(self, event: events.Key) -> None:
        answer = self._answers.get("esc" if event.key == "escape" else event.key)
        if answer is not None:
            event.stop()
            self.dismiss(answer[0] or None)


def problem_text(error: ConfigError) -> Content:
    """What a file cannot be used for: where, what stands there, what was expected, and what to do."""
    where = error.file if error.line is None else f"{error.file}, line {error.line}"
    parts = (
        ("file", where),
        ("setting", error.key),
        ("value", "" if error.value is None else shown(error.value)),
        ("expected", error.expected),
        ("do", error.remedy),
    )
    return _table([(label, text) for label, text in parts if text])


def _table(parts: Sequence[tuple[str, str]]) -> Content:
    pieces: list[tuple[str, str] | str] = []
    for label, text in parts:
        pieces += [(f"{label:<10}", "$text-muted"), f"{fmt.one_line(text)}\n"]
    return Content.assemble(*pieces).rstrip()


def problem_screen(title: str, error: ConfigError) -> AskScreen:
    """A refusal of the configuration, with everything that it says."""
    return AskScreen(title, problem_text(error), {"esc": ("", "closes")})


def unsaved_screen(count: int) -> AskScreen:
    """What is to become of unsaved changes."""
    what = "One change is not saved." if count == 1 else f"{count} changes are not saved."
    answers = {"w": ("save", "saves"), "d": ("drop", "drops them"), "esc": ("", "stays here")}
    return AskScreen("Leave the preferences", Content(what), answers)
