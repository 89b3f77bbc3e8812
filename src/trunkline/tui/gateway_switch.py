"""The gateway as the deck switches it: what whoever holds the process has to be able to do, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class GatewayOff:
    """No gateway of this deck. `why`: in a sentence with its remedy, where it could not start or ended by itself."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class GatewayStarting:
    """Its process runs and does not listen yet."""


@dataclass(frozen=True, slots=True)
class GatewayOn:
    """It listens. `token` is the text of one that was made with this start, which nobody can be told again."""

    pid: int
    base_url: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayStopping:
    """It lets in nobody more, and those at work finish."""

    pid: int


GatewayState = GatewayOff | GatewayStarting | GatewayOn | GatewayStopping


@dataclass(frozen=True, slots=True)
class ClientLines:
    """What one kind of client is told: `lines` to be pasted as they are, `note` for the person."""

    client: str
    title: str
    lines: tuple[str, ...]
    note: str = ""


class GatewaySwitch(Protocol):
    """Holds the process of a gateway. No method but `close` blocks."""

    def start(self, told: Callable[[GatewayState], None]) -> None:
        """Start one; every state that it comes to is told, on any thread. Nothing is done while there is one."""
        ...

    def stop(self) -> None:
        """Let those at work finish, and end; the second time without letting them."""
        ...

    def lines(self, base_url: str, token: str | None, *, needs_token: bool) -> tuple[ClientLines, ...]:
        """What clients of a gateway at that address are told; `token` None: it is not known any more."""
        ...

    def close(self) -> None:
        """The deck ends, and it with it; waits for a few seconds at most."""
        ...
