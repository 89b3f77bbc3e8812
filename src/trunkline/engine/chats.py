"""Conversations as a face lists, opens and changes them. What is asked for includes everything kept so far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from trunkline.domain.chats import ConversationSettings, ConversationSummary, KeptConversation
from trunkline.domain.clock import Clock
from trunkline.domain.errors import StoreError
from trunkline.store import chats
from trunkline.store.store import Store

# How long a deleted conversation can be restored.
RESTORABLE_MS = 24 * 3_600_000
_DAY_MS = 24 * 3_600_000


class Chats:
    """Every method raises StoreError where the store cannot be read or written. `opened` is told the id of a
    conversation that is opened, to go on with it."""

    def __init__(
        self, store: Store, clock: Clock, opened: Callable[[str], Awaitable[object]] | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._opened = opened

    async def find(self, search: str, limit: int) -> tuple[ConversationSummary, ...]:
        """See `HostedEngine.conversations`."""
        await self._settle()
        return await self._store.conversations(search, limit)

    async def open(self, conversation_id: str) -> KeptConversation | None:
        """See `HostedEngine.conversation`."""
        await self._settle()
        if self._opened is not None:
            await self._opened(conversation_id)
        return await self._store.conversation(conversation_id)

    async def rename(self, conversation_id: str, title: str) -> None:
        """See `HostedEngine.rename_conversation`."""
        await self._store.write(lambda connection: chats.rename(connection, conversation_id, title))

    async def set(self, conversation_id: str, settings: ConversationSettings) -> None:
        """See `HostedEngine.set_conversation`."""
        now_ms = self._clock.wall_ms()
        await self._store.write(
            lambda connection: chats.set_settings(connection, conversation_id, settings, now_ms)
        )

    async def delete(self, conversation_id: str) -> None:
        """See `HostedEngine.delete_conversation`."""
        now_ms = self._clock.wall_ms()
        await self._store.write(lambda connection: chats.delete(connection, conversation_id, now_ms))

    async def restore(self, conversation_id: str) -> None:
        """See `HostedEngine.restore_conversation`."""
        await self._store.write(lambda connection: chats.restore(connection, conversation_id))

    async def drop_turns(self, conversation_id: str, turn_ids: tuple[str, ...], *, dropped: bool) -> None:
        """See `HostedEngine.drop_turns`."""
        await self._store.write(
            lambda connection: chats.drop_turns(connection, conversation_id, turn_ids, dropped=dropped)
        )

    async def erase(self, keep_days: int | None) -> None:
        """Erase what was deleted a day ago, and what was said more than `keep_days` ago (None: nothing of that)."""
        now_ms = self._clock.wall_ms()
        await self._store.purge(now_ms - RESTORABLE_MS)
        if keep_days is not None:
            await self._store.prune(now_ms - keep_days * _DAY_MS)

    async def _settle(self) -> None:
        with suppress(StoreError):  # what cannot be written does not keep the rest from being read
            await self._store.flush()
