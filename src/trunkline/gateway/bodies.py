"""A request's body: read within a time, and as JSON that is no more than can be taken without holding up others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge, HTTPRequestTimeout
from aiohttp.web_protocol import RequestPayloadError

from trunkline.gateway.dialect import Asked, UnreadableError

MOST_PIECES = 10_000
"""Messages, parts and tools together. Measured: as many hold the event loop for 40 to 80 ms until they are sent on, ten
times as many for seconds. OpenAI takes 2,048 messages, and no window has use for more."""

# What is longer is parsed and read on a thread.
_OFF_LOOP_BYTES = 200_000
# Of objects and lists: a parser lets nobody else run until it is through. Those within texts are counted too.
_MOST_VALUES = 400_000
_MOST_FALLBACKS = 100


@dataclass(frozen=True, slots=True)
class Sent:
    """The JSON object that was sent."""

    body: Mapping[str, Any]
    is_long: bool

    async def read(self, read: Callable[[Mapping[str, Any]], Asked]) -> Asked:
        """What `read` makes of it, on a thread where that may take long. Raises UnreadableError, also for more than can
        be taken."""
        asked = await asyncio.to_thread(read, self.body) if self.is_long else read(self.body)
        chat = asked.chat
        found = len(chat.tools) + sum(1 + len(message.parts) for message in chat.messages)
        if found > MOST_PIECES:
            said = f"{found:,} messages, parts and tools are more than the {MOST_PIECES:,} that are taken"
            raise UnreadableError(said)
        if len(asked.fallbacks) > _MOST_FALLBACKS:
            raise UnreadableError(f"models names more than {_MOST_FALLBACKS}", "models")
        return asked


async def sent_by(request: web.BaseRequest, within_s: float) -> Sent:
    """What a request holds. Raises UnreadableError, HTTPRequestEntityTooLarge, and HTTPRequestTimeout where its end has
    not come within `within_s`."""
    most_bytes = request.client_max_size
    if most_bytes and (request.content_length or 0) > most_bytes:
        raise HTTPRequestEntityTooLarge(most_bytes)
    try:
        async with asyncio.timeout(within_s):
            data = await request.read()
    except TimeoutError as error:
        raise HTTPRequestTimeout from error
    except RequestPayloadError as error:
        raise UnreadableError("the body is not encoded as its headers say") from error
    is_long = len(data) > _OFF_LOOP_BYTES
    body = await asyncio.to_thread(_parsed, data) if is_long else _parsed(data)
    if not isinstance(body, dict):
        raise UnreadableError("the body must be a JSON object")
    return Sent(body, is_long)


def _parsed(data: bytes) -> Any:
    if data.count(b"{") + data.count(b"[") > _MOST_VALUES:
        raise UnreadableError(f"the body has more than {_MOST_VALUES:,} objects and lists")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"the body is not JSON: {error}") from error
