"""A deck on a fake engine, driven through Pilot."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC

from tests.support.clock import FakeClock
from tests.support.fake_engine import FakeEngine
from textual.app import App
from textual.message import Message
from textual.pilot import Pilot

from trunkline.domain.ids import IdSource
from trunkline.domain.snapshot import Snapshot
from trunkline.tui.app import DeckApp
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.gateway_switch import GatewaySwitch
from trunkline.tui.options import DeckOptions
from trunkline.tui.screens.deck import DeckScreen

NARROW = (80, 24)
WIDE = (160, 50)
TINY = (60, 16)


@dataclass
class Deck:
    """A running deck and its engine."""

    app: DeckApp
    pilot: Pilot[None]
    engine: FakeEngine
    clock: FakeClock
    messages: list[Message]

    @property
    def screen(self) -> DeckScreen:
        return self.app.deck

    def shown(self) -> str:
        """The text on the terminal as it stands."""
        return screen_text(self.app)

    def chat_words(self) -> str:
        """The words in the chat panel, whatever lines they are broken into."""
        region = self.screen.query_one("#transcript").region
        lines = self.shown().splitlines()[region.y : region.bottom]
        return " ".join(" ".join(line[region.x : region.right] for line in lines).split())

    async def settle(self) -> None:
        """Let everything that was posted be handled and drawn."""
        for _ in range(2):
            await self.pilot.pause()

    async def show(self, snapshot: Snapshot) -> None:
        """Deliver a snapshot and tick once."""
        self.engine.tell(snapshot)
        await self.settle()
        self.screen.tick()
        await self.settle()

    async def say(self, text: str) -> str:
        """Write a message and send it; gives the request's id."""
        self.screen.query_one("#prompt").focus()
        await self.pilot.pause()
        self.screen.query_one("#prompt").text = text  # type: ignore[attr-defined]
        await self.pilot.press("enter")
        await self.settle()
        return next(reversed(self.engine.requests))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()


def screen_text(app: App[None]) -> str:
    """The screen's cells as lines of text."""
    return "\n".join(
        "".join(segment.text for segment in strip).rstrip()
        for strip in app.screen._compositor.render_strips()
    )


@asynccontextmanager
async def open_deck(
    size: tuple[int, int] = WIDE,
    *,
    engine: FakeEngine | None = None,
    start_panel: int = 4,
    theme: str | None = None,
    gateway: GatewaySwitch | None = None,
) -> AsyncIterator[Deck]:
    """A deck with the engine started and nothing delivered yet but readiness."""
    clock, fake = FakeClock(), engine or FakeEngine()
    messages: list[Message] = []
    app = DeckApp(
        EngineLink(lambda: fake),
        clock,
        IdSource(clock, random.Random(7).randbytes),
        DeckOptions(zone=UTC, start_panel=start_panel, theme=theme, gateway=gateway),
    )
    async with app.run_test(size=size, notifications=True, message_hook=messages.append) as pilot:
        deck = Deck(app, pilot, fake, clock, messages)
        for _ in range(200):
            await pilot.pause()
            if fake.listener is not None:
                break
        await deck.settle()
        yield deck
