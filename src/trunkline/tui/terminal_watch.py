"""Notices that the terminal is gone, from a thread of its own.

Textual's writer thread dies with the terminal and its queue is bounded, so the next writes block the event loop
for ever: no signal handler and no timer of the loop can be relied on then.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

CHECK_EVERY_S = 1.0
GRACE_S = 3.0
LOST_EXIT_CODE = 129


def terminal_is_there() -> bool:
    """Whether standard input is still a terminal that answers. True where there are no such terminals."""
    try:
        import termios
    except ImportError:
        return True
    try:
        termios.tcgetattr(sys.__stdin__.fileno() if sys.__stdin__ else 0)
    except (termios.error, OSError, ValueError):
        return False
    return True


class TerminalWatch:
    """When the terminal is gone, calls `leave`; if `stop` has not been called `GRACE_S` later, calls `last_words`
    and ends the process."""

    def __init__(self, leave: Callable[[], object], last_words: Callable[[], object]) -> None:
        self._leave = leave
        self._last_words = last_words
        self._over = threading.Event()

    def start(self) -> None:
        """Watch, if there is a terminal to lose."""
        if terminal_is_there():
            threading.Thread(target=self._watch, name="terminal-watch", daemon=True).start()

    def stop(self) -> None:
        """The deck is ending by itself."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(CHECK_EVERY_S):
            if terminal_is_there():
                continue
            self._leave()
            if not self._over.wait(GRACE_S):
                self._last_words()
                os._exit(LOST_EXIT_CODE)
            return
