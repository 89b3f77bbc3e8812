"""Replies that break off, stall, say nothing or are not what they seem: never half an answer sold as a whole one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.engine_world import WHOLE_TEXT, Serves, Told, agent, ask, open_world, sse
from tests.support.odd_server import OddServer, Peer, Received, free_port

from trunkline.domain.events import (
    Alert,
    Answered,
    BreakerChanged,
    Failed,
    Rerouted,
    Restarted,
    Seam,
    SeamKind,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from trunkline.domain.faults import FaultCode
from trunkline.domain.messages import ToolSpec
from trunkline.domain.receipts import FinishReason, Outcome

FIRST = 'default = ["first"]\n'
ORDERED = 'default = ["first", "second", "third", "last"]\n'
SHORT_LIMITS = """
[timeouts]
first_token_s = 0.15
stall_s = 0.15
request_s = 20.0
"""
TWO = (Serves("first"), Serves("second"))
WHOLE_REPLY = {
    "id": "c",
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": WHOLE_TEXT}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 80},
}


def shown(told: Told) -> str:
    """What a reader of the events has on the screen at the end."""
    pieces: list[str] = []
    for body in told.bodies:
        if isinstance(body, TextDelta):
            pieces.append(body.text)
        elif isinstance(body, Restarted):
            pieces.clear()
    return "".join(pieces)


# -- before any output ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"kind": "http", "status": 500}, {"kind": "reset"}])
async def test_a_hiccup_is_retried_once_on_the_same_route(tmp_path: Path, fault: dict[str, Any]) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.fault(provider="first", first=1, **fault)
        result = await world.run(ask())
        assert result.routes == ["first/a/m", "first/a/m"]
        assert result.receipt.complete
        assert not result.of(Rerouted)
        # One hiccup that its retry made good blocks nobody.
        assert (await world.run(ask())).routes == ["first/a/m"]


@pytest.mark.parametrize(
    "fault", [{"kind": "http", "status": 503}, {"kind": "http", "status": 500}, {"kind": "reset"}]
)
async def test_a_lasting_failure_is_left_after_one_retry(tmp_path: Path, fault: dict[str, Any]) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.draw = 1.0
        world.fault(provider="first", **fault)
        result = await world.run(ask())
        assert result.routes == ["first/a/m", "first/a/m", "second/a/m"]
        assert result.receipt.complete
        assert (await world.run(ask())).routes == ["second/a/m"]


async def test_a_route_that_stays_down_is_told_of_once(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        news = world.engine.subscribe()
        world.fault("http", provider="first", status=503)
        for n in range(4):
            assert (await world.run(f"question {n}")).receipt.complete
            await asyncio.sleep(0.06)
        bodies = [(await anext(news)).body for _ in range(20) if news._waiting]  # type: ignore[attr-defined]
        opened = [body for body in bodies if isinstance(body, BreakerChanged) and body.block is not None]
        assert len(opened) >= 2
        assert len([body for body in bodies if isinstance(body, Alert)]) == 1


async def test_where_nobody_listens_the_next_route_is_asked_at_once_and_nothing_is_used(
    tmp_path: Path,
) -> None:
    limits = [{"metric": "requests", "amount": 20, "window": "60s"}]
    gone = Serves("first", url=f"http://127.0.0.1:{free_port()}/v1", limits=limits, known=True)
    async with open_world(tmp_path, gone, Serves("second"), preferences=FIRST) as world:
        result = await world.run(ask())
        assert result.routes == ["first/a/m", "second/a/m"]
        first = result.receipt.attempts[0]
        assert first.fault is not None
        assert first.fault.code == FaultCode.CONNECT
        assert not first.fault.request_sent
        snapshot = await world.engine.fresh_snapshot()
        (used,) = snapshot.providers[0].accounts[0].limits
        assert used.used == 0
        assert world.open_reservations() == 0


async def test_a_silent_route_is_left_and_not_asked_again_for_the_request(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST + SHORT_LIMITS) as world:
        world.fault("silence", provider="first")
        world.fault("http", provider="second", status=503, first=3)
        result = await world.run(agent())
        assert result.routes[0] == "first/a/m"
        assert set(result.routes[1:]) == {"second/a/m"}
        assert len(result.routes) == 5
        assert result.receipt.complete
        silent = result.receipt.attempts[0]
        assert silent.fault is not None
        assert silent.fault.code == FaultCode.FIRST_TOKEN_TIMEOUT
        # The provider may have worked on it: what was sent is counted, as waste.
        assert silent.usage is not None
        assert silent.usage.input_tokens
        assert result.receipt.waste_pico > 0


# -- after some output ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cut", "drop", "reset_stream", "no_finish", "error_in_stream", "stall"])
@pytest.mark.parametrize("prefill", ["none", "assistant"])
async def test_an_answer_that_breaks_off_is_carried_on_elsewhere(
    tmp_path: Path, kind: str, prefill: str
) -> None:
    second = Serves("second", models={"m": {"prefill": prefill}})
    async with open_world(tmp_path, Serves("first"), second, preferences=FIRST + SHORT_LIMITS) as world:
        world.fault(kind, provider="first", after=9)
        result = await world.run(ask())
        assert result.routes == ["first/a/m", "second/a/m"]
        assert result.outcomes == ["cut", "ok"]
        assert shown(result) == WHOLE_TEXT
        (seam,) = result.of(Seam)
        assert seam.kind is (SeamKind.ANCHOR if prefill == "none" else SeamKind.PREFILL)
        assert seam.at_char == sum(
            len(body.text) for body in _before(result, Seam) if type(body) is TextDelta
        )
        assert result.receipt.seams == (seam.at_char,)
        assert result.receipt.complete
        assert result.receipt.waste_pico > 0
        assert result.receipt.usage == result.receipt.attempts[1].usage
        assert not result.of(Restarted)


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("prefill", ["none", "assistant"])
async def test_a_text_is_carried_on_in_every_language_wherever_it_was_cut(
    tmp_path: Path, protocol: str, prefill: str
) -> None:
    second = Serves("second", models={"m": {"prefill": prefill}}, protocol=protocol)
    async with open_world(tmp_path, Serves("first"), second, preferences=FIRST) as world:
        for after in (3, 12, 30):  # after the last the text is whole, and only its end is missing
            world.simulator.faults.remove(None)
            world.engine.reset()
            world.fault("cut", provider="first", after=after)
            result = await world.run(ask())
            assert shown(result) == WHOLE_TEXT
            assert result.receipt.complete
            assert result.routes == ["first/a/m", "second/a/m"]
            assert result.outcomes == ["cut", "ok"]
            (seam,) = result.of(Seam)
            assert seam.kind is (SeamKind.ANCHOR if prefill == "none" else SeamKind.PREFILL)
            assert result.receipt.seams == (seam.at_char,)


async def test_an_answer_that_says_nothing_is_none_where_nothing_was_said_before(tmp_path: Path) -> None:
    second = Serves("second", models={"m": {"prefill": "assistant"}})
    async with open_world(tmp_path, Serves("first"), second, preferences=FIRST) as world:
        world.fault("cut", provider="first", after=0)
        world.fault("empty_answer", provider="second")
        result = await world.run(ask())
        assert not result.receipt.complete
        assert not result.of(Answered)


async def test_the_next_account_of_the_pool_carries_on_first(tmp_path: Path) -> None:
    async with open_world(
        tmp_path, Serves("first", ("a", "b")), Serves("second"), preferences=FIRST
    ) as world:
        world.fault("cut", account="a", after=9)
        result = await world.run(ask())
        assert result.routes[1] == "first/b/m" or result.routes == ["first/b/m"]
        assert shown(result) == WHOLE_TEXT


async def test_two_cuts_make_two_seams_and_one_answer(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, Serves("third"), Serves("last"), preferences=ORDERED) as world:
        world.draw = 1.0
        world.fault("cut", provider="first", after=8)
        world.fault("cut", provider="second", after=10)
        world.fault("cut", provider="third", after=10)
        result = await world.run(ask())
        assert shown(result) == WHOLE_TEXT
        assert len(result.routes) == len(set(result.routes))
        assert len(result.receipt.seams) == len(result.of(Seam)) >= 2
        assert result.receipt.complete


async def test_a_model_that_does_not_carry_on_begins_anew_and_says_so(tmp_path: Path) -> None:
    second = Serves("second", played={"continues": False, "answers": [WHOLE_TEXT]})
    async with open_world(tmp_path, Serves("first"), second, preferences=FIRST) as world:
        world.fault("cut", provider="first", after=9)
        result = await world.run(ask())
        assert result.routes == ["first/a/m", "second/a/m", "second/a/m"]
        assert [str(body.route) for body in result.of(Restarted)] == ["second/a/m"]
        assert not result.of(Seam)
        assert shown(result) == WHOLE_TEXT
        assert result.receipt.restarts == 1
        assert result.receipt.seams == ()
        assert all(attempt.fault is not None for attempt in result.receipt.attempts[:2])
        # Not carrying on is no failure of the route.
        assert (await world.run(agent(route="second"))).routes == ["second/a/m"]


async def test_a_few_characters_are_begun_anew(tmp_path: Path) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST) as world:
        world.fault("cut", provider="first", after=0)
        result = await world.run(ask())
        assert not result.of(Seam)
        assert shown(result) == WHOLE_TEXT


async def test_a_truncated_answer_is_never_presented_as_whole(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        world.fault("cut", after=5)
        handle = world.engine.submit(ask(conversation_id="c1"))
        answer = await handle.answer()
        receipt = answer.receipt
        assert receipt.outcome is Outcome.FAILED
        assert not receipt.complete
        assert receipt.cost_pico == 0
        assert receipt.fault is not None
        assert 2 <= len(receipt.attempts) <= 6
        assert answer.text
        assert WHOLE_TEXT.startswith(answer.text)
        assert len(answer.text) < len(WHOLE_TEXT)
        await world.engine.fresh_snapshot()
        kept = world.query("SELECT role, complete, text FROM message ORDER BY rowid")
        assert kept == [("user", 1, "Who owns the queue?"), ("assistant", 0, answer.text)]


async def test_an_answer_at_the_output_limit_is_served_but_not_called_whole(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        result = await world.run(ask(max_output_tokens=20))
        assert result.receipt.outcome is Outcome.ANSWERED
        assert result.receipt.finish is FinishReason.LENGTH
        assert not result.receipt.complete


@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_reply_and_a_stream_say_the_same(tmp_path: Path, stream: bool) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        result = await world.run(ask(stream=stream))
        assert shown(result) == WHOLE_TEXT
        assert result.receipt.complete


@pytest.mark.parametrize(
    ("kind", "code"), [("silence", FaultCode.FIRST_TOKEN_TIMEOUT), ("stall", FaultCode.STALL)]
)
async def test_who_waits_for_the_whole_answer_does_not_wait_for_a_provider_that_sends_nothing(
    tmp_path: Path, kind: str, code: str
) -> None:
    async with open_world(tmp_path, *TWO, preferences=FIRST + SHORT_LIMITS) as world:
        world.fault(kind, provider="first")
        result = await world.run(ask(stream=False))
        assert result.routes == ["first/a/m", "second/a/m"]
        assert result.receipt.complete
        assert shown(result) == WHOLE_TEXT
        left = result.receipt.attempts[0]
        assert left.fault is not None
        assert left.fault.code == code
        assert left.ended_ms - left.started_ms < 2_000


async def _sends_whole(peer: Peer, received: Received) -> None:
    """Answers with one JSON object, whatever was asked for."""
    assert json.loads(received.body)["stream"] is True
    await peer.reply(json.dumps(WHOLE_REPLY))


async def _sends_half(peer: Peer, received: Received) -> None:
    """Begins such an answer and breaks off."""
    body = json.dumps(WHOLE_REPLY)
    await peer.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    await peer.send(f"Content-Length: {len(body)}\r\n\r\n{body[:200]}")
    peer.reset()


@pytest.mark.parametrize("stream", [True, False])
async def test_a_provider_that_knows_no_streams_is_understood(tmp_path: Path, stream: bool) -> None:
    async with OddServer(_sends_whole) as odd:
        only = Serves("only", url=f"{odd.url}/v1")
        async with open_world(tmp_path, only) as world:
            result = await world.run(ask(stream=stream))
            assert len(result.routes) == 1
            assert shown(result) == WHOLE_TEXT
            assert result.receipt.complete


async def test_a_whole_reply_that_is_cut_short_is_asked_for_again(tmp_path: Path) -> None:
    async with OddServer(_sends_half) as odd:
        first = Serves("first", url=f"{odd.url}/v1")
        async with open_world(tmp_path, first, Serves("second"), preferences=FIRST) as world:
            result = await world.run(ask(stream=False))
            assert result.routes[0] == "first/a/m"
            assert result.routes[-1] == "second/a/m"
            assert shown(result) == WHOLE_TEXT


async def test_a_malformed_event_is_skipped(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        world.fault("malformed_event", after=4)
        result = await world.run(ask())
        assert result.routes == ["only/a/m"]
        assert shown(result) == WHOLE_TEXT
        assert result.receipt.complete


async def test_a_stream_without_a_terminator_is_finished_with_the_usage_seen(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("only")) as world:
        world.fault("no_terminator")
        result = await world.run(ask())
        assert shown(result) == WHOLE_TEXT
        assert result.receipt.complete
        assert not result.receipt.usage.estimated
        assert result.receipt.usage.output_tokens


# -- thinking and tool calls ----------------------------------------------------------------------------------------


def _event(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'c', 'model': 'm', 'choices': [choice]})}\n\n"


def _call(index: int, call_id: str, name: str, arguments: str) -> str:
    function = {"name": name, "arguments": arguments}
    return _event({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})


def _more(index: int, arguments: str) -> str:
    return _event({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})


WHOLE_CALL = (
    _call(0, "call-1", "weather", '{"city":')
    + _more(0, ' "Oslo"}')
    + _event({}, "tool_calls")
    + "data: [DONE]\n\n"
)
TOOL = ToolSpec(
    "weather", "says the weather", '{"type": "object", "properties": {"city": {"type": "string"}}}'
)


class Odd:
    """A provider that answers with each of `replies` in turn, the last one for ever; each breaks off at its end."""

    def __init__(self, *replies: str) -> None:
        self._replies = list(replies)

    async def __call__(self, peer: Peer, request: Received) -> None:
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        await peer.begin()
        await peer.chunk(reply)
        if reply.endswith("[DONE]\n\n"):
            await peer.chunk("")
        else:
            peer.writer.close()


async def test_thinking_alone_is_begun_anew_without_a_word(tmp_path: Path) -> None:
    async with OddServer(Odd(_event({"reasoning_content": "Let me see. "}))) as odd:
        first = Serves("first", url=f"{odd.url}/v1")
        async with open_world(tmp_path, first, Serves("second"), preferences=FIRST) as world:
            result = await world.run(ask())
            assert result.of(ThinkingDelta)
            assert result.routes[-1] == "second/a/m"
            assert not result.of(Restarted)
            assert not result.of(Seam)
            assert shown(result) == WHOLE_TEXT
            assert result.receipt.restarts == 0


async def test_a_partial_tool_call_is_never_emitted(tmp_path: Path) -> None:
    async with (
        OddServer(Odd(_call(0, "half", "weather", '{"city": "Os'))) as odd,
        OddServer(Odd(WHOLE_CALL)) as good,
    ):
        providers = (
            Serves(n, url=f"{s.url}/v1", models=TOOLS) for n, s in (("first", odd), ("second", good))
        )
        async with open_world(tmp_path, *providers, preferences=FIRST) as world:
            result = await world.run(ask(tools=(TOOL,)))
            assert [(body.call_id, body.arguments) for body in result.of(ToolCallDelta)] == [
                ("call-1", '{"city": "Oslo"}')
            ]
            assert result.receipt.finish is FinishReason.TOOL_CALLS
            assert result.receipt.complete
            assert result.routes[-1] == "second/a/m"


async def test_a_call_in_place_of_the_rest_of_a_text_is_an_answer(tmp_path: Path) -> None:
    text = "I will look that up for you at once. "
    broken = sse(text, finish=None, done=False) + _call(0, "half", "weather", '{"ci')
    async with OddServer(Odd(broken)) as odd, OddServer(Odd(WHOLE_CALL)) as good:
        providers = (
            Serves(n, url=f"{s.url}/v1", models=TOOLS) for n, s in (("first", odd), ("second", good))
        )
        async with open_world(tmp_path, *providers, preferences=FIRST) as world:
            result = await world.run(ask(tools=(TOOL,)))
            assert result.routes == ["first/a/m", "second/a/m"]
            assert [body.call_id for body in result.of(ToolCallDelta)] == ["call-1"]
            assert shown(result) == text
            assert result.receipt.complete
            assert len(result.of(Seam)) == 1


async def test_half_an_answer_with_a_terminator_and_no_finish_reason_is_not_an_answer(tmp_path: Path) -> None:
    async with OddServer(Odd(sse("Half of ", finish=None))) as odd:
        only = Serves("only", url=f"{odd.url}/v1")
        async with open_world(tmp_path, only, preferences="[thresholds]\nmax_attempts = 2\n") as world:
            result = await world.run(ask())
            assert result.outcomes == ["cut", "cut"]
            assert not result.of(Answered)
            assert len(result.of(Failed)) == 1
            assert not result.receipt.complete


TOOLS = {"m": {"capabilities": ["tools"]}}


def _before(told: Told, kind: type) -> list[Any]:
    bodies = told.bodies
    return bodies[: next(i for i, body in enumerate(bodies) if type(body) is kind)]


# -- streams that drip ----------------------------------------------------------------------------------------------

DRIPS = """
[timeouts]
stall_s = 2.0
least_tokens_per_s = 40
pace_window_s = 0.1
request_s = 20.0
"""


async def _drips(peer: Peer, request: Received) -> None:
    await peer.begin()
    for at in range(0, len(WHOLE_TEXT), 4):
        await peer.chunk(_event({"content": WHOLE_TEXT[at : at + 4]}) + ": keep-alive\n\n")
        await asyncio.sleep(0.04 if at < 40 else 0)
    await peer.chunk(_event({}, "stop") + "data: [DONE]\n\n")
    await peer.chunk("")


async def test_a_stream_that_drips_is_carried_on_by_somebody_faster(tmp_path: Path) -> None:
    async with OddServer(_drips) as odd:
        first = Serves("first", url=f"{odd.url}/v1")
        async with open_world(tmp_path, first, Serves("second"), preferences=FIRST + DRIPS) as world:
            result = await world.run(ask())
            assert result.routes == ["first/a/m", "second/a/m"]
            assert result.outcomes == ["cut", "ok"]
            slow = result.receipt.attempts[0].fault
            assert slow is not None
            assert slow.code == FaultCode.TOO_SLOW
            assert shown(result) == WHOLE_TEXT
            assert len(result.of(Seam)) == 1
            await world.engine.fresh_snapshot()
            assert world.open_reservations() == 0


@pytest.mark.parametrize(
    ("preferences", "asked"),
    [
        (FIRST, {"route": "first"}),
        (FIRST + "[thresholds]\nmax_attempts = 1\n", {}),
        (FIRST, {"avoid": ("second",)}),
    ],
    ids=["pinned", "last attempt", "nobody else"],
)
async def test_who_is_the_last_that_can_serve_may_drip(
    tmp_path: Path, preferences: str, asked: dict[str, Any]
) -> None:
    async with OddServer(_drips) as odd:
        first = Serves("first", url=f"{odd.url}/v1")
        async with open_world(tmp_path, first, Serves("second"), preferences=preferences + DRIPS) as world:
            result = await world.run(ask(**asked))
            assert result.routes == ["first/a/m"]
            assert shown(result) == WHOLE_TEXT
            assert result.receipt.complete


async def test_the_second_account_of_a_model_is_somebody_else(tmp_path: Path) -> None:
    async with OddServer(_drips) as odd:
        only = Serves("only", ("a", "b"), url=f"{odd.url}/v1")
        async with open_world(tmp_path, only, preferences=DRIPS) as world:
            result = await world.run(ask())
            # The second is no faster; then nobody else is left, and the first or second may drip to its end.
            assert len(result.routes) >= 2
            assert {route.split("/")[1] for route in result.routes[:2]} == {"a", "b"}
