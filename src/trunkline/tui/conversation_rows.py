"""Lines of the list of conversations. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from trunkline.domain.chats import ConversationSummary
from trunkline.tui import format as fmt
from trunkline.tui.attachments import title_without_files
from trunkline.tui.cells import Cell, Column, Row, Tone

COLUMNS = (
    Column("title", 30, flex=1),
    Column("turns", 6, drop=1, right=True),
    Column("begun", 11, drop=2, right=True),
    Column("last", 11, right=True),
)
UNTITLED = "without a title"


def past_moment(at_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """When something was, as short as it stays clear: `14:31`, `Tue 09:00`, `3 Dec`, `3 Dec 2024`."""
    moment = datetime.fromtimestamp(at_ms / 1000, tz=zone)
    now = datetime.fromtimestamp(now_ms / 1000, tz=zone)
    if moment.date() == now.date():
        return moment.strftime("%H:%M")
    if timedelta() <= now.date() - moment.date() < timedelta(days=7):
        return moment.strftime("%a %H:%M")
    day = f"{moment.day} {moment:%b}"
    return day if moment.year == now.year else f"{day} {moment.year}"


def conversation_row(
    one: ConversationSummary, current_id: str | None, now_ms: int, zone: tzinfo | None
) -> Row:
    """A conversation; the open one has a mark before its title."""
    is_open = one.conversation_id == current_id
    title = fmt.one_line(title_without_files(one.title)) or UNTITLED
    return Row(
        one.conversation_id,
        (
            Cell(f"{'▸' if is_open else ' '} {title}", Tone.ACCENT if is_open else Tone.PLAIN),
            Cell(fmt.count(one.turns)),
            Cell(past_moment(one.started_at_ms, now_ms, zone), Tone.DIM),
            Cell(past_moment(one.updated_at_ms, now_ms, zone), Tone.DIM),
        ),
    )
