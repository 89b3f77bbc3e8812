"""Choosing one route, account, provider or model for everything."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from trunkline.domain.snapshot import Snapshot
from trunkline.tui import format as fmt
from trunkline.tui.account_rows import shape

MOST_SHOWN = 60


def candidates(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """(selector, sign) of everything that can be pinned: providers, accounts, models of a provider, routes."""
    found: dict[str, str] = {}
    signs: dict[str, str] = {}
    for provider in snapshot.providers:
        found[provider.id] = signs[provider.id] = shape(provider.status)[0]
        for account in provider.accounts:
            key = f"{provider.id}/{account.id}"
            found[key] = signs[key] = shape(account.status)[0]
    for route in snapshot.routes:
        provider_id, _, rest = route.partition("/")
        _, _, model = rest.partition("/")
        found.setdefault(f"{provider_id}/{model}", signs.get(provider_id, " "))
    for route in snapshot.routes:
        found.setdefault(route, signs.get("/".join(route.split("/", 2)[:2]), " "))
    return tuple(found.items())


class RoutePicker(ModalScreen["tuple[str | None] | None"]):
    """Gives `(selector,)`, `(None,)` for automatic, or None when nothing was chosen."""

    CSS_PATH = "route_picker.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("down,ctrl+j", "move(1)", "Next", priority=True),
        Binding("up,ctrl+k", "move(-1)", "Previous", priority=True),
    ]

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._candidates = candidates(snapshot)
        self._pin = snapshot.pin
        self._shown: list[str | None] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="picker-box") as box:
            box.border_title = "Switch everything to · enter takes it, esc leaves"
            yield Input(placeholder="provider, account, model …", id="picker-input")
            yield OptionList(id="picker-list", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._show("")

    def _show(self, query: str) -> None:
        options: list[Option] = []
        self._shown = []
        if not query:
            now = "" if self._pin else " · as it is now"
            self._add(options, None, Content(f"  automatic: no pin{now}"))
            for selector, sign in self._candidates[: MOST_SHOWN - 1]:
                self._add(options, selector, Content(f"{sign} {fmt.one_line(selector)}"))
        else:
            matcher = Matcher(query)
            scored = [(matcher.match(selector), selector, sign) for selector, sign in self._candidates]
            best = sorted((hit for hit in scored if hit[0] > 0), key=lambda hit: -hit[0])
            for _, selector, sign in best[:MOST_SHOWN]:
                text = Content.assemble(f"{sign} ", matcher.highlight(fmt.one_line(selector)))
                self._add(options, selector, text)
        option_list = self.query_one(OptionList)
        option_list.set_options(options)
        option_list.highlighted = 0 if options else None

    def _add(self, options: list[Option], selector: str | None, text: Content) -> None:
        self._shown.append(selector)
        options.append(Option(text))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value.strip())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self.dismiss((self._shown[at],))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss((self._shown[event.option_index],))

    def action_move(self, step: int) -> None:
        """The next or the previous choice, while the text field keeps the focus."""
        option_list = self.query_one(OptionList)
        if step > 0:
            option_list.action_cursor_down()
        else:
            option_list.action_cursor_up()

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
