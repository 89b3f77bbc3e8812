"""The transport and the `gemini` protocol together, over real HTTP: a stream without a terminator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
from tests.support.calls import CANARY, body_of, fault_of, outcome, upstream
from tests.support.gemini_wire import call, chunk, response, text
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, Started, TextDelta, ToolCallDelta, UsageSeen
from trunkline.domain.faults import FaultCode, FaultKind
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.call import CallEvent, UpstreamCall
from trunkline.providers.gemini.wire import GEMINI
from trunkline.providers.transport import HttpTransport

COUNTED: dict[str, object] = {"promptTokenCount": 5, "candidatesTokenCount": 2}
STREAM = (chunk(text("Hel")), chunk(text("lo")), chunk(finish="STOP", usage=COUNTED))


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(SystemClock(), user_agent="trunkline/test")
    yield transport
    await transport.aclose()


def asked(base_url: str, *, stream: bool) -> UpstreamCall:
    prepared = upstream(base_url, GEMINI)
    request = ChatRequest((Message.of(Role.USER, "Say hello"),), Origin(OriginKind.ASK), stream=stream)
    return replace(prepared, request=GEMINI.encode(request, prepared.context, max_output_tokens=10))


def text_of(events: list[CallEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def streamed(peer: Peer, *pieces: bytes, whole: bool = True) -> None:
    await peer.begin()
    for piece in pieces:
        await peer.chunk(piece.decode())
    if whole:
        await peer.chunk("")


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_with_the_key_in_its_header_and_nowhere_else(
    transport: HttpTransport, stream: bool
) -> None:
    async def script(peer: Peer, request: Received) -> None:
        if stream:
            await streamed(peer, *STREAM)
        else:
            await peer.reply(orjson.dumps(response(text("Hello"), finish="STOP", usage=COUNTED)).decode())

    async with OddServer(script) as server:
        events = await outcome(transport, asked(server.url, stream=stream))
    assert text_of(events) == "Hello"
    assert events[-1] == Finished(FinishReason.STOP)
    assert Started("m") in events
    assert [event.usage for event in body_of(events) if isinstance(event, UsageSeen)] == [Usage(5, 2)]
    (request,) = server.requests
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    assert request.path.endswith(f"/v1beta/models/m:{method}")
    assert request.headers["x-goog-api-key"] == CANARY
    assert "authorization" not in request.headers


async def test_trap_18_a_stream_that_ends_before_its_finish_reason(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await streamed(peer, *STREAM[:2])

    async with OddServer(script) as server:
        events = await outcome(transport, asked(server.url, stream=True))
    assert text_of(events) == "Hello"
    assert (fault_of(events).kind, fault_of(events).code) == (FaultKind.NETWORK, FaultCode.CUT)


async def test_a_connection_that_breaks_after_the_finish_reason_is_a_whole_answer(
    transport: HttpTransport,
) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await streamed(peer, chunk(call("f", {"x": 1})), *STREAM, whole=False)

    async with OddServer(script) as server:
        events = await outcome(transport, asked(server.url, stream=True))
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)
    assert [event for event in events if isinstance(event, ToolCallDelta)] == [
        ToolCallDelta(0, "call_0", "f", '{"x":1}')
    ]


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
async def test_the_bare_array_of_a_server_that_knows_no_sse(
    transport: HttpTransport, content_type: str
) -> None:
    async def script(peer: Peer, request: Received) -> None:
        body = [response(text("Hel")), response(text("lo"), finish="STOP", usage=COUNTED)]
        await peer.reply(orjson.dumps(body).decode(), content_type=content_type)

    async with OddServer(script) as server:
        events = await outcome(transport, asked(server.url, stream=True))
    assert (text_of(events), events[-1]) == ("Hello", Finished(FinishReason.STOP))


async def test_trap_30_a_rejected_key(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        message = f"API key not valid: {CANARY}"
        error = {"code": 400, "status": "INVALID_ARGUMENT", "message": message, "details": [info]}
        await peer.reply(orjson.dumps([{"error": error}]).decode(), status="400 Bad Request")

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, asked(server.url, stream=True)))
    assert (fault.kind, fault.http_status) == (FaultKind.AUTH, 400)
