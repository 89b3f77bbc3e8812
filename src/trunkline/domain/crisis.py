"""Crisis mode: when too few providers are left, what is done about it, and what came of it (DESIGN §4.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class CrisisStep(StrEnum):
    """What a crisis changes, in the order in which the steps are taken; all are declared in the preferences."""

    SIMPLE_TO_CHEAP = "simple_to_cheap"
    """Simple work goes to a surviving cheap route."""
    PARK_THE_REST = "park_the_rest"
    """What is above simple and not critical is parked until a provider is back."""
    SHRINK_OUTPUT = "shrink_output"
    """Answers get a smaller output limit."""
    ALLOW_LOCAL = "allow_local"
    """Local models may answer whatever the quality floor and the lists say."""


class MoveKind(StrEnum):
    """What a crisis did to one request."""

    MOVED = "moved"
    PARKED = "parked"
    SHRUNK = "shrunk"


@dataclass(frozen=True, slots=True)
class CrisisMove:
    """One request that a crisis moved: from its `home` route (the one it would have had) to `route`, None where it was
    parked. `returned_at_ms` is when it, or its conversation, was back at home."""

    request_id: str
    at_ms: int
    kind: MoveKind
    home: str | None
    route: str | None
    origin: str
    task_type: str
    returned_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Crisis:
    """A crisis under way or over. `lost` are the providers without a usable account when it began, `enabled` how many
    were enabled; `back_at_ms` is the earliest stated reset among the lost ones, None where nobody stated one. `drill`
    says that it is rehearsed."""

    id: str
    began_at_ms: int
    lost: tuple[str, ...]
    enabled: int
    steps: tuple[CrisisStep, ...]
    back_at_ms: int | None = None
    ended_at_ms: int | None = None
    drill: bool = False


@dataclass(frozen=True, slots=True)
class CrisisSummary:
    """What a crisis came to: requests by what became of them while it lasted, and who is back."""

    crisis: Crisis
    answered: int = 0
    failed: int = 0
    moved: int = 0
    parked: int = 0
    shrunk: int = 0
    returned: int = 0
    recovered: tuple[str, ...] = ()
    moves: tuple[CrisisMove, ...] = field(default=())
