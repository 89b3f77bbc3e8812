"""What saving would change, before it is saved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from trunkline.config.desk import Plan
from trunkline.domain.clock import Clock
from trunkline.domain.trials import PreferencesTrial
from trunkline.tui.cells import Tone
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.lines import Section, joined, paragraph
from trunkline.tui.screens.preferences.save_lines import diff_lines, trial_changes, trial_head
from trunkline.tui.screens.preferences.text import content_of

NO_ENGINE = "There is no engine to decide the last requests again."


@dataclass
class TrialArrived(Message):
    """How the last decisions would come out."""

    trial: PreferencesTrial


class SaveScreen(ModalScreen[bool]):
    """Shows a plan's diff, and the last decisions made again by it; gives whether it is to be written."""

    CSS_PATH = "preferences.tcss"
    AUTO_FOCUS = "#preferences-plan"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer(True)", "Write it"),
        Binding("escape,q", "answer(False)", "Back"),
        Binding("j,down", "scroll(1)", "A line down"),
        Binding("k,up", "scroll(-1)", "A line up"),
    ]

    def __init__(
        self, title: str, verb: str, plan: Plan, link: EngineLink, clock: Clock, zone: tzinfo | None
    ) -> None:
        super().__init__()
        self._title = title
        self._verb = verb
        self._plan = plan
        self._link = link
        self._clock = clock
        self._zone = zone
        self._trial: PreferencesTrial | None = None
        self._has_engine = True

    def compose(self) -> ComposeResult:
        with Vertical(classes="preferences-box -large") as box:
            box.border_title = self._title
            box.border_subtitle = f"enter {self._verb} · esc goes back"
            with VerticalScroll(id="preferences-plan"):
                yield Static("", id="preferences-plan-text", markup=False)

    def on_mount(self) -> None:
        engine = self._link.engine
        self._has_engine = engine is not None
        if engine is not None:
            engine.try_preferences(self._plan.texts, self._tell)
        self._show()

    def _tell(self, trial: PreferencesTrial) -> None:
        """Called on the engine's thread."""
        self.post_message(TrialArrived(trial))

    def on_trial_arrived(self, message: TrialArrived) -> None:
        message.stop()
        self._trial = message.trial
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        width = self.query_one("#preferences-plan").content_region.width - 1
        head = trial_head(self._trial, width) if self._has_engine else paragraph(NO_ENGINE, width, Tone.DIM)
        sections = (
            Section("The last decisions, made again", head),
            Section("In your files", diff_lines(self._plan.diff)),
            Section(
                "Would go elsewhere", trial_changes(self._trial, self._clock.wall_ms(), self._zone, width)
            ),
        )
        lines = joined(sections)
        self.query_one("#preferences-plan-text", Static).update(content_of(lines))

    def action_scroll(self, lines: int) -> None:
        """A line up or down."""
        self.query_one("#preferences-plan").scroll_relative(y=lines, animate=False)

    def action_answer(self, write: bool) -> None:
        """Write it, or go back."""
        self.dismiss(write)
