"""Log files: JSON lines without content, one file a process, written off the event loop, old ones swept."""

from __future__ import annotations

import copy
import datetime as dt
import io
import json
import logging
import logging.handlers
import os
import queue
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trunkline.domain.text import redact, strip_controls

_MOST_FILES = 20
_MOST_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class ProcessLog:
    """Where this process logs, None if nowhere; `stop` writes what is left and closes it."""

    path: Path | None
    stop: Callable[[], None]


def start_logging(log_dir: Path, process_name: str, *, level: int = logging.INFO) -> ProcessLog:
    """Send everything logged under `trunkline` to a file of this process in `log_dir`. A folder that cannot be
    written is no reason not to run: nothing is logged then."""
    try:
        log_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(log_dir)
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        path = log_dir / f"{stamp}-{process_name}-{os.getpid()}.log"
        file_handler = _PrivateFile(path, maxBytes=_MOST_BYTES, backupCount=1, encoding="utf-8")
    except OSError:
        return ProcessLog(None, _nothing)
    file_handler.setFormatter(_JsonLines())
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    queue_handler = _Handing(records)
    listener = logging.handlers.QueueListener(records, file_handler)
    logger = logging.getLogger("trunkline")
    before = logger.level, logger.propagate
    logger.setLevel(level)
    logger.propagate = False
    logger.addHandler(queue_handler)
    listener.start()

    def stop() -> None:
        logger.removeHandler(queue_handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        listener.stop()
        with suppress(OSError):  # the last lines of a log that a full disk does not take
            file_handler.close()

    return ProcessLog(path, stop)


class _Handing(logging.handlers.QueueHandler):
    """Hands records over with their arguments and the trace made text; Python's own puts both into the message."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        handed = copy.copy(record)
        handed.msg, handed.args = record.getMessage(), None
        if record.exc_info:
            handed.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
            handed.exc_info = None
        return handed


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner may read, after every rotation too. What it does not take (a full disk) is
    left out: Python would print each record with a trace, over a deck or into what a supervisor keeps."""

    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return io.TextIOWrapper(io.BufferedWriter(io.FileIO(descriptor, "a")), encoding=self.encoding)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - Python's name
        """Go on; a fault of our own is still printed."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class _JsonLines(logging.Formatter):
    """One JSON object a line; whatever looks like a credential is taken out."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(strip_controls(record.getMessage())),
        }
        request_id = getattr(record, "request_id", None)
        if request_id is not None:
            line["request_id"] = str(request_id)
        if record.exc_text:
            line["exception"] = redact(record.exc_text)
        return json.dumps(line, ensure_ascii=False)


def _sweep(log_dir: Path) -> None:
    newest_first = sorted(log_dir.glob("*.log*"), key=lambda path: path.name, reverse=True)
    for path in newest_first[_MOST_FILES:]:
        path.unlink(missing_ok=True)


def _nothing() -> None:
    return
