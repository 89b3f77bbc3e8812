"""The gateway: where it listens, what to paste into whom, what goes through, and the switch."""

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
from trunkline.tui.gateway_lines import GatewayFacts, copied, gateway_lines
from trunkline.tui.gateway_switch import GatewayOff
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import bindings
from trunkline.tui.lines import Line
from trunkline.tui.messages import RowHighlighted, RowOpened
from trunkline.tui.widgets.hint_line import hint_line
from trunkline.tui.widgets.line_list import LineList


class GatewayScreen(ModalScreen[None]):
    """`facts` is asked at every `tick`; `switch` is what the key does."""

    CSS_PATH = "gateway.tcss"
    AUTO_FOCUS = "#gateway-lines"
    BINDINGS: ClassVar[list[BindingType]] = bindings(
        Scope.GATEWAY, Scope.DETAIL, instead={"detail.close": "dismiss"}
    )

    def __init__(
        self, facts: Callable[[], GatewayFacts], switch: Callable[[], None], clock: Clock, zone: tzinfo | None
    ) -> None:
        super().__init__()
        self._facts = facts
        self._switch = switch
        self._clock = clock
        self._zone = zone

    def compose(self) -> ComposeResult:
        with Vertical(id="gateway-box") as box:
            box.border_title = "Gateway"
            yield LineList(self._make_lines, id="gateway-lines")
            yield Static("", id="gateway-hints", markup=False)

    def on_resize(self) -> None:
        self._show_hints()

    def on_row_highlighted(self, message: RowHighlighted) -> None:
        message.stop()
        self._show_hints()

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        self.action_copy_lines()

    def _show_hints(self) -> None:
        """The keys; nothing to copy is dim."""
        facts, dim = self._facts(), set()
        if self._listing.current is None:
            dim.add("gateway.copy")
        if isinstance(facts.state, GatewayOff) and (facts.refusal or facts.others):
            dim.add("gateway.switch")
        ids = ("gateway.switch", "gateway.copy", "detail.close")
        hints = hint_line(keys_in_force(self), ids, self.size.width - 2, dim)
        self.query_one("#gateway-hints", Static).update(hints)

    @property
    def _listing(self) -> LineList:
        return self.query_one(LineList)

    def _make_lines(self, width: int) -> tuple[Line, ...]:
        key = keys_in_force(self).named("gateway.switch").first_label
        return gateway_lines(self._facts(), key, self._clock.wall_ms(), self._zone, width)

    def tick(self) -> None:
        """Bring it up to this moment; what reads the same is not drawn again."""
        if not self.is_mounted:
            return
        listing = self._listing
        if self._make_lines(listing.scrollable_content_region.width) != listing.lines:
            listing.remake()
            self._show_hints()

    def action_switch_gateway(self) -> None:
        """Start it, or stop it."""
        self._switch()
        self.tick()

    def action_copy_lines(self) -> None:
        """Offer what is under the cursor to the terminal's clipboard."""
        current = self._listing.current
        text = copied(current.target, self._facts()) if current is not None and current.target else None
        if text is None:
            self.app.notify("there is nothing to copy under the cursor", timeout=4, markup=False)
            return
        self.app.copy_to_clipboard(text)
        said = f"offered to the terminal's clipboard (OSC 52): {len(text.splitlines())} lines"
        self.app.notify(said if "\n" in text else said.rpartition(":")[0], timeout=4, markup=False)
