"""What every key and command does, and what the signs mean."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static, TextArea

from trunkline.tui.commands import COMMANDS, Argument
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import DEFAULT_KEYS, KeyTable, keys_in_force
from trunkline.tui.keys import bindings

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
    Scope.WAITING: "Chat, while a question waits",
    Scope.DETAIL: "In a screen of its own",
    Scope.RECEIPT: "Receipt",
    Scope.CONVERSATIONS: "Conversations",
    Scope.QUEUE: "Queue",
    Scope.GATEWAY: "Gateway",
    Scope.PREFERENCES: "Preferences",
    Scope.HELP: "In this help",
    Scope.PICKER: "Choosing a route",
}

_LEGEND = (
    ("●  ◐  ◔  ○  ✕", "healthy, warning, critical, exhausted, down; the number is health of 100"),
    ("▇▇▇▁▁", "what is left of a limit"),
    ("r  c  l  e", "whose figure a limit is: reported, configured, learned, estimated"),
    ("▼14:10", "as it goes, nothing is left then, before it renews"),
    ("▲", "in the queue: let go before all others"),
    ("↪  ✂  ■", "answered by another route, cut short, stopped by you"),
    ("⇄ 8787", "a gateway takes agents' requests at that port, of this deck or of another process"),
    ("–", "not known"),
    ("+?", "a sum of which a part is not known"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and, below it, (key or sign, what it does)."""

    title: str
    lines: tuple[tuple[str, str], ...]


def help_sections(table: KeyTable = DEFAULT_KEYS, here: Sequence[Scope] = ()) -> tuple[Section, ...]:
    """Every key in force by scope, those of `here` first; the slash commands; the signs."""
    order = [*dict.fromkeys([*here, *_TITLES])]
    keys = [
        Section(_TITLES[scope], tuple((spec.label or "no key", spec.description) for spec in table.of(scope)))
        for scope in order
    ]
    commands = tuple(
        (
            f"/{one.name}" + ("" if one.argument is Argument.NONE else f" {one.argument.value.upper()}"),
            one.help,
        )
        for one in COMMANDS
    )
    found = (*keys, Section("Commands in the editor", commands), Section("Signs", _LEGEND))
    wrong = tuple(("!", problem) for problem in table.problems)
    return (Section("Your keymap, as far as it cannot be used", wrong), *found) if wrong else found


def help_lines(table: KeyTable = DEFAULT_KEYS, here: Sequence[Scope] = ()) -> tuple[tuple[str, str], ...]:
    """The sections as (key, what it does); a heading has no key."""
    return tuple(
        line for section in help_sections(table, here) for line in (("", section.title), *section.lines)
    )


def matching(sections: Sequence[Section], search: str) -> tuple[Section, ...]:
    """The sections with only those lines that hold every word of `search`."""
    words = search.lower().split()
    kept = (
        Section(
            section.title,
            tuple(
                line
                for line in section.lines
                if all(word in f"{section.title} {line[0]} {line[1]}".lower() for word in words)
            ),
        )
        for section in sections
    )
    return tuple(section for section in kept if section.lines)


def help_content(sections: Sequence[Section], width: int) -> Content:
    """The sections as text `width` cells wide: keys to the left, what they do beside them, broken where it must."""
    left = 30 if width >= 84 else 22 if width >= 64 else 17
    pieces: list[Content | str | tuple[str, str]] = []
    for section in sections:
        pieces.append((f"{section.title}\n", "bold $text-primary"))
        for key, text in section.lines:
            keys = textwrap.wrap(key, left - 2, break_on_hyphens=False) or [""]
            words = textwrap.wrap(text, max(16, width - left - 1)) or [""]
            for row in range(max(len(keys), len(words))):
                pieces += [
                    (f" {keys[row] if row < len(keys) else '':<{left - 1}}", "$text-accent"),
                    f"{words[row] if row < len(words) else ''}\n",
                ]
        pieces.append("\n")
    return Content.assemble(*pieces[:-1]).rstrip()


def scopes_here(screen: Screen[object]) -> tuple[Scope, ...]:
    """The scopes whose keys act on this screen where its focus is, the nearest first."""
    table = keys_in_force(screen)
    focused = screen.focused
    scopes: list[Scope] = []
    if isinstance(focused, TextArea):
        scopes.append(Scope.EDITOR)
    bound = [table.find(active.binding.id) for active in screen.active_bindings.values()]
    here = [spec.scope for spec in bound if spec is not None]
    if isinstance(focused, Input) and Scope.PICKER not in here:
        scopes.append(Scope.FIELD)
    scopes += here
    found = list(dict.fromkeys(scopes))
    if Scope.LISTS in found:  # what is special about a list comes before what every list has
        found.remove(Scope.LISTS)
        found.insert(1, Scope.LISTS)
    return tuple(found)


class _Search(Input):
    """Escape empties and closes it."""

    def on_key(self, event: Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.value = ""
            self.display = False
            self.screen.query_one("#help-scroll").focus()


class HelpScreen(ModalScreen[None]):
    """A list to scroll and to search; escape closes it."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "#help-scroll"
    # Textual declares it as an instance variable, so a ClassVar would be a type error.
    BINDINGS: ClassVar = bindings(Scope.HELP, Scope.LISTS, Scope.DETAIL)

    def __init__(self, here: Sequence[Scope] = ()) -> None:
        super().__init__()
        self._here = tuple(here)

    def compose(self) -> ComposeResult:
        table = keys_in_force(self)
        close, search = table.named("detail.close"), table.named("help.search")
        with VerticalScroll(id="help-box") as box:
            box.border_title = f"Keys · {close.first_label} closes · {search.first_label} searches"
            box.can_focus = False
            yield _Search(placeholder="what a key does, or the key", id="help-search", compact=True)
            with VerticalScroll(id="help-scroll"):
                yield Static(id="help-text", markup=False)

    def on_mount(self) -> None:
        self.query_one("#help-search").display = False

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        scroll = self.query_one("#help-scroll", VerticalScroll)
        sections = matching(
            help_sections(keys_in_force(self), self._here), self.query_one("#help-search", Input).value
        )
        content = (
            help_content(sections, scroll.size.width - 1)
            if sections
            else Content("Nothing here holds these words.")
        )
        self.query_one("#help-text", Static).update(content)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._fill()
        self.query_one("#help-scroll", VerticalScroll).scroll_home(animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#help-scroll").focus()

    def action_search(self) -> None:
        """Write what is looked for."""
        field = self.query_one("#help-search", Input)
        field.display = True
        field.focus()

    def action_cursor(self, step: int) -> None:
        """A line up or down."""
        self.query_one("#help-scroll", VerticalScroll).scroll_relative(y=step, animate=False)

    def action_cursor_page(self, pages: int) -> None:
        """A page up or down."""
        scroll = self.query_one("#help-scroll", VerticalScroll)
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 2), animate=False)

    def action_cursor_to(self, index: int) -> None:
        """The beginning, or with -1 the end."""
        scroll = self.query_one("#help-scroll", VerticalScroll)
        if index < 0:
            scroll.scroll_end(animate=False)
        else:
            scroll.scroll_home(animate=False)

    def action_open_row(self) -> None:
        """Nothing to open here."""
