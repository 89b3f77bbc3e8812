"""Where Trunkline keeps its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "TRUNKLINE_HOME"
APP_NAME = "trunkline"


@dataclass(frozen=True, slots=True)
class Places:
    """The three folders, and the files within them. Nothing is created here."""

    config_dir: Path
    data_dir: Path
    state_dir: Path

    @property
    def providers_file(self) -> Path:
        """The user's own providers, accounts and models."""
        return self.config_dir / "providers.toml"

    @property
    def preferences_file(self) -> Path:
        """The user's own preferences."""
        return self.config_dir / "preferences.toml"

    @property
    def store_file(self) -> Path:
        """The SQLite store."""
        return self.data_dir / "trunkline.db"

    @property
    def found_file(self) -> Path:
        """The model servers that were found on this machine, and when."""
        return self.state_dir / "local-servers.json"

    @property
    def deck_file(self) -> Path:
        """What the control centre remembers from one time to the next: its layout, the messages written."""
        return self.state_dir / "deck.json"

    @property
    def themes_dir(self) -> Path:
        """The user's own colours."""
        return self.config_dir / "themes"

    @property
    def log_dir(self) -> Path:
        """One log file per process is kept here."""
        return self.state_dir / "logs"


def find_places(environ: Mapping[str, str]) -> Places:
    """`TRUNKLINE_HOME` holds everything where it is set; otherwise the platform's own folders."""
    home = environ.get(HOME_VARIABLE, "").strip()
    if home:
        folder = Path(home).expanduser().absolute()
        return Places(folder, folder, folder)
    import platformdirs

    dirs = platformdirs.PlatformDirs(APP_NAME, appauthor=False)
    return Places(Path(dirs.user_config_dir), Path(dirs.user_data_dir), Path(dirs.user_state_dir))


def shipped_providers_file() -> Path:
    """The catalogue that ships: inside the wheel, or at the root of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "shipped" / "providers.toml"
    return installed if installed.is_file() else package.parent.parent / "providers.toml"


def shipped_preferences_file() -> Path:
    """The preferences that ship."""
    return Path(__file__).resolve().parent / "preferences.toml"
