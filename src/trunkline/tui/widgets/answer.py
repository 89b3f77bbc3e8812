"""One turn of the chat: what was asked, the answer as it comes, what happened on the way, the receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Static

from trunkline.domain.receipts import Receipt
from trunkline.domain.routes import Route
from trunkline.domain.text import strip_controls
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.receipt_line import receipt_line, verdict

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from textual.widgets import Markdown
    from textual.widgets.markdown import MarkdownStream


def plain_parser() -> MarkdownIt:
    """Markdown whose HTML is text: a provider's tags are shown, never swallowed."""
    from markdown_it import MarkdownIt

    return MarkdownIt("gfm-like", {"html": False})


class AnswerBlock(Vertical):
    """Text comes by `append`, is drawn at most every `flush_s` seconds, and is over with `finish`."""

    def __init__(self, turn_id: str, asked: str, flush_s: float) -> None:
        super().__init__(id=f"turn-{turn_id}", classes="turn")
        self._asked = asked
        self._flush_s = flush_s
        self._markdown: Markdown | None = None
        self._stream: MarkdownStream | None = None
        self._buffer = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static("you", markup=False, classes="speaker you")
        yield Static(strip_controls(self._asked), markup=False, classes="asked")
        yield Static("…", markup=False, classes="speaker answerer")

    def name_answerer(self, route: Route) -> None:
        """Say who is writing."""
        self.query_one(".answerer", Static).update(f"{route.provider}/{route.account} · {route.model}")

    def think(self) -> None:
        """The model is reasoning; nothing of it is part of the answer."""
        if not self.has_class("-thinking"):
            self.add_class("-thinking")
            heading = self.query_one(".answerer", Static)
            heading.update(f"{heading.content} · thinking")

    def say(self, text: str) -> None:
        """Say in place of the answerer's name what is being waited for."""
        self.query_one(".answerer", Static).update(text)

    async def add_notice(self, notice: Cell) -> None:
        """Tell what happened, below what has been written so far."""
        await self._flush()
        await self.mount(Static(notice.text, markup=False, classes=f"notice -{notice.tone.value}"))

    async def append(self, text: str) -> None:
        """More of the answer. The first piece is drawn at once."""
        self._buffer += strip_controls(text)
        if self._timer is None:
            await self._flush()
            self._timer = self.set_timer(self._flush_s, self._flush_due)

    async def _flush_due(self) -> None:
        self._timer = None
        if self._buffer:
            await self._flush()
            self._timer = self.set_timer(self._flush_s, self._flush_due)

    async def _flush(self) -> None:
        if not self._buffer:
            return
        text, self._buffer = self._buffer, ""
        if self._stream is None:
            await self._open_stream()
        if self._stream is not None:
            await self._stream.write(text)

    async def _open_stream(self) -> None:
        from textual.widgets import Markdown

        if self._markdown is None:
            self._markdown = Markdown("", parser_factory=plain_parser, open_links=False)
            await self.mount(self._markdown)
        self._stream = Markdown.get_stream(self._markdown)

    async def restart(self) -> None:
        """What was written no longer counts."""
        self._buffer = ""
        await self._close_stream()
        if self._markdown is not None:
            await self._markdown.update("")

    async def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()

    async def finish(self, receipt: Receipt) -> None:
        """The answer is over; say whether it is whole, and give the receipt."""
        await self.stop_stream()
        if receipt.route is not None:
            self.name_answerer(receipt.route)
        elif self._markdown is None:
            self.say("no answer")
        said = verdict(receipt)
        if said is not None:
            await self.mount(Static(said.text, markup=False, classes=f"notice verdict -{said.tone.value}"))
        await self.mount(Static(f"╰ {receipt_line(receipt)}", markup=False, classes="receipt"))

    async def fail(self, text: str) -> None:
        """The answer will never be over: say why."""
        await self.stop_stream()
        await self.mount(Static(f"✕ {text}", markup=False, classes=f"notice verdict -{Tone.BAD.value}"))

    async def stop_stream(self) -> None:
        """Draw what is left and write no more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        try:
            await self._flush()
        finally:
            await self._close_stream()

    async def on_unmount(self) -> None:
        await self._close_stream()
