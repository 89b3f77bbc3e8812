"""What other processes have under way and have finished, told as soon as the store tells it."""

from __future__ import annotations

from trunkline.domain.events import TrafficSeen
from trunkline.domain.snapshot import LogEntry, RunningCall
from trunkline.store.queries import Query, both, ended_after, running_requests

LOG_LINES = 200
"""So many lines of the log are kept in mind, and told at once at most."""

Answer = tuple[tuple[int, tuple[LogEntry, ...]], tuple[RunningCall, ...]]


class Traffic:
    """Knows up to which request it has heard. `process_id` is this process, whose own requests are known without the
    store."""

    def __init__(self, process_id: str = "") -> None:
        self._process_id = process_id
        self._last_row = 0

    def unread(self, beaten_after_ms: int = 0) -> Query[Answer]:
        """The question of what is new since the last answer that was taken in, and of what is under way; see
        `running_requests` for `beaten_after_ms`. Costs what is new: it goes by the primary key."""
        ended = ended_after(self._last_row, LOG_LINES, not_of=self._process_id)
        return both(ended, running_requests(beaten_after_ms))

    def take_in(self, answer: Answer) -> TrafficSeen:
        """What the answer to `unread` tells."""
        (self._last_row, ended), running = answer
        return TrafficSeen(ended, running)
