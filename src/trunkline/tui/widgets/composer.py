"""Where a message is written: the editor, above it what could be meant, below it what would become of the text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.domain.messages import ChatRequest
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import Preview
from trunkline.tui.attachments import (
    attached_rows,
    mentions,
    path_typed,
    suggest_paths,
    with_attachments,
)
from trunkline.tui.budget_question import BudgetQuestion
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.commands import (
    Choices,
    Given,
    NotACommand,
    Problem,
    choices_of,
    command_help,
    parse,
    suggest_command,
)
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.files import Reading
from trunkline.tui.memory import DeckMemory
from trunkline.tui.messages import CommandGiven, PreviewArrived, PromptChanged, PromptSubmitted
from trunkline.tui.suggestions import Suggestions
from trunkline.tui.widgets.attaching import Attaching, FilesRead, FolderListed
from trunkline.tui.widgets.completions import CompletionClicked, CompletionList
from trunkline.tui.widgets.context_gauge import context_gauge, estimate_line, free_again_at_ms
from trunkline.tui.widgets.prompt import MOST_HISTORY, Prompt, PromptEntered

PREVIEW_AFTER_S = 0.4
PREVIEW_HOLDS_MS = 10_000
"""How long an estimate stands for a text that nobody changes: who would answer may be another by then."""

HISTORY = "history"
MOST_KEPT_CHARACTERS = 20_000
MOST_ATTACHED_ROWS = 3
_RULE_CELLS = 6  # of the editor's upper border that no figure may take


class Composer(Vertical):
    """Posts `PromptSubmitted` and `CommandGiven`. `draft` makes the request that a text would become. `memory` keeps
    what was sent from one time to the next; files are named from `files_folder` on, None the current folder."""

    def __init__(
        self,
        link: EngineLink,
        clock: Clock,
        zone: tzinfo | None,
        draft: Callable[[str], ChatRequest],
        memory: DeckMemory | None = None,
        files_folder: Path | None = None,
    ) -> None:
        super().__init__(id="composer")
        self._link = link
        self._clock = clock
        self._zone = zone
        self._draft = draft
        self._memory = memory or DeckMemory(None)
        self._files = Attaching(files_folder or Path(), self.post_message)
        self._snapshot: Snapshot | None = None
        self._choices: Choices | None = None
        self._suggested: tuple[tuple[str, int, Choices], Suggestions | None] | None = None
        self._preview_after_s = PREVIEW_AFTER_S
        self._ready = False
        self._busy = False
        self._said: Cell | None = None
        self._complains = False
        self._preview: Preview | None = None
        self._previewed_at_ms = 0
        self._estimate: Cell | None = None
        self._serial = 0
        self._timer: Timer | None = None
        self._entered: str | None = None
        self._entered_reading = -1
        self._budget = BudgetQuestion()
        self._preview_serial = -1

    def compose(self) -> ComposeResult:
        completions = CompletionList()
        yield completions
        yield Prompt(completions, self._suggest, lambda: self._files.is_listing)
        yield Static("", markup=False, id="attached")
        yield Static("", markup=False, id="estimate")

    def on_mount(self) -> None:
        self.prompt.remember(self._memory.strings(HISTORY))

    @property
    def prompt(self) -> Prompt:
        """The editor."""
        return self.query_one(Prompt)

    # -- what others tell -----------------------------------------------------------------------------------

    def use(self, snapshot: Snapshot) -> None:
        """What there is to complete: routes, modes, task types."""
        self._snapshot, self._choices = snapshot, None

    def engine_ready(self) -> None:
        """Previews can be asked for from now on."""
        self._ready = True
        if not self._busy:
            self._plan_preview()

    def set_pace(self, seconds: float) -> None:
        """How long after the last letter an estimate is asked for."""
        self._preview_after_s = seconds

    def say(self, cell: Cell | None) -> None:
        """The line under the editor, until something else is to be said there."""
        self._said = cell
        self._complains = False
        self._show_line(cell)

    def tick(self) -> None:
        """Bring the estimate up to this moment: its times count down, and one that may not hold any more is asked for
        anew."""
        if self._preview is None or self._busy or self._complains or self._said is not self._estimate:
            return
        self._draw_preview()
        now_ms, asked_at_ms = self._clock.wall_ms(), self._previewed_at_ms
        back_at_ms = free_again_at_ms(self._preview)
        is_past = back_at_ms is not None and asked_at_ms < back_at_ms <= now_ms
        if is_past or now_ms - asked_at_ms >= PREVIEW_HOLDS_MS:
            self._previewed_at_ms = now_ms
            self.ask_preview()

    def taken(self, text: str) -> None:
        """The text is on its way: clear the editor, and show no estimates until `idle`."""
        entered, self._entered = self._entered, None
        self._keep(text if entered is None else entered)
        self.busy()

    def busy(self) -> None:
        """An answer is on its way: no estimates until `idle`."""
        self._busy = True
        self._cancel_preview()

    def idle(self) -> None:
        """No answer is on its way any more: estimates are shown again."""
        self._busy = False
        self._plan_preview()

    # -- what is typed --------------------------------------------------------------------------------------

    def _known(self) -> Choices:
        if self._choices is None:
            self._choices = choices_of(self._snapshot)
        return self._choices

    def _suggest(self, row: int, line: str, column: int) -> Suggestions | None:
        if row == 0 and line.startswith("/") and not line.startswith("//"):
            return self._suggest_command(line, column)
        typed = path_typed(line, column) if "@" in line else None
        if typed is None:
            self._files.forget_folders()
            return None
        return suggest_paths(typed, line, self._files.entries(typed))

    def _suggest_command(self, line: str, column: int) -> Suggestions | None:
        """One key asks several times, and there may be thousands of routes."""
        asked = (line, column, self._known())
        if self._suggested is None or self._suggested[0] != asked:
            self._suggested = (asked, suggest_command(*asked))
        return self._suggested[1]

    def on_completion_clicked(self, message: CompletionClicked) -> None:
        message.stop()
        self.prompt.take(message.suggestion)

    def on_folder_listed(self, message: FolderListed) -> None:
        message.stop()
        self._files.listed(message)
        self.prompt.complete()

    def on_prompt_changed(self, message: PromptChanged) -> None:
        message.stop()
        if self._entered is not None and not message.text.startswith(self._entered):
            self._entered = None  # rewritten before it was sent
        if self._complains:
            self._complains = False
            self._show_line(self._said if self._busy else None)
        if self._files.look(message.text):
            self._show_attached()
        if not self._busy:
            self._plan_preview()

    def on_files_read(self, message: FilesRead) -> None:
        message.stop()
        is_latest = self._files.take(message)
        if is_latest:
            self._show_attached()
        if self._entered is not None and message.serial == self._entered_reading:
            self._send(message.reading)  # whatever was typed behind it since
        elif is_latest and not self._busy:
            self._plan_preview()

    # -- sending --------------------------------------------------------------------------------------------

    def on_prompt_entered(self, message: PromptEntered) -> None:
        message.stop()
        match parse(message.text.strip("\n"), self._known()):
            case Problem(text):
                self._complain(Cell(text, Tone.BAD))
            case Given(name, argument):
                self._keep(message.text)
                self.post_message(CommandGiven(name, argument))
            case NotACommand(text):
                self._entered = message.text
                if mentions(text):
                    self._entered_reading = self._files.read(text)
                else:
                    self._send(Reading(text, text))

    def _send(self, reading: Reading) -> None:
        self._entered_reading = -1
        problems = reading.problems
        if problems:
            self._entered = None
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self._complain(Cell(f"not sent: {problems[0].text}{more}; @@ is a mere @", Tone.BAD))
            return
        fits = self._preview_serial == self._serial and not self._busy
        question = self._budget.ask(reading.sent, self._preview if fits else None)
        if question is not None:
            self._entered = None
            self._complain(question)
        else:
            asked_about = self._budget.answered(reading.sent)
            self.post_message(PromptSubmitted(reading.sent, reading.attachments, asked_about))

    def _keep(self, entered: str) -> None:
        """Out of the editor, into the history; a long one only while the deck is open."""
        self.prompt.taken(entered)
        if len(entered) <= MOST_KEPT_CHARACTERS:
            self._memory.add(HISTORY, entered, MOST_HISTORY)

    # -- what is shown --------------------------------------------------------------------------------------

    def _complain(self, cell: Cell) -> None:
        self._cancel_preview()
        self._complains = True
        self._show_line(cell)

    def _show_line(self, cell: Cell | None) -> None:
        line = self.query_one("#estimate", Static)
        text = "" if cell is None else cell.text
        is_bad = cell is not None and cell.tone is Tone.BAD
        if line.content != text:
            line.update(text, layout=is_bad)  # what is wrong may take a second row
        line.set_class(cell is not None and cell.tone is Tone.WARN, "-warn")
        line.set_class(is_bad, "-bad")

    def _show_attached(self) -> None:
        line = self.query_one("#attached", Static)
        most = MOST_ATTACHED_ROWS if self.app.size.height >= 20 else 1
        rows = "\n".join(attached_rows(self._files.attachments, max(20, self.size.width - 2), most))
        if line.content != rows:
            line.update(rows)
            line.display = bool(rows)

    def _show_preview(self, preview: Preview | None) -> None:
        self._preview, self._previewed_at_ms = preview, self._clock.wall_ms()
        self._draw_preview()

    def _draw_preview(self) -> None:
        prompt, preview = self.prompt, self._preview
        if preview is None:
            gauge = None
        else:
            width = self.size.width
            gauge = context_gauge(preview, width - _RULE_CELLS)
            self._estimate = estimate_line(preview, width - 2, self._clock.wall_ms(), self._zone)
            self.say(self._estimate)
        prompt.border_title = "" if gauge is None else gauge.text
        prompt.set_class(gauge is not None and gauge.tone is Tone.WARN, "-full")

    def on_resize(self) -> None:
        self._show_attached()
        if self._preview is not None and not self._busy and not self._complains:
            self._draw_preview()

    # -- previews -------------------------------------------------------------------------------------------

    def _cancel_preview(self) -> None:
        self._serial += 1
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _plan_preview(self) -> None:
        self._cancel_preview()
        text = self.prompt.text
        helping = command_help(text)
        if helping is not None or not text.strip():
            self._show_preview(None)
            self.say(None if helping is None else Cell(helping, Tone.DIM))
        else:
            self._timer = self.set_timer(self._preview_after_s, self.ask_preview)

    def ask_preview(self) -> None:
        """Ask now what would become of the text in the editor, with the files that it names."""
        engine = self._link.engine
        parsed = parse(self.prompt.text, self._known())
        if (
            engine is None
            or not self._ready
            or not isinstance(parsed, NotACommand)
            or not parsed.text.strip()
        ):
            return
        serial = self._serial

        def deliver(preview: Preview) -> None:
            self.post_message(PreviewArrived(serial, preview))

        engine.preview(self._draft(with_attachments(parsed.text, self._files.attachments)), deliver)

    def on_preview_arrived(self, message: PreviewArrived) -> None:
        message.stop()
        if message.serial == self._serial and not self._busy:
            self._preview_serial = message.serial
            self._show_preview(message.preview)
