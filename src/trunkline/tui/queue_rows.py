"""The queue as rows: what waits, why, for whom, until when; and one request of it in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from trunkline.domain.queue import HeldFor, QueueItem
from trunkline.domain.snapshot import Snapshot
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Column, Row, Tone
from trunkline.tui.log_rows import short_route

COLUMNS = (
    Column("what waits", 22, flex=1),
    Column("why", 10, drop=1),
    Column("goes on", 14, most=17),
    Column("for", 7, drop=2, most=14),
    Column("lane", 9, drop=4),
    Column("kept", 6, drop=3),
    Column("waited", 6, drop=5, right=True),
    Column("fails at", 8, drop=6, most=10),
    Column("would go to", 11, drop=8, most=20),
    Column("process", 8, drop=7, most=16),
)

WHY_WORDS = {
    HeldFor.LANE: ("its turn", Tone.PLAIN),
    HeldFor.PACE: ("spread out", Tone.PLAIN),
    HeldFor.THROTTLE: ("throttled", Tone.WARN),
    HeldFor.SLOT: ("a free slot", Tone.PLAIN),
    HeldFor.RESET: ("nobody can", Tone.WARN),
    HeldFor.PAUSE: ("paused", Tone.WARN),
    HeldFor.OVERRIDE: ("override", Tone.WARN),
    HeldFor.CRISIS: ("crisis", Tone.BAD),
}

EMPTY = """Nothing waits.

What a person asks goes at once, all
else one by one, for quotas to last.
What nobody can serve stands here,
with the moment at which it goes on.
A question of the chat is kept: it
outlives this deck, and is answered
as soon as somebody can."""


def queue_rows(items: Iterable[QueueItem], now_ms: int, zone: tzinfo | None) -> tuple[Row, ...]:
    """One row a request, in the order in which they will go."""
    return tuple(_row(item, now_ms, zone) for item in items)


def _row(item: QueueItem, now_ms: int, zone: tzinfo | None) -> Row:
    words, tone = WHY_WORDS[item.held_for]
    return Row(
        item.request_id,
        (
            Cell(f"▲ {name_of(item)}" if item.promoted else name_of(item), _name_tone(item)),
            Cell(words, tone),
            Cell(goes_on(item.until_ms, now_ms, zone)),
            Cell(fmt.one_line(str(item.origin)), Tone.DIM),
            Cell(f"{item.priority.value} {item.tier.value}", Tone.DIM),
            Cell("kept" if item.kept else "memory", Tone.GOOD if item.kept else Tone.DIM),
            Cell(fmt.countdown(now_ms - item.since_ms), Tone.DIM),
            Cell(_moment(item.deadline_at_ms, now_ms, zone), _deadline_tone(item, now_ms)),
            Cell("" if item.home is None else short_route(fmt.one_line(item.home)), Tone.DIM),
            Cell(fmt.one_line(item.process or "nobody's"), Tone.DIM),
        ),
    )


def name_of(item: QueueItem) -> str:
    """What is asked, as far as that is ours to show; else what kind of request it is."""
    return fmt.one_line(item.title) or f"({fmt.one_line(item.task_type).replace('_', ' ')})"


def _name_tone(item: QueueItem) -> Tone:
    return Tone.ACCENT if item.promoted else Tone.PLAIN


def goes_on(until_ms: int | None, now_ms: int, zone: tzinfo | None) -> str:
    """When a request is expected to go on: `14:32 12 m 3 s`, `41 s`, `now`; `–` where nobody can say."""
    if until_ms is None:
        return fmt.UNKNOWN
    ahead_ms = until_ms - now_ms
    if ahead_ms <= 0:
        return "now"
    left = fmt.exactly(ahead_ms)
    return left if ahead_ms < 60_000 else f"{fmt.reset_moment(until_ms, now_ms, zone)} {left}"


def _moment(at_ms: int | None, now_ms: int, zone: tzinfo | None) -> str:
    return "" if at_ms is None else fmt.reset_moment(at_ms, now_ms, zone)


def _deadline_tone(item: QueueItem, now_ms: int) -> Tone:
    """A deadline that comes before the request is expected to go on is bad news."""
    if item.deadline_at_ms is None:
        return Tone.DIM
    return Tone.BAD if item.deadline_at_ms <= max(now_ms, item.until_ms or now_ms) else Tone.PLAIN


def queue_detail(item: QueueItem, now_ms: int, zone: tzinfo | None) -> tuple[str, ...]:
    """The request in sentences, most important first."""
    of = f"{fmt.one_line(item.task_type).replace('_', ' ')} of tier {item.tier.value}"
    lines = [
        f"{name_of(item)} · {of}, {item.priority.value} priority, for {fmt.one_line(str(item.origin))}",
        f"{fmt.one_line(item.why) or WHY_WORDS[item.held_for][0]}; {_until(item, now_ms, zone)}",
        _keeping(item),
    ]
    if item.deadline_at_ms is not None:
        ends = fmt.goes_at(item.deadline_at_ms, now_ms, zone)
        lines.insert(2, f"fails at {ends} if nobody has served it" if ends else "its deadline has passed")
    return tuple(lines)


def _until(item: QueueItem, now_ms: int, zone: tzinfo | None) -> str:
    if item.until_ms is None:
        return "nobody can say until when"
    when = fmt.goes_at(item.until_ms, now_ms, zone)
    return f"goes on at {when}" if when else "it is its moment"


def _keeping(item: QueueItem) -> str:
    home = "" if item.home is None else f" · would have gone to {fmt.one_line(item.home)}"
    if item.kept:
        run = f"run by {fmt.one_line(item.process)}" if item.process else "no process runs it yet"
        return f"kept in the store, it outlives its process; {run}{home}"
    return f"only in the memory of {fmt.one_line(item.process or 'its process')}, and ends with it{home}"


def queue_title(snapshot: Snapshot) -> str:
    """`Queue · 3 wait · 1 kept · paused`: how much waits, and what a person holds back."""
    kept = sum(item.kept for item in snapshot.queue)
    waiting = len(snapshot.queue)
    parts = ["Queue", f"{waiting:,} wait{'s' if waiting == 1 else ''}" if waiting else "nothing waits"]
    if kept:
        parts.append(f"{kept:,} kept")
    if snapshot.paused:
        parts.append("paused")
    if snapshot.override:
        parts.append(f"everything goes to {fmt.one_line(snapshot.override)}")
    if snapshot.crisis is not None:
        parts.append("crisis")
    return " · ".join(parts)
