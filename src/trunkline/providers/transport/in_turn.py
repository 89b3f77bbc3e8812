"""Several calls for vectors made one after another, as if they were one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from trunkline.domain.clock import Clock
from trunkline.domain.events import Embedded, Finished, UsageSeen
from trunkline.domain.faults import Fault
from trunkline.domain.money import Usage
from trunkline.providers.call import CallEvent, ReplyEnded, UpstreamCall
from trunkline.providers.reply_faults import cut, malformed
from trunkline.providers.vectors import LENGTHS_DIFFER


async def in_turn(
    make: Callable[[UpstreamCall], AsyncGenerator[CallEvent, None]],
    calls: Sequence[UpstreamCall],
    clock: Clock,
) -> AsyncGenerator[CallEvent, None]:
    """The events of `calls`, each made by `make` within what is left of the first one's time, as those of one: with
    all vectors at the end, and after each call the usage so far, which is owed though a later one fails. That ends
    them all."""
    until_ms = clock.mono_ms() + calls[0].limits.total_ms
    vectors: list[bytes] = []
    used = Usage(input_tokens=0, output_tokens=0, cost_pico=0)
    made = _Made()
    for call in calls:
        left_ms = max(1, int(until_ms - clock.mono_ms()))
        made = _Made()
        async with aclosing(make(replace(call, limits=replace(call.limits, total_ms=left_ms)))) as events:
            async for event in events:
                if not made.takes(event):
                    yield event
        if isinstance(made.final, Fault):
            # What is owed for the calls before it would be taken for unsent with it.
            made.final = replace(made.final, request_sent=made.final.request_sent or call is not calls[0])
            break
        vectors += made.vectors
        used = _sum(used, made.usage or Usage(call.input_tokens, 0, estimated=True))
        yield UsageSeen(used)
        if len({len(one) for one in vectors}) > 1:
            made.final = malformed(LENGTHS_DIFFER)
            break
    else:
        yield Embedded(tuple(vectors))
    yield ReplyEnded(made.ended_ms)
    yield made.final


@dataclass(slots=True)
class _Made:
    """What one of the calls came to."""

    vectors: tuple[bytes, ...] = ()
    usage: Usage | None = None
    ended_ms: float = 0.0
    final: Finished | Fault = field(default_factory=cut)

    def takes(self, event: CallEvent) -> bool:
        """Whether `event` is of that one call and concerns nobody else yet."""
        match event:
            case Embedded(vectors):
                self.vectors = vectors
            case UsageSeen(usage):
                self.usage = usage
            case ReplyEnded(ended_ms):
                self.ended_ms = ended_ms
            case Finished() | Fault():
                self.final = event
            case _:
                return False
        return True


def _sum(one: Usage, other: Usage) -> Usage:
    """Both together; what one of them does not know is not known."""

    def both(this: int | None, that: int | None) -> int | None:
        return None if this is None or that is None else this + that

    return Usage(
        both(one.input_tokens, other.input_tokens),
        both(one.output_tokens, other.output_tokens),
        cost_pico=both(one.cost_pico, other.cost_pico),
        estimated=one.estimated or other.estimated,
    )
