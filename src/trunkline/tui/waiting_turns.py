"""Which turn of a conversation a waiting request is of, and what is said of it meanwhile. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from trunkline.domain.queue import QueueItem
from trunkline.domain.snapshot import Snapshot
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.conversation import Conversation, Turn

GONE_FOR_MS = 5_000
"""How long a request that has left the queue is given to show up among those under way or over."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A question of the open conversation that is not asked from here: a process before this one asked it, or it was
    left waiting. `item` None: it is not in the queue any more, since `gone_at_ms` (wall time)."""

    request_id: str
    turn_id: str
    item: QueueItem | None = None
    gone_at_ms: int | None = None


def waiting_turn(conversation: Conversation, item: QueueItem) -> Turn | None:
    """The turn that `item` asks, None where it is not here; the last without an answer, where its turn is not told."""
    if item.turn_id is not None:
        return conversation.turn(item.turn_id)
    return next((turn for turn in reversed(conversation.turns) if not turn.answer), None)


def in_queue(snapshot: Snapshot, conversation_id: str) -> QueueItem | None:
    """What waits of a conversation."""
    return next((item for item in snapshot.queue if item.conversation_id == conversation_id), None)


def is_running(snapshot: Snapshot, request_id: str) -> bool:
    """Whether a call is made for it now."""
    return any(call.request_id == request_id for call in snapshot.running)


def is_over(snapshot: Snapshot, request_id: str) -> bool:
    """Whether the log has it."""
    return any(entry.request_id == request_id for entry in snapshot.log)


def waiting_notice(item: QueueItem, now_ms: int, zone: tzinfo | None) -> Cell:
    """Why it waits, until when, and whether it is kept: `◷ nobody can serve it now · kept, goes on at 14:32 (in 12 m
    3 s)`."""
    keeping = "kept, " if item.kept else ""
    return Cell(
        f"◷ {fmt.one_line(item.why)} · {keeping}{goes_on_words(item.until_ms, now_ms, zone)}", Tone.WARN
    )


def goes_on_words(until_ms: int | None, now_ms: int, zone: tzinfo | None) -> str:
    """When a request goes on, within a sentence: `goes on at 14:32 (in 12 m 3 s)`, `goes on now`."""
    if until_ms is None:
        return "goes on as soon as somebody can"
    when = fmt.goes_at(until_ms, now_ms, zone)
    return f"goes on at {when}" if when else "goes on now"
