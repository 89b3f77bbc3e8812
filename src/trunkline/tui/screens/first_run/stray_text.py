"""Text that comes where only keys are wanted: pasted without marks, or typed before the screen was there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Container

# Keys that come so soon after a stray one are of the same text; a person takes longer.
_SAME_TEXT_S = 0.15


class StrayText:
    """Tells single keys that are meant from those that are a part of a text: a letter that means nothing here, and
    whatever follows it without a pause, enter too."""

    def __init__(self, meant: Container[str]) -> None:
        self._meant = meant
        self._last_s: float | None = None

    def takes(self, key: str, *, is_printable: bool, at_s: float) -> bool:
        """Whether `key`, pressed at `at_s` (monotonic seconds), is a part of a text."""
        goes_on = self._last_s is not None and at_s - self._last_s < _SAME_TEXT_S
        if goes_on or (is_printable and key not in self._meant):
            self._last_s = at_s
            return True
        return False


def forget_typed_ahead() -> None:
    """Drop what was typed at the terminal before anybody could see what it would do."""
    if sys.__stdin__ is None or not sys.__stdin__.isatty():
        return
    try:
        import termios
    except ImportError:  # no such thing on Windows
        return
    with contextlib.suppress(termios.error, OSError):
        termios.tcflush(sys.__stdin__.fileno(), termios.TCIFLUSH)
