"""What the deck remembers from one time to the next, in a small JSON file of its own. Nothing in it is needed: a file
that cannot be read counts as none, one that cannot be written as nothing remembered."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from trunkline.config.edit import write_private
from trunkline.domain.errors import ConfigError


class DeckMemory:
    """Values by name, JSON-encodable; written at once when one changes. Without a file it forgets with the process."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._values: dict[str, object] = {}
        if file is not None:
            with contextlib.suppress(OSError, ValueError):
                found = json.loads(file.read_text(encoding="utf-8"))
                self._values = found if isinstance(found, dict) else {}

    def strings(self, name: str) -> tuple[str, ...]:
        """The texts kept under a name; none where something else is."""
        found = self._values.get(name)
        return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()

    def keep(self, name: str, values: tuple[str, ...]) -> None:
        """Keep texts under a name."""
        if self.strings(name) == values:
            return
        self._values[name] = list(values)
        if self._file is not None:
            with contextlib.suppress(ConfigError):
                write_private(self._file, json.dumps(self._values, ensure_ascii=False))
