"""The Textual application: theme, engine link, signals, and the deck."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterable

from textual.app import App, SystemCommand
from textual.screen import Screen

from trunkline.domain.clock import Clock
from trunkline.domain.ids import IdSource
from trunkline.engine.api import HostNews
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.keys import KEYS
from trunkline.tui.messages import NewsArrived
from trunkline.tui.options import TERMINAL_THEME, DeckOptions
from trunkline.tui.screens.deck import DeckScreen
from trunkline.tui.themes import read_themes, shipped_themes_folder

LOST_SIGNAL = 1  # SIGHUP, where there is one
SIGNALS = (signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else (signal.SIGTERM,)


def _import_markdown() -> None:
    """So that the first answer does not wait for it."""
    import textual.widgets._markdown  # noqa: F401


class DeckApp(App[None]):
    """Paints first, then opens the engine; whatever the engine does, the deck stays."""

    TITLE = "Trunkline"
    CSS_PATH = "screens/deck.tcss"  # of the first screen Textual reads no CSS_PATH

    def __init__(
        self,
        link: EngineLink,
        clock: Clock,
        ids: IdSource,
        options: DeckOptions,
        *,
        low_bandwidth: bool = False,
        on_first_paint: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._link = link
        self._options = options
        self._on_first_paint = on_first_paint
        self._loop_for_signals: asyncio.AbstractEventLoop | None = None
        self.deck = DeckScreen(
            link,
            clock,
            ids,
            options.zone,
            tick_s=2.0 if low_bandwidth else 1.0,
            flush_s=1.0 if low_bandwidth else 0.25,
            start_panel=options.start_panel,
        )
        self._theme_errors = self._register_themes()

    def _register_themes(self) -> tuple[str, ...]:
        folders = [shipped_themes_folder()]
        if self._options.themes_folder is not None:
            folders.append(self._options.themes_folder)
        themes, errors = read_themes(*folders)
        for theme in themes:
            self.register_theme(theme)
        few_colours = self.console.color_system in (None, "standard")
        default = TERMINAL_THEME if few_colours else DeckOptions.DEFAULT_THEME
        wanted = self._options.theme
        if wanted in (None, DeckOptions.DEFAULT_THEME):
            wanted = default
        elif wanted not in self.available_themes:
            errors = (*errors, f"there is no theme called {wanted}; using {default}")
            wanted = default
        if wanted in self.available_themes:
            self.theme = wanted
        return errors

    def get_default_screen(self) -> Screen[None]:
        return self.deck

    def on_mount(self) -> None:
        loop = self._loop_for_signals = asyncio.get_running_loop()
        for number in SIGNALS:
            try:
                loop.add_signal_handler(number, self._leave_on, number)
            except (NotImplementedError, RuntimeError, ValueError):
                break  # not the main thread, or a platform without: the terminal watch remains
        self.call_after_refresh(self._painted)
        for error in self._theme_errors:
            self.notify(error, severity="warning", timeout=10, markup=False)

    def _painted(self) -> None:
        self._on_first_paint()
        self._link.open(self._take_news)
        threading.Thread(target=_import_markdown, name="markdown-import", daemon=True).start()

    def _take_news(self, news: HostNews) -> None:
        """Called on the engine's thread."""
        self.deck.post_message(NewsArrived(news))

    def leave_for_lost_terminal(self) -> None:
        """May be called on any thread."""
        if self._loop_for_signals is not None:
            self._loop_for_signals.call_soon_threadsafe(self._leave_on, LOST_SIGNAL)

    def _leave_on(self, number: int) -> None:
        self.exit(return_code=128 + number)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield SystemCommand("Theme", "Other colours", self.action_change_theme)
        if screen is not self.deck:
            return
        for spec in KEYS:
            if spec.palette:
                help_text = f"key {spec.label}"
                yield SystemCommand(spec.description, help_text, lambda action=spec.action: self._run(action))

    async def _run(self, action: str) -> None:
        await self.run_action(action, self.deck)
