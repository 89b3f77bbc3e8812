"""Looking at real processes: whose child is whose, who is gone, and what a terminal shows."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte
from tests.cli.conftest import LIMIT_S, clean_environment


def children_of(pid: int) -> set[int]:
    """The running processes whose parent is `pid`."""
    return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _stat(folder)[1:] == [str(pid)]}


def running(pid: int) -> bool:
    """Whether that process is there and not merely unburied."""
    state = _stat(Path("/proc") / str(pid))[:1]
    return bool(state) and state != ["Z"]


def _stat(folder: Path) -> list[str]:
    """State and parent; nothing for a process that is gone."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return []


_ALWAYS = {"TERM": "xterm-256color", "TRUNKLINE_VOCABULARIES": "off"}


class Terminal:
    """`python -m trunkline …` in a pseudo-terminal, and what that shows."""

    def __init__(self, *arguments: str, columns: int = 130, lines: int = 40, **environment: str) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.pid, self._ours = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            surroundings = clean_environment() | _ALWAYS | environment
            os.execve(sys.executable, [sys.executable, "-m", "trunkline", *arguments], surroundings)  # noqa: S606 - ourselves
        self.exit_code: int | None = None

    @property
    def text(self) -> str:
        """The screen as it stands."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def wait_for(self, shown: Callable[[str], bool], what: str) -> str:
        """Read until the screen shows it."""
        deadline_s = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline_s:
            if shown(self.text):
                return self.text
            if not self._read(0.1):
                break
        raise AssertionError(f"the terminal never showed {what}:\n{self.text}")

    def is_cooked(self) -> bool:
        """Whether the terminal echoes and edits lines again, as a shell expects it."""
        local_flags = termios.tcgetattr(self._ours)[3]
        return bool(local_flags & termios.ECHO and local_flags & termios.ICANON)

    def close(self) -> None:
        """Close the terminal, and end a program that a failed test has left in it."""
        if self._ours >= 0:
            self.hang_up()
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def hang_up(self) -> None:
        """Close the terminal under the program."""
        os.close(self._ours)
        self._ours = -1

    def wait(self) -> int:
        """The exit code; whatever it still writes is read."""
        deadline_s = time.monotonic() + LIMIT_S
        while self.exit_code is None:
            if time.monotonic() > deadline_s:
                raise AssertionError(f"the program did not end:\n{self.text}")
            if self._ours < 0 or not self._read(0.05):
                time.sleep(0.02)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.exit_code = os.waitstatus_to_exitcode(status)
        while self._ours >= 0 and self._read(0.05):
            pass
        return self.exit_code

    def _read(self, limit_s: float) -> bool:
        """Take in what was written; False when nobody will write any more, or nobody has and the program is over."""
        if not select.select([self._ours], [], [], limit_s)[0]:
            return self.exit_code is None
        try:
            chunk = os.read(self._ours, 65536)
        except OSError:
            return False
        self.raw += chunk
        self._stream.feed(chunk)
        return bool(chunk)
