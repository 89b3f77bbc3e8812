"""The last line: the keys that act where the focus is. Each can be clicked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.widget import Widget

from trunkline.tui.key_specs import Scope, key_label
from trunkline.tui.keymap import DEFAULT_KEYS, KeyTable, keys_in_force

_PANELS = ("panel.accounts", "panel.latency", "panel.log", "panel.chat")
_DECK = ("switch", "pin", "mode", "auto", "pause", "zoom", "filter", "palette", "preferences", "quit")
_LISTED = (Scope.ACCOUNTS, Scope.LOG)
# Where there is no room for all, help comes first.
_AFTER_HELP = ("chat.good", "chat.bad")


@runtime_checkable
class SaysWhyNot(Protocol):
    """A screen that knows which of its actions cannot act now."""

    def action_state(self, action: str) -> str | None:
        """Why `action`, written as in the registry, cannot act now; None where it can. Must be quick."""
        ...


@dataclass(frozen=True, slots=True)
class Hint:
    """A key as a person reads it, what it does in a word, and the registry's action behind it. `press` is the Textual
    key that a click stands for, empty where there is none."""

    label: str
    word: str
    action: str = ""
    press: str = ""

    @property
    def width(self) -> int:
        """Cells that it takes, with a blank on either side."""
        return cell_len(self.label) + cell_len(self.word) + 3


def hints_for(scope: Scope, table: KeyTable = DEFAULT_KEYS) -> tuple[Hint, ...]:
    """The hints of a scope, most useful first: its own keys, then the deck's."""
    if scope is Scope.EDITOR:
        panels = _panel_hint(table, alternative=True)
        own = [*_of(table, "send", "newline"), _back(table, "keys"), *panels]
        return (*own, *_of(table, "palette", "editor"))
    if scope is Scope.FIELD:
        return (*_of(table, "filter.keep", "filter.complete"), _back(table, "take it back"))
    of_scope = () if scope is Scope.DECK else tuple(spec.id for spec in table.of(scope))
    own = _of(table, *(one for one in of_scope if one not in _AFTER_HELP))
    if scope in _LISTED:
        own += _of(table, "list.open")
    after = _of(table, *(one for one in of_scope if one in _AFTER_HELP))
    return (*own, *_of(table, "help"), *after, *_panel_hint(table), *_of(table, "write", *_DECK))


def waiting_hints(table: KeyTable, *, in_text: bool) -> tuple[Hint, ...]:
    """The keys of a question that waits; inside a text those with a modifier."""
    found = []
    for spec in table.of(Scope.WAITING):
        key = next((key for key in spec.keys if not in_text or "+" in key), None)
        if key is not None:
            found.append(Hint(key_label(key), spec.hint, spec.action, key))
    return tuple(found)


def _of(table: KeyTable, *ids: str) -> list[Hint]:
    found = (table.find(spec_id) for spec_id in ids)
    return [
        Hint(spec.first_label, spec.hint, spec.action, spec.keys[0])
        for spec in found
        if spec is not None and spec.hint and spec.keys
    ]


def _back(table: KeyTable, word: str) -> Hint:
    spec = table.named("back")
    return Hint(spec.first_label, word, spec.action, spec.keys[0])


def _panel_hint(table: KeyTable, *, alternative: bool = False) -> list[Hint]:
    """One hint for the four panels: `1-4`, or their keys with a modifier, which act inside text as well."""
    keys = []
    for spec_id in _PANELS:
        usable = [key for key in table.named(spec_id).keys if ("+" in key) == alternative]
        if not usable:
            return []
        keys.append(usable[0].replace("+", "-"))
    first, last = keys[0], keys[-1]
    in_a_row = [key[-1] for key in keys] == list("1234") and len({key[:-1] for key in keys}) == 1
    return [Hint(f"{first}-{last[-1]}" if in_a_row else "/".join(keys), "panel")]


class KeyHints(Widget):
    """Shows the hints of the scope in which the focus is; what cannot act now is dimmed."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(id="hints")
        self._scope = Scope.DECK
        self._waits = False
        self._dimmed: frozenset[str] = frozenset()

    def on_mount(self) -> None:
        if hasattr(self.app, "key_table"):
            self.watch(self.app, "key_table", self._draw_again, init=False)

    def _draw_again(self) -> None:
        self.refresh()

    def show(self, scope: Scope, *, waits: bool = False) -> None:
        """Show another scope's keys; `waits`: behind those of a question that waits."""
        if scope is not self._scope or waits != self._waits:
            self._scope, self._waits = scope, waits
            self._dimmed = self._without_use()
            self.refresh()

    def recheck(self) -> None:
        """What can act may have changed: draw again if so."""
        dimmed = self._without_use()
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.refresh()

    def _without_use(self) -> frozenset[str]:
        screen = self.screen
        if not isinstance(screen, SaysWhyNot):
            return frozenset()
        actions = {hint.action for hint in self._hints() if hint.action}
        return frozenset(action for action in actions if screen.action_state(action) is not None)

    def _hints(self) -> tuple[Hint, ...]:
        table = keys_in_force(self)
        first = waiting_hints(table, in_text=self._scope is Scope.EDITOR) if self._waits else ()
        return (*first, *hints_for(self._scope, table))

    def _shown(self) -> list[Hint]:
        """The hints for which there is room; a shorter one may stand where a longer one did not fit. Those that cannot
        act get only the room that the others leave."""
        hints = self._hints()
        room, shown = self.size.width - 1, set()
        for hint in sorted(hints, key=lambda hint: hint.action in self._dimmed):
            if hint.width <= room:
                room -= hint.width
                shown.add(hint)
        return [hint for hint in hints if hint in shown]

    def render(self) -> Content:
        pieces: list[str | tuple[str, str]] = []
        for hint in self._shown():
            dim = hint.action in self._dimmed
            pieces += [
                " ",
                (hint.label, "$text-disabled" if dim else "bold $text-accent"),
                " ",
                (hint.word, "$text-disabled" if dim else "$text-muted"),
                " ",
            ]
        return Content.assemble(*pieces)

    def on_click(self, event: Click) -> None:
        """As if the key had been pressed, where the focus is."""
        end = 0
        for hint in self._shown():
            end += hint.width
            if event.x < end:
                if hint.press:
                    self.app.simulate_key(hint.press)
                return
