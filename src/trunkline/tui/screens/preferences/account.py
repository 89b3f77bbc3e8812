"""A new account: whose it is, what it is called, and where its key is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label, Static

from trunkline.config.account_edits import NewAccount, check_account

_FIELDS = {
    "provider": "whose account it is, such as openai",
    "name": "a name of yours, such as main",
    "key": "env:NAME of the variable that holds it, or none",
}
_MOST_NAMED = 12


def account_of(
    texts: Mapping[str, str], providers: Collection[str], taken: Collection[str]
) -> NewAccount | str:
    """The account that was typed, field by field, or what was expected of the first field that cannot be used. `taken`
    are the accounts that there are, as `provider/account`. Never repeats what was typed as a key."""
    provider, name, key = (texts.get(field, "").strip() for field in _FIELDS)
    if provider not in providers:
        fitting = sorted(one for one in providers if one.startswith(provider))
        named = ", ".join((fitting or sorted(providers))[:_MOST_NAMED])
        return f"provider: one of {named}{' …' if len(fitting or providers) > _MOST_NAMED else ''}"
    if not name:
        return f"name: {_FIELDS['name']}"
    if (reason := check_account("id", name)) is not None:
        return f"name: {reason}"
    if f"{provider}/{name}" in taken:
        return f"name: another one, as {provider}/{name} is there already"
    if not key:
        return f"key: {_FIELDS['key']}"
    if (reason := check_account("key", key)) is not None:
        return f"key: {reason}"
    return NewAccount(f"{provider}/{name}", key)


class AccountScreen(ModalScreen["NewAccount | None"]):
    """Gives the account once it can be used, or None where none is to be added."""

    CSS_PATH = "preferences.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Add none"),
        Binding("down", "app.focus_next", "Next field"),
        Binding("up", "app.focus_previous", "Previous field"),
    ]

    def __init__(self, providers: tuple[str, ...], taken: frozenset[str]) -> None:
        super().__init__()
        self._providers = providers
        self._taken = taken

    def compose(self) -> ComposeResult:
        with Vertical(classes="preferences-box") as box:
            box.border_title = "Add an account"
            box.border_subtitle = "enter shows what is written · tab next field · esc adds none"
            for name, about in _FIELDS.items():
                suggested = SuggestFromList(self._providers) if name == "provider" else None
                with Horizontal(classes="field"):
                    yield Label(name)
                    yield Input(placeholder=about, suggester=suggested, name=name)
            yield Static("", id="preferences-reason", classes="reason", markup=False)

    def _typed(self) -> NewAccount | str:
        texts = {field.name or "": field.value for field in self.query(Input)}
        return account_of(texts, self._providers, self._taken)

    def _show(self, answer: NewAccount | str) -> None:
        line = self.query_one("#preferences-reason", Static)
        if isinstance(answer, NewAccount):
            said, is_wrong = f"adds {answer.account}", False
        else:  # a field that nothing was typed into yet is only what comes next
            wanted = answer.partition(":")[0]
            is_wrong = any(field.value.strip() for field in self.query(Input) if field.name == wanted)
            said = f"✕ {answer}" if is_wrong else answer
        line.update(said)
        line.set_class(is_wrong, "-bad")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(self._typed())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """To the field that is still wanted, or on."""
        event.stop()
        answer = self._typed()
        if isinstance(answer, NewAccount):
            self.dismiss(answer)
            return
        self._show(answer)
        wanted = answer.partition(":")[0]
        for field in self.query(Input):
            if field.name == wanted:
                field.focus()

    def action_leave(self) -> None:
        """Add none."""
        self.dismiss(None)
