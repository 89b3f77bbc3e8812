"""Giving an action other keys: press them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from trunkline.tui.key_specs import KeySpec, key_label


class KeyCaptureScreen(ModalScreen["tuple[str, ...] | None"], inherit_bindings=False):
    """Gives the keys that were pressed, or None. Enter, backspace and escape serve the question itself and cannot be
    given here; `check` says why keys cannot be taken."""

    CSS_PATH = "preferences.tcss"
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, spec: KeySpec, check: Callable[[tuple[str, ...]], str | None]) -> None:
        super().__init__()
        self._spec = spec
        self._check = check
        self._keys: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="preferences-box") as box:
            box.border_title = f"Keys of {self._spec.id}"
            box.border_subtitle = "enter takes · backspace removes · esc leaves"
            yield Static(f"{self._spec.description}. In: {self._spec.scope}.", classes="about", markup=False)
            yield Static("", id="preferences-keys", markup=False)
            yield Static("", id="preferences-reason", classes="reason", markup=False)

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        now = self._spec.label or "none"
        pressed = " ".join(key_label(key) for key in self._keys)
        line = (
            Content.assemble(
                ("now   ", "$text-muted"),
                f"{now}\n",
                ("new   ", "$text-muted"),
                (pressed, "bold $text-accent"),
            )
            if pressed
            else Content.assemble(
                ("now   ", "$text-muted"), f"{now}\n", ("press the key to be", "$text-muted")
            )
        )
        self.query_one("#preferences-keys", Static).update(line)
        reason = self._check(self._keys) if self._keys else None
        shown = self.query_one("#preferences-reason", Static)
        shown.update("" if reason is None else f"✕ {reason}")
        shown.set_class(reason is not None, "-bad")

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        match event.key:
            case "escape":
                self.dismiss(None)
            case "backspace":
                self._keys = self._keys[:-1]
                self._show()
            case "enter":
                if self._keys and self._check(self._keys) is None:
                    self.dismiss(self._keys)
            case key:
                self._keys = tuple(dict.fromkeys((*self._keys, key)))
                self._show()
