"""Panel 4: the conversation, and the editor below it."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.domain.errors import TrunklineError
from trunkline.domain.events import Cancelled, Event
from trunkline.domain.ids import IdSource
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import HostedEngine
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.chat_commands import set_by_command
from trunkline.tui.chat_session import ChatSession
from trunkline.tui.conversation import Conversation
from trunkline.tui.conversation_rows import chat_title
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings
from trunkline.tui.log_book import LogBook
from trunkline.tui.memory import DeckMemory
from trunkline.tui.messages import (
    CommandGiven,
    ConversationFound,
    LogTouched,
    PromptSubmitted,
    ReceiptFound,
    RetryWanted,
    TurnEvents,
)
from trunkline.tui.widgets.answer import AnswerBlock
from trunkline.tui.widgets.chat_files import ChatFiles
from trunkline.tui.widgets.composer import Composer
from trunkline.tui.widgets.conversation_opener import ConversationOpener
from trunkline.tui.widgets.prompt import Prompt
from trunkline.tui.widgets.transcript import Transcript, TurnOrder
from trunkline.tui.widgets.turn_feed import TurnFeed, changes_log
from trunkline.tui.widgets.turn_orders import TurnOrders
from trunkline.tui.widgets.waiting_question import WaitingQuestion, refusal_while_waiting

WATCHING = "watching only: c lists the conversations that are kept"
_TITLE_EDGES = 6  # cells of the border that a title leaves free


class ChatPanel(Vertical):
    """One conversation; one answer at a time. `files_folder` is where answers and conversations are written, None the
    current folder. `armed`: one more key stops the answer on its way."""

    BINDINGS = bindings(Scope.WAITING)

    def __init__(
        self,
        link: EngineLink,
        book: LogBook,
        clock: Clock,
        ids: IdSource,
        zone: tzinfo | None,
        flush_s: float,
        files_folder: Path | None = None,
        memory: DeckMemory | None = None,
    ) -> None:
        super().__init__(id="chat-panel", classes="panel")
        self._files_folder = files_folder
        self._memory = memory
        self._link = link
        self.clock = clock
        self.zone = zone
        self.flush_s = flush_s
        self.session = ChatSession(ids, clock)
        self.files = ChatFiles(self, files_folder, zone)
        self.orders = TurnOrders(self)
        self.waiting = WaitingQuestion(self)
        self._opener = ConversationOpener(self)
        self._feed = TurnFeed(self.session, book, clock, zone)
        self.armed = False
        self._ready = False
        self._watching = False
        self.dead: str | None = None

    def compose(self) -> ComposeResult:
        yield Transcript()
        yield Static("", markup=False, id="chat-terms")
        yield Composer(
            self._link, self.clock, self.zone, self.session.draft, self._memory, self._files_folder
        )
        yield Static(WATCHING, markup=False, id="watching")

    def on_mount(self) -> None:
        self.retitle()

    def on_resize(self) -> None:
        self.retitle()

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
        return self.session.conversation

    @property
    def is_streaming(self) -> bool:
        """An answer is on its way."""
        return self.session.asking is not None

    @property
    def engine(self) -> HostedEngine | None:
        """The engine, while it takes orders."""
        return self._link.engine if self._ready and self.dead is None else None

    def refusal(self) -> Cell | None:
        """Why nothing can be asked now."""
        if self.dead is not None:
            return Cell(f"not sent, no engine: {self.dead}", Tone.BAD)
        if self._watching:
            return Cell("this deck only watches: nothing can be asked here", Tone.WARN)
        if self.is_streaming and self.waiting.is_waiting:
            return refusal_while_waiting()
        return Cell("an answer is on its way; esc esc stops it", Tone.WARN) if self.is_streaming else None

    # -- what it says ---------------------------------------------------------------------------------------

    def set_flush_s(self, flush_s: float) -> None:
        """How long text is gathered before it is drawn."""
        self.flush_s = flush_s
        for block in self.transcript.blocks:
            block.flush_s = flush_s

    def use(self, snapshot: Snapshot) -> None:
        """What there is to complete, and whether anything can be asked here."""
        self.composer.use(snapshot)
        self.call_later(self.waiting.look, snapshot)
        if snapshot.read_only != self._watching:
            self._watching = snapshot.read_only
            self.transcript.set_watching(self._watching)

    def status(self, cell: Cell | None) -> None:
        """The line under the editor."""
        self.composer.say(cell)
        if self._watching and cell is not None:
            self.warn(cell.text)

    def warn(self, text: str) -> None:
        """Why a key does nothing."""
        self.app.notify(fmt.one_line(text), severity="warning", timeout=5, markup=False)

    def retitle(self) -> None:
        """The conversation or what holds for it is another one."""
        self.border_title = Content(chat_title(self.conversation, self.size.width - _TITLE_EDGES))
        line, terms = self.query_one("#chat-terms", Static), self.session.terms()
        if line.content != terms:
            line.update(terms)
            line.display = bool(terms)

    # -- sending --------------------------------------------------------------------------------------------

    async def on_prompt_submitted(self, message: PromptSubmitted) -> None:
        message.stop()
        refusal = self.refusal()
        if refusal is not None:
            self.status(refusal)
            return
        self.composer.taken(message.text)
        said = self.session.say(message.text, message.attachments, over_budget_ok=message.over_budget_ok)
        gone = tuple(turn.id for turn in said)
        if not self.transcript.is_attached:
            return  # the deck was left in the same moment
        if gone and self.engine is not None:
            self.engine.drop_turns(self.conversation.id, gone)
        await self.transcript.drop(gone)
        turns = self.conversation.turns
        block = await self.transcript.add(turns[-1], self.flush_s, len(turns))
        if len(turns) == 1 and self.session.is_set:
            self._keep_settings()
        self.retitle()
        self.begin(block)

    def begin(self, block: AnswerBlock) -> None:
        """Send what the session asks now; its answer goes into `block`."""
        self.armed = False
        self.composer.busy()
        if self._ready:
            self._submit()
        else:
            block.say("waiting for the engine to start")

    def _submit(self) -> None:
        engine, asking = self._link.engine, self.session.asking
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
            self._over()
            self.status(Cell(f"not sent: {error}", Tone.BAD))
        else:
            self.status(self.waiting.what_stops())

    def engine_ready(self) -> None:
        """Requests are taken from now on; what waited for it is done."""
        self._ready = True
        self.composer.engine_ready()
        if self.session.asking is not None and self.session.asking.request_id is None:
            self._submit()
        self._opener.engine_ready()

    async def engine_died(self, text: str) -> None:
        """No answer will come any more."""
        self._ready = False
        self.dead = text
        self._opener.receipts.give_up()
        asking = self.session.asking
        if asking is not None:
            block = self.transcript.block(asking.turn.id)
            if block is not None:
                await block.fail(text)
            self._over()
        self.status(Cell(f"no engine: {text}", Tone.BAD))

    # -- what comes back ------------------------------------------------------------------------------------

    async def on_turn_events(self, message: TurnEvents) -> None:
        message.stop()
        for event in message.events:
            asking = self.session.asking
            block = self.transcript.block(message.turn_id)
            if asking is None or asking.request_id != event.request_id or block is None:
                break
            if isinstance(event.body, Cancelled) and event.body.kept:
                self.waiting.passed_on()
                self._over()
                break
            ended = await self._feed.take(event, block)
            await self.waiting.hold(event.body, block)
            if ended is not None:
                self._over()
                self.waiting.ended(message.turn_id)
        if any(changes_log(event) for event in message.events):
            self.post_message(LogTouched())

    def _over(self) -> None:
        """No more comes of the answer that was on its way."""
        self.session.end(None)
        self.armed = False
        self.status(None)
        self.composer.idle()

    def arm_or_stop(self) -> bool:
        """Leave what is open here: the rewriting of a message, else an answer on its way, which the first call arms and
        the second stops; False when there is neither."""
        asking, engine = self.session.asking, self._link.engine
        if asking is None:
            return self.orders.leave_rewriting()
        if not self.armed:
            self.armed = True
            self.status(self.waiting.what_stops())
        elif asking.request_id is not None and engine is not None:
            self.waiting.stopped()
            engine.cancel(asking.request_id)
            self.status(self.waiting.what_stops())
        return True

    def action_try_now(self) -> None:
        """Try the question that waits now."""
        self.waiting.try_now()

    def action_take_back(self) -> None:
        """Take the question that waits back into the editor."""
        self.waiting.take_back()

    def action_send_elsewhere(self) -> None:
        """Send the question that waits down another route."""
        self.waiting.choose_elsewhere()

    # -- conversations --------------------------------------------------------------------------------------

    async def show_conversation(self, conversation: Conversation | None) -> None:
        """Show another conversation, or a new one; an answer on its way is stopped, what came of it is kept. A question
        that waits in the store goes on waiting there."""
        asking, engine = self.session.asking, self._link.engine
        stays = self.waiting.leave()
        if asking is not None and asking.request_id is not None and engine is not None and not stays:
            engine.cancel(asking.request_id)
        self._opener.forget()
        self.session.open(conversation)
        await self.transcript.show_turns(self.conversation.turns, self.flush_s)
        self.retitle()
        self.armed = False
        self.composer.idle()

    async def new_conversation(self) -> None:
        """Begin anew with nothing said."""
        await self.show_conversation(None)
        self.prompt.focus()

    async def open_conversation(self, conversation_id: str | None) -> None:
        """Show a kept conversation, or begin one (None). The one that is open only takes its title anew."""
        if conversation_id is None:
            await self.new_conversation()
        else:
            self._opener.open(conversation_id)

    def read_answers(self) -> None:
        """Ask the store for what came to the open conversation without its asking."""
        self._opener.open(self.conversation.id)

    async def on_conversation_found(self, message: ConversationFound) -> None:
        message.stop()
        await self._opener.found(message.conversation)

    async def on_receipt_found(self, message: ReceiptFound) -> None:
        message.stop()
        await self._opener.receipt_found(message.wanted, message.receipt)

    # -- orders ---------------------------------------------------------------------------------------------

    def on_turn_order(self, message: TurnOrder) -> None:
        message.stop()
        self.orders.carry_out(message.order, message.turn_id)

    def on_retry_wanted(self, message: RetryWanted) -> None:
        message.stop()
        self.orders.ask_again(message.turn_id, message.route, message.avoid)

    async def undo(self) -> bool:
        """Take back that a message was sent in place of another; False where there is nothing to take back."""
        return await self.orders.undo()

    def export(self, wanted: str) -> None:
        """Write the conversation to a file: `md`, `json`, or a file's name. Receipts not read yet are read first."""
        self._opener.receipts.want(self.conversation.turns)
        self._opener.receipts.then(lambda: self.files.export(self.conversation, wanted))

    async def on_command_given(self, message: CommandGiven) -> None:
        """Commands that are not about the conversation go on to the deck."""
        argument = message.argument.strip()
        said = set_by_command(self.session, message.name, argument)
        if said is not None:
            if said.changed:
                self._keep_settings()
            self.app.notify(fmt.one_line(said.text), timeout=6, markup=False)
        elif message.name == "retry":
            self.orders.ask_last_again(argument)
        elif message.name == "export":
            self.export(argument)
        elif message.name == "new":
            await self.new_conversation()
        else:
            return
        message.stop()

    # -- what holds for the conversation --------------------------------------------------------------------

    def pin_conversation(self, selector: str | None) -> None:
        """Keep this conversation on a route; None lets go."""
        self.session.set(route=selector)
        self._keep_settings()

    def pin_next(self, selector: str | None) -> None:
        """Send the next message down a route, and only that."""
        self.session.next_route = selector
        self.retitle()

    def _keep_settings(self) -> None:
        """A conversation in which nothing was said is not kept yet; its settings are when its first message is."""
        if self.conversation.turns and self.engine is not None:
            self.engine.set_conversation(self.conversation.id, self.conversation.settings)
        self.retitle()
