"""How a reply of status 200 ends: the finish reasons of every OpenAI-shaped provider, and what each means."""

from __future__ import annotations

from dataclasses import dataclass, field

from trunkline.domain.events import Finished, ThinkingDelta, UsageSeen, WireEvent
from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Quirks, ReasoningEcho
from trunkline.domain.text import provider_sentence
from trunkline.providers import reply_faults
from trunkline.providers.openai.pieces import Details, ToolCalls
from trunkline.providers.openai.usage import merged, usage_of
from trunkline.providers.text_stream import TextStream

_WINDOW_FULL = "model_context_window_exceeded"
_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    _WINDOW_FULL: FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
}

_BROKE_OFF = "the provider broke the answer off"
_WITHHELD = "the provider withheld the answer because of its content"
_FAULTY_REASONS = {
    "content_filter": (FaultKind.CONTENT, FaultScope.REQUEST, _WITHHELD),
    "sensitive": (FaultKind.CONTENT, FaultScope.REQUEST, _WITHHELD),
    "network_error": (FaultKind.NETWORK, FaultScope.MODEL, _BROKE_OFF),
    "insufficient_system_resource": (
        FaultKind.OVERLOADED,
        FaultScope.MODEL,
        "the provider ran out of capacity during the answer",
    ),
    "error": (FaultKind.OVERLOADED, FaultScope.MODEL, _BROKE_OFF),
}


def breaks_off(finish_reason: str) -> bool:
    """Whether this finish reason reports a failure of the provider, after which nothing of use follows."""
    faulty = _FAULTY_REASONS.get(finish_reason)
    return faulty is not None and faulty[0] is not FaultKind.CONTENT


@dataclass(slots=True)
class Gathered:
    """A reply as far as it has been read. `details` are gathered only where they will be wanted back."""

    text: TextStream
    details: Details | None = None
    calls: ToolCalls = field(default_factory=ToolCalls)
    usage: Usage | None = None
    refusal: str = ""
    finish_reason: str = ""
    has_thinking: bool = False

    @classmethod
    def of(cls, quirks: Quirks) -> Gathered:
        """Nothing yet, of a provider with these quirks."""
        wanted_back = quirks.echo_reasoning is ReasoningEcho.DETAILS
        return cls(TextStream(quirks.think_tags), Details() if wanted_back else None)

    def add_usage(self, raw: object) -> None:
        """Take in a usage table; several reports of one call are one usage."""
        usage = usage_of(raw)
        if usage is not None:
            self.usage = merged(self.usage, usage)

    def ending(self) -> list[WireEvent]:
        """The last events of a reply whose finish reason is known, the very last a `Finished` or a `Fault`."""
        events = self.text.close()
        last: Finished | Fault | None = self._fault()
        if last is None:
            reason = _REASONS.get(self.finish_reason, FinishReason.STOP)
            if self.calls and reason is FinishReason.STOP:
                reason = FinishReason.TOOL_CALLS
            calls = self.calls.whole(also_unfinished=reason is FinishReason.TOOL_CALLS)
            events += [*self._reasoning_closed(), *calls]
            last = Finished(reason) if self.text.has_text or calls else self._nothing()
        return [*events, *self.usage_seen(), last]

    def cut(self) -> list[WireEvent]:
        """The last events of a reply that ended before its finish reason."""
        return [*self.text.close(), *self.usage_seen(), reply_faults.cut()]

    def usage_seen(self) -> list[WireEvent]:
        """The provider's count, where there was one."""
        return [] if self.usage is None else [UsageSeen(self.usage)]

    def _reasoning_closed(self) -> list[WireEvent]:
        """What the provider wants back with the reasoning of this reply."""
        signature = None if self.details is None else self.details.signature()
        return [] if signature is None else [ThinkingDelta("", signature)]

    def _fault(self) -> Fault | None:
        said = provider_sentence(self.refusal)
        faulty = _FAULTY_REASONS.get(self.finish_reason)
        if faulty is not None:
            kind, scope, message = faulty
            return Fault(kind, scope, self.finish_reason, message, said, 200, evidence="finish_reason")
        if said and not self.text.has_text and not self.calls:
            message = "the model refused to answer"
            return Fault(
                FaultKind.CONTENT, FaultScope.REQUEST, "refusal", message, said, 200, evidence="refusal"
            )
        return None

    def _nothing(self) -> Fault:
        """The fault that an answer without text and without tool calls is."""
        if self.finish_reason == _WINDOW_FULL:
            return reply_faults.window_full(_WINDOW_FULL)
        return reply_faults.nothing_said("finish_reason", self.finish_reason, has_thinking=self.has_thinking)
