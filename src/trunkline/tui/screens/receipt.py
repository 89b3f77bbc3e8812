"""The whole receipt of a request: who answered and why, every call, tokens, money, allowances."""

from __future__ import annotations

from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.domain.receipts import Receipt
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import bindings
from trunkline.tui.lines import Line
from trunkline.tui.messages import PinWanted, RetryWanted, RowHighlighted
from trunkline.tui.receipt_rows import ReceiptView, all_lines, decided_lines, happened_lines
from trunkline.tui.widgets.hint_line import hint_line
from trunkline.tui.widgets.line_list import LineList

TWO_COLUMNS_FROM = 132

_NEED_A_TURN = ("receipt.avoid", "receipt.retry")

NO_TURN = "this was not asked in the open conversation, so it cannot be asked again from here"
NO_ROUTE = "no route is under the cursor; j and k go to one"


class ReceiptScreen(ModalScreen["PinWanted | RetryWanted | None"]):
    """Gives what is to be done with the route under the cursor: pin it, or ask the turn again down it or elsewhere."""

    CSS_PATH = "receipt.tcss"
    AUTO_FOCUS = "#receipt-main"
    HORIZONTAL_BREAKPOINTS = [(0, "-single"), (TWO_COLUMNS_FROM, "-apart")]  # noqa: RUF012 - an instance variable in Textual
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-tall")]  # noqa: RUF012 - an instance variable in Textual
    BINDINGS = bindings(Scope.RECEIPT, Scope.DETAIL, instead={"detail.close": "dismiss"})

    def __init__(
        self,
        receipt: Receipt,
        clock: Clock,
        zone: tzinfo | None,
        *,
        turn_id: str | None = None,
    ) -> None:
        super().__init__()
        self._view = ReceiptView(receipt, clock.wall_ms(), zone)
        self._turn_id = turn_id

    def compose(self) -> ComposeResult:
        with Vertical(id="receipt-box") as box:
            box.border_title = "Receipt"
            with Horizontal(id="receipt-columns"):
                yield LineList(self._main_lines, id="receipt-main")
                yield LineList(self._side_lines, id="receipt-side")
            yield Static("", id="receipt-detail", markup=False)
            yield Static("", id="receipt-hints", markup=False)

    def _hints(self) -> Content:
        table = keys_in_force(self)
        shown = [spec.id for spec in table.of(Scope.RECEIPT, Scope.DETAIL) if spec.hint]
        dim = _NEED_A_TURN if self._turn_id is None else frozenset()
        return hint_line(table, shown, self.size.width - 2, dim)

    # -- the columns ----------------------------------------------------------------------------------------

    def _main_lines(self, width: int) -> tuple[Line, ...]:
        return decided_lines(self._view, width) if self._is_wide else all_lines(self._view, width)

    def _side_lines(self, width: int) -> tuple[Line, ...]:
        return happened_lines(self._view, width)

    @property
    def _is_wide(self) -> bool:
        return self.app.size.width >= TWO_COLUMNS_FROM

    @property
    def _list(self) -> LineList:
        focused = self.focused
        return focused if isinstance(focused, LineList) else self.query_one("#receipt-main", LineList)

    def on_resize(self) -> None:
        self.query_one("#receipt-hints", Static).update(self._hints())
        if not self._is_wide:
            self.query_one("#receipt-main").focus()

    def on_descendant_focus(self) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        current = self._list.current
        self.query_one("#receipt-detail", Static).update(current.detail if current is not None else "")

    def on_row_highlighted(self, message: RowHighlighted) -> None:
        message.stop()
        self._show_detail()

    # -- what can be done -----------------------------------------------------------------------------------

    def _target(self) -> str | None:
        current = self._list.current
        if current is None or current.target is None:
            self.notify(NO_ROUTE, severity="warning", timeout=4, markup=False)
            return None
        return current.target

    def _turn(self) -> str | None:
        if self._turn_id is None:
            self.notify(NO_TURN, severity="warning", timeout=5, markup=False)
        return self._turn_id

    def action_pin(self) -> None:
        """Choose how far a pin to the route under the cursor reaches."""
        target = self._target()
        if target is not None:
            self.dismiss(PinWanted(target))

    def action_avoid(self) -> None:
        """Ask the turn again, anywhere but on the route under the cursor."""
        turn_id = self._turn()
        target = self._target() if turn_id is not None else None
        if turn_id is not None and target is not None:
            self.dismiss(RetryWanted(turn_id, None, avoid=(target,)))

    def action_retry(self) -> None:
        """Ask the turn again down the route under the cursor."""
        turn_id = self._turn()
        target = self._target() if turn_id is not None else None
        if turn_id is not None and target is not None:
            self.dismiss(RetryWanted(turn_id, target))
