"""Colour themes from TOML files. A file that cannot be used is named, never fatal."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path

from textual.theme import Theme

from trunkline.domain.errors import ConfigError
from trunkline.tui.options import TERMINAL_THEME, DeckOptions

_FIELDS = {field.name: field for field in fields(Theme)}


def shipped_themes_folder() -> Path:
    """The folder of the themes that come with Trunkline: inside the wheel, or of the checkout."""
    package = Path(__file__).resolve().parent.parent
    in_wheel = package / "shipped" / "themes"
    return in_wheel if in_wheel.is_dir() else package.parent.parent / "themes"


def read_theme(path: Path) -> Theme:
    """The theme of a file; its name is the file's. Raises ConfigError when it cannot be used."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            file=path, key="", value=None, expected=f"a readable TOML file ({error})"
        ) from error
    for key, value in values.items():
        if key not in _FIELDS or key == "name":
            known = ", ".join(name for name in _FIELDS if name != "name")
            raise ConfigError(file=path, key=key, value=value, expected=f"one of the keys {known}")
    if not isinstance(values.get("primary"), str):
        raise ConfigError(file=path, key="primary", value=values.get("primary"), expected="a colour")
    try:
        theme = Theme(name=path.stem, **values)
        theme.to_color_system().generate()
    except Exception as error:
        raise ConfigError(file=path, key="", value=None, expected=f"usable colours ({error})") from error
    return theme


def read_themes(*folders: Path) -> tuple[tuple[Theme, ...], tuple[str, ...]]:
    """All themes of these folders, later ones of the same name instead of earlier ones, and what could not be
    used, in sentences."""
    themes: dict[str, Theme] = {}
    errors: list[str] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            try:
                themes[path.stem] = read_theme(path)
            except ConfigError as error:
                errors.append(str(error))
    return tuple(themes.values()), tuple(errors)


class ThemeShelf:
    """The themes of Trunkline and of the user's folder; knows when a file there is another one. Reads files."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen: tuple[tuple[str, int, int], ...] = ()
        self.ours: frozenset[str] = frozenset()
        self.theirs: frozenset[str] = frozenset()
        self.problems: tuple[str, ...] = ()

    def read(self) -> tuple[Theme, ...]:
        """All of them; `problems` says which could not be used."""
        self._seen = self._look()
        shipped, _ = read_themes(shipped_themes_folder())
        own, self.problems = read_themes(self._folder) if self._folder is not None else ((), ())
        self.theirs = frozenset(theme.name for theme in own)
        self.ours = frozenset(theme.name for theme in shipped) - self.theirs
        return (*(theme for theme in shipped if theme.name in self.ours), *own)

    def has_changed(self) -> bool:
        """Whether the user's folder is not as it was read."""
        return self._look() != self._seen

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        if self._folder is None:
            return ()
        try:
            found = [(path.name, path.stat()) for path in sorted(self._folder.glob("*.toml"))]
        except OSError:
            return self._seen  # a file on its way in or out
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)


def usable_theme(
    wanted: str | None, available: Collection[str], *, few_colours: bool
) -> tuple[str | None, str | None]:
    """The theme to show for what the user wants, and what is wrong with the wish. Our default stands for the
    terminal's own colours where there are no more than sixteen."""
    default = TERMINAL_THEME if few_colours else DeckOptions.DEFAULT_THEME
    if wanted in (None, DeckOptions.DEFAULT_THEME):
        return (default if default in available else None), None
    if wanted in available:
        return wanted, None
    from trunkline.config.problems import suggestion  # imports more than a first paint should wait for

    near = suggestion(wanted or "", available)
    problem = f"there is no theme called {wanted}; using {default}. {near}".rstrip()
    return (default if default in available else None), problem
