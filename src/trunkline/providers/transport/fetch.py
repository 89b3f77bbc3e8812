"""A whole request and its whole reply: for the calls that ask for no tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from trunkline.domain.clock import Clock
from trunkline.domain.faults import Fault, FaultCode, FaultScope
from trunkline.providers.call import FreeCall
from trunkline.providers.protocol import WireReply
from trunkline.providers.transport import faults
from trunkline.providers.transport.wire import Client, Exchange

LARGEST_REPLY_BYTES = 32 * 1024 * 1024


async def fetch(
    call: FreeCall, client: Client, url: str, headers: Sequence[tuple[str, str]], *, host: str, clock: Clock
) -> WireReply | Fault:
    """Send `call` to `url` and read the reply, whatever its status. A redirect and every failure on the way is a
    Fault."""
    exchange = Exchange(clock)
    key = call.key.reveal().strip() if call.key is not None else ""
    answered = False
    try:
        async with asyncio.timeout(call.total_ms / 1000):
            exchange.send(client, call.request.method, url, headers, call.request.body)
            async with asyncio.timeout(call.connect_ms / 1000):
                await exchange.connected()
            status, reply_headers = await exchange.head()
            answered = True
            body = await _body(exchange)
    except TimeoutError:
        sent = exchange.sent_ms is not None
        said = f"{host} did not answer in time" if sent else f"no connection to {host} in time"
        code, scope = (
            (FaultCode.TOTAL_TIMEOUT, FaultScope.ACCOUNT)
            if sent
            else (FaultCode.CONNECT, FaultScope.PROVIDER)
        )
        return faults.network(code, scope, said, request_sent=sent)
    except Exception as error:  # an address, a proxy, a connection: every failure is a value from here on
        return faults.broken(error, host, sent=exchange.sent_ms is not None, answered=answered, key=key)
    finally:
        exchange.close()
    if body is None:
        return faults.network(
            FaultCode.MALFORMED, FaultScope.ACCOUNT, f"{host} sent more than is read of a list"
        )
    if 300 <= status < 400:
        return faults.redirected(status, reply_headers, host, key)
    return WireReply(status, reply_headers, body)


async def _body(exchange: Exchange) -> bytes | None:
    """The body, None where it is larger than is read."""
    parts: list[bytes] = []
    size_bytes = 0
    while data := await exchange.read():
        size_bytes += len(data)
        if size_bytes > LARGEST_REPLY_BYTES:
            return None
        parts.append(data)
    return b"".join(parts)
