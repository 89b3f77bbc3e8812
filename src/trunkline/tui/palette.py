"""What the command palette offers: over the deck its actions, over another screen that screen's own keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from textual.dom import DOMNode
from textual.screen import Screen

from trunkline.tui.keymap import KeyTable
from trunkline.tui.keys import KeySpec
from trunkline.tui.widgets.key_hints import SaysWhyNot

Run = Callable[[str, DOMNode], Awaitable[None]]
Command = tuple[str, str, Callable[[], object]]


def deck_commands(deck: Screen[None], table: KeyTable, run: Run) -> Iterator[Command]:
    """The registry's actions for the palette, each with the key in force, or why it cannot act now."""
    for spec in table.specs:
        if spec.palette:
            node = _who_answers(deck, spec.action)
            yield spec.description, _help_text(deck, spec), partial(run, spec.action, node)


def screen_commands(screen: Screen[object], table: KeyTable, run: Run) -> Iterator[Command]:
    """What the keys of another screen do where its focus is, and what the application does over any screen."""
    offered: set[str] = set()
    for active in screen.active_bindings.values():
        spec = table.find(active.binding.id)
        if spec is None or spec.id in offered or not (spec.hint or spec.palette):
            continue
        offered.add(spec.id)
        yield spec.description, _help_text(screen, spec), partial(run, spec.action, active.node)
    for spec in table.specs:
        if spec.palette and spec.action.startswith("app.") and spec.id not in offered:
            yield spec.description, _help_text(screen, spec), partial(run, spec.action, screen)


def _help_text(screen: DOMNode, spec: KeySpec) -> str:
    reason = screen.action_state(spec.action) if isinstance(screen, SaysWhyNot) else None
    key = f"key {spec.label}" if spec.keys else "no key of its own"
    return f"{key} · not now: {reason}" if reason else key


def _who_answers(deck: Screen[None], action: str) -> DOMNode:
    """Where an action of the registry is carried out: what is focused, what is around it, a panel, the deck."""
    method = f"action_{action.partition('(')[0]}"
    around = () if deck.focused is None else deck.focused.ancestors_with_self
    nodes = (deck, *around, *deck.query(".panel"), *deck.query(".panel *"))
    return next((node for node in nodes if hasattr(node, method)), deck)
