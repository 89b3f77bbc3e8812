"""OpenAI's own SDK fed with bytes that the gateway wrote, and what the gateway's OpenAI dialects are asked with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import orjson
from hypothesis import strategies as st

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.gateway.dialect import AnswerHead, AnswerStream

ORIGIN = Origin(OriginKind.GATEWAY, "agent-7")
ROUTE = Route("anthropic", "main", "claude-opus-5")
HEAD = AnswerHead("01JD0000000000000000000000", "anthropic/claude-opus-5", 1_763_640_000_999, 1_200)
USAGE = Usage(
    input_tokens=1_200, output_tokens=40, cached_tokens=1_000, written_tokens=128, reasoning_tokens=12
)

CALLS = (
    ToolCallDelta(0, "call_a", "get_weather", '{"city":"Kyiv"}'),
    ToolCallDelta(1, "call_b", "get_time", "{}", "signed"),
)


def sdk(body: bytes, status: int = 200, *, stream: bool = False) -> openai.OpenAI:
    """A client whose every call is answered with those bytes."""
    kind = "text/event-stream" if stream else "application/json"

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(
        api_key="unused",
        base_url="http://127.0.0.1:1/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=transport),
    )


def sent(ask: Callable[[openai.OpenAI], object]) -> dict[str, Any]:
    """The body that the SDK sends for that call."""
    bodies: list[bytes] = []

    def refuse(request: httpx2.Request) -> httpx2.Response:
        bodies.append(request.read())
        return httpx2.Response(400, json={"error": {"message": "no"}})

    client = openai.OpenAI(
        api_key="unused",
        base_url="http://127.0.0.1:1/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(refuse)),
    )
    with contextlib.suppress(openai.BadRequestError):
        ask(client)
    body = orjson.loads(bodies[0])
    assert isinstance(body, dict)
    return body


def spoken(
    writer: AnswerStream, finish: FinishReason = FinishReason.TOOL_CALLS, usage: Usage = USAGE
) -> bytes:
    """A stream with everything in it: signed reasoning, text in two pieces, a pause, two calls."""
    pieces = [
        writer.begin(),
        writer.thinking(ThinkingDelta("Let me "), ROUTE),
        writer.thinking(ThinkingDelta("see."), ROUTE),
        writer.thinking(ThinkingDelta("", "sig-1"), ROUTE),
        writer.text("Two "),
        writer.idle(),
        writer.text("things: “ö”\n"),
        *(writer.tool_call(call, ROUTE) for call in CALLS),
        writer.end(finish, usage),
    ]
    return b"".join(pieces)


def events_in(stream: bytes) -> list[tuple[str, Any]]:
    """Every event of a stream by name, its data as JSON, `[DONE]` as it is; comments are none."""
    events: list[tuple[str, Any]] = []
    for block in stream.decode().split("\n\n"):
        name, data = "", None
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                assert data is None
                data = line.removeprefix("data: ")
        if data is not None:
            events.append((name, data if data == "[DONE]" else orjson.loads(data)))
    return events


def any_json(*words: str) -> st.SearchStrategy[Any]:
    """Arbitrary JSON in which those words come up as keys and as values, so that it gets past the first check."""
    texts = st.sampled_from(words) | st.text(max_size=6)
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=True, allow_infinity=True)
        | texts
    )
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=6),
        max_leaves=25,
    )
