"""A request on its way through the queue: what lanes, orders and parking look at."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.messages import ChatRequest, Role
from trunkline.domain.queue import HeldFor, QueueItem
from trunkline.domain.receipts import Attempt
from trunkline.domain.tasks import Task
from trunkline.engine.turns import rank_of

_TITLE_CHARS = 80


@dataclass(frozen=True, slots=True)
class Ticket:
    """`since_ms` (wall time) is when it was asked; `home` the route it would have had, once that is known. `attempts`
    are the calls made in vain so far, and `returns` says how often it came back from a long wait and called in vain."""

    request_id: str
    request: ChatRequest
    task: Task
    since_ms: int
    home: str | None = None
    attempts: tuple[Attempt, ...] = ()
    returns: int = 0

    def item(
        self, held_for: HeldFor, why: str, *, until_ms: int | None, process: str | None, kept: bool = False
    ) -> QueueItem:
        """Its line in the queue."""
        return QueueItem(
            request_id=self.request_id,
            origin=self.request.origin,
            priority=self.task.priority,
            task_type=self.task.type,
            tier=self.task.tier,
            held_for=held_for,
            why=why,
            since_ms=self.since_ms,
            until_ms=until_ms,
            deadline_at_ms=self.request.deadline_at_ms,
            kept=kept,
            home=self.home,
            process=process,
            urgency=rank_of(self.task),
            conversation_id=self.request.conversation_id,
            turn_id=self.request.turn_id,
            title=title_of(self.request),
        )


def title_of(request: ChatRequest) -> str:
    """The beginning of what was asked last, on one line."""
    asked = next((m.text for m in reversed(request.messages) if m.role is Role.USER), "")
    return " ".join(asked[: 4 * _TITLE_CHARS].split())[:_TITLE_CHARS]
