"""Colours shown while they are being chosen, and put back where nothing was saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from textual.app import App
from textual.theme import BUILTIN_THEMES

from trunkline.config.settings import Setting
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.themes import usable_theme

THEME = "theme"


class ThemePreview:
    """Knows the colours that are to hold when the screen is left."""

    def __init__(self) -> None:
        self._kept = ""
        self._names: tuple[str, ...] = ()

    def begin(self, app: App[object]) -> None:
        """Remember what holds now, and what there is to choose from: ours and the user's before Textual's."""
        self._kept = app.theme
        self._names = tuple(sorted(app.available_themes, key=lambda name: (name in BUILTIN_THEMES, name)))

    def with_names(self, settings: Iterable[Setting]) -> tuple[Setting, ...]:
        """The settings, the one of colours with the names that there are."""
        return tuple(
            replace(setting, suggestions=self._names) if setting.key == THEME else setting
            for setting in settings
        )

    def refusal(self, name: str) -> str | None:
        """Why these colours cannot be had."""
        return (
            None
            if name in self._names
            else f"expected one of the themes there are: {', '.join(self._names[:4])} …"
        )

    def show(self, app: App[object], draft: Draft) -> None:
        """The colours of a draft, where it changes them; else those that hold."""
        wanted = draft.value(THEME) if draft.is_changed(THEME) else self._kept
        self.show_name(app, str(wanted))

    def show_name(self, app: App[object], name: str) -> None:
        """Colours by name, where there are such."""
        if name in self._names and name != app.theme:
            app.theme = name

    def forget(self) -> None:
        """The files have been written: what they say then is what holds."""
        self._kept = ""

    def settle(self, app: App[object], draft: Draft) -> None:
        """After the files were read: what they say holds where that is not known yet."""
        if self._kept or THEME not in draft.settings:
            return
        few_colours = app.console.color_system in (None, "standard")
        stated = str(draft.settings[THEME].current)
        self._kept = usable_theme(stated, self._names, few_colours=few_colours)[0] or app.theme
        self.show(app, draft)

    def end(self, app: App[object]) -> None:
        """Back to what holds."""
        self.show_name(app, self._kept)
