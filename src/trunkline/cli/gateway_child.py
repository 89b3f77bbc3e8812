"""The deck's gateway: `trunkline serve` in a process of its own that ends with the deck."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from trunkline.domain.errors import TrunklineError
from trunkline.domain.text import strip_controls
from trunkline.gateway.snippets import snippets
from trunkline.tui.gateway_switch import (
    ClientLines,
    GatewayOff,
    GatewayOn,
    GatewayStarting,
    GatewayState,
    GatewayStopping,
)

_LAST_WAIT_S = 1.5
_MOST_COMPLAINTS = 4_000
_PROGRAM = "trunkline: "

Told = Callable[[GatewayState], None]


class GatewayChild:
    """`tui.gateway_switch.GatewaySwitch`. The child goes when the other end of its stdin is let go of, by `stop`, by
    `close`, or because this process is gone, however that came. `environ` is the child's; `arguments` are added to
    those of `serve`: asked for at each start, on a thread where they may take their time and raise TrunklineError."""

    def __init__(
        self, environ: Mapping[str, str], arguments: Callable[[], Sequence[str]] = lambda: ()
    ) -> None:
        self._environ = dict(environ)
        self._arguments = arguments
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._watcher: threading.Thread | None = None
        self._told: Told = lambda _: None
        self._is_on = self._is_stopping = False

    # -- the switch ---------------------------------------------------------------------------------------------

    def start(self, told: Told) -> None:
        """See `GatewaySwitch.start`."""
        with self._lock:
            if self._watcher is not None and self._watcher.is_alive():
                return
            self._is_on = self._is_stopping = False
            self._told = told
            self._watcher = threading.Thread(target=self._run, name="gateway", daemon=True)
            self._watcher.start()

    def stop(self) -> None:
        """See `GatewaySwitch.stop`."""
        with self._lock:
            process, finishing = self._process, self._is_on and not self._is_stopping
            self._is_stopping = True
            if process is None:
                return
            if finishing:
                _let_go(process)
                self._told(GatewayStopping(process.pid))
            else:
                process.terminate()

    def lines(self, base_url: str, token: str | None, *, needs_token: bool) -> tuple[ClientLines, ...]:
        """See `GatewaySwitch.lines`."""
        found = snippets(base_url, token, needs_token=needs_token)
        return tuple(ClientLines(one.client, one.title, one.lines, one.note) for one in found)

    def close(self) -> None:
        """Have it end, and wait a little: what is at work in it may finish after this process."""
        with self._lock:
            self._is_stopping = True
            if self._process is not None:
                _let_go(self._process)
        if self._watcher is not None:
            self._watcher.join(_LAST_WAIT_S)

    # -- on a thread of its own ---------------------------------------------------------------------------------

    def _run(self) -> None:
        self._told(GatewayStarting())
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            try:
                process = self._begin(complaints)
            except (OSError, TrunklineError) as error:
                self._told(GatewayOff(strip_controls(str(error))))
                return
            with process:
                self._follow(process)
            self._told(GatewayOff("" if self._is_stopping else _why(process.returncode, complaints)))

    def _begin(self, complaints: IO[str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "trunkline", "serve", "--json", "--until-stdin-closes"]
        # A session of its own: what the terminal sends its programs, a Ctrl-C or its end, is the deck's to handle.
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*command, *self._arguments()],
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
        )

    def _follow(self, process: subprocess.Popen[str]) -> None:
        """Tell that it listens, and return when it has ended."""
        with self._lock:
            self._process = process
            if self._is_stopping:
                process.terminate()
        if process.stdout is not None:
            said = _said(process.stdout.readline())
            with self._lock:
                self._is_on = said is not None
            if said is not None and not self._is_stopping:
                self._told(GatewayOn(process.pid, *said))
            process.stdout.read()
        process.wait()
        with self._lock:
            self._process = None


def _said(line: str) -> tuple[str, str | None] | None:
    """Address and token of what `serve --json` printed; None where it printed nothing of the kind."""
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(line)
        token = said["token"]
        return str(said["base_url"]), None if token is None else str(token)
    return None


def _let_go(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def _why(code: int, complaints: IO[str]) -> str:
    """The command's own words, or that it had none."""
    complaints.seek(0)
    words = strip_controls(complaints.read(_MOST_COMPLAINTS)).strip().removeprefix(_PROGRAM)
    return words or f"its process ended by itself, with code {code}; its log says more"
