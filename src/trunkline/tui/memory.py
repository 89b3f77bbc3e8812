"""What the deck remembers from one time to the next, in a small JSON file of its own. Nothing in it is needed: a file
that cannot be read counts as none, one that cannot be written as nothing remembered."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

from trunkline.config.edit import write_private
from trunkline.domain.errors import ConfigError


class DeckMemory:
    """Values by name, JSON-encodable; written at once when one changes, over what other decks have written since.
    Without a file it forgets with the process. May be used on any thread."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._values: dict[str, object] = self._read()

    def strings(self, name: str) -> tuple[str, ...]:
        """The texts kept under a name; none where something else is."""
        found = self._values.get(name)
        return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()

    def keep(self, name: str, values: tuple[str, ...]) -> None:
        """Keep texts under a name."""
        with self._lock:
            if self.strings(name) != values:
                self._write({**self._values, **self._read(), name: list(values)})

    def add(self, name: str, text: str, most: int) -> None:
        """Put one text behind those kept under a name, also behind those of another deck; of all, the last `most`."""
        with self._lock:
            self._values |= self._read()
            texts = self.strings(name)
            if texts[-1:] != (text,):
                self._write({**self._values, name: [*texts, text][-most:]})

    def _read(self) -> dict[str, object]:
        with contextlib.suppress(OSError, ValueError):
            found = None if self._file is None else json.loads(self._file.read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}

    def _write(self, values: dict[str, object]) -> None:
        self._values = values
        if self._file is not None:
            with contextlib.suppress(ConfigError):
                write_private(self._file, json.dumps(values, ensure_ascii=False))
