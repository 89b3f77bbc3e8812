"""One conversation as the chat keeps it, and as it is sent. Pure but for the ids it is given."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline.domain.ids import IdSource
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.tasks import Origin, OriginKind

CUT_MARK = "\n\n[This answer was cut off here.]"


@dataclass(slots=True)
class Turn:
    """One message of the user and its answer as far as it came. `whole` None: not over yet."""

    id: str
    asked: str
    answer: str = ""
    whole: bool | None = None


@dataclass(slots=True)
class Conversation:
    """Turns in order under one id."""

    id: str
    turns: list[Turn] = field(default_factory=list)

    @classmethod
    def begin(cls, ids: IdSource) -> Conversation:
        """A conversation with nothing said."""
        return cls(ids.new())

    def say(self, text: str, ids: IdSource) -> Turn:
        """Add a message of the user's."""
        turn = Turn(ids.new(), text)
        self.turns.append(turn)
        return turn

    def messages(self, last: str | None = None) -> tuple[Message, ...]:
        """The history to send: whole answers, cut ones marked as such; a message that got no answer is left out
        unless it is the last. `last` is a message still being typed."""
        messages: list[Message] = []
        for turn in self.turns:
            is_last = last is None and turn is self.turns[-1]
            if not turn.answer and not is_last:
                continue
            messages.append(Message.of(Role.USER, turn.asked))
            if turn.answer and not is_last:
                messages.append(Message.of(Role.ASSISTANT, turn.answer + ("" if turn.whole else CUT_MARK)))
        if last is not None:
            messages.append(Message.of(Role.USER, last))
        return tuple(messages)

    def request(self, turn: Turn) -> ChatRequest:
        """The last turn as a request."""
        return ChatRequest(
            messages=self.messages(),
            origin=Origin(OriginKind.CHAT),
            conversation_id=self.id,
            turn_id=turn.id,
        )

    def draft(self, text: str) -> ChatRequest:
        """What would be asked if `text` were sent now."""
        return ChatRequest(
            messages=self.messages(last=text), origin=Origin(OriginKind.CHAT), conversation_id=self.id
        )
