"""Requests that nobody can serve now, kept in the store until somebody can, across restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.domain.errors import StoreError
from trunkline.domain.events import Alert, AlertLevel
from trunkline.domain.money import Usage
from trunkline.domain.queue import QueueItem
from trunkline.domain.receipts import FinishReason, Outcome, Receipt
from trunkline.engine.ticket import Ticket
from trunkline.routing import Inputs
from trunkline.store import codec, parking
from trunkline.store.chats import StoredMessage
from trunkline.store.parking import KeptRequest, ParkedRow
from trunkline.store.records import StoredRequest

if TYPE_CHECKING:
    import sqlite3

    from trunkline.engine.core import EngineCore
    from trunkline.engine.generation import Generation

_log = logging.getLogger(__name__)

# A process that has died is found dead by a heartbeat, which is no news of another process where it is our own.
_LOOK_AGAIN_MS = 2_000.0
_ASK_AGAIN_MS = 1_000.0


class ParkingLot:
    """What this process keeps in the store, and what others do. `adopts`: what no process runs is run here; `resume`
    and `cancel` are how a kept request is run, and ended by a person's word."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self.adopts = False
        self.resume: Callable[[str, KeptRequest], None] = lambda _, kept: None
        self.cancel: Callable[[str], None] = lambda _: None
        self._rows: tuple[ParkedRow, ...] = ()
        self._places: dict[str, int] = {}
        self._unwritten = False
        self._here: dict[str, QueueItem] = {}
        self._ordered_at_ms: dict[str, int] = {}
        self._left: dict[str, Generation | None] = {}
        self._news = asyncio.Event()
        self._trouble_told = False

    # -- what waits ---------------------------------------------------------------------------------------------

    @property
    def kept(self) -> tuple[QueueItem, ...]:
        """What is kept and run by no request of this process, as it was read last."""
        return tuple(
            row.item for row in self._rows if not row.dropped and row.item.request_id not in self._here
        )

    async def look(self) -> bool:
        """Read what is kept, take over what nobody runs, obey what was ordered; whether anything is left to run here.
        Raises StoreError."""
        await self._look()
        return bool(self._here) or any(map(self._is_free, self._rows))

    def in_order(self, items: Iterable[QueueItem]) -> tuple[QueueItem, ...]:
        """What is not kept as it comes, then what is kept as it will go."""
        places = {row.item.request_id: place for place, row in enumerate(self._rows)}
        last = len(places)
        return tuple(sorted(items, key=lambda item: places.get(item.request_id, last) if item.kept else -1))

    def turn(self, request_id: str) -> float:
        """Where among all that is kept a request goes: 0 first, towards 1 last."""
        return min(1.0, self._places.get(request_id, 0) / max(1, len(self._places)))

    # -- a request of this process ------------------------------------------------------------------------------

    def has(self, request_id: str) -> bool:
        """Whether a request that runs here is kept."""
        return request_id in self._here

    def why(self, request_id: str) -> str:
        """What a kept request waits for; empty where it is not kept."""
        return self._here[request_id].why if request_id in self._here else ""

    async def keep(self, ticket: Ticket, item: QueueItem) -> bool:
        """Keep a request of this process, or bring what is kept of it up to date; False where the store does not take
        it, which is said once."""
        core, request_id = self._core, ticket.request_id
        if self._here.get(request_id) == item:
            return True
        known = request_id in self._here
        self._here[request_id] = item  # before it is written: whoever ends it meanwhile must erase it
        unit = self._keeping(ticket, item)
        try:
            ahead = await core.store.write(unit)
        except StoreError as error:
            if not known:
                del self._here[request_id]
            self._tell_trouble(error)
            return known
        self._places.setdefault(request_id, ahead)
        self._trouble_told = False
        return True

    async def still_ours(self, request_id: str) -> bool:
        """Whether no other process has taken the request over, as one does that takes this one for dead. What is kept
        waits for a store that cannot be asked."""
        core, process_id = self._core, self._core.store.process_id
        while request_id in self._here:
            try:
                return await core.store.write(
                    lambda connection: parking.is_of(connection, request_id, process_id)
                )
            except StoreError as error:
                _log.warning("whose a kept request is cannot be asked: %s", error)
                await core.clock.sleep(_ASK_AGAIN_MS)
        return True

    def let_go(self, ticket: Ticket, item: QueueItem) -> None:
        """This process does no more about a request: keep it as it stands for whoever comes."""
        request_id, process_id = ticket.request_id, self._core.store.process_id
        kept_item = self._here.pop(request_id, item)
        keeping = self._keeping(ticket, kept_item)

        def leaving(connection: sqlite3.Connection) -> None:
            keeping(connection)
            parking.let_go(connection, request_id, process_id)

        self._order(leaving)

    def leave_to_others(self, ticket: Ticket, item: QueueItem, generation: Generation) -> None:
        """Nobody whom `generation` of the configuration knows could ever serve a kept request; another process may have
        other keys."""
        self._left[ticket.request_id] = generation
        self.let_go(ticket, item)

    def end(
        self, receipt: Receipt, asked: StoredRequest, inputs: Inputs | None, answer: StoredMessage | None
    ) -> None:
        """A kept request of this process is over."""
        store = self._core.store
        process_id, record = store.process_id, store.recording(receipt, request=asked, inputs=inputs)
        self.forget(receipt.request_id)
        store.post(lambda connection: parking.end(connection, receipt, record, answer, process_id=process_id))

    def forget(self, request_id: str) -> None:
        """The request runs here no more."""
        self._here.pop(request_id, None)
        self._ordered_at_ms.pop(request_id, None)
        self._rows = tuple(row for row in self._rows if row.item.request_id != request_id)
        self._unwritten = True
        self._news.set()

    def _keeping(self, ticket: Ticket, item: QueueItem) -> Callable[[sqlite3.Connection], int]:
        request = replace(ticket.request, request_id=ticket.request_id)
        kept = KeptRequest(request, ticket.task, ticket.since_ms, ticket.attempts, ticket.returns)
        body, process_id, now_ms = codec.encode(kept), self._core.store.process_id, self._core.clock.wall_ms()
        return lambda connection: parking.keep(connection, item, body, process_id=process_id, at_ms=now_ms)

    def _tell_trouble(self, error: StoreError) -> None:
        if not self._trouble_told:
            self._trouble_told = True
            text = f"what waits is not kept and would be lost with this process: {error}"
            self._core.bus.publish(Alert(AlertLevel.WARNING, "parking", text))

    # -- what a person orders -----------------------------------------------------------------------------------

    def promote(self, request_id: str) -> None:
        """Have a kept request tried at once, whoever runs it."""
        now_ms = self._core.clock.wall_ms()
        self._order(lambda connection: parking.promote(connection, request_id, now_ms))

    def move(self, request_id: str, places: int) -> None:
        """Have it go that many places earlier (negative) or later."""
        self._order(lambda connection: parking.move(connection, request_id, places))

    def drop(self, request_id: str) -> None:
        """Forget a kept request; where a process runs it, that one ends it as cancelled."""
        process_id, now_ms = self._core.store.process_id, self._core.clock.wall_ms()
        record = self._core.store.recording

        def dropping(connection: sqlite3.Connection) -> None:
            body = parking.drop(connection, request_id, process_id=process_id, at_ms=now_ms)
            if body is None:
                return
            try:
                receipt = _cancelled(request_id, codec.decode(body, KeptRequest), now_ms)
            except ValueError:  # a newer version's, of which nothing can be told
                parking.erase(connection, request_id)
            else:
                parking.end(connection, receipt, record(receipt), None, process_id=process_id)

        self._order(dropping)

    def _order(self, unit: Callable[[sqlite3.Connection], None]) -> None:
        self._core.store.post(unit)
        self._unwritten = True
        self._news.set()

    # -- other processes ----------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Take over what dead processes left, and obey what other processes order, until cancelled."""
        self._core.store.on_change(self._news.set)
        while True:
            self._news.clear()
            try:
                await self._look()
            except StoreError as error:
                _log.warning("what is kept cannot be read: %s", error)
            except Exception:
                _log.exception("looking after what is kept failed; it goes on")
            await self._until_news()

    async def _look(self) -> None:
        core = self._core
        if self._unwritten:
            self._unwritten = False
            with suppress(StoreError):  # what cannot be written does not keep the rest from being read
                await core.store.flush()
        rows = await core.store.ask(parking.parked())
        if self.adopts and any(self._is_free(row) for row in rows):
            await self._adopt()
            rows = await core.store.ask(parking.parked())
        core.changed = core.changed or rows != self._rows
        self._rows = rows
        self._places = {row.item.request_id: place for place, row in enumerate(rows)}
        for row in rows:
            self._obey(row)

    def _is_free(self, row: ParkedRow) -> bool:
        return row.process_id is None and row.item.request_id not in self._left_to_others()

    def _left_to_others(self) -> frozenset[str]:
        """What this process has left to others, and would not get further with now."""
        now = self._core.generation
        return frozenset(one for one, under in self._left.items() if under is None or under is now)

    async def _adopt(self) -> None:
        """Run here what no process runs."""
        core, process_id = self._core, self._core.store.process_id
        but_not = self._left_to_others()
        for found in await core.store.write(
            lambda connection: parking.claim(connection, process_id, but_not)
        ):
            try:
                item, kept = codec.decode(found.item, QueueItem), codec.decode(found.body, KeptRequest)
            except ValueError:
                self._leave_unread(found.request_id)
                continue
            _log.info("a kept request goes on here", extra={"request_id": found.request_id})
            self._here[found.request_id] = item
            self.resume(found.request_id, kept)
            if found.dropped:
                self.cancel(found.request_id)

    def _leave_unread(self, request_id: str) -> None:
        """What a newer version kept is left to it."""
        process_id = self._core.store.process_id
        self._left[request_id] = None
        self._order(lambda connection: parking.let_go(connection, request_id, process_id))
        _log.warning("a kept request is not to be read by this version", extra={"request_id": request_id})

    def _obey(self, row: ParkedRow) -> None:
        request_id, ordered_at_ms = row.item.request_id, row.ordered_at_ms
        if request_id not in self._here:
            return
        if row.dropped:
            self.cancel(request_id)
        elif (
            ordered_at_ms is not None
            and ordered_at_ms != self._ordered_at_ms.get(request_id)
            and self._core.waiting_room.promote(request_id)
        ):
            self._ordered_at_ms[request_id] = ordered_at_ms

    async def _until_news(self) -> None:
        """Until another process changed something, or, while anything is kept, a while has passed."""
        while not self._news.is_set():
            hearing = asyncio.ensure_future(self._news.wait())
            sleeping = asyncio.ensure_future(self._core.clock.sleep(_LOOK_AGAIN_MS))
            try:
                await asyncio.wait((hearing, sleeping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                hearing.cancel()
                sleeping.cancel()
            if self._rows or self._here:
                return


def _cancelled(request_id: str, kept: KeptRequest, now_ms: int) -> Receipt:
    """The receipt of a kept request that a person cancelled while no process ran it."""
    request = kept.request
    return Receipt(
        request_id=request_id,
        origin=request.origin,
        outcome=Outcome.CANCELLED,
        task=kept.task,
        decision=None,
        route=None,
        attempts=kept.attempts,
        started_at_ms=kept.since_ms,
        total_ms=float(max(0, now_ms - kept.since_ms)),
        first_token_ms=None,
        usage=Usage(),
        cost_pico=0,
        waste_pico=sum(attempt.cost_pico or 0 for attempt in kept.attempts),
        finish=FinishReason.CANCELLED,
        conversation_id=request.conversation_id,
        turn_id=request.turn_id,
    )
