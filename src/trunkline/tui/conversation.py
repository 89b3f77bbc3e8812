"""One conversation as the chat keeps it, and as it is sent. Pure but for the ids it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trunkline.domain.chats import ConversationSettings, KeptConversation, KeptTurn
from trunkline.domain.ids import IdSource
from trunkline.domain.messages import Message, Role
from trunkline.domain.receipts import Receipt
from trunkline.domain.text import strip_controls
from trunkline.tui import format as fmt
from trunkline.tui.attachments import (
    Attachment,
    bytes_text,
    title_without_files,
    with_attachments,
    without_attachments,
)

CUT_MARK = "\n\n[This answer was cut off here.]"
_TITLE_CHARACTERS = 60
_TITLE_LOOKED_AT = 600


@dataclass(slots=True)
class Turn:
    """One message of the user and its answer as far as it came. `asked` is what was written, `attached` what was sent
    behind it: files, a line about each in `files`. `whole` None: not over yet, or no answer was kept. `request_id` is
    of the request that gave the answer."""

    id: str
    asked: str
    attached: str = ""
    files: tuple[str, ...] = ()
    answer: str = ""
    whole: bool | None = None
    request_id: str | None = None
    receipt: Receipt | None = None
    at_ms: int | None = None

    @property
    def sent(self) -> str:
        """The message as a provider gets it."""
        return self.asked + self.attached

    @classmethod
    def written(cls, turn_id: str, text: str, attachments: Sequence[Attachment], at_ms: int) -> Turn:
        """A message as it leaves the editor."""
        files = tuple(_file_line(one) for one in attachments)
        attached = with_attachments(text, attachments).removeprefix(text)
        return cls(turn_id, text, attached, files, at_ms=at_ms)

    @classmethod
    def kept(cls, kept: KeptTurn) -> Turn:
        """A turn as the store has it."""
        asked, files = without_attachments(kept.asked)
        return cls(
            kept.turn_id,
            asked,
            kept.asked.removeprefix(asked),
            tuple(f"▤ {fmt.one_line(name)} · {length:,} characters" for name, length in files),
            strip_controls(kept.answer),
            kept.complete,
            kept.request_id,
            at_ms=kept.at_ms,
        )


@dataclass(slots=True)
class Conversation:
    """Turns in order under one id, and what a person set for all of them. `own_title` None: its first message."""

    id: str
    turns: list[Turn] = field(default_factory=list)
    settings: ConversationSettings = field(default_factory=ConversationSettings)
    own_title: str | None = None

    @classmethod
    def begin(cls, ids: IdSource) -> Conversation:
        """A conversation with nothing said."""
        return cls(ids.new())

    @classmethod
    def kept(cls, kept: KeptConversation) -> Conversation:
        """A conversation as the store has it."""
        turns = [Turn.kept(turn) for turn in kept.turns]
        return cls(
            kept.summary.conversation_id,
            turns,
            kept.settings,
            title_without_files(kept.summary.title) or None,
        )

    @property
    def title(self) -> str:
        """On one line; empty while nothing is said."""
        line = fmt.one_line(
            (self.own_title or (self.turns[0].asked if self.turns else ""))[:_TITLE_LOOKED_AT]
        )
        return line if len(line) <= _TITLE_CHARACTERS else line[: _TITLE_CHARACTERS - 1] + "…"

    def turn(self, turn_id: str) -> Turn | None:
        """The turn of that id."""
        return next((turn for turn in self.turns if turn.id == turn_id), None)

    def from_turn(self, turn_id: str) -> tuple[Turn, ...]:
        """That turn and all after it."""
        at = next((i for i, turn in enumerate(self.turns) if turn.id == turn_id), len(self.turns))
        return tuple(self.turns[at:])

    def messages(self, last: Turn | str, before: str | None = None) -> tuple[Message, ...]:
        """What to send: the instructions, the turns so far, and `last` as the message to be answered. Cut answers are
        marked as such, a message that got no answer is left out. The turns from `before` on do not count, nor do those
        from `last` on."""
        stop = {before, last.id if isinstance(last, Turn) else None}
        messages = [Message.of(Role.SYSTEM, self.settings.system)] if self.settings.system else []
        for turn in self.turns:
            if turn.id in stop:
                break
            if turn.answer:
                messages.append(Message.of(Role.USER, turn.sent))
                messages.append(Message.of(Role.ASSISTANT, turn.answer + ("" if turn.whole else CUT_MARK)))
        messages.append(Message.of(Role.USER, last.sent if isinstance(last, Turn) else last))
        return tuple(messages)


def _file_line(file: Attachment) -> str:
    name = fmt.one_line(file.name or file.path.name)
    return f"▤ {name} · {bytes_text(file.size_bytes)} · ≈{fmt.compact(file.tokens)} tok"
