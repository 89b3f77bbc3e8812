"""Panel 2: how long answers take, provider by provider."""

from __future__ import annotations

from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.keys import Scope, bindings

EMPTY = "No answer measured yet."


class LatencyPanel(Vertical, can_focus=True):
    """A line per provider over a selectable stretch of time."""

    BINDINGS = bindings(Scope.LATENCY)

    def __init__(self, link: EngineLink, clock: Clock, zone: tzinfo | None) -> None:
        super().__init__(id="latency-panel", classes="panel")
        self.border_title = "2 Latency"
        self._link = link
        self._clock = clock
        self._zone = zone

    def compose(self) -> ComposeResult:
        yield Static(EMPTY, markup=False)

    def tick(self) -> None:
        """A moment has passed, or a snapshot came: ask for newer figures when they are due and the panel is seen."""

    def set_pace(self, seconds: float) -> None:
        """How long a plot stands at least."""
