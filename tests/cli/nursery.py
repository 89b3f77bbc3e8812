"""Runs commands in processes of their own that need not import Trunkline anew: each is forked from one that has. That
saves half a second of CPU a command, three quarters of what most take.

Arguments, variables, folder and streams are the command's own, and so is its end. What it does not have is Python's
start: that is for `Cli.start` and `Terminal`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_COMMANDS = ("trunkline.cli.commands.ask", "trunkline.cli.commands.explain", "trunkline.cli.state_text")
_FOR_CALLS = (
    "trunkline.providers.openai.wire",
    "trunkline.providers.transport.http",
    "httpx_aiohttp",
    "aiosqlite",
)
# Read by Python itself while it starts.
_OF_THE_START = ("PYTHON", "LC_", "LANG")


@dataclass(frozen=True, slots=True)
class Nursery:
    """The process that has imported. One command runs at a time."""

    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Nursery:
        """Begin; it imports while the caller goes on."""
        command, pipe = [sys.executable, __file__], subprocess.PIPE
        return cls(subprocess.Popen(command, bufsize=0, env=dict(environment), stdin=pipe, stdout=pipe))

    @staticmethod
    def can_give(environment: Mapping[str, str]) -> bool:
        """Whether a command with these variables would be the same, had it begun with Python's start."""
        return all(os.environ.get(n) == v for n, v in environment.items() if n.startswith(_OF_THE_START))

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], given: str | None, limit_s: float
    ) -> subprocess.CompletedProcess[str]:
        """`python -m trunkline` with these arguments, to its end. Raises TimeoutError."""
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder) / name for name in ("in", "out", "err")]
            streams[0].write_text(given or "", encoding="utf-8")
            order = {
                "arguments": list(arguments),
                "environment": dict(environment),
                "folder": str(Path.cwd()),
                "limit_s": limit_s,
                "streams": [os.devnull if given is None else str(streams[0]), *map(str, streams[1:])],
            }
            told, heard = self._pipes
            told.write(json.dumps(order).encode() + b"\n")
            code = int(heard.readline())
            if code == -signal.SIGALRM:
                raise TimeoutError(f"{' '.join(arguments)} was not over in {limit_s} s")
            return subprocess.CompletedProcess(
                arguments, code, *(stream.read_text(encoding="utf-8") for stream in streams[1:])
            )

    def end(self, limit_s: float) -> None:
        """Let go of it."""
        for pipe in self._pipes:
            pipe.close()
        self.process.wait(limit_s)

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        told, heard = self.process.stdin, self.process.stdout
        assert told is not None
        assert heard is not None
        return told, heard


def work() -> None:
    """What the process does: one line is one command, and its exit code is the answer."""
    for module in (*_COMMANDS, *_FOR_CALLS):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    while line := sys.stdin.buffer.readline():
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(order: Mapping[str, Any]) -> None:
    """Go on as the command, which the system ends at its time limit."""
    signal.setitimer(signal.ITIMER_REAL, order["limit_s"])
    for number, name in enumerate(order["streams"]):
        stream = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["trunkline", *order["arguments"]]
    runpy.run_module("trunkline", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    work()
