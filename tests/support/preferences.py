"""The preferences screen on real files, driven through Pilot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

from tests.support.clock import FakeClock
from tests.support.deck import screen_text
from tests.support.fake_engine import FakeEngine
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from trunkline.config.desk import ConfigDesk
from trunkline.config.places import Places
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.messages import SettingsSaved
from trunkline.tui.screens.preferences import PreferencesScreen
from trunkline.tui.themes import read_themes, shipped_themes_folder

ENVIRON = {"OPENAI_API_KEY": "x", "GEMINI_API_KEY_1": "y", "GEMINI_API_KEY_2": "z"}
DECK_CSS = Path(__file__).parents[2] / "src/trunkline/tui/screens/deck.tcss"


class Host(App[None]):
    """What the screen needs of the deck: our themes and the colours of lists."""

    CSS_PATH = DECK_CSS
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, screen: PreferencesScreen, results: list[SettingsSaved | None]) -> None:
        super().__init__()
        self._preferences = screen
        self._results = results
        for theme in read_themes(shipped_themes_folder())[0]:
            self.register_theme(theme)
        self.theme = "trunkline-dark"

    def on_mount(self) -> None:
        self.push_screen(self._preferences, self._results.append)


@dataclass
class Preferences:
    """The open screen, its files and what it was left with."""

    app: Host
    pilot: Pilot[None]
    screen: PreferencesScreen
    places: Places
    engine: FakeEngine
    results: list[SettingsSaved | None] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The user's preferences."""
        return self.places.preferences_file

    def shown(self) -> str:
        """The text on the terminal as it stands."""
        return screen_text(self.app)

    def words(self) -> str:
        """The words on the terminal, whatever lines they are broken into."""
        return " ".join(self.shown().replace("│", " ").split())

    def told(self) -> str:
        """What the notifications say."""
        return " ".join(notification.message for notification in self.app._notifications)

    async def settle(self) -> None:
        """Let the work on files end, and everything that was posted be handled and drawn."""
        await self.pilot.pause()
        while any(not worker.is_finished for worker in self.app.workers):
            await self.app.workers.wait_for_complete()
            await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        """Letters into the field that has the focus."""
        field = self.app.screen.focused
        assert isinstance(field, Input)
        field.replace(text, *sorted(field.selection))
        await self.settle()

    def go_to(self, row_key: str) -> None:
        """Put the cursor on a line that is unfolded."""
        keys = [row.key for row in self.screen.listing.rows]
        self.screen.listing.move_cursor(keys.index(row_key))


@asynccontextmanager
async def open_preferences(
    folder: Path,
    preferences: str | None = None,
    *,
    providers: str | None = None,
    size: tuple[int, int] = (80, 24),
    start: str | None = None,
    engine: FakeEngine | None = None,
    environ: dict[str, str] = ENVIRON,
) -> AsyncIterator[Preferences]:
    """The screen on `folder` with these files; without `engine` there is none."""
    places = Places(folder, folder, folder)
    if preferences is not None:
        places.preferences_file.write_text(preferences)
    if providers is not None:
        places.providers_file.write_text(providers)
    fake = engine or FakeEngine()
    link = EngineLink(lambda: fake)
    if engine is not None:
        link.open(lambda news: None)
        while fake.listener is None:
            assert link._builder is not None
            link._builder.join(1)
    screen = PreferencesScreen(ConfigDesk(places, environ), link, FakeClock(), UTC, start=start)
    results: list[SettingsSaved | None] = []
    app = Host(screen, results)
    async with app.run_test(size=size, notifications=True) as pilot:
        opened = Preferences(app, pilot, screen, places, fake, results)
        await opened.settle()
        yield opened
