"""The terminal and the signals that end a program in it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STDIN_CLOSED = 0  # where the number of a signal stands: there is none of that number


def has_terminal() -> bool:
    """Whether the control centre can be drawn: it reads stdin and draws on stderr, which Textual keeps for itself.
    A dumb terminal cannot move its cursor."""
    return (
        os.environ.get("TERM") != "dumb"
        and sys.stdin.isatty()
        and sys.stdout.isatty()
        and sys.stderr.isatty()
    )


def ending_signal(loop: asyncio.AbstractEventLoop) -> asyncio.Future[int]:
    """The number of the first ending signal, once it has come. Only the main thread's loop can wait for one."""
    came: asyncio.Future[int] = loop.create_future()

    def take(number: int) -> None:
        if not came.done():
            came.set_result(number)

    for number in ENDING:
        loop.add_signal_handler(number, take, number)
    return came


def tell_when_stdin_closes(loop: asyncio.AbstractEventLoop, came: asyncio.Future[int]) -> None:
    """Have `came` be `STDIN_CLOSED` once nobody holds the other end of stdin any more: a parent that is killed says
    nothing else."""

    def take() -> None:
        if not came.done():
            came.set_result(STDIN_CLOSED)

    def watch() -> None:
        with suppress(OSError, RuntimeError):
            while os.read(0, 4096):
                pass
            loop.call_soon_threadsafe(take)

    threading.Thread(target=watch, name="stdin-watch", daemon=True).start()


@contextmanager
def cleaning_up_on_signals() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP leave by SystemExit, so that what was started is ended and what was made removed.
    An event loop that handles them itself takes precedence."""
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
