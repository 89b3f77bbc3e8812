"""The transport and the `openai` protocol together, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.calls import CANARY, body_of, fault_of, outcome, upstream
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, Started, TextDelta, UsageSeen
from trunkline.domain.faults import FaultKind
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.call import CallEvent, UpstreamCall
from trunkline.providers.openai.wire import OpenAIProtocol
from trunkline.providers.transport import HttpTransport

OPENAI = OpenAIProtocol()
STREAM = (
    'data: {"id":"1","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
    ": a comment\n\n",
    'data: {"id":"1","model":"m-1","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n',
    'data: {"id":"1","model":"m-1","choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n',
    'data: {"id":"1","model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    'data: {"id":"1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n',
    "data: [DONE]\n\n",
)
WHOLE = (
    '{"model":"m-1","choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":5,"completion_tokens":2}}'
)


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(SystemClock(), user_agent="trunkline/test")
    yield transport
    await transport.aclose()


def asked(base_url: str, *, stream: bool) -> UpstreamCall:
    call = upstream(base_url, OPENAI)
    request = ChatRequest((Message.of(Role.USER, "Say hello"),), Origin(OriginKind.ASK), stream=stream)
    return replace(call, request=OPENAI.encode(request, call.context, max_output_tokens=10))


def text_of(events: list[CallEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer(transport: HttpTransport, stream: bool) -> None:
    async def script(peer: Peer, request: Received) -> None:
        if stream:
            await peer.begin()
            for line in STREAM:
                await peer.chunk(line)
            await peer.chunk("")
        else:
            await peer.reply(WHOLE)

    async with OddServer(script) as server:
        events = await outcome(transport, asked(server.url, stream=stream))
    assert text_of(events) == "Hello"
    assert isinstance(events[-1], Finished)
    assert any(isinstance(event, Started) and event.served_model == "m-1" for event in events)
    [usage] = [event.usage for event in body_of(events) if isinstance(event, UsageSeen)]
    assert (usage.input_tokens, usage.output_tokens) == (5, 2)
    assert server.requests[0].path.endswith("/chat/completions")


async def test_a_rejected_key(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        error = f'{{"error":{{"message":"Incorrect API key provided: {CANARY}.","code":"invalid_api_key"}}}}'
        await peer.reply(error, status="401 Unauthorized")

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, asked(server.url, stream=True)))
    assert (fault.kind, fault.http_status) == (FaultKind.AUTH, 401)


async def test_an_error_object_in_place_of_a_stream(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.reply('{"error":{"message":"Overloaded","code":503}}', content_type="text/event-stream")

    async with OddServer(script) as server:
        fault = fault_of(await outcome(transport, asked(server.url, stream=True)))
    assert "verloaded" in fault.provider_text
