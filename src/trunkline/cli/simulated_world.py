"""Simulated providers in a child process, and a temporary home beside them: what the demo and the drill run on."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trunkline.config.places import Places
from trunkline.domain.errors import TrunklineError
from trunkline.domain.text import strip_controls

_START_LIMIT_S = 20.0
_STOP_LIMIT_S = 2.0
_COMPLAINTS = "simulator.err"


class SimulatorError(TrunklineError):
    """The simulated providers did not start."""


@dataclass(frozen=True, slots=True)
class SimulatedWorld:
    """A running simulator and a home. `close` ends the one and removes the other."""

    home: Path
    simulator: subprocess.Popen[str]
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _port: list[int] = field(default_factory=list)

    @classmethod
    def start(
        cls, name: str, describe: Callable[[Path], Path], *, seed: int = 0, speed: float = 1.0
    ) -> SimulatedWorld:
        """Start the simulator and return at once. `describe` is given the new home and says which file describes the
        providers; `speed` is how many seconds of a story pass in one."""
        prefix = f"trunkline-{name}-"
        _remove_what_killed_ones_left(prefix)
        home = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-"))
        try:
            command = [sys.executable, "-m", "trunkline.simulator", "--config", str(describe(home))]
            command += ["--seed", str(seed), "--speed", str(speed)]
            with (home / _COMPLAINTS).open("w") as complaints:
                # Its own process group: a Ctrl-C in the terminal is ours to handle, and the simulator ends with us.
                simulator = subprocess.Popen(  # noqa: S603 - our own module, no shell
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    text=True,
                    start_new_session=True,
                )
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        return cls(home, simulator)

    @property
    def places(self) -> Places:
        """Where this world's files are."""
        return Places(self.home, self.home, self.home)

    def port(self) -> int:
        """Where the simulator listens; blocks until it does. Raises SimulatorError."""
        with self._asking:
            if not self._port:
                self._port.append(self._told_port())
            return self._port[0]

    def _told_port(self) -> int:
        line = ""
        out = self.simulator.stdout
        if out is not None and select.select([out], [], [], _START_LIMIT_S)[0]:
            line = out.readline()
        try:
            return int(json.loads(line)["port"])
        except (ValueError, KeyError, TypeError) as error:
            complaints = (self.home / _COMPLAINTS).read_text(encoding="utf-8", errors="replace").split("\n")
            last = next((said for said in reversed(complaints) if said.strip()), "they said nothing")
            raise SimulatorError(f"the simulated providers did not start: {strip_controls(last)}") from error

    def close(self) -> None:
        """End the simulator, which goes when its stdin closes or is made to, and remove the home. May be called
        twice, from two threads."""
        if self.simulator.stdin is not None:
            self.simulator.stdin.close()
        try:
            self.simulator.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.simulator.kill()
            self.simulator.wait()
        if self.simulator.stdout is not None:
            self.simulator.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)


def _remove_what_killed_ones_left(prefix: str) -> None:
    """The homes of those whose process is gone: one that is killed cannot remove its own."""
    for home in Path(tempfile.gettempdir()).glob(f"{prefix}*-*"):
        owner = home.name.removeprefix(prefix).partition("-")[0]
        if owner.isdecimal() and not _runs(int(owner)):
            shutil.rmtree(home, ignore_errors=True)


def _runs(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # there, asking so would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
