"""Where a message is written: the editor, and below it what would become of the text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.domain.messages import ChatRequest
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import Preview
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.messages import PreviewArrived, PromptChanged
from trunkline.tui.receipt_line import preview_line
from trunkline.tui.widgets.prompt import Prompt

PREVIEW_AFTER_S = 0.4


class Composer(Vertical):
    """Posts `PromptSubmitted` and `CommandGiven`. `draft` makes the request that a text would become."""

    def __init__(
        self, link: EngineLink, clock: Clock, zone: tzinfo | None, draft: Callable[[str], ChatRequest]
    ) -> None:
        super().__init__(id="composer")
        self._link = link
        self._clock = clock
        self._zone = zone
        self._draft = draft
        self._ready = False
        self._busy = False
        self._serial = 0
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Prompt()
        yield Static("", markup=False, id="estimate")

    @property
    def prompt(self) -> Prompt:
        """The editor."""
        return self.query_one(Prompt)

    def use(self, snapshot: Snapshot) -> None:
        """What there is to complete: routes, modes, task types."""

    def engine_ready(self) -> None:
        """Previews can be asked for from now on."""
        self._ready = True

    def say(self, cell: Cell | None) -> None:
        """The line under the editor."""
        line = self.query_one("#estimate", Static)
        text = "" if cell is None else cell.text
        if line.content != text:
            line.update(text, layout=False)
        line.set_class(cell is not None and cell.tone in (Tone.WARN, Tone.BAD), "-warn")

    def taken(self, text: str) -> None:
        """The text is on its way: clear the editor, and show no estimates until `idle`."""
        self.prompt.taken(text)
        self._busy = True
        self._cancel_preview()

    def idle(self) -> None:
        """No answer is on its way any more: estimates are shown again."""
        self._busy = False
        self._plan_preview(self.prompt.text)

    def on_prompt_changed(self, message: PromptChanged) -> None:
        message.stop()
        if not self._busy:
            self._plan_preview(message.text)

    def _cancel_preview(self) -> None:
        self._serial += 1
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _plan_preview(self, text: str) -> None:
        self._cancel_preview()
        if text.strip():
            self._timer = self.set_timer(PREVIEW_AFTER_S, self.ask_preview)
        else:
            self.say(None)

    def ask_preview(self) -> None:
        """Ask now what would become of the text in the editor."""
        engine = self._link.engine
        text = self.prompt.text
        if engine is None or not self._ready or not text.strip():
            return
        serial = self._serial

        def deliver(preview: Preview) -> None:
            self.post_message(PreviewArrived(serial, preview))

        engine.preview(self._draft(text), deliver)

    def on_preview_arrived(self, message: PreviewArrived) -> None:
        message.stop()
        if message.serial == self._serial and not self._busy:
            self.say(preview_line(message.preview, self._clock.wall_ms(), self._zone))
