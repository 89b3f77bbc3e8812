"""One turn of the chat: what was asked, the answer as it comes, what happened on the way, the receipt."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from trunkline.domain.learned import Received
from trunkline.domain.receipts import Receipt
from trunkline.domain.routes import Route
from trunkline.domain.text import strip_controls
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.conversation import Turn
from trunkline.tui.receipt_line import earlier_stands as said_of_earlier
from trunkline.tui.receipt_line import verdict
from trunkline.tui.widgets.answer_text import AnswerText
from trunkline.tui.widgets.receipt_note import ReceiptNote

MOST_ASKED_SHOWN = 6_000
NOT_KEPT = "no answer kept"


def shown_question(text: str) -> str:
    """A message as it stands above its answer: a long one by its beginning."""
    text = strip_controls(text)
    if len(text) <= MOST_ASKED_SHOWN:
        return text
    return f"{text[:MOST_ASKED_SHOWN]}\n… the first {MOST_ASKED_SHOWN:,} of {len(text):,} characters"


class AnswerBlock(Vertical):
    """Text comes by `append`, is drawn at most every `flush_s` seconds, and is over with `finish`. Asked again, what it
    shows stays until the first text of the new answer."""

    def __init__(self, turn: Turn, flush_s: float) -> None:
        super().__init__(id=f"turn-{turn.id}", classes="turn")
        self.turn_id = turn.id
        self.flush_s = flush_s
        self._turn = turn
        self._answer: AnswerText | None = None
        self._passed: list[Widget] = []
        self._wait: Static | None = None
        self._buffer = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        turn = self._turn
        yield Static("you", markup=False, classes="speaker you")
        yield Static(shown_question(turn.asked), markup=False, classes="asked")
        if turn.files:
            yield Static("\n".join(turn.files), markup=False, classes="files")
        yield Static("…", markup=False, classes="speaker answerer")
        if turn.answer:
            self._answer = AnswerText(turn.answer)
            yield self._answer

    # -- who, and what happened -----------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Say in place of the answerer's name what is being waited for."""
        self.remove_class("-thinking")
        self.query_one(".answerer", Static).update(text)

    def name_answerer(self, route: Route) -> None:
        """Say who is writing."""
        self.say(fmt.one_line(f"{route.provider}/{route.account} · {route.model}"))

    def think(self) -> None:
        """The model is reasoning; nothing of it is part of the answer."""
        if not self.has_class("-thinking"):
            self.add_class("-thinking")
            heading = self.query_one(".answerer", Static)
            heading.update(f"{heading.content} · thinking")

    async def add_notice(self, notice: Cell) -> None:
        """Tell what happened, below what has been written so far."""
        self._flush()
        await self.mount(_notice(notice))

    async def tell_wait(self, said: Cell) -> None:
        """Why the question waits, or that it did: the one line about that, wherever it stands."""
        self._flush()
        if self._wait is None:
            self._wait = _notice(said)
            await self.mount(self._wait)
        elif self._wait.content != said.text:
            self._wait.update(said.text)
            self._wait.set_class(said.tone is Tone.WARN, "-warn")

    async def drop_wait(self) -> None:
        """Nothing is said of waiting any more."""
        wait, self._wait = self._wait, None
        if wait is not None:
            await wait.remove()

    # -- the answer -----------------------------------------------------------------------------------------

    def ask_again(self) -> None:
        """Another answer is asked for; the one shown stays until it begins, but not how long it was waited for."""
        wait, self._wait = self._wait, None
        self._passed = [one for one in self.query(".notice, .receipt, AnswerText") if one is not wait]
        if wait is not None:
            wait.remove()
        self.say("asking again …")

    async def begin(self) -> None:
        """The first text of an answer is here: what it replaces goes."""
        for one in self._passed:
            if one is self._answer:
                self._answer = None
            await one.remove()
        self._passed = []
        if self._answer is None:
            self._answer = AnswerText()
            await self.mount(self._answer)

    def append(self, text: str) -> None:
        """More of the answer, behind `begin`. The first piece is drawn at once."""
        self._buffer += text
        if self._timer is None:
            self._flush()
            self._timer = self.set_timer(self.flush_s, self._flush_due)

    def _flush_due(self) -> None:
        self._timer = None
        if self._buffer:
            self._flush()
            self._timer = self.set_timer(self.flush_s, self._flush_due)

    def _flush(self) -> None:
        text, self._buffer = self._buffer, ""
        if text and self._answer is not None:
            self._answer.append(text)

    def restart(self) -> None:
        """What was written no longer counts."""
        self._buffer = ""
        if self._answer is not None and not self._passed:
            self._answer.clear()

    # -- the end --------------------------------------------------------------------------------------------

    async def finish(self, receipt: Receipt, *, earlier_stands: bool = False) -> None:
        """The answer is over; say whether it is whole, and give the receipt. `earlier_stands`: none came, and the one
        before it stays."""
        self._stop()
        if earlier_stands:
            self._passed = []
            self._name_from(self._turn.receipt)
            await self.mount(_notice(said_of_earlier(receipt)))
            return
        for one in self._passed:
            await one.remove()
        self._passed = []
        await self.show_receipt(receipt)

    async def show_receipt(self, receipt: Receipt) -> None:
        """Who answered, whether that is whole, and what it took."""
        self._name_from(receipt)
        said = verdict(receipt)
        if said is not None:
            await self.query(".notice.verdict").remove()
            await self.mount(_notice(said, "verdict"))
        await self.mount(ReceiptNote(receipt))

    def judged(self, received: Received) -> None:
        """Show how an answer was received, where it is still this one."""
        turn = self._turn
        if turn.receipt is not None and turn.receipt.request_id == received.request_id:
            turn.receipt = replace(turn.receipt, verdicts=received.verdicts)
            for note in self.query(ReceiptNote):
                note.show(turn.receipt)

    def _name_from(self, receipt: Receipt | None) -> None:
        if receipt is not None and receipt.route is not None:
            self.name_answerer(receipt.route)
        else:
            self.say("no answer" if self._answer is None else "answer")

    async def fail(self, text: str) -> None:
        """The answer will never be over: say why."""
        self._stop()
        if self._passed:
            self._passed = []
            self._name_from(self._turn.receipt)
        await self.drop_wait()
        await self.mount(_notice(Cell(f"✕ {fmt.one_line(text)}", Tone.BAD), "verdict"))

    async def show_kept(self) -> None:
        """What is known of an answer that is not on its way: its receipt; until that is found, what the store says."""
        turn = self._turn
        if turn.receipt is not None:
            await self.show_receipt(turn.receipt)
            return
        self.say("answer" if turn.answer else NOT_KEPT)
        if turn.answer and turn.whole is False:
            await self.mount(_notice(Cell("✂ the answer is not whole", Tone.WARN), "verdict"))

    async def show_anew(self) -> None:
        """The turn's answer is another one than was shown."""
        self._stop()
        self._passed, self._wait, self._answer = [], None, None
        await self.query(".notice, .receipt, AnswerText").remove()
        if self._turn.answer:
            self._answer = AnswerText(self._turn.answer)
            await self.mount(self._answer)
        await self.show_kept()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._flush()


def _notice(cell: Cell, *classes: str) -> Static:
    return Static(cell.text, markup=False, classes=" ".join(("notice", *classes, f"-{cell.tone.value}")))
