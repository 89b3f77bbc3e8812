from __future__ import annotations

import asyncio
import contextlib
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
import pytest
from tests.simulator.worlds import Caller, calling, world
from tests.support.clock import FakeClock

from trunkline.simulator.faults import KINDS

SHORT = {"m": {"output_tokens": 60, "chunk_tokens": 2}}


def struck(kind: str, **params: Any) -> dict[str, Any]:
    return world(faults=({"kind": kind, **params},), models=SHORT)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "http"}, 503, "server_is_overloaded"),
        ({"kind": "http", "status": 429, "wrong": "billing"}, 429, "insufficient_quota"),
        ({"kind": "context"}, 400, "context_length_exceeded"),
        ({"kind": "content"}, 400, "content_policy_violation"),
        ({"kind": "key_revoked"}, 401, "invalid_api_key"),
        ({"kind": "not_found"}, 404, "model_not_found"),
        ({"kind": "limited"}, 429, "rate_limit_exceeded"),
        ({"kind": "error_in_200"}, 200, "server_is_overloaded"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_refusals(fault: dict[str, Any], status: int, code: str, stream: bool) -> None:
    async with calling(world(faults=(fault,))) as caller:
        reply = await caller.ask(stream=stream)
        counters = caller.simulator.control.counters()
    assert (reply.status, reply.body["error"]["code"]) == (status, code)
    assert counters["refused"] == 1


@pytest.mark.parametrize(
    ("hint", "header"),
    [("short", "1"), ("long", "3600"), ("negative", "-5"), ("junk", "soon, we hope"), ("none", None)],
)
async def test_hints_of_a_refusal(hint: str, header: str | None) -> None:
    async with calling(struck("limited", hint=hint)) as caller:
        reply = await caller.ask()
    assert reply.headers.get("retry-after") == header


async def test_a_dated_hint_is_an_http_date() -> None:
    clock = FakeClock()
    async with calling(struck("limited", hint="dated"), clock=clock) as caller:
        reply = await caller.ask()
    assert parsedate_to_datetime(reply.headers["retry-after"]).timestamp() * 1000 == clock.wall_ms() + 2000


async def test_raw_body_html_empty_and_redirect() -> None:
    async with calling(
        struck("http", status=502, body="<h1>Bad gateway</h1>", content_type="text/html")
    ) as caller:
        reply = await caller.ask()
        assert (reply.status, reply.raw, reply.headers["content-type"]) == (
            502,
            b"<h1>Bad gateway</h1>",
            "text/html",
        )
    async with calling(struck("html")) as caller:
        reply = await caller.ask(stream=True)
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/html")
    async with calling(struck("empty")) as caller:
        reply = await caller.ask(stream=True)
        assert (reply.status, reply.raw) == (200, b"")
    async with calling(struck("redirect", location="http://127.0.0.2:9/")) as caller:
        reply = await caller.ask()
        assert (reply.status, reply.headers["location"]) == (307, "http://127.0.0.2:9/")


async def _raw(caller: Caller, *, stream: bool = True, within_s: float = 2.0) -> tuple[bytes, str]:
    """What arrives at the socket, and how it ended: eof, reset or hang."""
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.simulator.port)
    body = orjson.dumps(
        {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "Explain."}]}
    )
    head = f"POST /p/v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-length: {len(body)}\r\n"
    writer.write(f"{head}authorization: Bearer key-a\r\nconnection: close\r\n\r\n".encode() + body)
    got = b""
    ended = "hang"
    try:
        async with asyncio.timeout(within_s):
            while data := await reader.read(65536):
                got += data
            ended = "eof"
    except ConnectionResetError:
        ended = "reset"
    except TimeoutError:
        pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return got, ended


def _chunks(got: bytes) -> int:
    return got.count(b'"delta":{"content":')


@pytest.mark.parametrize(
    ("kind", "ended", "whole_body"),
    [("reset_stream", "reset", False), ("drop", "eof", False), ("cut", "eof", True)],
)
async def test_a_stream_breaks_off_after_n_chunks(kind: str, ended: str, whole_body: bool) -> None:
    async with calling(struck(kind, after=4)) as caller:
        got, how = await _raw(caller)
        [request] = caller.simulator.control.requests()
    assert how == ended
    if kind != "reset_stream":  # a reset throws away what the reader has not taken
        assert _chunks(got) == 4
        assert got.endswith(b"0\r\n\r\n") is whole_body
    assert b'"finish_reason":"stop"' not in got
    assert b"[DONE]" not in got
    assert request["outcome"] == "faulted"


async def test_a_reset_before_the_head_sends_no_byte() -> None:
    async with calling(struck("reset")) as caller:
        assert await _raw(caller) == (b"", "reset")


async def test_silence_and_stall_last_until_the_client_goes_and_that_is_noticed() -> None:
    async with calling(struck("silence")) as caller:
        assert await _raw(caller, within_s=0.05) == (b"", "hang")
    async with calling(struck("silence", head=True)) as caller:
        got, how = await _raw(caller, within_s=0.05)
        assert got.startswith(b"HTTP/1.1 200")
        assert (_chunks(got), how) == (0, "hang")
    async with calling(struck("stall", after=2)) as caller:
        got, how = await _raw(caller, within_s=0.05)
        assert (_chunks(got), how) == (2, "hang")
        async with asyncio.timeout(2):
            while caller.simulator.record.open:  # noqa: ASYNC110 - nobody tells when it is noticed
                await asyncio.sleep(0.001)
        [request] = caller.simulator.control.requests()
        assert request["outcome"] == "client_closed"
        assert caller.simulator.record.open_streams == 0


async def test_a_slow_first_token_is_slow_in_story_time() -> None:
    async with calling(struck("slow_first_token", ms=400), speed=10) as caller:
        await caller.ask(stream=True)
        [request] = caller.simulator.control.requests()
    assert 40 <= request["done_ms"] - request["at_ms"] < 400


async def test_streams_that_are_not_right() -> None:
    async with calling(struck("malformed_event", after=2)) as caller:
        reply = await caller.ask(stream=True)
        broken = [event for event in reply.events if event.startswith("{") and not _is_json(event)]
        assert len(broken) == 1
        assert reply.events[-1] == "[DONE]"
    async with calling(struck("no_terminator")) as caller:
        reply = await caller.ask(stream=True)
        assert orjson.loads(reply.events[-1])["choices"][0]["finish_reason"] == "stop"
    async with calling(struck("no_finish", after=2)) as caller:
        reply = await caller.ask(stream=True)
        assert reply.events[-1] == "[DONE]"
        assert b'"finish_reason":"stop"' not in reply.raw
    async with calling(struck("error_in_stream", after=2)) as caller:
        reply = await caller.ask(stream=True)
        assert reply.status == 200
        assert orjson.loads(reply.events[-1])["error"]["code"] == "server_is_overloaded"
        assert _chunks(reply.raw) == 2
    async with calling(struck("empty_answer")) as caller:
        reply = await caller.ask(stream=True)
        assert (reply.text, reply.events[-1]) == ("", "[DONE]")


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


@pytest.mark.parametrize("kind", ["drop", "reset_stream"])
async def test_a_whole_reply_can_break_off_too(kind: str) -> None:
    async with calling(struck(kind)) as caller:
        with pytest.raises(aiohttp.ClientError):
            await caller.ask()


async def test_a_stale_connection_breaks_and_a_new_one_works() -> None:
    async with calling(struck("stale")) as caller:
        assert (await caller.ask()).status == 200
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await caller.ask()
        assert (await caller.ask()).status == 200
        reused = [request["reused"] for request in caller.simulator.control.requests()]
    assert reused == [False, True, False]


async def test_a_drained_account_meets_its_real_limit() -> None:
    clock = FakeClock()
    limit = {"metric": "requests", "amount": 5, "window": "60s"}
    async with calling(world(limit, faults=({"kind": "drain", "first": 1},)), clock=clock) as caller:
        drained = await caller.ask()
        clock.advance(60_000)
        after = await caller.ask()
    assert (drained.status, drained.headers["retry-after"], after.status) == (429, "60", 200)


async def test_when_faults_strike() -> None:
    async def statuses(n: int, **when: Any) -> list[int]:
        async with calling(struck("http", **when)) as caller:
            return [(await caller.ask(f"n {i}")).status for i in range(n)]

    assert await statuses(4, first=2) == [503, 503, 200, 200]
    assert await statuses(6, every=3) == [200, 200, 503, 200, 200, 503]
    assert await statuses(2, stream=True) == [200, 200]
    assert await statuses(2, account="other") == [200, 200]
    share = (await statuses(40, probability=0.5)).count(503)
    assert 8 <= share <= 32
    assert (await statuses(40, probability=0.5)).count(503) == share


async def test_a_story_begins_again_and_its_counts_with_it() -> None:
    clock = FakeClock()
    description = struck("http", at_s=10, until_s=20, first=1) | {"story": {"length_s": 60, "loop": True}}
    async with calling(description, clock=clock, speed=2) as caller:
        found = []
        for wait_ms in (0, 5_000, 1_000, 5_000, 24_000):  # story seconds 0, 10, 12, 22, 70
            clock.advance(wait_ms)
            found.append((await caller.ask()).status)
    assert found == [200, 503, 200, 200, 503]


def test_every_kind_says_what_it_does() -> None:
    assert all(kind.edit.__doc__ for kind in KINDS.values())
