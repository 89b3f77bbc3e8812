"""A failure that nobody expected ends the deck in order: code, terminal, log and one sentence."""

from __future__ import annotations

import json
import os
import pty
import sys
import termios
import threading
from pathlib import Path

import pytest
from tests.tui.test_process import read_until, wait_exit

from trunkline.tui.failure import log_failures_of_threads, say_failure

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from trunkline.engine.logs import start_logging
from trunkline.tui import DeckOptions, run_deck

def make():
    from tests.support import deck_world
    from tests.support.fake_engine import FakeEngine

    class Telling(FakeEngine):
        def start(self, listener):
            super().start(listener)
            self.tell(deck_world.snapshot())

        def close(self, timeout_s=3.0):
            Path({closed!r}).touch()

    return Telling()

from trunkline.tui.app import DeckApp

def fail(*_):
    said = "what was said in confidence"
    raise LookupError("no such \\x1b[31mthing sk-canary-1234567")

async def fail_later():
    fail()

if {where!r} == "handler":
    DeckApp.action_help = fail
elif {where!r} == "worker":
    DeckApp.action_help = lambda app: app.run_worker(fail_later()) and None
elif {where!r} == "timer":
    DeckApp.action_help = lambda app: app.set_timer(0.01, fail) and None
elif {where!r} == "drawing":
    from trunkline.tui.screens.deck import DeckScreen
    def break_drawing(app):
        DeckScreen.render = fail
        app.screen.refresh()
    DeckApp.action_help = break_drawing

log = start_logging(Path({logs!r}), "test")
try:
    code = run_deck(make, options=DeckOptions(log_file=log.path))
finally:
    log.stop()
sys.exit(code)
"""


@pytest.mark.parametrize("where", ["handler", "worker", "timer", "drawing"])
def test_a_failure_ends_the_deck_with_a_code_a_log_and_a_sentence(tmp_path: Path, where: str) -> None:
    closed, logs = tmp_path / "closed", tmp_path / "logs"
    child = CHILD.format(where=where, closed=str(closed), logs=str(logs))
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "PYTHONPATH": str(Path.cwd())})
        os.execv(sys.executable, [sys.executable, "-c", child])  # noqa: S606
    read_until(master, "$1.84")
    os.write(master, b"\x1bOP")
    seen = read_until(master, "says where.")
    local_flags = termios.tcgetattr(master)[3]
    assert wait_exit(pid) == 1
    os.close(master)
    assert local_flags & termios.ECHO
    assert local_flags & termios.ICANON
    after = seen.rpartition("\x1b[?1049l")[2]
    assert "\x1b[?25h" in seen.rpartition("\x1b[?25l")[2], "the cursor is shown again"
    assert "LookupError: no such thing •••" in after
    assert "Traceback" not in after
    assert "confidence" not in after
    (file,) = logs.iterdir()
    assert file.name in "".join(after.split())
    line = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
    assert "Traceback" in line["exception"]
    assert "in fail" in line["exception"]
    assert closed.exists(), "the engine was closed"


def test_without_a_log_the_trace_itself_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise LookupError("\x1b]0;title\x07lost")
    except LookupError as error:
        say_failure(error, None)
    said = capsys.readouterr().err
    assert "test_without_a_log" in said
    assert said.splitlines()[-1] == (
        "trunkline: the control centre ended by a fault of its own (LookupError: lost)."
    )


def test_what_fails_on_a_thread_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    log_failures_of_threads()

    def fail() -> None:
        raise LookupError("lost")

    thread = threading.Thread(target=fail, name="reader")
    thread.start()
    thread.join()
    assert "the thread reader failed" in caplog.text
    assert "LookupError: lost" in caplog.text
