"""Opening kept conversations in the chat, and reading the receipts of their turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.domain.chats import KeptConversation
from trunkline.domain.receipts import Receipt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.conversation import Conversation, Turn
from trunkline.tui.messages import ConversationFound, ReceiptFound, ReceiptWanted
from trunkline.tui.widgets.receipt_search import ReceiptSearch
from trunkline.tui.widgets.transcript import MOST_TURNS_SHOWN

if TYPE_CHECKING:
    from trunkline.tui.widgets.chat_panel import ChatPanel


class ConversationOpener:
    """Asks the store, and brings what it has into the chat. What is wanted before the engine is there waits for it."""

    def __init__(self, panel: ChatPanel) -> None:
        self._panel = panel
        self._wanted: str | None = None
        self.receipts = ReceiptSearch(self._ask_receipt)

    def forget(self) -> None:
        """Something else is to be shown."""
        self._wanted = None
        self.receipts.forget()

    def open(self, conversation_id: str) -> None:
        """Ask for a conversation."""
        panel = self._panel
        self._wanted = conversation_id
        engine = panel.engine
        if panel.dead is not None:
            panel.status(Cell(f"cannot be opened, no engine: {panel.dead}", Tone.BAD))
        elif engine is None:
            panel.status(Cell("opened as soon as the engine has started", Tone.DIM))
        else:

            def deliver(found: KeptConversation | None) -> None:
                panel.post_message(ConversationFound(found))

            engine.conversation(conversation_id, deliver)

    def engine_ready(self) -> None:
        """Ask for what waited."""
        if self._wanted is not None:
            self.open(self._wanted)

    async def found(self, kept: KeptConversation | None) -> None:
        """The store's answer. The conversation that is open only takes its title anew."""
        panel, wanted = self._panel, self._wanted
        if wanted is None or (kept is not None and kept.summary.conversation_id != wanted):
            return
        self._wanted = None
        if kept is None:
            panel.status(Cell("that conversation is not kept any more", Tone.WARN))
        elif wanted == panel.conversation.id:
            panel.conversation.own_title = kept.summary.title or None
            panel.retitle()
            await self._take_answers(kept)
        else:
            await panel.show_conversation(Conversation.kept(kept))
            self.receipts.want(reversed(panel.conversation.turns[-MOST_TURNS_SHOWN:]))

    async def _take_answers(self, kept: KeptConversation) -> None:
        """Answers that came to turns of the open conversation without its asking, as to one that waited."""
        panel = self._panel
        asking = panel.session.asking
        for told in kept.turns:
            turn = panel.conversation.turn(told.turn_id)
            if turn is None or turn.answer or (asking is not None and asking.turn is turn):
                continue
            found = Turn.kept(told)
            turn.answer, turn.whole, turn.request_id = found.answer, found.whole, found.request_id
            block = panel.transcript.block(turn.id)
            if block is not None:
                await block.show_anew()
        self.receipts.want(reversed(panel.conversation.turns[-MOST_TURNS_SHOWN:]))

    # -- receipts -------------------------------------------------------------------------------------------

    def _ask_receipt(self, request_id: str, turn_id: str) -> bool:
        panel = self._panel
        engine = panel.engine
        if engine is None:
            return False

        def deliver(receipt: Receipt | None) -> None:
            panel.post_message(ReceiptFound(ReceiptWanted(request_id, turn_id), receipt))

        engine.find_receipt(request_id, deliver)
        return True

    async def receipt_found(self, wanted: ReceiptWanted, receipt: Receipt | None) -> None:
        """Show a receipt under its answer, unless that is another one by now, and read the next."""
        turn = self._panel.conversation.turn(wanted.turn_id or "")
        if (
            turn is not None
            and receipt is not None
            and turn.request_id == wanted.request_id
            and turn.receipt is None
        ):
            turn.receipt = receipt
            asking = self._panel.session.asking
            block = self._panel.transcript.block(turn.id)
            if block is not None and not (asking is not None and asking.turn is turn):
                await block.show_receipt(receipt)
        self.receipts.found()
