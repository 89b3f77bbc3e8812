"""The demo's surroundings: simulated providers in a child process, and a configuration that knows only them."""

from __future__ import annotations

import os
import subprocess
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trunkline.cli.simulated_world import SimulatedWorld
from trunkline.config.desk import ConfigDesk
from trunkline.config.load import Loaded, load, substitute_port
from trunkline.config.places import Places
from trunkline.engine.settings import EngineSettings

DEMO_SECONDS = 60.0
# Seconds of the story. The agents come about as fast as these let them through, so that something waits now and then;
# the lanes that ship would hold back most of what they ask in a minute.
_MEDIUM_LANE_S, _LOW_LANE_S = 0.4, 0.5


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """A running simulator and a home for the engine; `settings` waits until the simulator listens. `close` ends the
    one and removes the other."""

    world: SimulatedWorld
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _settings: list[EngineSettings] = field(default_factory=list)

    @classmethod
    def start(cls, *, seed: int, speed: float) -> DemoWorld:
        """Start the simulator and return at once. `speed` is how many seconds of the story pass in one."""
        described = asset("demo.toml")
        world = SimulatedWorld.start("demo", lambda home: described, seed=seed, speed=speed)
        world.places.preferences_file.write_text(_lanes(speed), encoding="utf-8")
        return cls(world)

    @property
    def home(self) -> Path:
        """The folder that holds all of this world's files."""
        return self.world.home

    @property
    def simulator(self) -> subprocess.Popen[str]:
        """The child process."""
        return self.world.simulator

    @property
    def places(self) -> Places:
        """Where this world's files are."""
        return self.world.places

    def settings(self) -> EngineSettings:
        """Engine settings for this world; blocks until the simulator listens. Raises SimulatorError."""
        with self._asking:
            if not self._settings:
                catalogue, environ = demo_catalogue(self.world.port())
                self._settings.append(
                    EngineSettings(
                        self.places, environ, "demo", base_providers_text=catalogue, long_lived=True
                    )
                )
            return self._settings[0]

    def close(self) -> None:
        """End the simulator and remove the home. May be called twice, from two threads."""
        self.world.close()


def _lanes(speed: float) -> str:
    """Preferences with the story's lanes at that speed."""
    lanes = {"medium_lane_s": _MEDIUM_LANE_S / speed, "low_lane_s": _LOW_LANE_S / speed}
    return "[thresholds]\n" + "".join(f"{key} = {value:.3f}\n" for key, value in lanes.items())


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


def demo_catalogue(port: int) -> tuple[str, dict[str, str]]:
    """The demo's catalogue, of providers simulated at that port, and the variables that hold their keys."""
    catalogue = substitute_port(asset("demo_providers.toml").read_text(encoding="utf-8"), port)
    return catalogue, _simulated_keys(catalogue)


def asset(name: str) -> Path:
    """A file that belongs to the simulator."""
    from trunkline import simulator

    return Path(simulator.__file__).parent / name


def _simulated_keys(catalogue_text: str) -> dict[str, str]:
    """The variables that the demo's catalogue names, filled with the keys that the simulator takes. The user's own
    environment is left out but for what finds a way to the network, so that no real key can be used."""
    described = tomllib.loads(asset("demo.toml").read_text(encoding="utf-8"))
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
