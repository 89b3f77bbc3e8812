"""Everything that widgets, screens and the engine's thread tell one another."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from trunkline.domain.events import Event
from trunkline.engine.api import HostNews, Preview


@dataclass
class NewsArrived(Message):
    """The hosted engine says something."""

    news: HostNews


@dataclass
class TurnEvents(Message):
    """A batch of events of one turn of the chat."""

    turn_id: str
    events: tuple[Event, ...]


@dataclass
class PreviewArrived(Message):
    """What would become of the text that was in the editor when preview number `serial` was asked for."""

    serial: int
    preview: Preview


@dataclass
class PromptSubmitted(Message):
    """The editor's text is to be sent."""

    text: str


@dataclass
class PromptChanged(Message):
    """The editor's text is another one."""

    text: str


@dataclass
class RowHighlighted(Message):
    """The cursor of the list `list_id` stands on another row, or the row has changed."""

    list_id: str
    key: str | None


@dataclass
class RowOpened(Message):
    """A row of the list `list_id` was chosen."""

    list_id: str
    key: str


@dataclass
class StreamEnded(Message):
    """No answer is on its way any more."""


@dataclass
class LogTouched(Message):
    """The log book has something new that should be seen at once."""
