"""One panel or screen alone in an application, with the deck's styles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.deck import screen_text
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

import trunkline.tui.screens.deck as deck_module


class PanelApp(App[None]):
    """Holds what `make` makes."""

    CSS_PATH = str(Path(deck_module.__file__).with_suffix(".tcss"))

    def __init__(self, make: Callable[[], Widget] | None) -> None:
        super().__init__()
        self._make = make

    def compose(self) -> ComposeResult:
        if self._make is not None:
            yield self._make()


@dataclass
class Panel:
    """A running application, and everything that its widgets said."""

    app: PanelApp
    pilot: Pilot[None]
    messages: list[Message]

    def shown(self) -> str:
        """The text on the terminal as it stands."""
        return screen_text(self.app)

    def said(self, kind: type[Message]) -> list[Message]:
        """The messages of a kind so far, each once however far it travelled."""
        found: list[Message] = []
        for message in self.messages:
            if isinstance(message, kind) and not any(message is one for one in found):
                found.append(message)
        return found

    def notes(self) -> list[str]:
        """What was notified."""
        return [note.message for note in self.app._notifications]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(2):
            await self.pilot.pause()


@asynccontextmanager
async def open_panel(
    make: Callable[[], Widget] | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Panel]:
    """An application with that widget; with none, for a screen to be pushed."""
    messages: list[Message] = []
    app = PanelApp(make)
    async with app.run_test(size=size, notifications=True, message_hook=messages.append) as pilot:
        panel = Panel(app, pilot, messages)
        await panel.settle()
        yield panel
