"""What the chat asks for: the open conversation, what it is pinned to, and the one answer on its way. No Textual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trunkline.domain.chats import ConversationSettings
from trunkline.domain.clock import Clock
from trunkline.domain.ids import IdSource
from trunkline.domain.messages import ChatRequest, Hints, Redo
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.tui import format as fmt
from trunkline.tui.attachments import Attachment, files_kept, only_files
from trunkline.tui.conversation import Conversation, Turn


@dataclass(slots=True)
class Asking:
    """An answer on its way. `request_id` None: not submitted yet. `fresh`: nothing of it has come, so that an earlier
    answer of the turn still stands."""

    turn: Turn
    request: ChatRequest
    request_id: str | None = None
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A message was sent in place of another: the conversation's turns as they were, how many of them still stand, and
    the turn that replaced the rest."""

    turns: tuple[Turn, ...]
    standing: int
    by: str


class ChatSession:
    """Builds requests and keeps turns; knows nothing of how they are shown or sent."""

    def __init__(self, ids: IdSource, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock
        self.conversation = Conversation.begin(ids)
        self.asking: Asking | None = None
        self.rewriting: Turn | None = None
        self.next_route: str | None = None
        self._rewritten: list[Rewritten] = []

    def open(self, conversation: Conversation | None) -> None:
        """Another conversation, or a new one; what was on its way is no longer waited for."""
        self.conversation = conversation or Conversation.begin(self._ids)
        self.asking = self.rewriting = self.next_route = None
        self._rewritten.clear()

    # -- asking ---------------------------------------------------------------------------------------------

    def draft(self, text: str) -> ChatRequest:
        """What would be asked if `text` were sent now."""
        rewriting = self.rewriting
        if rewriting is not None:
            text += only_files(rewriting.attached, files_kept(rewriting.attached, text))
        messages = self.conversation.messages(text, rewriting.id if rewriting else None)
        return replace(self._unasked(), messages=messages, route=self._route)

    def say(
        self, text: str, attachments: Sequence[Attachment], *, over_budget_ok: bool = False
    ) -> tuple[Turn, ...]:
        """A message is sent, even over its token budget where that is said; gives the turns that it replaces."""
        turn = Turn.written(self._ids.new(), text, attachments, self._clock.wall_ms())
        gone: tuple[Turn, ...] = ()
        turns = self.conversation.turns
        if self.rewriting is not None:
            kept = files_kept(self.rewriting.attached, turn.sent)
            turn.attached += only_files(self.rewriting.attached, kept)
            turn.files += tuple(self.rewriting.files[at] for at in kept)
            gone = self.conversation.from_turn(self.rewriting.id)
            standing = len(turns) - len(gone)
            self._rewritten.append(Rewritten(tuple(turns), standing, turn.id))
            del turns[standing:]
            self.rewriting = None
        turns.append(turn)
        self._ask(turn, self._route, over_budget_ok=over_budget_ok)
        self.next_route = None
        return gone

    def again(self, turn: Turn, route: str | None = None, avoid: tuple[str, ...] = ()) -> None:
        """A turn is asked again: as it was, down `route`, or anywhere but `avoid`, which leaves the conversation's pin
        aside. Whoever asks again has seen what the message is, and may be over its token budget."""
        pinned = route or (None if avoid else self.conversation.settings.route)
        self._ask(turn, pinned, avoid, over_budget_ok=True)
        if self.asking is not None:
            redo = _redo_of(turn, elsewhere=bool(route or avoid))
            self.asking.request = replace(self.asking.request, redo=redo)

    def _ask(
        self, turn: Turn, route: str | None, avoid: tuple[str, ...] = (), *, over_budget_ok: bool
    ) -> None:
        messages = self.conversation.messages(turn)
        request = replace(self._unasked(), messages=messages, route=route, avoid=avoid, turn_id=turn.id)
        self.asking = Asking(turn, replace(request, over_budget_ok=over_budget_ok))

    @property
    def _route(self) -> str | None:
        return self.next_route or self.conversation.settings.route

    def _unasked(self) -> ChatRequest:
        """What every request of the conversation has, before anything is asked in it."""
        return ChatRequest(
            messages=(),
            origin=Origin(OriginKind.CHAT),
            conversation_id=self.conversation.id,
            hints=Hints(task_type=self.conversation.settings.task_type),
            park=True,
        )

    # -- what comes back ------------------------------------------------------------------------------------

    def take_text(self, text: str) -> bool:
        """More of the answer; says whether it is the first of it, so that an earlier answer goes."""
        asking = self.asking
        if asking is None:
            return False
        first, asking.fresh = asking.fresh, False
        if first:
            asking.turn.answer, asking.turn.receipt = "", None
        asking.turn.answer += text
        return first

    def restart(self) -> None:
        """What has come of the answer no longer counts."""
        if self.asking is not None and not self.asking.fresh:
            self.asking.turn.answer = ""

    def end(self, receipt: Receipt | None) -> bool:
        """No more will come; says whether an earlier answer of the turn stands because none came."""
        asking, self.asking = self.asking, None
        if asking is None:
            return False
        if asking.fresh and asking.turn.answer:
            return True
        asking.turn.whole = receipt is not None and receipt.complete
        asking.turn.receipt = receipt
        asking.turn.request_id = receipt.request_id if receipt is not None else asking.request_id
        return False

    # -- rewriting ------------------------------------------------------------------------------------------

    @property
    def can_undo(self) -> bool:
        """A message was sent in place of another, and that can be taken back."""
        return bool(self._rewritten)

    def undo(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Bring back what the last rewritten message replaced; gives the ids of turns that count again, and of those
        that no longer do."""
        if not self._rewritten:
            return None
        last = self._rewritten.pop()
        gone = tuple(turn.id for turn in self.conversation.from_turn(last.by))
        self.conversation.turns[:] = last.turns
        return tuple(turn.id for turn in last.turns[last.standing :]), gone

    # -- settings -------------------------------------------------------------------------------------------

    def set(self, **changes: str | None) -> ConversationSettings:
        """Change what holds for the conversation: `system`, `route`, `task_type`."""
        self.conversation.settings = replace(self.conversation.settings, **changes)
        return self.conversation.settings

    @property
    def is_set(self) -> bool:
        """Something holds for the conversation."""
        return self.conversation.settings != ConversationSettings()

    def terms(self) -> str:
        """What will hold for the next message, on one line; empty where nothing was set."""
        settings = self.conversation.settings
        parts = []
        if self.rewriting is not None:
            later = len(self.conversation.from_turn(self.rewriting.id)) - 1
            drops = f" and drops {later} later turn{'s' if later > 1 else ''}" if later else ""
            keeps = ", its files stay" if self.rewriting.files else ""
            parts.append(f"✎ enter replaces it{drops}{keeps}; esc leaves it")
        if settings.task_type:
            parts.append(f"task {settings.task_type}")
        if self.next_route:
            parts.append(f"next message pinned {self.next_route}")
        if settings.route:
            parts.append(f"pinned {settings.route}")
        if settings.system:
            parts.append(f"system {len(settings.system):,} chars")
        return fmt.one_line(" · ".join(parts))


def _redo_of(turn: Turn, *, elsewhere: bool) -> Redo | None:
    """The answer that another one is to replace; None where none was given: what failed or was stopped is only tried
    again."""
    receipt = turn.receipt
    if receipt is None:
        return Redo(turn.request_id, elsewhere=elsewhere) if turn.request_id and turn.whole else None
    if receipt.outcome is not Outcome.ANSWERED:
        return None
    route = None if receipt.route is None else receipt.route.id
    return Redo(receipt.request_id, receipt.task.tier, route, elsewhere)
