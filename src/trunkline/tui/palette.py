"""What the command palette offers: over the deck its actions, over another screen that screen's own keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial

from textual.dom import DOMNode
from textual.screen import Screen

from trunkline.tui.key_specs import KeySpec, Scope
from trunkline.tui.keymap import KeyTable
from trunkline.tui.widgets.key_hints import SaysWhyNot

Run = Callable[[str, DOMNode], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """An action by name: the key in force (empty where it has none), why it cannot act now (None where it can), and
    what choosing it does."""

    title: str
    key: str
    refusal: str | None
    run: Callable[[], Awaitable[None]]

    @property
    def help(self) -> str:
        """The key, and why it would do nothing, in words."""
        key = f"key {self.key}" if self.key else "no key of its own"
        return f"{key} · not now: {self.refusal}" if self.refusal else key


def deck_commands(deck: Screen[None], table: KeyTable, run: Run) -> Iterator[Command]:
    """The registry's actions for the palette, those of the focused panel before the deck's."""
    here = {spec.scope for active in deck.active_bindings.values() if (spec := table.find(active.binding.id))}
    offered = [spec for spec in table.specs if spec.palette]
    for spec in sorted(
        offered, key=lambda one: one.scope in (Scope.DECK, Scope.ANYWHERE) or one.scope not in here
    ):
        yield _command(deck, spec, partial(run, spec.action, _who_answers(deck, spec.action)))


def screen_commands(screen: Screen[object], table: KeyTable, run: Run) -> Iterator[Command]:
    """What the keys of another screen do where its focus is, and what the application does over any screen."""
    offered: set[str] = set()
    for active in screen.active_bindings.values():
        spec = table.find(active.binding.id)
        if spec is None or spec.id in offered or not (spec.hint or spec.palette):
            continue
        offered.add(spec.id)
        yield _command(screen, spec, partial(run, spec.action, active.node))
    for spec in table.specs:
        if spec.palette and spec.action.startswith("app.") and spec.id not in offered:
            yield _command(screen, spec, partial(run, spec.action, screen))


def _command(screen: DOMNode, spec: KeySpec, run: Callable[[], Awaitable[None]]) -> Command:
    refusal = screen.action_state(spec.action) if isinstance(screen, SaysWhyNot) else None
    return Command(spec.description, spec.label if spec.keys else "", refusal, run)


def _who_answers(deck: Screen[None], action: str) -> DOMNode:
    """Where an action of the registry is carried out: what is focused, what is around it, a panel, the deck."""
    method = f"action_{action.partition('(')[0]}"
    around = () if deck.focused is None else deck.focused.ancestors_with_self
    nodes = (deck, *around, *deck.query(".panel"), *deck.query(".panel *"))
    return next((node for node in nodes if hasattr(node, method)), deck)
