"""The deck as a real process in a pseudo-terminal: every way out closes the engine."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

CHILD = """
import signal
import sys
import threading
import time
from pathlib import Path
from trunkline.tui import DeckOptions, run_deck
assert "textual" not in sys.modules
if {busy!r}:
    from trunkline.tui import terminal_watch
    terminal_watch.CHECK_EVERY_S, terminal_watch.GRACE_S = 0.2, 0.5
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])

def make():
    from tests.support import deck_world
    from tests.support.fake_engine import FakeEngine

    class Marking(FakeEngine):
        def start(self, listener):
            super().start(listener)
            self.tell(deck_world.snapshot())
            if {busy!r}:
                threading.Thread(target=self.keep_drawing, daemon=True).start()

        def keep_drawing(self):
            while True:
                for mode in ("balanced", "cost_first"):
                    self.tell(deck_world.snapshot(mode=mode))
                    time.sleep(0.01)

        def close(self, timeout_s=3.0):
            Path({marker!r}).write_text("closed")

    return Marking()

sys.exit(run_deck(make, options=DeckOptions()))
"""


def start(marker: Path, *, busy: bool = False, **environment: str) -> tuple[int, int]:
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "PYTHONPATH": str(Path.cwd()), **environment})
        os.execv(sys.executable, [sys.executable, "-c", CHILD.format(marker=str(marker), busy=busy)])  # noqa: S606
    return pid, master


def read_until(master: int, wanted: str, seconds: float = 15.0) -> str:
    seen, deadline = "", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                seen += os.read(master, 65536).decode("utf-8", "replace")
            except OSError:
                break
    assert wanted in seen, seen[-2000:]
    return seen


def wait_exit(pid: int, seconds: float = 10.0) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the deck did not end")


def drain(master: int) -> None:
    while select.select([master], [], [], 0.2)[0]:
        try:
            if not os.read(master, 65536):
                return
        except OSError:
            return


@pytest.mark.parametrize(
    ("way_out", "code"), [("ctrl+q", 0), ("SIGTERM", 143), ("SIGHUP", 129), ("hangup", 129)]
)
def test_every_way_out_closes_the_engine(tmp_path: Path, way_out: str, code: int) -> None:
    marker = tmp_path / "closed"
    pid, master = start(marker, NO_COLOR="1", COLORTERM="truecolor")
    seen = read_until(master, "$1.84")
    colours = [part.split("m")[0] for part in seen.split("\x1b[38;2;")[1:]]
    assert all(len(set(colour.split(";")[:3])) == 1 for colour in colours), "only greys may remain"
    if way_out == "ctrl+q":
        os.write(master, b"\x11")
    elif way_out == "hangup":
        os.close(master)
    else:
        os.kill(pid, signal.Signals[way_out])
    if way_out != "hangup":
        drain(master)
    assert wait_exit(pid) == code
    assert marker.read_text() == "closed"
    if way_out != "hangup":
        os.close(master)


def test_a_terminal_that_vanishes_while_drawing_and_without_a_signal_ends_the_deck(tmp_path: Path) -> None:
    marker = tmp_path / "closed"
    pid, master = start(marker, busy=True)
    read_until(master, "$1.84")
    os.close(master)
    assert wait_exit(pid) == 129
    assert marker.read_text() == "closed"
