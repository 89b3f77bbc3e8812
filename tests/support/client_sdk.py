"""The real SDKs of clients, over a server that says what it is given, and answers to write for them."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx
import httpx2
from google import genai
from google.genai import types

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.messages import Message, Part, Role
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.gateway.dialect import AnswerHead, AnswerStream, WholeAnswer

ORIGIN = Origin(OriginKind.GATEWAY, "agent-7")
HEAD = AnswerHead("01JREQ", "zai/glm-5.3", 1_795_000_000_000, 41)
ROUTE = Route("zai", "main", "glm-5.3")
USAGE = Usage(input_tokens=100, output_tokens=30, cached_tokens=60, written_tokens=10, reasoning_tokens=12)
SSE = "text/event-stream"
JSON = "application/json"


def anthropic_client(body: bytes, *, status: int = 200, kind: str = SSE) -> anthropic.Anthropic:
    """Anthropic's SDK, which gets `body` as its answer."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    transport = httpx2.MockTransport(answer)
    client = httpx2.Client(transport=transport)
    return anthropic.Anthropic(api_key="k", base_url="http://gateway", http_client=client, max_retries=0)


def gemini_client(
    body: bytes, *, status: int = 200, kind: str = SSE, asked: list[httpx.Request] | None = None
) -> genai.Client:
    """Google's SDK, which gets `body` as its answer; what it asks is put into `asked`."""

    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        return httpx.Response(status, content=body, headers={"content-type": kind})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    options = types.HttpOptions(base_url="http://gateway", httpx_client=client)
    return genai.Client(api_key="k", http_options=options)


def written(
    stream: AnswerStream,
    *pieces: str | ThinkingDelta | ToolCallDelta,
    route: Route = ROUTE,
    finish: FinishReason = FinishReason.STOP,
    usage: Usage = USAGE,
) -> bytes:
    """The whole of a streamed answer of those pieces."""
    return begun(stream, *pieces, route=route) + stream.end(finish, usage)


def begun(stream: AnswerStream, *pieces: str | ThinkingDelta | ToolCallDelta, route: Route = ROUTE) -> bytes:
    """A streamed answer as far as those pieces."""
    out = stream.begin()
    for piece in pieces:
        match piece:
            case str():
                out += stream.text(piece)
            case ThinkingDelta():
                out += stream.thinking(piece, route)
            case ToolCallDelta():
                out += stream.tool_call(piece, route)
    return out


def whole_answer(*parts: Part, finish: FinishReason = FinishReason.STOP, usage: Usage = USAGE) -> WholeAnswer:
    """A whole answer of those parts."""
    return WholeAnswer(HEAD, Message(Role.ASSISTANT, parts), finish, usage)


def anthropic_body(**fields: Any) -> dict[str, Any]:
    """The least that a request of the Messages API is, and `fields`."""
    least = {"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}
    return least | fields


def gemini_body(**fields: Any) -> dict[str, Any]:
    """The least that a request of generateContent is, and `fields`."""
    return {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]} | fields
