"""The demo's surroundings: simulated providers in a child process, and a configuration that knows only them."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trunkline.config.desk import ConfigDesk
from trunkline.config.load import Loaded, load, substitute_port
from trunkline.config.places import Places
from trunkline.domain.errors import TrunklineError
from trunkline.domain.text import strip_controls
from trunkline.engine.settings import EngineSettings

DEMO_SECONDS = 60.0
_START_LIMIT_S = 20.0
_STOP_LIMIT_S = 2.0
_COMPLAINTS = "simulator.err"
_HOME = "trunkline-demo-"


class DemoError(TrunklineError):
    """The simulated providers did not start."""


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """A running simulator and a home for the engine; `settings` waits until the simulator listens. `close` ends the
    one and removes the other."""

    home: Path
    simulator: subprocess.Popen[str]
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _settings: list[EngineSettings] = field(default_factory=list)

    @classmethod
    def start(cls, *, seed: int, speed: float) -> DemoWorld:
        """Start the simulator and return at once. `speed` is how many seconds of the story pass in one."""
        command = [sys.executable, "-m", "trunkline.simulator", "--config", str(_asset("demo.toml"))]
        command += ["--seed", str(seed), "--speed", str(speed)]
        # Its own process group: a Ctrl-C in the terminal is the deck's to handle, and the simulator ends with it.
        _remove_what_killed_demos_left()
        home = Path(tempfile.mkdtemp(prefix=f"{_HOME}{os.getpid()}-"))
        try:
            with (home / _COMPLAINTS).open("w") as complaints:
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

    def settings(self) -> EngineSettings:
        """Engine settings for this world; blocks until the simulator listens. Raises DemoError."""
        with self._asking:
            if not self._settings:
                port = self._port()
                catalogue = substitute_port(_asset("demo_providers.toml").read_text(encoding="utf-8"), port)
                environ = _simulated_keys(catalogue)
                self._settings.append(
                    EngineSettings(
                        self.places, environ, "demo", base_providers_text=catalogue, long_lived=True
                    )
                )
            return self._settings[0]

    def _port(self) -> int:
        line = ""
        out = self.simulator.stdout
        if out is not None and select.select([out], [], [], _START_LIMIT_S)[0]:
            line = out.readline()
        try:
            return int(json.loads(line)["port"])
        except (ValueError, KeyError, TypeError) as error:
            complaints = (self.home / _COMPLAINTS).read_text(encoding="utf-8", errors="replace").split("\n")
            last = next((said for said in reversed(complaints) if said.strip()), "they said nothing")
            raise DemoError(f"the simulated providers did not start: {strip_controls(last)}") from error

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


class DemoDesk(ConfigDesk):
    """The desk of a demo: what is changed there lasts as long as its world."""

    def __init__(self, world: DemoWorld) -> None:
        super().__init__(world.places, {})
        self._world = world

    def load(self, user_text: Mapping[Path, str] | None = None) -> Loaded:
        """See `ConfigDesk.load`; waits until the simulator listens."""
        settings = self._world.settings()
        base = settings.base_providers_text
        return load(settings.places, settings.environ, base_providers_text=base, user_text=user_text)


def _remove_what_killed_demos_left() -> None:
    """The homes of demos whose process is gone: one that is killed cannot remove its own."""
    for home in Path(tempfile.gettempdir()).glob(f"{_HOME}*-*"):
        owner = home.name.removeprefix(_HOME).partition("-")[0]
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


def _asset(name: str) -> Path:
    from trunkline import simulator

    return Path(simulator.__file__).parent / name


def _simulated_keys(catalogue_text: str) -> dict[str, str]:
    """The variables that the demo's catalogue names, filled with the keys that the simulator takes. The user's own
    environment is left out but for what finds a way to the network, so that no real key can be used."""
    described = tomllib.loads(_asset("demo.toml").read_text(encoding="utf-8"))
    taken = {
        (provider_id, account["id"]): account["key"]
        for provider_id, provider in described["providers"].items()
        for account in provider.get("accounts", ())
    }
    environ = {name: os.environ[name] for name in ("HOME", "TZ") if name in os.environ}
    catalogue: dict[str, Any] = tomllib.loads(catalogue_text)
    for provider_id, provider in catalogue["providers"].items():
        for account in provider.get("accounts", ()):
            source, _, variable = str(account.get("key", "none")).partition(":")
            if source == "env" and (provider_id, account["id"]) in taken:
                environ[variable] = taken[provider_id, account["id"]]
    return environ
