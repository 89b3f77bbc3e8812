"""Wrong methods, unknown paths and probes, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.engine_world import Serves, open_world
from tests.support.gateway_world import OPEN, listening

TOKENS = "[gateway]\nrequire_token = true\n"
CHAT, MESSAGES, GENERATE = "/v1/chat/completions", "/v1/messages", "/v1beta/models/auto:generateContent"


@asynccontextmanager
async def session(home: Path, preferences: str = OPEN) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        open_world(home, Serves("p"), preferences=preferences) as world,
        listening(world) as (_, root),
        aiohttp.ClientSession(root) as made,
    ):
        yield made


def openai_error(body: Any) -> tuple[str, str]:
    return body["error"]["type"], body["error"]["code"]


def anthropic_error(body: Any) -> tuple[str, str]:
    return body["type"], body["error"]["type"]


def gemini_error(body: Any) -> tuple[str, int]:
    return body["error"]["status"], body["error"]["code"]


WRONG: list[tuple[str, str, str, Callable[[Any], Any], tuple[str, object]]] = [
    ("GET", CHAT, "POST, OPTIONS", openai_error, ("invalid_request_error", "method_not_supported")),
    ("GET", "/v1/responses", "POST, OPTIONS", openai_error, ("invalid_request_error", "method_not_supported")),
    ("PUT", MESSAGES, "POST, OPTIONS", anthropic_error, ("error", "invalid_request_error")),
    ("GET", GENERATE, "POST, OPTIONS", gemini_error, ("UNIMPLEMENTED", 405)),
    ("POST", "/v1/models", "GET, HEAD, OPTIONS", openai_error, ("invalid_request_error", "method_not_supported")),
    ("POST", "/v1beta/models", "GET, HEAD, OPTIONS", gemini_error, ("UNIMPLEMENTED", 405)),
    ("DELETE", "/", "GET, HEAD, OPTIONS", openai_error, ("invalid_request_error", "method_not_supported")),
    ("PATCH", "/healthz", "GET, HEAD, OPTIONS", openai_error, ("invalid_request_error", "method_not_supported")),
]  # fmt: skip
UNKNOWN: list[tuple[str, Callable[[Any], Any], tuple[str, object]]] = [
    ("/v1/completions", openai_error, ("invalid_request_error", "not_found")),
    ("/nothing", openai_error, ("invalid_request_error", "not_found")),
    ("/v1/messages/batches", anthropic_error, ("error", "not_found_error")),
    ("/v1beta/models/auto:predict", gemini_error, ("NOT_FOUND", 404)),
    ("/v1beta/cachedContents", gemini_error, ("NOT_FOUND", 404)),
]


async def test_what_is_asked_wrongly_is_said_in_each_protocols_words(tmp_path: Path) -> None:
    async with session(tmp_path) as client:
        for method, path, allowed, read, words in WRONG:
            async with client.request(method, path, json={}) as reply:
                said = await reply.json()
            assert (reply.status, reply.headers["allow"], read(said)) == (405, allowed, words), (method, path)
            assert reply.headers["x-should-retry"] == "false"
        for path, read, words in UNKNOWN:
            async with client.post(path, json={}) as reply:
                said = await reply.json()
            assert (reply.status, "allow" in reply.headers, read(said)) == (404, False, words), path


async def test_who_wants_a_websocket_is_told_in_the_one_status_after_which_codex_posts(
    tmp_path: Path,
) -> None:
    wanted = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    async with session(tmp_path) as client:
        async with client.get("/v1/responses", headers=wanted) as reply:
            said = await reply.json()
        assert (reply.status, openai_error(said)[1]) == (426, "method_not_supported")
        assert (reply.headers["upgrade"], reply.headers["allow"]) == ("HTTP/1.1", "POST, OPTIONS")


@pytest.mark.parametrize("preferences", [OPEN, TOKENS], ids=["open", "token"])
async def test_who_probes_finds_a_gateway_without_a_token(tmp_path: Path, preferences: str) -> None:
    async with session(tmp_path, preferences) as client:
        for path in ("/", "/healthz"):
            async with client.head(path) as reply:
                assert (reply.status, await reply.read()) == (200, b"")
        for path in ("/", MESSAGES):
            async with client.options(path) as reply:
                assert (reply.status, await reply.read()) == (204, b"")
            assert reply.headers["allow"].endswith(", OPTIONS")
            assert not [name for name in reply.headers if name.lower().startswith("access-control")]


async def test_a_head_where_there_is_none_has_no_body_and_leaves_the_connection_usable(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path, Serves("p"), preferences=OPEN) as world, listening(world) as (_, root):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(root.rpartition(":")[2]))
        asked = "HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write((asked.format(path=MESSAGES) + asked.format(path="/nothing")).encode())
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        heads = (await asyncio.wait_for(reader.read(), 5)).decode().split("\r\n\r\n")
        writer.close()
    assert [head.split("\r\n")[0] for head in heads[:3]] == [
        "HTTP/1.1 405 Method Not Allowed",
        "HTTP/1.1 404 Not Found",
        "HTTP/1.1 200 OK",
    ]
    assert heads[3] == '{"ok":true}'


async def test_a_page_learns_no_methods(tmp_path: Path) -> None:
    page = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    async with session(tmp_path) as client, client.options(MESSAGES, headers=page) as reply:
        assert (reply.status, "allow" in reply.headers) == (403, False)
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
