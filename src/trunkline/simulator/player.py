"""Playing a reply over the socket, down to how the connection ends."""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import web

from trunkline.simulator.play import End, Play
from trunkline.simulator.record import Received, mono_ms

_HANG_S = 600.0
_LINGER_ZERO = struct.pack("ii", 1, 0)
_HTTP_CHUNK = b"%x\r\n%b\r\n"


async def perform(request: web.BaseRequest, play: Play, received: Received) -> web.StreamResponse:
    """Send the play. Raises ConnectionError when the client has gone, or once the connection is broken on purpose."""
    if play.silent:
        received.status = None
        raise await _break_off(request, play.end)
    received.status = play.status
    if play.stream:
        return await _stream(request, play, received)
    if play.first_ms:
        await asyncio.sleep(play.first_ms / 1000)
    body = b"".join(play.chunks)
    received.first_byte_ms = mono_ms()
    if play.end is End.WHOLE and play.declared_bytes is None:
        return web.Response(status=play.status, body=body, headers=_headers(play))
    response = web.StreamResponse(status=play.status, headers=_headers(play))
    response.content_length = play.declared_bytes if play.declared_bytes is not None else len(body)
    await response.prepare(request)
    await response.write(body)
    raise await _break_off(request, play.end)


async def _stream(request: web.BaseRequest, play: Play, received: Received) -> web.StreamResponse:
    response = web.StreamResponse(status=play.status, headers=_headers(play))
    response.enable_chunked_encoding()
    await response.prepare(request)
    received.first_byte_ms = mono_ms()
    head = b"".join(play.head)
    if play.first_ms:
        if head:
            await response.write(head)
            head = b""
        await asyncio.sleep(play.first_ms / 1000)
    if play.interval_ms or play.slow_after is not None:
        await _paced(response, head, play)
    else:
        await _at_once(request, response, head, play)
    tail = b"".join(play.tail) + play.terminator
    if tail:
        await response.write(tail)
    if play.end is not End.WHOLE:
        raise await _break_off(request, play.end)
    await response.write_eof()
    return response


async def _paced(response: web.StreamResponse, head: bytes, play: Play) -> None:
    """Every chunk at its time after the first; what is late is not made later."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    slow_after = len(play.chunks) if play.slow_after is None else play.slow_after
    for index, chunk in enumerate(play.chunks):
        quick, slow = min(index, slow_after), max(0, index - slow_after)
        due_ms = quick * play.interval_ms + slow * play.slow_interval_ms
        wait_s = start_s + due_ms / 1000 - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        await response.write(head + chunk)
        head = b""


async def _at_once(request: web.BaseRequest, response: web.StreamResponse, head: bytes, play: Play) -> None:
    """Each chunk is a write of its own, straight to the transport and past the response's own writing, so that in a
    benchmark the server costs little. The response has sent its headers and is in chunked encoding."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    for chunk in play.chunks:
        if transport.is_closing():
            raise ConnectionResetError
        event = head + chunk
        head = b""
        transport.write(_HTTP_CHUNK % (len(event), event))
    if head:
        await response.write(head)


def _headers(play: Play) -> dict[str, str]:
    return {"content-type": play.content_type, **play.headers}


async def _break_off(request: web.BaseRequest, end: End) -> ConnectionError:
    """End the connection in the given way; gives what to raise. A hang lasts until the client goes."""
    transport = request.transport
    if end is End.HANG:
        await asyncio.sleep(_HANG_S)
    if transport is not None:
        if end is End.RESET:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            transport.abort()
        else:
            transport.close()
    return ConnectionResetError()
