"""The store of one process: its ledger, what it records, and what it can be asked."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from trunkline.domain.chats import ConversationSummary, KeptConversation
from trunkline.domain.clock import Clock
from trunkline.domain.errors import StoreError
from trunkline.domain.ids import IdSource
from trunkline.domain.limits import LimitReading, Window
from trunkline.domain.messages import Role
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.snapshot import LogEntry, RunningCall
from trunkline.domain.state import Block
from trunkline.quota.ledger import KeyUse
from trunkline.routing import Inputs
from trunkline.store import chat_queries, chats, keep, queries, records, schema
from trunkline.store.books import BookClock, Books
from trunkline.store.chats import StoredMessage
from trunkline.store.inputs import InputsBook
from trunkline.store.keep import AuditEntry, ControlState, StoredReading
from trunkline.store.ledger import SqliteLedger
from trunkline.store.queries import AttemptSample, Query
from trunkline.store.records import StoredRequest
from trunkline.store.totals import StoredTotals
from trunkline.store.upkeep import Upkeep
from trunkline.store.writer import Unit, Writer

if TYPE_CHECKING:
    from aiosqlite import Connection

T = TypeVar("T")
_STOP_S = 5.0
_STOP_NOW_S = 2.0


class Store:
    """Open with `Store.open`. What is not `async` never blocks; reads see whatever is committed."""

    def __init__(self, path: Path, writer: Writer, upkeep: Upkeep, ledger: SqliteLedger) -> None:
        self.path = path
        self.ledger = ledger
        self.process_id = upkeep.process_id
        self._writer = writer
        self._upkeep = upkeep
        self._inputs = InputsBook()
        self._reading: asyncio.Task[Connection] | None = None
        self._closing = False
        self._reading_lock = asyncio.Lock()

    @classmethod
    def open(cls, path: Path, clock: Clock, ids: IdSource, *, process_name: str) -> Store:
        """Open or make the store at `path`, bring it to this version, register this process and settle what dead
        ones left. Needs no event loop. Raises StoreError naming the file and what to do."""
        connection = schema.open_for_writing(path)
        upkeep = Upkeep(path, clock, process_id=ids.new(), process_name=process_name)
        writer = Writer(path, connection, upkeep)
        writer.start()
        try:
            writer.write_now(upkeep.enter, _STOP_S + schema.BUSY_TIMEOUT_MS / 1000)
        except (StoreError, TimeoutError) as cause:
            writer.stop(0)
            raise (
                cause if isinstance(cause, StoreError) else StoreError(f"{path}: does not answer.")
            ) from cause
        return cls(path, writer, upkeep, SqliteLedger(writer, upkeep))

    @property
    def lost_writes(self) -> int:
        """Posted writes that could not be kept."""
        return self._writer.lost_writes

    @property
    def trouble(self) -> str | None:
        """Why what happens cannot be kept, while it cannot: what a user can do about it."""
        return self._writer.trouble

    async def write(self, unit: Unit[T]) -> T:
        """Run `unit` on the writer thread and wait until it is committed. Raises StoreError."""
        return await self._writer.write(unit)

    def post(self, unit: Unit[object]) -> None:
        """Run `unit` on the writer thread soon; a failure is logged and counted."""
        self._writer.post(unit)

    def hasten(self) -> None:
        """Have what is posted written now, where little else is to do."""
        self._writer.hasten()

    async def flush(self) -> None:
        """Wait until everything posted so far is committed."""
        await self.ledger.flush()

    async def beat(self) -> None:
        """Heartbeat and sweep at once instead of when they are due."""
        await self._writer.write(self._upkeep.beat)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the running loop after another process changed the store, at most every
        250 ms."""
        self._upkeep.on_change(asyncio.get_running_loop(), callback)

    async def close(self) -> None:
        """Commit everything posted, mark the process ended and close the file. Idempotent."""
        self._closing = True
        if self._reading is not None:
            reading, self._reading = self._reading, None
            with suppress(sqlite3.Error):
                await (await reading).close()
        if not self._writer.closed:
            try:
                await self._writer.write(self._upkeep.leave)
            finally:
                self._writer.stop(_STOP_S)

    def close_now(self) -> bool:
        """As `close`, blocking and without an event loop; waits two seconds at most. True when all was written."""
        if not self._writer.closed:
            self._writer.post(self._upkeep.leave)
        return self._writer.stop(_STOP_NOW_S)

    # -- what is recorded: posted --------------------------------------------------------------------------------

    def record(
        self, receipt: Receipt, *, request: StoredRequest | None = None, inputs: Inputs | None = None
    ) -> None:
        """Keep a request that is over; a second time it does nothing. `inputs` is what its decision was made from, kept
        for the last 1,000."""
        self.post(self.recording(receipt, request=request, inputs=inputs))

    def recording(
        self, receipt: Receipt, *, request: StoredRequest | None = None, inputs: Inputs | None = None
    ) -> Unit[object]:
        """The unit of work of `record`, to be part of another one."""
        process_id = self.process_id
        packed = None if inputs is None else partial(self._inputs.add, inputs=inputs)
        return lambda connection: records.record(
            connection, receipt, request=request, inputs=packed, process_id=process_id
        )

    def save_message(
        self,
        conversation_id: str,
        message_id: str,
        role: Role,
        text: str,
        request_id: str | None = None,
        *,
        complete: bool = True,
        at_ms: int,
    ) -> None:
        """Keep a message; the same id again replaces it."""
        self.keep_message(conversation_id, StoredMessage(message_id, role, text, request_id, complete, at_ms))

    def keep_message(self, conversation_id: str, message: StoredMessage) -> None:
        """As `save_message`."""
        self.post(lambda connection: chats.save_message(connection, conversation_id, message))

    async def prune(self, before_ms: int) -> int:
        """Erase messages older than that; returns how many."""
        return await self.write(lambda connection: chats.prune(connection, before_ms))

    async def purge(self, deleted_before_ms: int) -> int:
        """Erase conversations that were deleted before that; returns how many messages went."""
        return await self.write(lambda connection: chats.purge(connection, deleted_before_ms))

    async def set_control(self, control: ControlState, *, who: str, why: str = "") -> None:
        """Put `control` in force for every process, and into the audit."""
        await self.write(
            lambda connection: keep.set_control(
                connection, control, who=who, why=why, at_ms=self._upkeep.now_ms
            )
        )

    def save_block(self, block: Block) -> None:
        """Keep a block; it replaces any earlier one of its target."""
        self.post(lambda connection: keep.save_block(connection, block))

    def clear_block(self, target: str) -> None:
        """Forget the block of a target."""
        self.post(lambda connection: keep.clear_block(connection, target))

    def save_reading(
        self, provider: str, account: str, model: str | None, reading: LimitReading, as_of_ms: int
    ) -> None:
        """Keep what a provider said of a limit."""
        stored = StoredReading(provider, account, model, reading, as_of_ms)
        self.post(lambda connection: keep.save_reading(connection, stored))

    # -- what can be asked ---------------------------------------------------------------------------------------

    async def ask(self, query: Query[T]) -> T:
        """Run any of `store.queries` on a read-only connection of its own. Raises StoreError."""
        async with self._reading_lock:
            try:
                reading = await self._reader()
                try:
                    await reading.execute("BEGIN")
                    results = [list(await reading.execute_fetchall(*found)) for found in query.statements]
                finally:
                    await reading.rollback()
            except sqlite3.Error as cause:
                raise schema.store_error(self.path, cause) from cause
        return query.build([[tuple(row) for row in rows] for rows in results])

    async def _reader(self) -> Connection:
        if self._closing:
            raise StoreError(f"{self.path}: the store is already closed.")
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._connect())
        # A question that is given up leaves the connection to be made and to `close`: its thread, which Python waits
        # for at exit, would otherwise find the loop closed, or wait for work for ever.
        try:
            return await asyncio.shield(self._reading)
        except sqlite3.Error:
            self._reading = None
            raise

    async def _connect(self) -> Connection:
        from aiosqlite import connect

        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        return await connect(uri, uri=True, isolation_level=None)

    async def recent(
        self,
        limit: int,
        *,
        origin: str | None = None,
        account: str | None = None,
        provider: str | None = None,
        outcome: Outcome | None = None,
        conversation_id: str | None = None,
    ) -> tuple[LogEntry, ...]:
        """The last requests that are over, newest first."""
        return await self.ask(
            queries.recent(
                limit,
                origin=origin,
                account=account,
                provider=provider,
                outcome=outcome,
                conversation_id=conversation_id,
            )
        )

    async def receipt(self, request_id: str) -> Receipt | None:
        """The receipt of the request of that id, or of the only one whose id begins so."""
        return await self.ask(queries.receipt(request_id))

    async def totals_since(self, at_ms: int) -> StoredTotals:
        """What went through since `at_ms`, of every process."""
        return await self.ask(queries.totals_since(at_ms))

    async def running_requests(self) -> tuple[RunningCall, ...]:
        """Upstream calls under way in any process."""
        return await self.ask(queries.running_requests())

    async def recent_attempts(self, limit: int) -> tuple[AttemptSample, ...]:
        """The last attempts that were sent, oldest first."""
        return await self.ask(queries.recent_attempts(limit))

    async def conversations(self, search: str, limit: int) -> tuple[ConversationSummary, ...]:
        """Conversations that hold every word of `search`, most recently used first."""
        return await self.ask(chat_queries.conversations(search, limit))

    async def conversation(self, conversation_id: str) -> KeptConversation | None:
        """A whole conversation."""
        return await self.ask(chat_queries.conversation(conversation_id))

    async def messages(self, conversation_id: str) -> tuple[StoredMessage, ...]:
        """A conversation's messages in order, those that no longer count too."""
        return await self.ask(chat_queries.messages(conversation_id))

    async def control(self) -> ControlState:
        """What is set for everything on this machine."""
        return await self.ask(queries.control())

    async def audit(self, limit: int) -> tuple[AuditEntry, ...]:
        """The last changes, newest first."""
        return await self.ask(queries.audit(limit))

    async def blocks(self) -> tuple[Block, ...]:
        """Every block kept, past ones too."""
        return await self.ask(queries.blocks())

    async def readings(self) -> tuple[StoredReading, ...]:
        """Every limit a provider has told of."""
        return await self.ask(queries.readings())


class StoreReader:
    """The same questions without an event loop, a thread or a right to write: for commands that only look."""

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock) -> None:
        self.path = path
        self._connection = connection
        self._time = BookClock(clock)
        self._books: Books | None = None

    @classmethod
    def open(cls, path: Path, clock: Clock) -> StoreReader:
        """Open an existing store. Raises StoreError, also where there is none yet."""
        return cls(path, schema.open_for_reading(path), clock)

    def ask(self, query: Query[T]) -> T:
        """Run any of `store.queries`: `reader.ask(queries.recent(20))`. Raises StoreError."""
        try:
            self._connection.execute("BEGIN")
            try:
                results = [self._connection.execute(*found).fetchall() for found in query.statements]
            finally:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as cause:
            raise schema.store_error(self.path, cause) from cause
        return query.build(results)

    def use(self, key: str, window: Window) -> KeyUse:
        """Use under `key` as it stood when this was first called."""
        if self._books is None:
            self._books = Books()
            seen_ms = self._time.load(self._connection)
            self._books.reload(self._connection, self._time.now_ms(), seen_ms)
        return self._books.use(key, window, self._time.now_ms())

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
