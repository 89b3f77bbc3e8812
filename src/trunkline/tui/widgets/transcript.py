"""The turns of a conversation, with a cursor that stands on one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from trunkline.tui.conversation import Turn
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings
from trunkline.tui.messages import AnswerJudged
from trunkline.tui.widgets.answer import AnswerBlock

EMPTY = "Nothing said yet. Write below and press enter:\nthe route that would take it is shown as you type."
NONE_OPEN = (
    "No conversation is open, and this deck only watches:\nc lists those that are kept, enter shows one."
)
MOST_TURNS_SHOWN = 40


class Order(StrEnum):
    """What a key wants done with the turn under the cursor."""

    WHY = "why"
    AGAIN = "again"
    ELSEWHERE = "elsewhere"
    EDIT = "edit"
    COPY = "copy"
    SAVE = "save"
    EXPORT = "export"
    GOOD = "good"
    BAD = "bad"


@dataclass
class TurnOrder(Message):
    """`order` is to be carried out on a turn; None where nothing was said."""

    order: Order
    turn_id: str | None


class Transcript(VerticalScroll):
    """Shows the last turns; follows what is being written unless the person has scrolled away."""

    BINDINGS = bindings(Scope.CHAT)

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self._current: str | None = None
        self._empty = EMPTY

    def compose(self) -> ComposeResult:
        yield Static(self._empty, markup=False, id="chat-empty")

    def on_mount(self) -> None:
        self.anchor()

    # -- turns ----------------------------------------------------------------------------------------------

    @property
    def blocks(self) -> list[AnswerBlock]:
        """The turns shown, first to last."""
        return [child for child in self.children if isinstance(child, AnswerBlock)]

    def block(self, turn_id: str) -> AnswerBlock | None:
        """The turn of that id, where it is shown."""
        return next((block for block in self.blocks if block.turn_id == turn_id), None)

    @property
    def current(self) -> str | None:
        """The id of the turn under the cursor, the last one where it stands on none."""
        blocks = self.blocks
        known = any(block.turn_id == self._current for block in blocks)
        return self._current if known else blocks[-1].turn_id if blocks else None

    def set_watching(self, watching: bool) -> None:
        """Whether messages cannot be written here."""
        self._empty = NONE_OPEN if watching else EMPTY
        for one in self.query("#chat-empty").results(Static):
            one.update(self._empty)

    async def show_turns(self, turns: Sequence[Turn], flush_s: float) -> None:
        """Show these turns, the last ones where they are many."""
        shown = turns[-MOST_TURNS_SHOWN:]
        blocks = [AnswerBlock(turn, flush_s) for turn in shown]
        with self.app.batch_update():
            await self.remove_children()
            if not blocks:
                await self.mount(Static(self._empty, markup=False, id="chat-empty"))
            await self.mount_all(blocks)
            for block in blocks:
                await block.show_kept()
            await self._tell_earlier(len(turns) - len(shown))
        self._current = None
        self._mark()
        self.anchor()

    async def add(self, turn: Turn, flush_s: float, turns: int) -> AnswerBlock:
        """Show one more turn, `turns` in all, and follow it."""
        await self.query("#chat-empty").remove()
        block = AnswerBlock(turn, flush_s)
        await self.mount(block)
        blocks = self.blocks
        for old in blocks[: max(0, len(blocks) - MOST_TURNS_SHOWN)]:
            await old.remove()
        await self._tell_earlier(turns - len(self.blocks))
        self._current = turn.id
        self._mark()
        self.anchor()
        return block

    async def drop(self, turn_ids: Sequence[str]) -> None:
        """These turns are not shown any more."""
        for block in self.blocks:
            if block.turn_id in turn_ids:
                await block.remove()

    async def _tell_earlier(self, earlier: int) -> None:
        await self.query("#chat-earlier").remove()
        if earlier > 0:
            said = f"{earlier:,} earlier turn{'s are' if earlier > 1 else ' is'} kept; E writes the whole conversation"
            await self.mount(Static(said, markup=False, id="chat-earlier"), before=0)

    # -- the cursor -----------------------------------------------------------------------------------------

    def _mark(self) -> None:
        current = self.current if self.has_focus else None
        for block in self.blocks:
            block.set_class(block.turn_id == current, "-current")

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._mark()

    def action_turn(self, step: int) -> None:
        """The next turn, or the one before."""
        ids = [block.turn_id for block in self.blocks]
        if ids:
            self._go(max(0, min(len(ids) - 1, ids.index(self.current or ids[-1]) + step)))

    def action_turn_to(self, index: int) -> None:
        """The first turn shown, or with -1 the last."""
        if self.blocks:
            self._go(index)

    def _go(self, index: int) -> None:
        block = self.blocks[index]
        self._current = block.turn_id
        self._mark()
        if block is self.blocks[-1]:
            self.scroll_end(animate=False)
        elif block is self.blocks[0]:
            self.scroll_home(animate=False)
        else:
            self.scroll_to_widget(block, animate=False, top=block.size.height > self.size.height)

    # -- what is wanted of the turn under it ----------------------------------------------------------------

    def _order(self, order: Order) -> None:
        self.post_message(TurnOrder(order, self.current))

    def action_why(self) -> None:
        """The whole receipt."""
        self._order(Order.WHY)

    def action_regenerate(self) -> None:
        """Ask again."""
        self._order(Order.AGAIN)

    def action_retry_elsewhere(self) -> None:
        """Ask again, not whoever answered."""
        self._order(Order.ELSEWHERE)

    def action_judge(self, thumb: str) -> None:
        """The answer was good (`up`) or bad (`down`); said again, neither."""
        self._order(Order.GOOD if thumb == "up" else Order.BAD)

    def on_answer_judged(self, message: AnswerJudged) -> None:
        message.stop()
        for block in self.blocks:
            block.judged(message.received)

    def action_edit_turn(self) -> None:
        """Put the message into the editor."""
        self._order(Order.EDIT)

    def action_copy_answer(self) -> None:
        """Offer the answer to the terminal's clipboard."""
        self._order(Order.COPY)

    def action_save_answer(self) -> None:
        """Write the answer to a file."""
        self._order(Order.SAVE)

    def action_export(self) -> None:
        """Write the conversation to a file."""
        self._order(Order.EXPORT)
