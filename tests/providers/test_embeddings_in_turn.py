"""Several calls for vectors as if they were one, without a network."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from tests.support.calls import upstream
from tests.support.clock import FakeClock

from trunkline.domain.events import Embedded, Finished, UsageSeen
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.messages import EmbeddingAsk
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.providers.call import CallEvent, ReplyEnded, Sent, UpstreamCall
from trunkline.providers.gemini.wire import GEMINI
from trunkline.providers.transport.in_turn import in_turn

SHORT, LONG = struct.pack("<1f", 0.5), struct.pack("<2f", 0.5, 1.5)
DONE = Finished(FinishReason.STOP)
UNREACHED = Fault(FaultKind.NETWORK, FaultScope.PROVIDER, FaultCode.CONNECT, "", request_sent=False)


class Upstream:
    """Plays one script a call, each taking `each_ms`, and notes how much time every call was given."""

    def __init__(self, *scripts: Sequence[CallEvent], each_ms: float = 0.0) -> None:
        self.clock = FakeClock()
        self._scripts = list(scripts)
        self._each_ms = each_ms
        self.given_ms: list[int] = []

    async def make(self, call: UpstreamCall) -> AsyncGenerator[CallEvent, None]:
        self.given_ms.append(call.limits.total_ms)
        self.clock.advance(self._each_ms)
        yield Sent(1.0)
        for event in self._scripts.pop(0):
            yield event

    async def events(self, *tokens: int) -> list[CallEvent]:
        plain = upstream("http://localhost/v1", GEMINI)
        calls = [replace(plain, input_tokens=one) for one in tokens]
        return [event async for event in in_turn(self.make, calls, self.clock)]


def vectors(*given: bytes, usage: Usage | None = None, at_ms: float = 1.0) -> list[CallEvent]:
    told: list[CallEvent] = [] if usage is None else [UsageSeen(usage)]
    return [Embedded(given), *told, ReplyEnded(at_ms), DONE]


async def test_vectors_are_put_together_and_usage_added_up() -> None:
    counted = Usage(input_tokens=4, output_tokens=0, cost_pico=7)
    made = Upstream(vectors(SHORT, usage=counted), vectors(SHORT, SHORT, usage=counted, at_ms=2.0))
    assert await made.events(10, 20) == [
        Sent(1.0),
        UsageSeen(counted),
        Sent(1.0),
        UsageSeen(Usage(input_tokens=8, output_tokens=0, cost_pico=14)),
        Embedded((SHORT, SHORT, SHORT)),
        ReplyEnded(2.0),
        DONE,
    ]


async def test_what_one_does_not_count_is_estimated() -> None:
    counted = Usage(input_tokens=4, output_tokens=0, cost_pico=7)
    made = Upstream(vectors(SHORT, usage=counted), vectors(SHORT))
    *_, last = [event for event in await made.events(10, 20) if isinstance(event, UsageSeen)]
    assert last.usage == Usage(input_tokens=24, output_tokens=0, estimated=True)


async def test_a_fault_ends_them_all_with_what_is_owed() -> None:
    made = Upstream(vectors(SHORT), [ReplyEnded(5.0), UNREACHED], vectors(SHORT))
    events = await made.events(10, 20, 30)
    assert events[-2:] == [ReplyEnded(5.0), replace(UNREACHED, request_sent=True)]
    assert [event.usage.input_tokens for event in events if isinstance(event, UsageSeen)] == [10]
    assert not any(isinstance(event, Embedded) for event in events)


async def test_a_first_call_that_was_never_sent_owes_nothing() -> None:
    made = Upstream([ReplyEnded(5.0), UNREACHED], vectors(SHORT))
    assert await made.events(10, 20) == [Sent(1.0), ReplyEnded(5.0), UNREACHED]


async def test_vectors_of_different_lengths_are_none() -> None:
    *_, last = await Upstream(vectors(SHORT), vectors(LONG)).events(10, 20)
    assert isinstance(last, Fault)
    assert last.code == FaultCode.MALFORMED


async def test_all_of_them_have_the_time_of_one() -> None:
    made = Upstream(vectors(SHORT), vectors(SHORT), vectors(SHORT), each_ms=1_000)
    await made.events(1, 1, 1)
    first_ms, second_ms, third_ms = made.given_ms
    assert (first_ms - second_ms, second_ms - third_ms) == (1_000, 1_000)


def test_an_ask_is_parted_with_its_titles() -> None:
    ask = EmbeddingAsk(("a", "b", "c"), 8, "CLUSTERING", ("A", None, "C"))
    assert ask.parts(3) == (ask,)
    assert ask.parts(2) == (
        EmbeddingAsk(("a", "b"), 8, "CLUSTERING", ("A", None)),
        EmbeddingAsk(("c",), 8, "CLUSTERING", ("C",)),
    )
