"""Keeps the thinking that clients do not carry, in memory and in the store, and gives it back: to this process, to one
that was started again in the middle of a loop of tool calls, and to another one beside it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from trunkline.domain.clock import Clock
from trunkline.domain.errors import StoreError
from trunkline.domain.messages import Message, Role, ToolCallPart
from trunkline.domain.routes import Catalogue
from trunkline.gateway.dialect import Carried
from trunkline.gateway.shelf import Shelf, answered_request, kept_of, restored
from trunkline.providers.returned import taken_back
from trunkline.store import kept_thinking
from trunkline.store.kept_thinking import KEPT_MS, KeptTurn
from trunkline.store.store import Store

_log = logging.getLogger(__name__)
# Use is told to the store no oftener: a day may be shorter by that.
_TOLD_EVERY_MS = 3_600_000
_MOST_LOOKED_UP = 1_024
# An answer is worth more than the thinking before it.
_LOOKED_UP_WITHIN_S = 2.0


class Thinking:
    """Belongs to one event loop. Whose a turn is (`owner`: the id of the token, empty where there is none) goes with
    it: nobody else gets it back, even who knows the ids of its calls. Whatever ails the store, requests go on, without
    what is only there."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shelf = Shelf()

    def keep(
        self, turn: Message, owner: str, request_id: str, catalogue: Catalogue, carried: Carried
    ) -> None:
        """Keep what the answer to a request holds, where its client may lose it. In the store there is only what its
        provider takes back and its client does not bring: all else is words of a conversation."""
        if not any(isinstance(part, ToolCallPart) for part in turn.parts):
            return
        kept = kept_of(turn)
        if kept is None:
            self._shelf.put_bare(owner, request_id)
            return
        until_ms = self._clock.wall_ms() + KEPT_MS
        self._shelf.put(owner, request_id, kept, until_ms)
        wanted = _wanted(kept, catalogue, carried)
        if wanted is not None:
            self._store.post(
                partial(
                    kept_thinking.keep,
                    turn=wanted,
                    request_id=request_id,
                    token_id=owner,
                    until_ms=until_ms,
                )
            )

    async def restored(self, messages: tuple[Message, ...], owner: str) -> tuple[Message, ...]:
        """`messages` with what was kept of the assistant's turns among them, where they came back without it."""
        turns: dict[int, str] = {}
        for at, message in enumerate(messages):
            if message.role is Role.ASSISTANT:
                request_id = answered_request(message)
                if request_id is not None:
                    turns[at] = request_id
        if not turns:
            return messages
        unknown = [one for one in turns.values() if not self._shelf.knows(owner, one)]
        if unknown:
            await self._look_up(unknown[-_MOST_LOOKED_UP:], owner)
        whole: dict[int, Message] = {}
        used: list[str] = []
        until_ms = self._clock.wall_ms() + KEPT_MS
        for at, request_id in turns.items():
            shelved = self._shelf.found(owner, request_id)
            if shelved is None:
                continue
            whole[at] = restored(messages[at], shelved.kept)
            if shelved.until_ms + _TOLD_EVERY_MS <= until_ms:
                shelved.until_ms = until_ms
                used.append(request_id)
        if used:
            self._store.post(partial(kept_thinking.use, request_ids=used, token_id=owner, until_ms=until_ms))
        return tuple(whole.get(at, message) for at, message in enumerate(messages)) if whole else messages

    async def _look_up(self, request_ids: list[str], owner: str) -> None:
        now_ms = self._clock.wall_ms()
        asked = kept_thinking.kept_turns(request_ids, token_id=owner, now_ms=now_ms)
        try:
            async with asyncio.timeout(_LOOKED_UP_WITHIN_S):
                found = await self._store.ask(asked)
        except (StoreError, TimeoutError) as error:
            said = error if isinstance(error, StoreError) else "it took too long"
            _log.warning("thinking that was kept could not be read: %s", said)
            return
        for request_id in request_ids:
            if request_id in found:
                self._shelf.put(owner, request_id, *found[request_id])
            else:
                self._shelf.missed(owner, request_id)


def _wanted(kept: KeptTurn, catalogue: Catalogue, carried: Carried) -> KeptTurn | None:
    """What of a turn its provider takes back and nobody else brings; None where that is nothing."""
    thinking = [
        back
        for part in kept.thinking
        if not (carried.signed if part.signature else carried.unsigned)
        and (provider := catalogue.provider(part.provider)) is not None
        and (back := taken_back(part, provider)) is not None
    ]
    calls = () if carried.calls else kept.calls
    return KeptTurn(tuple(thinking), calls) if thinking or calls else None
