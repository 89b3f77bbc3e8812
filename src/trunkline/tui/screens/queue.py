"""The queue: what waits, why, for whom, until when; put in another order, let go, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.domain.queue import QueueItem
from trunkline.domain.snapshot import Snapshot
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import bindings
from trunkline.tui.messages import RowHighlighted, RowOpened
from trunkline.tui.orders import Orders
from trunkline.tui.queue_rows import COLUMNS, EMPTY, name_of, queue_detail, queue_rows, queue_title
from trunkline.tui.widgets.hint_line import hint_line
from trunkline.tui.widgets.row_list import RowList

_HINTS = ("queue.now", "detail.close", "queue.drop", "queue.sooner", "queue.later", "queue.undo")
_NEED_A_ROW = frozenset({"queue.now", "queue.drop", "queue.sooner", "queue.later"})
NOTHING_HERE = "nothing waits under the cursor"
ORDER_HELD_MS = 3_000
"""How long an order asked for here is shown before the engine has said anything of it."""


class QueueScreen(Screen[None]):
    """`snapshot_now` is asked at every `tick`. Every key acts on the request under the cursor by its id, so that what
    comes and goes meanwhile puts no other in its place."""

    CSS_PATH = "queue.tcss"
    AUTO_FOCUS = "#queue"
    BINDINGS: ClassVar[list[BindingType]] = bindings(
        Scope.QUEUE, Scope.DETAIL, instead={"detail.close": "leave"}
    )

    def __init__(
        self, snapshot_now: Callable[[], Snapshot | None], orders: Orders, clock: Clock, zone: tzinfo | None
    ) -> None:
        super().__init__()
        self._snapshot_now = snapshot_now
        self._orders = orders
        self._clock = clock
        self._zone = zone
        self._items: dict[str, QueueItem] = {}
        self._told: tuple[str, ...] = ()
        self._asked: tuple[str, ...] | None = None
        self._asked_at_ms = 0
        self._armed: str | None = None

    def compose(self) -> ComposeResult:
        yield Static("Queue", id="queue-title", markup=False)
        yield RowList(COLUMNS, empty=EMPTY, id="queue", follow_first=False)
        yield Static("", id="queue-detail", markup=False)
        yield Static("", id="queue-hints", markup=False)

    def on_resize(self) -> None:
        self.tick()

    @property
    def _list(self) -> RowList:
        return self.query_one("#queue", RowList)

    # -- what it shows --------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Bring it up to this moment; what reads the same is not drawn again."""
        snapshot = self._snapshot_now() if self.is_mounted else None
        if snapshot is None:
            return
        now_ms = self._clock.wall_ms()
        told = tuple(item.request_id for item in snapshot.queue)
        if told != self._told or now_ms - self._asked_at_ms > ORDER_HELD_MS:
            self._told, self._asked = told, None
        self._items = {item.request_id: item for item in self._in_order(snapshot.queue)}
        self._list.show_rows(queue_rows(self._items.values(), now_ms, self._zone))
        self._put("#queue-title", queue_title(snapshot))
        self._show_detail()
        self._show_hints()

    def _in_order(self, queue: tuple[QueueItem, ...]) -> tuple[QueueItem, ...]:
        """As the engine tells, or as was asked for here until it has told again."""
        if self._asked is None:
            return queue
        places = {request_id: at for at, request_id in enumerate(self._asked)}
        return tuple(sorted(queue, key=lambda item: places.get(item.request_id, len(places))))

    def _put(self, selector: str, text: str) -> None:
        line = self.query_one(selector, Static)
        if line.content != text:
            line.update(text)

    def _show_detail(self) -> None:
        item = self._items.get(self._list.cursor_key or "")
        if item is None:
            self._armed = None
            self._put("#queue-detail", "")
            self.query_one("#queue-detail").display = False
            return
        self.query_one("#queue-detail").display = True
        if self._armed != item.request_id:
            self._armed = None
        lines = queue_detail(item, self._clock.wall_ms(), self._zone)
        if self._armed is not None:
            lines = (f"{self._key('queue.drop')} again cancels it; nothing brings it back", *lines)
        self.query_one("#queue-detail").set_class(self._armed is not None, "-armed")
        self._put("#queue-detail", "\n".join(lines))

    def _key(self, spec_id: str) -> str:
        return keys_in_force(self).named(spec_id).first_label

    def _show_hints(self) -> None:
        dim = set() if self._items else set(_NEED_A_ROW)
        if self._orders.undo_refusal is not None:
            dim.add("queue.undo")
        line = self.query_one("#queue-hints", Static)
        hints = hint_line(keys_in_force(self), _HINTS, self.size.width, dim)
        if line.content != hints:
            line.update(hints)

    def on_row_highlighted(self, message: RowHighlighted) -> None:
        message.stop()
        self._show_detail()

    # -- what can be done -----------------------------------------------------------------------------------

    def _chosen(self) -> QueueItem | None:
        """The request under the cursor; says why where there is none, or nothing can be ordered."""
        item, refusal = self._items.get(self._list.cursor_key or ""), self._orders.refusal()
        if item is None or refusal is not None:
            self.notify(refusal or NOTHING_HERE, severity="warning", timeout=5, markup=False)
            return None
        return item

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        self.action_promote()

    def action_promote(self) -> None:
        """Before all others, and at once."""
        item = self._chosen()
        if item is not None:
            self._orders.promote(item.request_id)
            self.notify(f"{name_of(item)}: tried now", timeout=4, markup=False)

    def action_move(self, places: int) -> None:
        """Later, or sooner."""
        item = self._chosen()
        if item is None:
            return
        order = list(self._items)
        at = order.index(item.request_id)
        to = at + places
        if not 0 <= to < len(order):
            self.notify("it is the last" if places > 0 else "it is the first", timeout=3, markup=False)
            return
        order.insert(to, order.pop(at))
        self._asked, self._asked_at_ms = tuple(order), self._clock.wall_ms()
        self._orders.move(item.request_id, places)
        self.tick()

    def action_drop(self) -> None:
        """Cancel the request under the cursor, asked for twice."""
        item = self._chosen()
        if item is None:
            return
        if self._armed != item.request_id:
            self._armed = item.request_id
        else:
            self._armed = None
            self._orders.drop(item.request_id)
            self.notify(f"{name_of(item)}: cancelled", timeout=4, markup=False)
        self._show_detail()

    def action_undo(self) -> None:
        """Take the last order back."""
        self._asked = None
        self._orders.undo()

    def action_leave(self) -> None:
        """One level back: the question whether to cancel, the screen."""
        if self._armed is not None:
            self._armed = None
            self._show_detail()
        else:
            self.dismiss(None)
