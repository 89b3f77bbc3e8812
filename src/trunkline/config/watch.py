"""Noticing that configuration files have changed, cheaply enough to ask every second."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_Stamp = tuple[int, int, int] | None


class ConfigWatcher:
    """Compares modification time, size and inode of some files. Whoever asks reloads; when that fails, the last
    good configuration stays in force with its owner, and the watcher speaks again at the next change."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._stamps = self._look()

    def changed(self) -> bool:
        """Whether any file changed, came or went since the last call (or since the watcher was made)."""
        stamps = self._look()
        changed = stamps != self._stamps
        self._stamps = stamps
        return changed

    def _look(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
