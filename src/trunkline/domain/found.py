"""Model servers found on this machine (or at an address the user gave): what was there, when, with which windows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trunkline.domain.checks import ListedModel
from trunkline.domain.routes import Capability, LocalServer


class ServerState(StrEnum):
    """What is at an address: the program with models to ask (`serving`), the program while it loads one, the program
    that wants a key, something else that listens, something that gives no answer in time, or nobody."""

    SERVING = "serving"
    LOADING = "loading"
    LOCKED = "locked"
    STRANGER = "stranger"
    SILENT = "silent"
    ABSENT = "absent"


class WindowSource(StrEnum):
    """Where the figure of a window is from: the server has loaded the model so; the model's own settings say so; the
    server's variable in this environment does; it is the least that the server gives; it is what the model was made
    for."""

    LOADED = "loaded"
    SET = "set"
    ENVIRONMENT = "environment"
    ASSUMED = "assumed"
    TRAINED = "trained"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model that a local server lists. `window_tokens` is what a prompt and its answer may fill together, as far as
    is known; `set_tokens` the one in the model's own settings, if any; `revision` changes when the model behind the
    name does."""

    listed: ListedModel
    window_tokens: int
    window_source: WindowSource
    capabilities: tuple[Capability, ...] = ()
    revision: str = ""
    set_tokens: int | None = None

    @property
    def id(self) -> str:
        """What it is asked by."""
        return self.listed.id


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look gave; fields as in `FoundServer`."""

    state: ServerState
    said: str
    version: str = ""
    models: tuple[FoundModel, ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FoundServer:
    """What a look at one provider's address gave. `models` are those it served at `served_at_ms`, which is not now
    where its state is another; `passed_over` are (name, revision) of models that give neither text nor vectors.
    `said` is our sentence on what it answered. `misses` counts looks in a row that gave no answer in time."""

    provider: str
    program: LocalServer
    base_url: str
    state: ServerState
    looked_at_ms: int
    served_at_ms: int | None = None
    version: str = ""
    models: tuple[FoundModel, ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()
    said: str = ""
    misses: int = 0

    @property
    def usable(self) -> bool:
        """Whether its models may be asked: it serves them, or did a moment ago and is only slow to say so."""
        return self.state is ServerState.SERVING or (
            self.state is ServerState.SILENT and bool(self.models) and self.misses < 2
        )
