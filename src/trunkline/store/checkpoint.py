"""Moving what was committed from the write-ahead log into the file, beside the writer instead of in its way."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path


class Checkpointer:
    """Checkpoints on a short-lived thread with a connection of its own: it takes tens of milliseconds (most of it
    waiting for the disk), during which the writer thread goes on writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin a checkpoint, unless one is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="trunkline-checkpoint", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait for the one under way."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        # Whatever goes wrong here goes wrong for the writer too, which says so.
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(self._path, isolation_level=None)) as connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
