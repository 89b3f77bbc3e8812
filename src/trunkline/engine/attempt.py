"""One upstream call as the engine follows it: what came, when, and how it ended."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from trunkline.domain.clock import Clock
from trunkline.domain.events import (
    Embedded,
    Finished,
    RequestBody,
    Seam,
    SeamKind,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageSeen,
)
from trunkline.domain.faults import Fault, FaultCode
from trunkline.domain.limits import LimitReading
from trunkline.domain.money import Usage
from trunkline.domain.receipts import AttemptOutcome, FinishReason
from trunkline.domain.routes import Route
from trunkline.engine.continuation import AnchorMatcher, Continuation
from trunkline.engine.own_faults import anchor_fault, too_slow_fault
from trunkline.providers.call import CallEvent, Dripping, ReplyEnded, Sent

# What an answer's tokens are estimated at when its provider never said: the usual four characters each.
_CHARS_PER_TOKEN = 4
# Who waits so long for its reader says nothing of its provider's pace any more.
_HELD_UP_MS = 250.0


@dataclass(slots=True)
class CallRecord:
    """Filled while a call is under way, so that a cancelled call still says what it used. Times are monotonic
    milliseconds."""

    number: int
    route: Route
    began_mono_ms: float
    sent_mono_ms: float | None = None
    calls_sent: int = 0
    first_token_mono_ms: float | None = None
    reply_ended_mono_ms: float | None = None
    ended_mono_ms: float | None = None
    failover_ms: float | None = None
    output_chars: int = 0
    text_chars: int = 0
    served_model: str | None = None
    readings: tuple[LimitReading, ...] = ()
    reported_usage: Usage | None = None
    finish: FinishReason | None = None
    fault: Fault | None = None
    anchor_missed: bool = False
    cancelled: bool = False

    @property
    def outcome(self) -> AttemptOutcome:
        """How it ended."""
        if self.cancelled:
            return AttemptOutcome.CANCELLED
        if self.finish is not None:
            return AttemptOutcome.OK
        if self.output_chars:
            return AttemptOutcome.CUT
        refused = self.fault is not None and self.fault.http_status is not None
        return AttemptOutcome.REFUSED if refused else AttemptOutcome.FAILED

    def usage(self, input_tokens: int) -> Usage:
        """The provider's count, or an estimate: nothing for a refusal, else the input and the output seen."""
        if self.reported_usage is not None and self.reported_usage.output_tokens is not None:
            return self.reported_usage
        if self.sent_mono_ms is None or self.outcome is AttemptOutcome.REFUSED:
            return Usage(input_tokens=0, output_tokens=0)
        output_tokens = math.ceil(self.output_chars / _CHARS_PER_TOKEN)
        return Usage(input_tokens=input_tokens, output_tokens=output_tokens, estimated=True)


class CallFollower:
    """Passes a call's events on and keeps its record, as fast as there is `room` for them. A stream that only drips is
    given up where the request `may_leave` for another route, unless it was held up here."""

    def __init__(
        self,
        record: CallRecord,
        clock: Clock,
        emit: Callable[[RequestBody], None],
        on_reply: Callable[[], None],
        continuation: Continuation | None,
        may_leave: Callable[[], bool] = lambda: False,
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._record = record
        self._clock = clock
        self._emit = emit
        self._on_reply = on_reply
        self._continuation = continuation
        self._may_leave = may_leave
        self._room = room
        self._held_up = False
        self._carrying_on = False
        self._held: list[ToolCallDelta | ThinkingDelta] = []
        self._matcher = (
            AnchorMatcher(continuation)
            if continuation is not None and continuation.kind is SeamKind.ANCHOR
            else None
        )

    async def follow(self, events: AsyncGenerator[CallEvent, None]) -> None:
        """Run the call to its end; closes `events` however it ends."""
        record = self._record
        try:
            async for item in events:
                if isinstance(item, TextDelta):
                    self._note_output(len(item.text))
                    if not self._pass_text(item):
                        self._miss_anchor()
                        return
                    await self._wait_for_room()
                elif isinstance(item, Sent):
                    record.calls_sent += 1
                    if record.sent_mono_ms is None:
                        record.sent_mono_ms = item.mono_ms
                elif isinstance(item, ReplyEnded):
                    record.reply_ended_mono_ms = item.mono_ms
                elif isinstance(item, ThinkingDelta):
                    self._note_output(len(item.text))
                    if self._held:
                        self._held.append(item)
                    else:
                        self._emit(item)
                        await self._wait_for_room()
                elif isinstance(item, ToolCallDelta):
                    self._note_output(len(item.arguments))
                    self._held.append(item)
                elif isinstance(item, Started):
                    record.served_model = item.served_model or record.served_model
                    record.readings += item.readings
                    self._emit(item)
                elif isinstance(item, Embedded):
                    self._note_output(0)
                    self._emit(item)
                elif isinstance(item, UsageSeen):
                    record.reported_usage = item.usage
                    self._emit(item)
                elif isinstance(item, Dripping):
                    if not self._held_up and self._may_leave():
                        record.reply_ended_mono_ms = self._clock.mono_ms()
                        record.fault = too_slow_fault(item.tokens_per_s)
                        self._emit(record.fault)
                        return
                elif isinstance(item, Finished):
                    self._make_calls()
                    if self._matcher is not None and not self._matcher.has_joined():
                        self._miss_anchor()
                        return
                    record.finish = item.reason
                    self._emit(item)
                elif self._has_nothing_to_add(item):
                    self._emit_seam()
                    record.finish = FinishReason.STOP
                    self._emit(Finished(FinishReason.STOP))
                else:
                    record.fault = item
                    self._emit(item)
        finally:
            await events.aclose()
            record.ended_mono_ms = self._clock.mono_ms()

    async def _wait_for_room(self) -> None:
        if self._room is not None:
            began_ms = self._clock.mono_ms()
            await self._room()
            self._held_up = self._held_up or self._clock.mono_ms() - began_ms > _HELD_UP_MS

    def _has_nothing_to_add(self, fault: Fault) -> bool:
        """Given a text as its own, the model ends it there: only the end was cut off. Nobody else may say nothing."""
        prefilled = self._continuation is not None and self._matcher is None
        return prefilled and fault.code == FaultCode.NOTHING_SAID and not self._record.output_chars

    def _make_calls(self) -> None:
        """Tell of the calls, with the reasoning between them: not before the reply is whole, for a call that was told
        of may have been made, and cannot be taken back when the reply breaks off after it. Asked to carry a text on, a
        model may make a call instead: there is no text to join then, and none is missed."""
        if self._held and self._matcher is not None and not self._matcher.has_joined():
            self._matcher.join()
            self._emit_seam()
        for item in self._held:
            self._emit(item)

    def _miss_anchor(self) -> None:
        self._record.anchor_missed = True
        self._record.fault = anchor_fault()

    def _note_output(self, chars: int) -> None:
        record = self._record
        if record.first_token_mono_ms is None:
            record.first_token_mono_ms = self._clock.mono_ms()
            self._on_reply()
        record.output_chars += chars

    def _pass_text(self, delta: TextDelta) -> bool:
        if self._continuation is None:
            self._record.text_chars += len(delta.text)
            self._emit(delta)
            return True
        if self._matcher is not None and not self._matcher.has_joined():
            kept = self._matcher.feed(delta.text)
            if kept is None:
                return False
            if not self._matcher.has_joined():
                return True
            self._emit_seam()
            delta = TextDelta(kept)
        elif self._matcher is None and not self._carrying_on:
            self._carrying_on = True
            self._emit_seam()
            delta = TextDelta(delta.text.removeprefix(self._continuation.lost_space))
        self._record.text_chars += len(delta.text)
        if delta.text:
            self._emit(delta)
        return True

    def _emit_seam(self) -> None:
        if self._continuation is not None:
            at_char = len(self._continuation.text_so_far)
            self._emit(Seam(self._continuation.kind, at_char, self._record.route))
