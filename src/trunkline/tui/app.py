"""The Textual application: theme, engine link, signals, and the deck."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.reactive import var
from textual.screen import Screen
from textual.theme import Theme

from trunkline.domain.clock import Clock
from trunkline.domain.errors import ConfigError
from trunkline.domain.ids import IdSource
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import HostedEngine, HostNews
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.failure import PlainlyFailingApp
from trunkline.tui.keymap import DEFAULT_KEYS, KeyTable, key_table
from trunkline.tui.keys import app_bindings
from trunkline.tui.memory import DeckMemory
from trunkline.tui.messages import NewsArrived, PaceChanged, PreferencesSeen
from trunkline.tui.options import DeckOptions
from trunkline.tui.pace import Pace, pace_for
from trunkline.tui.palette import Command, deck_commands, screen_commands
from trunkline.tui.plain_signs import PlainSigns
from trunkline.tui.screens.deck import DeckScreen
from trunkline.tui.themes import ThemeShelf, usable_theme
from trunkline.tui.ways_out import WaysOut

if TYPE_CHECKING:
    from textual.command import Provider

THEMES_EVERY_S = 3.0


def _import_markdown() -> None:
    """So that the first answer does not wait for it."""
    from trunkline.tui.markup import read_markdown

    read_markdown("```python\n1\n```")


def _palette_provider() -> type[Provider]:
    """Imported with the first opening of the palette."""
    from trunkline.tui.palette_provider import PaletteProvider

    return PaletteProvider


def _terminal_encoding() -> str:
    """Of the stream on which Textual draws."""
    return (sys.__stderr__.encoding if sys.__stderr__ else None) or "utf-8"


class DeckApp(PlainlyFailingApp[None], inherit_bindings=False):
    """Paints first, then opens the engine; whatever the engine does, the deck stays."""

    TITLE = "Trunkline"
    COMMANDS = {_palette_provider}  # noqa: RUF012 - as Textual has it
    CSS_PATH = "screens/deck.tcss"  # of the first screen Textual reads no CSS_PATH
    BINDINGS = [*app_bindings(), Binding("ctrl+c", "interrupt", show=False)]  # noqa: RUF012 - as Textual has it

    key_table: var[KeyTable] = var(DEFAULT_KEYS)

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
        self.ways_out = WaysOut(lambda code: self.exit(return_code=code))
        self._seen: PreferencesSeen | None = None
        self._theme_asked = options.theme
        self._can_order = False
        self._plain = PlainSigns(_terminal_encoding()) if options.ascii else None
        self.pace: Pace = pace_for(sparing=low_bandwidth)
        self.deck = DeckScreen(
            link,
            clock,
            ids,
            options,
            DeckMemory(options.memory_file),
            self.pace,
        )
        self._shelf = ThemeShelf(options.themes_folder)
        self._theme_errors = self._register_themes()

    def _register_themes(self) -> tuple[str, ...]:
        for theme in self._shelf.read():
            self.register_theme(theme)
        return (*self._shelf.problems, *self._use_theme(self._options.theme))

    def _use_theme(self, wanted: str | None) -> tuple[str, ...]:
        """Show the colours called `wanted`, or the default; says why not."""
        few_colours = self.console.color_system in (None, "standard")
        name, problem = usable_theme(wanted, self.available_themes, few_colours=few_colours)
        if name is not None and name != self.theme:
            self.theme = name
        return (problem,) if problem else ()

    @property
    def engine(self) -> HostedEngine | None:
        """The engine behind the deck, once it is there."""
        return self._link.engine

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return filters if self._plain is None else (*filters, self._plain)

    def get_default_screen(self) -> Screen[None]:
        return self.deck

    def on_mount(self) -> None:
        self.ways_out.open()
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())
        self.call_after_refresh(self._painted)
        self.use_keymap(self._options.keymap)
        self._tell(self._theme_errors)
        if self._options.themes_folder is not None:
            self.set_interval(THEMES_EVERY_S, self._look_at_themes)

    def _tell(self, problems: Iterable[str]) -> None:
        for problem in problems:
            self.notify(problem, severity="warning", timeout=10, markup=False)

    def _painted(self) -> None:
        self._on_first_paint()
        self._link.open(self._take_news)
        threading.Thread(target=_import_markdown, name="markdown-import", daemon=True).start()

    def _take_news(self, news: HostNews) -> None:
        """Called on the engine's thread."""
        self.deck.post_message(NewsArrived(news))
        if isinstance(news, Snapshot):
            self._can_order = not news.read_only
            seen = PreferencesSeen(news.theme, news.keymap)
            if seen != self._seen:
                self._seen = seen
                self.post_message(seen)

    # -- what a person prefers ------------------------------------------------------------------------------

    def on_preferences_seen(self, message: PreferencesSeen) -> None:
        if message.theme is not None and message.theme != self._theme_asked:
            self._theme_asked = message.theme
            self._tell(self._use_theme(message.theme))
        self.use_keymap(message.keymap)

    def use_keymap(self, overrides: Iterable[tuple[str, str]]) -> None:
        """Put the user's own keys in force, and tell what is wrong with them."""
        table = key_table(overrides)
        if table != self.key_table:
            self.set_keymap(table.textual_keymap())
            self.key_table = table
            self._tell(table.problems)

    def _look_at_themes(self) -> None:
        """Take over what the user has changed in a theme's file."""

        def look() -> None:
            if self._shelf.has_changed():
                self.call_from_thread(self.take_themes, self._shelf.read())

        self.run_worker(look, thread=True, exclusive=True, group="themes", exit_on_error=False)

    def take_themes(self, themes: Iterable[Theme]) -> None:
        """Use these themes from now on, the one that is shown as well."""
        for theme in themes:
            self.register_theme(theme)
        self.refresh_css(animate=False)
        self._tell(self._shelf.problems)

    def action_themes(self) -> None:
        """Choose the colours."""
        from trunkline.tui.screens.themes import ThemePicker, theme_rows

        if isinstance(self.screen, ThemePicker):
            return
        rows = theme_rows(
            self.available_themes.values(), self._shelf.ours, self._shelf.theirs, self.theme or ""
        )
        self.push_screen(ThemePicker(rows, self._shelf.problems), self._keep_theme)

    def _keep_theme(self, name: str | None) -> None:
        desk = self._options.desk
        if name is None:
            return
        if desk is None:
            self.notify(f"{name}, until the deck is closed", timeout=4, markup=False)
            return

        def save() -> None:
            from trunkline.config.desk import Edit

            try:
                desk.save(desk.plan(desk.read(), [Edit("theme", name)]))
            except ConfigError as error:
                self.call_from_thread(self._tell, [f"{name} is shown but could not be kept: {error}"])
            else:
                self.call_from_thread(self.notify, f"{name} is kept", timeout=3, markup=False)

        self.run_worker(save, thread=True, group="theme", exit_on_error=False)

    def action_bandwidth(self) -> None:
        """Spare the line, or no longer."""
        self.pace = pace_for(sparing=not self.pace.sparing)
        self.deck.post_message(PaceChanged(self.pace))
        now = "fewer and smaller updates" if self.pace.sparing else "every second again"
        self.notify(f"The deck draws {now}.", timeout=4, markup=False)

    def action_help(self) -> None:
        """What every key does, those that act here first; the same key closes it."""
        from trunkline.tui.screens.help import HelpScreen, scopes_here

        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
        else:
            self.push_screen(HelpScreen(scopes_here(self.screen)))

    # -- ways out -------------------------------------------------------------------------------------------

    def action_interrupt(self) -> None:
        """Where nothing was selected to be copied: who only watches leaves; who might lose something is told how."""
        if self._can_order:
            quits = self.key_table.named("quit").first_label
            self.notify(f"{quits} quits", timeout=4, markup=False)
        else:
            self.exit()

    # -- the palette ----------------------------------------------------------------------------------------

    def palette_commands(self, screen: Screen[object]) -> Iterator[Command]:
        """What the palette offers over a screen."""
        if screen is self.deck:
            return deck_commands(self.deck, self.key_table, self._run)
        return screen_commands(screen, self.key_table, self._run)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for command in self.palette_commands(screen):
            yield SystemCommand(command.title, command.help, command.run)

    async def _run(self, action: str, node: DOMNode) -> None:
        await self.run_action(action, node)
