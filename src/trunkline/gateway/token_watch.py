"""Tells the guard what the store knows of tokens, and the store what the guard saw of their use."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from trunkline.domain.clock import Clock
from trunkline.domain.errors import StoreError
from trunkline.domain.money import MoneySum
from trunkline.gateway.guard import Guard
from trunkline.store import gateway_tokens
from trunkline.store.gateway_tokens import GatewayToken
from trunkline.store.store import Store

_log = logging.getLogger(__name__)
# Other processes' news comes at most every 250 ms; so a token that is revoked is refused well within a second.
_AT_MOST_EVERY_MS = 250.0


class TokenWatch:
    """Belongs to one event loop. Give `used` to the guard that it is for."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._news = asyncio.Event()
        self._telling = asyncio.Lock()
        self._failing = False

    def used(self, token_id: str, day: str, cost: MoneySum) -> None:
        """Keep that a request of a token is over."""
        at_ms = self._clock.wall_ms()
        self._store.post(
            lambda connection: gateway_tokens.add_use(connection, token_id, day, cost, at_ms=at_ms)
        )

    async def tell(self, guard: Guard) -> tuple[GatewayToken, ...]:
        """Have `guard` know what there is now; gives the tokens in force. Raises StoreError."""
        async with self._telling:
            day = guard.day
            # On the writer's thread, so that it comes after every use that was posted before, and only after those: the
            # ones posted meanwhile are known to be missing.
            with guard.learning():
                tokens, uses = await self._store.write(partial(gateway_tokens.as_of_now, day=day))
                guard.learn(tokens, day, uses)
        return tuple(token for token in tokens if token.revoked_at_ms is None)

    async def follow(self, guard: Guard) -> None:
        """Keep `guard` up to date until cancelled."""
        self._store.on_change(self._news.set)
        self._news.set()
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.tell(guard)
                self._failing = False
            except StoreError as error:
                # What is known stays in force, and it is tried again.
                if not self._failing:
                    _log.warning("the gateway's tokens could not be read: %s", error)
                self._failing = True
                self._news.set()
            await self._clock.sleep(_AT_MOST_EVERY_MS)
