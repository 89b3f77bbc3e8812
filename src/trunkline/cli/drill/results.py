"""What a drill comes to, fault by fault."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultOutcome(StrEnum):
    """How a fault was met. Served and correctly refused are both right."""

    SERVED = "served"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CallMade:
    """One upstream call: down which route, how it ended, how long it took (ms) and what was wrong with it."""

    route: str
    outcome: str
    ms: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class FaultResult:
    """How one fault was met. `route` served last, None where nobody did. `attempts` are all upstream calls of its
    requests, `wasted` those that gave nothing to an answer. `ms` is how long its requests took together, `failover_ms`
    the longest from a refusal's last byte to the next request's first. `said` is what the receipt says. `problems` are
    what should have been, a sentence each, empty unless it failed; `story` is what happened, where that is told line by
    line; `remedy` is what the user can do about it."""

    name: str
    outcome: FaultOutcome
    route: str | None
    attempts: int
    wasted: int
    ms: float
    failover_ms: float | None
    said: str
    expected: str
    calls: tuple[CallMade, ...] = ()
    problems: tuple[str, ...] = ()
    story: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A fault that this configuration cannot meet, and why."""

    name: str
    why: str


class NotApplicableError(Exception):
    """Raised by a fault's own script where the configuration cannot meet it; its text says why."""
