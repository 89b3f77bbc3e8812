"""The requests that this process runs, and how each is followed, cancelled and left to others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from trunkline.domain.events import Event
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Receipt
from trunkline.engine.api import Answer
from trunkline.engine.eventlog import EventLog
from trunkline.engine.run import RequestRun
from trunkline.store.parking import KeptRequest

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore


class Handle:
    """A request under way; see `api.RequestHandle`."""

    def __init__(self, log: EventLog, task: asyncio.Task[None]) -> None:
        self._log = log
        self._task = task

    @property
    def request_id(self) -> str:
        return self._log.request_id

    async def events(self) -> AsyncIterator[Event]:
        async for event in self._log.follow():
            yield event
        await self._over()

    async def beyond(self, position: int) -> tuple[Event, ...]:
        """See `EventLog.beyond`."""
        return await self._log.beyond(position)

    def so_far(self) -> tuple[Event, ...]:
        """Its events up to now."""
        return self._log.so_far()

    async def begun(self) -> None:
        """Wait until there is something of its answer, or it is over; cheaper than following its events until then."""
        await self._log.begun()

    async def ended(self) -> Receipt:
        """Its receipt, as soon as there is one; cheaper than following its events."""
        return await self._log.ended()

    async def answer(self) -> Answer:
        receipt = await self._log.ended()
        await self._over()
        return Answer(self._log.text(), receipt)

    def cancel(self) -> None:
        self._task.cancel()

    async def _over(self) -> None:
        """Wait until what its ending means to others is known to them."""
        await asyncio.wait((self._task,))


class _UnderWay(NamedTuple):
    task: asyncio.Task[None]
    run: RequestRun


class Requests:
    """Those of one engine, by id, until they are over."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_id: dict[str, _UnderWay] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._by_id

    def begin(self, request_id: str, request: ChatRequest, kept: KeptRequest | None = None) -> Handle:
        """Run a request, or go on with a kept one, on the running loop."""
        log = EventLog(request_id, self._core.clock, in_step=request.append_only)
        run = RequestRun(self._core, request, log, kept)
        task = asyncio.get_running_loop().create_task(run.serve())
        self._tasks.add(task)
        self._by_id[request_id] = _UnderWay(task, run)

        def over(_: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._by_id.pop(request_id, None)
            if log.receipt is None:
                run.cancelled_unstarted()

        task.add_done_callback(over)
        return Handle(log, task)

    def cancel(self, request_id: str) -> None:
        """End a request by a person's word; one that is not of this process is not touched."""
        if found := self._by_id.get(request_id):
            found.task.cancel()

    def leave(self) -> None:
        """Cancel all that run, as the engine is about to be closed: what is kept in the store stays there and goes on
        in another process; of the rest partial answers are kept."""
        for task, run in list(self._by_id.values()):
            if not task.cancelling():  # which a person has done
                run.leave()
                task.cancel()

    async def ended(self) -> None:
        """Wait until all that run are over."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
