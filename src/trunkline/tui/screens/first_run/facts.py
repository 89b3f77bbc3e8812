"""What the first start shows and what comes of it, as plain values. Keys are only ever names of variables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """An account that can be asked. `source` is the variable that holds its key, or the address where none is wanted;
    `billing` says in words how it is paid for; `models` are their ids, `free_models` how many of them cost nothing;
    `limits` are those known before the first call, in words."""

    address: str
    source: str
    billing: str
    models: tuple[str, ...]
    free_models: int
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerFact:
    """A model server that listens on this machine but cannot be asked, and what it answered."""

    provider: str
    address: str
    said: str


@dataclass(frozen=True, slots=True)
class MissingProvider:
    """A provider that nobody can ask yet, what would change that, and the models that it would bring."""

    provider: str
    remedy: str
    models: tuple[str, ...]
    free_models: int
    local: bool


@dataclass(frozen=True, slots=True)
class ModeFact:
    """A mode and what it does, in a line."""

    name: str
    about: str


@dataclass(frozen=True, slots=True)
class FirstRunFacts:
    """Everything that the screen shows. `mode` is the one in force, `preferences_file` where a choice is kept; `notes`
    are sentences about the configuration."""

    accounts: tuple[FoundAccount, ...]
    servers: tuple[ServerFact, ...]
    missing: tuple[MissingProvider, ...]
    modes: tuple[ModeFact, ...]
    mode: str
    preferences_file: str
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether anybody can be asked."""
        return bool(self.accounts)


class Choice(StrEnum):
    """What a person does after the first start's screen."""

    OPEN = "open"
    DEMO = "demo"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was chosen. `mode` is the one that was kept, None where it was left as it is; `exit_code` is that of
    leaving, other than 0 when a signal ended it."""

    choice: Choice
    mode: str | None = None
    exit_code: int = 0
