"""What becomes of a failure that nobody expected: the terminal is given back, the log keeps where, one sentence says
so. Textual would print every local variable, and with them what was said in the conversation."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import traceback
from pathlib import Path
from typing import TypeVar

from textual.app import App
from textual.worker import WorkerFailed

from trunkline.domain.text import redact, strip_controls

_LONGEST = 300

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class PlainlyFailingApp(App[_Result], inherit_bindings=False):
    """An application that ends by a handler's failure without painting it over the shell; `failure` is the first."""

    failure: BaseException | None = None

    def _handle_exception(self, error: Exception) -> None:
        cause = error.error if isinstance(error, WorkerFailed) else error
        if self.failure is None:
            self.failure = cause
        _log.error("the screen ended by a failure of its own", exc_info=cause)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()


def log_failures_of_threads() -> None:
    """From now on: a thread's failure would be written over the screen, or nowhere."""

    def keep(failed: threading.ExceptHookArgs) -> None:
        name = failed.thread.name if failed.thread is not None else "unnamed"
        _log.error("the thread %s failed", name, exc_info=failed.exc_value)

    threading.excepthook = keep


def say_failure(error: BaseException, log_file: Path | None) -> None:
    """Once the terminal is the shell's again: what happened and where more stands. Without a log that outlives this
    process the trace itself is said."""
    said = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
    lines = [f"trunkline: the control centre ended by a fault of its own ({said})."]
    if log_file is None:
        lines[:0] = traceback.format_exception(error)
    else:
        lines.append(f"{log_file} says where.")
    with contextlib.suppress(OSError):  # the terminal may be what failed
        sys.stderr.write("".join(redact(strip_controls(line)).rstrip() + "\n" for line in lines))
        sys.stderr.flush()
