"""Work that is not under way yet: what waits, why, for whom and until when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trunkline.domain.tasks import Origin, Priority, Tier


class HeldFor(StrEnum):
    """Why a request is not under way."""

    LANE = "lane"
    """Its lane lets one go after another."""
    PACE = "pace"
    """Its limit would be used up before it renews: calls on it are spread out."""
    THROTTLE = "throttle"
    """The route chosen for it mostly fails of late: it is asked more slowly."""
    SLOT = "slot"
    """Every account that could serve has as many calls under way as it takes."""
    RESET = "reset"
    """Nobody can serve until a limit resets or a block ends."""
    PAUSE = "pause"
    """A person holds back what is not critical."""
    OVERRIDE = "override"
    """One route is forced for everything, and this is not critical."""
    CRISIS = "crisis"
    """A crisis holds back what is neither simple nor critical."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A request that waits, as panels and `trunkline queue` show it.

    `kept` says that it is in the store: it outlives its process. `until_ms` (wall time) is when it is expected to go
    on, None where nobody can say; `deadline_at_ms` when it fails instead. `home` is the route that it would have had
    (None: not known). `process` is the process that runs it, None while no process does. `conversation_id` and
    `turn_id` say which question of a conversation it is, where it is one. `urgency` is its rank among what waits for
    one thing: 0, whom a person waits for, goes first. `title` is the beginning of what is asked, empty where that is
    not ours to show. Items are in the order in which they will go.
    """

    request_id: str
    origin: Origin
    priority: Priority
    task_type: str
    tier: Tier
    held_for: HeldFor
    why: str
    since_ms: int
    until_ms: int | None = None
    deadline_at_ms: int | None = None
    kept: bool = False
    home: str | None = None
    process: str | None = None
    urgency: int = 0
    conversation_id: str | None = None
    turn_id: str | None = None
    title: str = ""
    promoted: bool = False
