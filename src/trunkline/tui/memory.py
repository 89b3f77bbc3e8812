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
    """Values by name, JSON-encodable; written on a thread when one changes, over what other decks have written since.
    Without a file it forgets with the process. May be used on any thread, and never waits for the file but to read it
    once, when it is made."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._values: dict[str, object] = self._read()
        self._unwritten: dict[str, object] = {}
        self._added: list[tuple[str, str, int]] = []

    def strings(self, name: str) -> tuple[str, ...]:
        """The texts kept under a name; none where something else is."""
        found = self._values.get(name)
        return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()

    def keep(self, name: str, values: tuple[str, ...]) -> None:
        """Keep texts under a name."""
        with self._lock:
            if self.strings(name) == values:
                return
            self._values[name] = self._unwritten[name] = list(values)
        self._write_soon()

    def add(self, name: str, text: str, most: int) -> None:
        """Put one text behind those kept under a name, also behind those of another deck; of all, the last `most`."""
        with self._lock:
            if self.strings(name)[-1:] == (text,):
                return
            self._values[name] = [*self.strings(name), text][-most:]
            self._added.append((name, text, most))
        self._write_soon()

    def _write_soon(self) -> None:
        if self._file is not None:
            threading.Thread(target=self.flush, name="memory").start()

    def flush(self) -> None:
        """Write what is not written yet, and wait for who is at it: whichever thread comes first, the last word
        stands."""
        with self._writing:
            with self._lock:
                kept, self._unwritten = self._unwritten, {}
                added, self._added = self._added, []
            if not kept and not added:
                return
            values = self._read() | kept
            for name, text, most in added:
                before = values.get(name)
                texts = before if isinstance(before, list) else []
                values[name] = [*texts, text][-most:]
            if self._file is not None:
                with contextlib.suppress(ConfigError):
                    write_private(self._file, json.dumps(values, ensure_ascii=False))

    def _read(self) -> dict[str, object]:
        with contextlib.suppress(OSError, ValueError):
            found = None if self._file is None else json.loads(self._file.read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}
