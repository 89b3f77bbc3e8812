"""Panel 4: the conversation, and the editor below it."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from trunkline.domain.chats import KeptConversation
from trunkline.domain.clock import Clock
from trunkline.domain.errors import TrunklineError
from trunkline.domain.events import Event
from trunkline.domain.ids import IdSource
from trunkline.domain.receipts import Receipt
from trunkline.engine.api import HostedEngine
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.chat_commands import set_by_command
from trunkline.tui.chat_session import ChatSession
from trunkline.tui.conversation import Conversation
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.log_book import LogBook
from trunkline.tui.messages import (
    CommandGiven,
    ConversationFound,
    ConversationWanted,
    LogTouched,
    PromptSubmitted,
    ReceiptFound,
    ReceiptWanted,
    RetryWanted,
    StreamEnded,
    TurnEvents,
)
from trunkline.tui.widgets.answer import AnswerBlock
from trunkline.tui.widgets.chat_files import ChatFiles
from trunkline.tui.widgets.composer import Composer
from trunkline.tui.widgets.prompt import Prompt
from trunkline.tui.widgets.receipt_search import ReceiptSearch
from trunkline.tui.widgets.transcript import MOST_TURNS_SHOWN, Order, Transcript, TurnOrder
from trunkline.tui.widgets.turn_feed import TurnFeed, changes_log

BUSY = Cell("an answer is on its way; esc esc stops it", Tone.WARN)


class ChatPanel(Vertical):
    """One conversation; one answer at a time."""

    def __init__(
        self,
        link: EngineLink,
        book: LogBook,
        clock: Clock,
        ids: IdSource,
        zone: tzinfo | None,
        flush_s: float,
        files_folder: Path | None = None,
    ) -> None:
        super().__init__(id="chat-panel", classes="panel")
        self._link = link
        self._clock = clock
        self._zone = zone
        self._flush_s = flush_s
        self._session = ChatSession(ids, clock)
        self._feed = TurnFeed(self._session, book, clock, zone)
        self._files = ChatFiles(self, files_folder, zone)
        self._receipts = ReceiptSearch(self._ask_receipt)
        self._wanted: str | None = None
        self._armed = False
        self._ready = False
        self._dead: str | None = None

    def compose(self) -> ComposeResult:
        yield Transcript()
        yield Static("", markup=False, id="chat-terms")
        yield Composer(self._link, self._clock, self._zone, self._session.draft)

    def on_mount(self) -> None:
        self._retitle()

    # -- what others ask about it ---------------------------------------------------------------------------

    @property
    def transcript(self) -> Transcript:
        """The turns."""
        return self.query_one(Transcript)

    @property
    def composer(self) -> Composer:
        """Where a message is written."""
        return self.query_one(Composer)

    @property
    def prompt(self) -> Prompt:
        """The editor."""
        return self.composer.prompt

    @property
    def conversation(self) -> Conversation:
        """What was said."""
        return self._session.conversation

    @property
    def is_streaming(self) -> bool:
        """An answer is on its way."""
        return self._session.asking is not None

    def set_flush_s(self, flush_s: float) -> None:
        """How long text is gathered before it is drawn."""
        self._flush_s = flush_s
        for block in self.transcript.blocks:
            block.flush_s = flush_s

    def _status(self, cell: Cell | None) -> None:
        self.composer.say(cell)

    def _retitle(self) -> None:
        turns = len(self.conversation.turns)
        parts = [
            "4 Chat",
            self.conversation.title,
            f"{turns:,} turn{'s' if turns > 1 else ''}" if turns else "",
        ]
        self.border_title = Content(" · ".join(part for part in parts if part))
        terms = self.query_one("#chat-terms", Static)
        text = self._session.terms()
        if terms.content != text:
            terms.update(text)
        terms.display = bool(text)

    @property
    def _engine(self) -> HostedEngine | None:
        """The engine, while it takes orders."""
        return self._link.engine if self._ready and self._dead is None else None

    def _refusal(self) -> Cell | None:
        """Why nothing can be asked now."""
        if self._dead is not None:
            return Cell(f"not sent, no engine: {self._dead}", Tone.BAD)
        return BUSY if self._session.asking is not None else None

    # -- sending --------------------------------------------------------------------------------------------

    async def on_prompt_submitted(self, message: PromptSubmitted) -> None:
        message.stop()
        refusal = self._refusal()
        if refusal is not None:
            self._status(refusal)
            return
        self.composer.taken(message.text)
        gone = tuple(turn.id for turn in self._session.say(message.text, message.attachments))
        if not self.transcript.is_attached or self._session.asking is None:
            return  # the deck was left in the same moment
        turns = self.conversation.turns
        if gone and self._engine is not None:
            self._engine.drop_turns(self.conversation.id, gone)
            await self.transcript.drop(gone)
        block = await self.transcript.add(turns[-1], self._flush_s, len(turns))
        if len(turns) == 1:
            self._keep_settings()
        self._retitle()
        self._begin(block)

    def _begin(self, block: AnswerBlock) -> None:
        self._armed = False
        if self._ready:
            self._submit()
        else:
            block.say("waiting for the engine to start")

    def _submit(self) -> None:
        engine, asking = self._link.engine, self._session.asking
        if engine is None or asking is None:
            return
        turn_id = asking.turn.id

        def deliver(events: tuple[Event, ...]) -> None:
            self.post_message(TurnEvents(turn_id, events))

        try:
            asking.request_id = engine.submit(asking.request, deliver)
        except TrunklineError as error:
            block = self.transcript.block(turn_id)
            if block is not None:
                block.say(f"not sent: {error}")
            self._session.end(None)
            self._over()
            self._status(Cell(f"not sent: {error}", Tone.BAD))
            return
        self._status(Cell("esc esc stops the answer", Tone.DIM))

    def engine_ready(self) -> None:
        """Requests are taken from now on; what waited for it is done."""
        self._ready = True
        self.composer.engine_ready()
        if self._session.asking is not None and self._session.asking.request_id is None:
            self._submit()
        if self._wanted is not None:
            self.call_later(self.open_conversation, self._wanted)

    async def engine_died(self, text: str) -> None:
        """No answer will come any more."""
        self._ready = False
        self._dead = text
        asking = self._session.asking
        if asking is not None:
            block = self.transcript.block(asking.turn.id)
            if block is not None:
                await block.fail(text)
            self._session.end(None)
            self._over()
        self._status(Cell(f"no engine: {text}", Tone.BAD))

    # -- what comes back ------------------------------------------------------------------------------------

    async def on_turn_events(self, message: TurnEvents) -> None:
        message.stop()
        touched = False
        for event in message.events:
            asking = self._session.asking
            if asking is None or asking.request_id != event.request_id:
                break
            block = self.transcript.block(asking.turn.id)
            if block is None:
                break
            if await self._feed.take(event, block) is not None:
                self._over()
            touched = touched or changes_log(event)
        if touched:
            self.post_message(LogTouched())

    def _over(self) -> None:
        self._armed = False
        self._status(None)
        self.post_message(StreamEnded())
        self.composer.idle()

    # -- stopping -------------------------------------------------------------------------------------------

    def arm_or_stop(self) -> bool:
        """Leave what is open here: the rewriting of a message, else an answer on its way, which the first call arms and
        the second stops; False when there is neither."""
        asking = self._session.asking
        if asking is None and self._session.rewriting is not None:
            self._session.rewriting = None
            self.prompt.text = ""
            self._retitle()
            return True
        if asking is None:
            return False
        if not self._armed:
            self._armed = True
            self._status(Cell("esc again stops the answer", Tone.WARN))
        elif asking.request_id is not None and self._link.engine is not None:
            self._link.engine.cancel(asking.request_id)
            self._status(Cell("stopping …", Tone.WARN))
        return True

    def _leave(self) -> None:
        """Stop what is on its way, because something else is to be shown."""
        asking, engine = self._session.asking, self._link.engine
        if asking is not None and asking.request_id is not None and engine is not None:
            engine.cancel(asking.request_id)
        self._wanted = None
        self._receipts.forget()

    # -- conversations --------------------------------------------------------------------------------------

    async def new_conversation(self) -> None:
        """Begin anew with nothing said; a running answer is stopped."""
        self._leave()
        await self._show(None)
        self.prompt.focus()

    async def open_conversation(self, conversation_id: str | None) -> None:
        """Show a kept conversation, or begin one; a running answer is stopped, what came of it is kept. The one that is
        open only takes its title anew."""
        if conversation_id is None:
            await self.new_conversation()
            return
        if self._dead is not None:
            self._status(Cell(f"cannot be opened, no engine: {self._dead}", Tone.BAD))
            return
        self._wanted = conversation_id
        if self._engine is None:
            self._status(Cell("opened as soon as the engine has started", Tone.DIM))
            return

        def deliver(found: KeptConversation | None) -> None:
            self.post_message(ConversationFound(found))

        self._engine.conversation(conversation_id, deliver)

    async def on_conversation_wanted(self, message: ConversationWanted) -> None:
        message.stop()
        await self.open_conversation(message.conversation_id)

    async def on_conversation_found(self, message: ConversationFound) -> None:
        message.stop()
        found, wanted = message.conversation, self._wanted
        if found is None:
            if wanted is not None:
                self._status(Cell("that conversation is not kept any more", Tone.WARN))
            return
        if found.summary.conversation_id != wanted:
            return
        self._wanted = None
        if wanted == self.conversation.id:
            self.conversation.own_title = found.summary.title or None
            self._retitle()
            return
        self._leave()
        await self._show(Conversation.kept(found))
        self._receipts.want(reversed(self.conversation.turns[-MOST_TURNS_SHOWN:]))

    async def _show(self, conversation: Conversation | None) -> None:
        self._session.open(conversation)
        await self.transcript.show_turns(self.conversation.turns, self._flush_s)
        self._retitle()
        self._armed = False
        self.composer.idle()

    # -- receipts -------------------------------------------------------------------------------------------

    def _ask_receipt(self, request_id: str, turn_id: str) -> bool:
        engine = self._engine
        if engine is None:
            return False

        def deliver(receipt: Receipt | None) -> None:
            self.post_message(ReceiptFound(ReceiptWanted(request_id, turn_id), receipt))

        engine.find_receipt(request_id, deliver)
        return True

    async def on_receipt_found(self, message: ReceiptFound) -> None:
        message.stop()
        turn = self.conversation.turn(message.wanted.turn_id or "")
        if turn is not None and message.receipt is not None and turn.request_id == message.wanted.request_id:
            turn.receipt = message.receipt
            block = self.transcript.block(turn.id)
            if block is not None:
                await block.show_receipt(message.receipt)
        self._receipts.found()

    # -- orders ---------------------------------------------------------------------------------------------

    async def on_turn_order(self, message: TurnOrder) -> None:
        message.stop()
        turn = self.conversation.turn(message.turn_id or "")
        if turn is None:
            self.app.notify("nothing is said in this conversation yet", severity="warning", markup=False)
            return
        match message.order:
            case Order.WHY if turn.request_id is not None:
                self.post_message(ReceiptWanted(turn.request_id, turn.id))
            case Order.WHY:
                self.app.notify("there is no receipt of it yet", severity="warning", markup=False)
            case Order.AGAIN:
                self.ask_again(turn.id)
            case Order.ELSEWHERE:
                self.ask_elsewhere(turn.id)
            case Order.EDIT:
                self._edit(turn.id)
            case Order.COPY:
                self._files.copy_answer(turn)
            case Order.SAVE:
                self._files.save_answer(turn)
            case Order.EXPORT:
                self.export("")

    def ask_again(self, turn_id: str, route: str | None = None, avoid: tuple[str, ...] = ()) -> None:
        """Ask a turn again: as before, down `route`, or not down `avoid`. The answer stays until another begins."""
        turn, block = self.conversation.turn(turn_id), self.transcript.block(turn_id)
        refusal = self._refusal()
        if turn is None or block is None:
            refusal = Cell("that message is not in the open conversation", Tone.WARN)
        if refusal is not None or turn is None or block is None:
            self._status(refusal)
            return
        self._session.again(turn, route, avoid)
        block.ask_again()
        self._begin(block)

    def ask_elsewhere(self, turn_id: str) -> None:
        """Ask a turn again, not whoever answered it."""
        turn = self.conversation.turn(turn_id)
        receipt = turn.receipt if turn is not None else None
        route = (
            receipt.route or (receipt.attempts[-1].route if receipt.attempts else None) if receipt else None
        )
        if route is None:
            self.app.notify(
                "nobody is known to have answered it; r asks again", severity="warning", markup=False
            )
        else:
            self.ask_again(turn_id, avoid=(route.id,))

    def on_retry_wanted(self, message: RetryWanted) -> None:
        message.stop()
        self.ask_again(message.turn_id, message.route, message.avoid)

    def _edit(self, turn_id: str) -> None:
        if self._session.asking is not None:
            self._status(BUSY)
            return
        if self.prompt.text.strip() and self._session.rewriting is None:
            self.app.notify(
                "the editor holds another message: send it or clear it first",
                severity="warning",
                markup=False,
            )
            return
        self._session.rewriting = self.conversation.turn(turn_id)
        if self._session.rewriting is not None:
            self.prompt.text = self._session.rewriting.asked
            self.prompt.move_cursor(self.prompt.document.end)
            self.prompt.focus()
            self._retitle()

    async def undo(self) -> bool:
        """Take back that a message was sent in place of another; False where there is nothing to take back."""
        if not self._session.can_undo:
            return False
        if self._session.asking is not None or self._engine is None:
            self._status(self._refusal() or BUSY)
            return True
        changed = self._session.undo()
        if changed is not None:
            self._engine.drop_turns(self.conversation.id, changed[0], dropped=False)
            self._engine.drop_turns(self.conversation.id, changed[1])
            await self.transcript.show_turns(self.conversation.turns, self._flush_s)
            self._retitle()
        return True

    def export(self, wanted: str) -> None:
        """Write the conversation to a file: `md`, `json`, or a file's name. Receipts not read yet are read first."""
        self._receipts.want(self.conversation.turns)
        self._receipts.then(lambda: self._files.export(self.conversation, wanted))

    # -- what holds for the conversation --------------------------------------------------------------------

    async def on_command_given(self, message: CommandGiven) -> None:
        """Commands that are not about the conversation go on to the deck."""
        name, argument = message.name, message.argument.strip()
        said = set_by_command(self._session, name, argument)
        if said is not None:
            if said.changed:
                self._keep_settings()
            self.app.notify(said.text, timeout=6, markup=False)
        elif name == "retry":
            last = self.conversation.turns[-1].id if self.conversation.turns else ""
            if not last:
                self.app.notify("nothing is said in this conversation yet", severity="warning", markup=False)
            elif argument:
                self.ask_again(last, argument)
            else:
                self.ask_elsewhere(last)
        elif name == "export":
            self.export(argument)
        elif name == "new":
            await self.new_conversation()
        else:
            return
        message.stop()

    def pin_conversation(self, selector: str | None) -> None:
        """Keep this conversation on a route; None lets go."""
        self._session.set(route=selector)
        self._keep_settings()

    def pin_next(self, selector: str | None) -> None:
        """Send the next message down a route, and only that."""
        self._session.next_route = selector
        self._retitle()

    def _keep_settings(self) -> None:
        """A conversation in which nothing was said is not kept yet."""
        settings = self.conversation.settings
        unset = settings == type(settings)()
        if (
            self.conversation.turns
            and self._engine is not None
            and not (unset and len(self.conversation.turns) == 1)
        ):
            self._engine.set_conversation(self.conversation.id, settings)
        self._retitle()
