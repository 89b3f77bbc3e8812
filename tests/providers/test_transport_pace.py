"""How fast streams come: what is too slow, and what is only a pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from tests.support.calls import outcome, upstream
from tests.support.line_protocol import LineProtocol
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.domain.clock import SystemClock
from trunkline.domain.events import Finished, TextDelta, ThinkingDelta
from trunkline.domain.faults import Fault, FaultCode
from trunkline.domain.preferences import CallLimits
from trunkline.providers.call import Dripping
from trunkline.providers.transport import HttpTransport
from trunkline.providers.transport.pace import Pace, tokens_in

LINE = LineProtocol()


def said(least_per_s: float, arrivals: Iterable[tuple[float, float]]) -> list[float]:
    """When a stream is said to be too slow; `arrivals` are (seconds, tokens), the window is 20 s."""
    pace = Pace(least_per_s, 20_000)
    return [at_s for at_s, tokens in arrivals if pace.came(tokens, at_s * 1000) is not None]


def test_a_drip_is_said_to_be_too_slow_after_a_window_and_a_quarter_and_again_while_it_lasts() -> None:
    drip = [(at_s, 1.0) for at_s in range(0, 60, 2)]  # half a token a second
    assert said(1.0, drip) == [26, 32, 38, 44, 50, 56]


def test_a_steady_stream_is_never_too_slow() -> None:
    assert said(1.0, [(at_s, 1.0) for at_s in range(200)]) == []
    assert said(1.0, [(at_s, 4.0) for at_s in range(0, 200, 3)]) == []


def test_a_short_window_of_few_tokens_is_not_judged() -> None:
    assert said(1.0, [(0, 1.0), (10, 1.0), (19, 1.0)]) == []


def test_who_comes_back_from_a_pause_is_not_slow() -> None:
    before = [(at_s / 10, 1.0) for at_s in range(300)]
    after = [(80 + at_s / 10, 1.0) for at_s in range(300)]
    assert said(1.0, [*before, *after]) == []


def test_drops_far_apart_are_too_slow() -> None:
    assert said(1.0, [(at_s, 2.0) for at_s in range(0, 200, 40)]) == [80, 120, 160]


def test_a_stream_that_begins_fast_and_then_drips_is_found_out() -> None:
    fast = [(at_s / 10, 5.0) for at_s in range(100)]
    slow = [(10 + at_s, 0.5) for at_s in range(60)]
    assert 30 < said(1.0, [*fast, *slow])[0] < 40


def test_no_pace_is_no_limit() -> None:
    assert said(0.0, [(0, 1.0), (100, 1.0), (200, 1.0)]) == []


def test_a_piece_is_a_token_at_least() -> None:
    assert tokens_in(3, 3) == 3  # one character of Chinese each
    assert tokens_in(1, 400) == 100


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(SystemClock(), user_agent="trunkline/test")
    yield transport
    await transport.aclose()


DRIPS = CallLimits(stall_ms=500, least_tokens_per_s=100.0, pace_window_ms=60)


@pytest.mark.parametrize("word", ["text x", "think x"])
async def test_a_stream_that_drips_is_told_of_and_goes_on(transport: HttpTransport, word: str) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        for _ in range(15):
            await peer.chunk(f"{word}\n:ping\nusage\n")
            await asyncio.sleep(0.015)
        await peer.chunk("finish\ndone\n")
        await peer.chunk("")

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, limits=DRIPS))
    drips = [event for event in events if isinstance(event, Dripping)]
    assert drips
    assert all(20 < drip.tokens_per_s < 100 for drip in drips)
    assert isinstance(events[-1], Finished)
    assert isinstance(events[-3], Finished | TextDelta | Dripping) or word != "text x"


async def test_a_stream_that_flows_is_not_told_of(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        for _ in range(15):
            await peer.chunk("text " + 40 * "x" + "\n")
            await asyncio.sleep(0.01)
        await peer.chunk("finish\ndone\n")
        await peer.chunk("")

    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, limits=DRIPS))
    assert not [event for event in events if isinstance(event, Dripping)]
    assert isinstance(events[-1], Finished)


async def test_reasoning_is_progress_and_comments_are_not(transport: HttpTransport) -> None:
    async def script(peer: Peer, request: Received) -> None:
        await peer.begin()
        for _ in range(12):
            await peer.chunk("think so\n")
            await asyncio.sleep(0.01)
        while not peer.writer.is_closing():
            await peer.chunk(":still here\n")
            await asyncio.sleep(0.01)

    limits = CallLimits(first_token_ms=60, stall_ms=60)
    async with OddServer(script) as server:
        events = await outcome(transport, upstream(server.url, LINE, limits=limits))
    assert len([event for event in events if isinstance(event, ThinkingDelta)]) == 12
    assert isinstance(events[-1], Fault)
    assert events[-1].code == FaultCode.STALL
