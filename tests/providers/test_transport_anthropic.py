"""The transport and the `anthropic` protocol together, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
from tests.support.anthropic_wire import DONE, event, start, stop, text, thinking
from tests.support.calls import CANARY, body_of, fault_of, outcome, upstream
from tests.support.odd_server import OddServer, Peer, Received
from tests.support.openai_wire import text_in

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, Started, ThinkingDelta, UsageSeen, WireEvent
from trunkline.domain.faults import FaultKind
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.anthropic.wire import ANTHROPIC
from trunkline.providers.call import CallEvent, UpstreamCall
from trunkline.providers.transport import HttpTransport

STREAM = (
    start({"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1}),
    event("ping"),
    thinking("hm", signature="c2ln"),
    text("Hel", "lo", index=1),
    stop(),
    DONE,
)
WHOLE = orjson.dumps(
    {"type": "message", "model": "m",
     "content": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": "Hello"}],
     "stop_reason": "end_turn",
     "usage": {"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 12}}
)  # fmt: skip
LIMITS = (
    "anthropic-ratelimit-requests-limit: 50",
    "anthropic-ratelimit-requests-remaining: 49",
    "anthropic-ratelimit-requests-reset: 2026-11-20T12:00:01Z",
)


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(SystemClock(), user_agent="trunkline/test")
    yield transport
    await transport.aclose()


def asked(base_url: str, *, stream: bool) -> UpstreamCall:
    call = upstream(base_url, ANTHROPIC)
    request = ChatRequest((Message.of(Role.USER, "Say hello"),), Origin(OriginKind.ASK), stream=stream)
    return replace(call, request=ANTHROPIC.encode(request, call.context, max_output_tokens=10))


def wire_events(events: list[CallEvent]) -> list[WireEvent]:
    return [one for one in body_of(events) if isinstance(one, WireEvent)]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer(transport: HttpTransport, stream: bool) -> None:
    async def script(peer: Peer, request: Received) -> None:
        if stream:
            await peer.begin("text/event-stream", *LIMITS)
            for piece in STREAM:
                await peer.chunk(piece)
            await peer.chunk("")
        else:
            await peer.reply(WHOLE)

    async with OddServer(script) as server:
        events = await outcome(transport, asked(server.url, stream=stream))
    said = wire_events(events)
    assert text_in(said) == "Hello"
    assert isinstance(events[-1], Finished)
    assert [one.signature for one in said if isinstance(one, ThinkingDelta) and one.signature] == ["c2ln"]
    [usage] = [one.usage for one in said if isinstance(one, UsageSeen)]
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (105, 12, 100)
    assert any(isinstance(one, Started) and one.served_model == "m" for one in said)
    readings = [reading for one in said if isinstance(one, Started) for reading in one.readings]
    assert [(one.amount, one.remaining) for one in readings] == ([(50, 49)] if stream else [])
    (received,) = server.requests
    assert received.path.endswith("/v1/messages")
    assert received.headers["x-api-key"] == CANARY
    assert received.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in received.headers


async def test_a_rejected_key(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        error = {
            "type": "error",
            "error": {"type": "authentication_error", "message": f"invalid key {CANARY}"},
        }
        await peer.reply(orjson.dumps(error), status="401 Unauthorized")

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, asked(server.url, stream=True)))
    assert (fault.kind, fault.http_status) == (FaultKind.AUTH, 401)


async def test_trap_5_an_error_after_the_first_words(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk(start() + text("Hel"))
        await peer.chunk(event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
        await peer.until_closed()

    async with OddServer(script) as server:
        events = await outcome(transport, asked(server.url, stream=True))
    assert text_in(wire_events(events)) == "Hel"
    assert fault_of(events).kind is FaultKind.OVERLOADED


async def test_the_connection_left_open_after_the_stop_reason(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        await peer.chunk(start() + text("Hello") + stop() + DONE)
        await peer.until_closed()

    async with OddServer(script) as server:
        events = await outcome(transport, asked(server.url, stream=True))
    assert text_in(wire_events(events)) == "Hello"
    assert isinstance(events[-1], Finished)
