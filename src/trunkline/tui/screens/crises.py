"""The crisis under way, or the last one: what was lost, what is done about it, what came of it; and those before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.snapshot import Snapshot
from trunkline.tui.crisis_lines import EARLIER, crisis_lines
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import bindings
from trunkline.tui.lines import Line
from trunkline.tui.messages import ReceiptWanted, RowHighlighted, RowOpened
from trunkline.tui.widgets.hint_line import hint_line
from trunkline.tui.widgets.line_list import LineList


class CrisesScreen(ModalScreen[None]):
    """Enter on a request asks the screen below for its receipt, on another crisis shows that one. `snapshot_now` is
    asked at every `tick`; older crises come by `take`."""

    CSS_PATH = "crises.tcss"
    AUTO_FOCUS = "#crisis-lines"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.DETAIL, instead={"detail.close": "leave"})

    def __init__(
        self, snapshot_now: Callable[[], Snapshot | None], clock: Clock, zone: tzinfo | None
    ) -> None:
        super().__init__()
        self._snapshot_now = snapshot_now
        self._clock = clock
        self._zone = zone
        self._known: tuple[CrisisSummary, ...] = ()
        self._chosen: str | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="crisis-box") as box:
            box.border_title = "Crises"
            yield LineList(self._make_lines, id="crisis-lines")
            yield Static("", id="crisis-hints", markup=False)

    def on_resize(self) -> None:
        self._show_hints()

    def _show_hints(self) -> None:
        """The keys; nothing to open is dim."""
        dim = ("list.open",) if self._listing.current is None else ()
        hints = hint_line(keys_in_force(self), ("list.open", "detail.close"), self.size.width - 2, dim)
        self.query_one("#crisis-hints", Static).update(hints)

    # -- what it shows --------------------------------------------------------------------------------------

    @property
    def _listing(self) -> LineList:
        return self.query_one(LineList)

    def _crises(self) -> tuple[CrisisSummary, ...]:
        """Every crisis that is known, newest first; of one that is told twice the snapshot's word."""
        snapshot = self._snapshot_now()
        latest = () if snapshot is None else (snapshot.crisis, snapshot.last_crisis)
        found: dict[str, CrisisSummary] = {}
        for one in (*latest, *self._known):
            if one is not None:
                found.setdefault(one.crisis.id, one)
        return tuple(sorted(found.values(), key=lambda one: one.crisis.began_at_ms, reverse=True))

    def _make_lines(self, width: int) -> tuple[Line, ...]:
        crises = self._crises()
        newest = crises[0] if crises else None
        shown = next((one for one in crises if one.crisis.id == self._chosen), newest)
        return crisis_lines(shown, crises, self._clock.wall_ms(), self._zone, width)

    def take(self, crises: tuple[CrisisSummary, ...]) -> None:
        """What the store knows of crises."""
        self._known = crises
        self.tick()

    def tick(self) -> None:
        """Bring it up to this moment; what reads the same is not drawn again."""
        if not self.is_mounted:
            return
        listing = self._listing
        if self._make_lines(listing.scrollable_content_region.width) != listing.lines:
            listing.remake()

    # -- what can be done -----------------------------------------------------------------------------------

    def on_row_highlighted(self, message: RowHighlighted) -> None:
        message.stop()
        self._show_hints()

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        if message.key.startswith(EARLIER):
            self._go_to(message.key.removeprefix(EARLIER))
        else:
            self.app.screen_stack[-2].post_message(ReceiptWanted(message.key))

    def _go_to(self, crisis_id: str | None) -> None:
        self._chosen = crisis_id
        self._listing.scroll_to(y=0, animate=False, immediate=True)
        self._listing.remake()

    def action_leave(self) -> None:
        """One level back: to the newest crisis, to the deck."""
        if self._chosen is not None:
            self._go_to(None)
        else:
            self.dismiss(None)
