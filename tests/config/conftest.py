from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from trunkline.config.load import Loaded, load
from trunkline.config.places import Places, find_places


class Home:
    """A configuration folder of a user, and a load of it."""

    def __init__(self, folder: Path) -> None:
        self.places: Places = find_places({"TRUNKLINE_HOME": str(folder)})

    def write(self, *, providers: str | None = None, preferences: str | None = None) -> None:
        if providers is not None:
            self.places.providers_file.write_text(providers)
        if preferences is not None:
            self.places.preferences_file.write_text(preferences)

    def load(
        self,
        providers: str | None = None,
        preferences: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Loaded:
        self.write(providers=providers, preferences=preferences)
        return load(self.places, environ or {})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)
