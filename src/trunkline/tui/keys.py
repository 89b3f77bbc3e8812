"""Every key of the deck, once: bindings, hint line, help and palette are made from this list."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.binding import BindingType


class Scope(StrEnum):
    """Where a key acts. `deck` keys are single characters and never act inside a text field."""

    DECK = "deck"
    ANYWHERE = "anywhere"
    EDITOR = "editor"
    FIELD = "field"
    LISTS = "lists"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key and what it does. `keys` are Textual key names, the first is the one shown; `hint` is the short word
    of the hint line (none where it would only be noise); `palette` says that the command palette offers it."""

    id: str
    keys: tuple[str, ...]
    action: str
    description: str
    scope: Scope
    hint: str = ""
    palette: bool = False
    shown: str = ""

    @property
    def label(self) -> str:
        """The keys as a person reads them."""
        return self.shown or " / ".join(_KEY_NAMES.get(key, key.replace("+", "-")) for key in self.keys)


_KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "space": "space",
}

KEYS: tuple[KeySpec, ...] = (
    KeySpec("panel.accounts", ("1", "alt+1"), "panel(1)", "Providers and accounts", Scope.DECK, palette=True),
    KeySpec("panel.log", ("3", "alt+3"), "panel(3)", "Routing log", Scope.DECK, palette=True),
    KeySpec("panel.chat", ("4", "alt+4"), "panel(4)", "Chat", Scope.DECK, palette=True),
    KeySpec("zoom", ("z", "alt+z"), "zoom", "Show this panel alone, or all again", Scope.DECK, "zoom", True),
    KeySpec("switch", ("s", "alt+s"), "switch", "Send everything down one route", Scope.DECK, "switch", True),
    KeySpec("mode", ("m", "alt+m"), "cycle_mode", "Next mode", Scope.DECK, "mode", True),
    KeySpec(
        "auto", ("a", "alt+a"), "automatic", "Back to automatic: no pin, no pause", Scope.DECK, "auto", True
    ),
    KeySpec("pause", ("p", "alt+p"), "pause", "Hold new requests, or let them go", Scope.DECK, "pause", True),
    KeySpec("filter", ("slash",), "filter_log", "Filter the routing log", Scope.DECK, "filter", True),
    KeySpec("help", ("question_mark", "f1"), "help", "What every key does", Scope.DECK, "help", True),
    KeySpec("quit.letter", ("q",), "app.quit", "Quit", Scope.DECK),
    KeySpec("quit", ("ctrl+q",), "app.quit", "Quit", Scope.ANYWHERE, palette=True),
    KeySpec("new", ("ctrl+n",), "new_conversation", "New conversation", Scope.ANYWHERE, palette=True),
    KeySpec(
        "back",
        ("escape",),
        "back",
        "One level back; twice stops an answer",
        Scope.ANYWHERE,
    ),
    KeySpec("panel.next", ("tab",), "next_panel", "Next panel", Scope.ANYWHERE),
    KeySpec("panel.previous", ("shift+tab",), "next_panel(-1)", "Previous panel", Scope.ANYWHERE),
    KeySpec("copy", ("ctrl+c",), "copy_text", "Copy what is selected with the mouse", Scope.ANYWHERE),
    KeySpec(
        "palette", ("ctrl+p",), "app.command_palette", "Every action by name", Scope.ANYWHERE, "commands"
    ),
    KeySpec("send", ("enter",), "send", "Send the message", Scope.EDITOR, "send"),
    KeySpec(
        "newline", ("ctrl+j", "alt+enter", "shift+enter"), "newline", "New line", Scope.EDITOR, "new line"
    ),
    KeySpec("history.previous", ("up",), "history(-1)", "Earlier message, from the first line", Scope.EDITOR),
    KeySpec("history.next", ("down",), "history(1)", "Later message, from the last line", Scope.EDITOR),
    KeySpec("chat.up", ("pageup",), "screen.scroll_chat(-1)", "Chat a page up", Scope.EDITOR),
    KeySpec("chat.down", ("pagedown",), "screen.scroll_chat(1)", "Chat a page down", Scope.EDITOR),
    KeySpec(
        "filter.keep", ("enter",), "", "Keep the filter and go to the lines", Scope.FIELD, "keep the filter"
    ),
    KeySpec("list.down", ("j", "down"), "cursor(1)", "Next line", Scope.LISTS),
    KeySpec("list.up", ("k", "up"), "cursor(-1)", "Previous line", Scope.LISTS),
    KeySpec("list.top", ("g", "home"), "cursor_to(0)", "First line", Scope.LISTS),
    KeySpec("list.bottom", ("G", "end"), "cursor_to(-1)", "Last line", Scope.LISTS),
    KeySpec("list.page_down", ("pagedown",), "cursor_page(1)", "A page down", Scope.LISTS),
    KeySpec("list.page_up", ("pageup",), "cursor_page(-1)", "A page up", Scope.LISTS),
    KeySpec("list.open", ("enter", "space"), "open_row", "Fold or unfold a pool", Scope.LISTS),
)


def specs(*scopes: Scope) -> tuple[KeySpec, ...]:
    """The keys of these scopes, in the order of the list."""
    return tuple(spec for spec in KEYS if spec.scope in scopes)


def bindings(*scopes: Scope) -> list[BindingType]:
    """Textual bindings of these scopes, hidden from Textual's own footer."""
    from textual.binding import Binding

    return [
        Binding(
            ",".join(spec.keys),
            spec.action,
            spec.description,
            show=False,
            id=spec.id,
        )
        for spec in specs(*scopes)
    ]


def actions_by_key(scope: Scope) -> dict[str, str]:
    """Textual key name to action, for a widget that takes its keys itself."""
    return {key: spec.action for spec in specs(scope) for key in spec.keys}
