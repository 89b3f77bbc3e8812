"""How an application is left from outside: by a signal, or because its terminal is gone."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

_LOST = 1  # SIGHUP's number, also where there is no such signal
_SIGNALS = (signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else (signal.SIGTERM,)


class WaysOut:
    """`leave` is called on the application's loop with the exit code of a process ended so: 128 and the signal's
    number."""

    def __init__(self, leave: Callable[[int], object]) -> None:
        self._leave = leave
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Obey signals from now on; call it on the application's loop."""
        loop = self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            try:
                loop.add_signal_handler(number, self._leave, 128 + number)
            except (NotImplementedError, RuntimeError, ValueError):
                break  # not the main thread, or a platform without: the terminal watch remains

    def terminal_lost(self) -> None:
        """As if it hung up. May be called on any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._leave, 128 + _LOST)
