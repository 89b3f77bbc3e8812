"""A 64-chunk stream of each protocol, through our transport and decoder, against plain httpx in the same run.

    python tests/benchmarks/bench_protocols.py [--requests 400]

CPU is this process's (all threads); the simulator serves from a process of its own. Both sides encode the request,
read the stream and join its text; ours also classifies, counts and reads limits. `decode` is our decoder alone, fed the
bytes that the wire brought.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, TextDelta
from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.preferences import CallLimits
from trunkline.domain.routes import AccountSpec, Billing, KeyRef, KeySource, ModelSpec, ProviderSpec
from trunkline.domain.secret import Secret
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.call import UpstreamCall
from trunkline.providers.protocol import CallContext, WireRequest
from trunkline.providers.registry import protocol_named
from trunkline.providers.transport.http import HttpTransport

PROTOCOLS = ("openai", "anthropic", "gemini")
WORLD = "\n".join(
    f"""
[providers.{name}]
protocol = "{name}"
style = "{name}"
headers = "{"none" if name == "gemini" else name}"
[[providers.{name}.accounts]]
id = "main"
key = "sim-key"
[providers.{name}.models.stream]
fixed_chunks = 64
"""
    for name in PROTOCOLS
)
BASE_PATH = {"openai": "/openai/v1", "anthropic": "/anthropic", "gemini": "/gemini"}
PROMPT = "Explain in two sentences what a rolling window is and why a limit over one needs buckets. " * 11
LIMITS = CallLimits(connect_ms=5_000, first_token_ms=5_000, stall_ms=5_000, total_ms=10_000)
Call = Callable[[], Awaitable[str]]


def context_of(protocol: str, port: int) -> CallContext:
    base_url = f"http://127.0.0.1:{port}{BASE_PATH[protocol]}"
    provider = ProviderSpec(protocol, protocol, base_url)
    account = AccountSpec(protocol, "main", KeyRef(KeySource.NONE), Billing.CREDITS)
    model = ModelSpec(protocol, "stream", 128_000, max_output_tokens=8_000)
    return CallContext(provider, account, model, SystemClock().wall_ms())


def encoded(context: CallContext) -> WireRequest:
    request = ChatRequest((Message.of(Role.USER, PROMPT),), Origin(OriginKind.GATEWAY, "bench"))
    return protocol_named(context.provider.protocol).encode(request, context, max_output_tokens=None)


def ours(transport: HttpTransport, context: CallContext) -> Call:
    protocol = protocol_named(context.provider.protocol)

    async def one() -> str:
        call = UpstreamCall(protocol, context, encoded(context), Secret("sim-key"), LIMITS)
        events = [event async for event in transport.call(call)]
        assert isinstance(events[-1], Finished), events[-1]
        return "".join(event.text for event in events if isinstance(event, TextDelta))

    return one


def plain(client: httpx.AsyncClient, context: CallContext) -> Call:
    """What anybody would write with httpx: post JSON, read lines, parse, join."""
    wire = encoded(context)
    body, url = json.loads(wire.body), context.provider.base_url + wire.path
    headers = {**dict(wire.headers), wire.auth_header: f"{wire.auth_prefix}sim-key"}
    piece = PIECES[context.provider.protocol]

    async def one() -> str:
        text = []
        async with client.stream("POST", url, json=body, headers=headers) as reply:
            assert reply.status_code == 200, await reply.aread()
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    text.append(piece(json.loads(line[6:])))
        return "".join(text)

    return one


def _openai_piece(chunk: dict) -> str:
    return (chunk["choices"][0]["delta"].get("content") or "") if chunk["choices"] else ""


def _anthropic_piece(event: dict) -> str:
    return event["delta"].get("text", "") if event["type"] == "content_block_delta" else ""


def _gemini_piece(chunk: dict) -> str:
    parts = chunk["candidates"][0].get("content", {}).get("parts", []) if chunk.get("candidates") else []
    return "".join(part.get("text", "") for part in parts)


PIECES = {"openai": _openai_piece, "anthropic": _anthropic_piece, "gemini": _gemini_piece}


async def cpu_ms(requests: int, lanes: int, one: Call) -> float:
    """CPU milliseconds a request."""

    async def lane() -> None:
        for _ in range(requests // lanes):
            assert await one()

    await asyncio.gather(*(one() for _ in range(lanes)))
    before = time.process_time()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    return (time.process_time() - before) / (requests // lanes * lanes) * 1000


async def recorded(client: httpx.AsyncClient, context: CallContext) -> list[bytes]:
    """The bytes of one stream as they came."""
    wire = encoded(context)
    headers = {**dict(wire.headers), wire.auth_header: f"{wire.auth_prefix}sim-key"}
    async with client.stream(
        "POST", context.provider.base_url + wire.path, content=wire.body, headers=headers
    ) as reply:
        return [data async for data in reply.aiter_bytes()]


def decode_us(context: CallContext, pieces: list[bytes], rounds: int) -> float:
    """Microseconds of CPU to decode one recorded stream."""
    protocol = protocol_named(context.provider.protocol)
    before = time.process_time()
    for _ in range(rounds):
        decoder = protocol.stream_decoder(context)
        for data in pieces:
            decoder.feed(data)
        decoder.close()
    return (time.process_time() - before) / rounds * 1_000_000


async def measure(port: int, requests: int) -> None:
    transport = HttpTransport(SystemClock(), user_agent="bench")
    print(f"{'':14}{'httpx':>9}{'ours':>12}{'ratio':>8}{'decode':>11}   load")
    for name in PROTOCOLS:
        context = context_of(name, port)
        for lanes in (1, 16):
            async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
                assert await ours(transport, context)() == await plain(client, context)()
                plain_ms = await cpu_ms(requests, lanes, plain(client, context))
                our_ms = await cpu_ms(requests, lanes, ours(transport, context))
                alone_us = decode_us(context, await recorded(client, context), requests)
            print(
                f"{f'{name}, {lanes}':14}{plain_ms:6.2f} ms{our_ms:9.2f} ms{our_ms / plain_ms:8.2f}{alone_us:8.0f} µs"
                f"   {os.getloadavg()[0]:.2f}",
                flush=True,
            )
    await transport.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world.toml"
        world.write_text(WORLD, encoding="utf-8")
        command = [sys.executable, "-m", "trunkline.simulator", "--config", str(world)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdin is not None
        port = json.loads(server.stdout.readline())["port"]
        try:
            asyncio.run(measure(port, requests))
        finally:
            server.stdin.close()
            server.wait()


if __name__ == "__main__":
    main()
