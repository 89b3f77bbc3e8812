"""Panel 4: the conversation, and the editor below it."""

from __future__ import annotations

from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.domain.decisions import NoRoute
from trunkline.domain.errors import TrunklineError
from trunkline.domain.events import (
    Answered,
    AttemptStarted,
    Cancelled,
    Decided,
    Event,
    Failed,
    Rerouted,
    Restarted,
    TextDelta,
    ThinkingDelta,
    Waiting,
)
from trunkline.domain.ids import IdSource
from trunkline.domain.receipts import Receipt
from trunkline.domain.text import strip_controls
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.conversation import Conversation, Turn
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.log_book import LogBook
from trunkline.tui.log_rows import LiveLine
from trunkline.tui.messages import (
    LogTouched,
    PromptSubmitted,
    StreamEnded,
    TurnEvents,
)
from trunkline.tui.notices import notice
from trunkline.tui.widgets.answer import AnswerBlock
from trunkline.tui.widgets.composer import Composer
from trunkline.tui.widgets.prompt import Prompt

EMPTY = "Nothing said yet. Write below and press enter:\nthe route that would take it is shown as you type."
MOST_TURNS_SHOWN = 40


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
    ) -> None:
        super().__init__(id="chat-panel", classes="panel")
        self._link = link
        self._book = book
        self._clock = clock
        self._ids = ids
        self._zone = zone
        self._flush_s = flush_s
        self._conversation = Conversation.begin(ids)
        self._turn: Turn | None = None
        self._request_id: str | None = None
        self._armed = False
        self._ready = False
        self._dead: str | None = None

    def compose(self) -> ComposeResult:
        yield VerticalScroll(Static(EMPTY, markup=False, id="chat-empty"), id="transcript")
        yield Composer(self._link, self._clock, self._zone, lambda text: self._conversation.draft(text))

    def on_mount(self) -> None:
        self.border_title = "4 Chat"
        self.transcript.anchor()

    @property
    def transcript(self) -> VerticalScroll:
        """The turns."""
        return self.query_one("#transcript", VerticalScroll)

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
        return self._conversation

    @property
    def is_streaming(self) -> bool:
        """An answer is on its way."""
        return self._turn is not None

    def _status(self, cell: Cell | None) -> None:
        self.composer.say(cell)

    # -- sending --------------------------------------------------------------------------------------------

    async def on_prompt_submitted(self, message: PromptSubmitted) -> None:
        message.stop()
        if self._dead is not None:
            self._status(Cell(f"not sent, no engine: {self._dead}", Tone.BAD))
            return
        if self._turn is not None:
            self._status(Cell("an answer is on its way; esc esc stops it, then send again", Tone.WARN))
            return
        self.composer.taken(message.text)
        turn = self._conversation.say(message.text, self._ids)
        self._turn = turn
        self._armed = False
        for empty in self.query("#chat-empty"):
            await empty.remove()
        if not self.transcript.is_attached:
            return  # the deck was left in the same moment
        block = AnswerBlock(turn.id, turn.asked, self._flush_s)
        await self.transcript.mount(block)
        self.transcript.anchor()
        await self._prune()
        self._retitle()
        if self._ready:
            self._submit(turn)
        else:
            block.say("waiting for the engine to start")

    def _submit(self, turn: Turn) -> None:
        engine = self._link.engine
        if engine is None:
            return
        turn_id = turn.id

        def deliver(events: tuple[Event, ...]) -> None:
            self.post_message(TurnEvents(turn_id, events))

        try:
            self._request_id = engine.submit(self._conversation.request(turn), deliver)
        except TrunklineError as error:
            self._status(Cell(f"not sent: {error}", Tone.BAD))
            self._block(turn).say(f"not sent: {error}")
            self._over(turn, whole=False)
            return
        self._status(Cell("esc esc stops the answer", Tone.DIM))

    async def _prune(self) -> None:
        blocks = list(self.transcript.query(AnswerBlock))
        for block in blocks[: max(0, len(blocks) - MOST_TURNS_SHOWN)]:
            await block.remove()

    def _retitle(self) -> None:
        turns = len(self._conversation.turns)
        self.border_title = "4 Chat" + (f" · {turns} turn{'s' if turns > 1 else ''}" if turns else "")

    def engine_ready(self) -> None:
        """Requests are taken from now on; a message that waited for it is sent."""
        self._ready = True
        self.composer.engine_ready()
        if self._turn is not None and self._request_id is None:
            self._submit(self._turn)

    async def engine_died(self, text: str) -> None:
        """No answer will come any more."""
        self._ready = False
        self._dead = text
        turn = self._turn
        if turn is not None:
            await self._block(turn).fail(text)
            self._over(turn, whole=False)
        self._status(Cell(f"no engine: {text}", Tone.BAD))

    # -- stopping -------------------------------------------------------------------------------------------

    def arm_or_stop(self) -> bool:
        """The first call arms, the second stops the answer; False when there is none."""
        if self._turn is None:
            return False
        if not self._armed:
            self._armed = True
            self._status(Cell("esc again stops the answer", Tone.WARN))
            return True
        engine = self._link.engine
        if engine is not None and self._request_id is not None:
            engine.cancel(self._request_id)
            self._status(Cell("stopping …", Tone.WARN))
        return True

    async def new_conversation(self) -> None:
        """Begin anew with nothing said; a running answer is stopped."""
        engine = self._link.engine
        if self._turn is not None and engine is not None and self._request_id is not None:
            engine.cancel(self._request_id)
        self._turn = None
        self._request_id = None
        self._conversation = Conversation.begin(self._ids)
        await self.transcript.remove_children()
        await self.transcript.mount(Static(EMPTY, markup=False, id="chat-empty"))
        self._retitle()
        self.composer.idle()
        self.prompt.focus()

    # -- what comes back ------------------------------------------------------------------------------------

    def _block(self, turn: Turn) -> AnswerBlock:
        return self.transcript.query_one(f"#turn-{turn.id}", AnswerBlock)

    async def on_turn_events(self, message: TurnEvents) -> None:
        message.stop()
        turn = self._turn
        if turn is None or turn.id != message.turn_id:
            return
        block = self._block(turn)
        for event in message.events:
            await self._take(turn, block, event)

    async def _take(self, turn: Turn, block: AnswerBlock, event: Event) -> None:
        body = event.body
        match body:
            case TextDelta(text):
                turn.answer += strip_controls(text)
                await block.append(text)
            case ThinkingDelta():
                if not turn.answer:
                    block.think()
            case AttemptStarted(_, route):
                block.name_answerer(route)
            case Answered(receipt) | Failed(receipt) | Cancelled(receipt):
                await self._end(turn, block, receipt)
                return
            case Restarted():
                turn.answer = ""
                await block.restart()
        happened = notice(body, self._clock.wall_ms(), self._zone)
        if happened is not None:
            await block.add_notice(happened)
        if isinstance(body, AttemptStarted | Rerouted | Waiting | Decided):
            self._note_live(event)

    def _note_live(self, event: Event) -> None:
        body = event.body
        routes: tuple[str, ...] = ()
        reason = ""
        match body:
            case Rerouted(from_route, to_route, cause):
                routes, reason = (from_route.id, to_route.id), cause.value
            case AttemptStarted(_, route):
                routes = (route.id,)
            case Decided(_, decision) if not isinstance(decision, NoRoute):
                routes, reason = (decision.route.id,), decision.reason.value
            case Waiting(_, route):
                routes, reason = (route.id,), "waiting"
        self._book.take_live(LiveLine(event.request_id, event.at_ms, "chat", routes, reason))
        self.post_message(LogTouched())

    async def _end(self, turn: Turn, block: AnswerBlock, receipt: Receipt) -> None:
        await block.finish(receipt)
        self._book.take_ending(receipt)
        self._over(turn, whole=receipt.complete)
        self.post_message(LogTouched())

    def _over(self, turn: Turn, *, whole: bool) -> None:
        turn.whole = whole
        self._turn = None
        self._request_id = None
        self._armed = False
        self._status(None)
        self.post_message(StreamEnded())
        self.composer.idle()
