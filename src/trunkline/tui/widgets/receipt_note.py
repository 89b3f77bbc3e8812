"""The receipt under an answer, in one line or two."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from trunkline.domain.receipts import Receipt
from trunkline.tui.lines import wrap
from trunkline.tui.receipt_line import receipt_rows

_HEAD, _REST = "╰ ", "  "


class ReceiptNote(Widget):
    """Who answered, what it took and why it went there, laid out for the width that there is."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(classes="receipt")
        self._receipt = receipt

    def show(self, receipt: Receipt) -> None:
        """Another receipt from now on."""
        self._receipt = receipt
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows(width))

    def render(self) -> Content:
        rows = self._rows(self.content_region.width)
        return Content("\n".join(f"{_REST if number else _HEAD}{row}" for number, row in enumerate(rows)))

    def _rows(self, width: int) -> tuple[str, ...]:
        room = width - len(_HEAD)
        return tuple(piece for row in receipt_rows(self._receipt, room) for piece in wrap(row, room))
