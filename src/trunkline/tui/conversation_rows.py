"""How conversations are called: in their list, and above the chat. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from rich.cells import cell_len

from trunkline.domain.chats import ConversationSummary
from trunkline.tui import format as fmt
from trunkline.tui.attachments import title_without_files
from trunkline.tui.cells import Cell, Column, Row, Tone
from trunkline.tui.conversation import Conversation

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


def chat_title(conversation: Conversation, width: int) -> str:
    """The panel's title in `width` cells. The first message names the conversation once there are more, as it stands
    right below before."""
    turns = len(conversation.turns)
    name = conversation.title if turns > 1 or conversation.own_title else ""
    if not name:
        return "4 Chat"
    counted = f" · {turns:,} turn{'s' if turns > 1 else ''}" if turns else ""
    room = width - cell_len(f"4 Chat · {counted}")
    return (
        f"4 Chat · {fmt.fit(name, min(room, cell_len(name)))}{counted}" if room >= 8 else f"4 Chat{counted}"
    )
