"""What every key does."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from trunkline.tui.keys import Scope, specs

_TITLES = {
    Scope.DECK: "Outside text fields",
    Scope.ANYWHERE: "Anywhere",
    Scope.EDITOR: "In the editor",
    Scope.FIELD: "In the filter",
    Scope.LISTS: "In lists",
    Scope.ACCOUNTS: "Providers",
    Scope.LATENCY: "Latency",
    Scope.LOG: "Routing log",
    Scope.CHAT: "Chat, outside the editor",
    Scope.DETAIL: "In a screen of its own",
    Scope.RECEIPT: "Receipt",
    Scope.CONVERSATIONS: "Conversations",
    Scope.PREFERENCES: "Preferences",
}

_LEGEND = (
    ("●  ◐  ◔  ○  ✕", "healthy, warning, critical, exhausted, down; the number is health of 100"),
    ("r  c  l  e", "whose figure a limit is: reported, configured, learned, estimated"),
    ("↪  ✂  ■", "answered by another route, cut short, stopped by you"),
)


def help_lines() -> tuple[tuple[str, str], ...]:
    """(key, what it does) of every key; a heading has no key."""
    lines: list[tuple[str, str]] = []
    for scope, title in _TITLES.items():
        lines.append(("", title))
        lines += [(spec.label, spec.description) for spec in specs(scope)]
    return (*lines, ("", "Signs"), *_LEGEND)


class HelpScreen(ModalScreen[None]):
    """A scrollable list; escape closes it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        pieces: list[Content | str | tuple[str, str]] = []
        for key, text in help_lines():
            if key:
                pieces += [(f"  {key:<28}", "$text-accent"), f"{text}\n"]
            else:
                pieces += [(f"\n{text}\n", "bold")]
        with VerticalScroll(id="help-box") as box:
            box.border_title = "Keys · esc closes"
            yield Static(Content.assemble(*pieces), id="help-text")
