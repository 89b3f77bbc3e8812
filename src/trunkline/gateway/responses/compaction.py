"""The answer to a request for a summary: one item that stands for the conversation from then on."""

from __future__ import annotations

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import AnswerHead, Problem, ProblemKind, WholeAnswer
from trunkline.gateway.responses.output import COMPLETED, INCOMPLETE, Item, Response
from trunkline.gateway.responses.read import ResponsesShape
from trunkline.gateway.responses.stream import ResponseStream
from trunkline.gateway.responses.summaries import closed_summary

_NOT_WHOLE = Problem(
    ProblemKind.UPSTREAM,
    "whoever was asked for a summary of the conversation gave none that is whole",
    "no_summary",
)


class CompactionStream:
    """Implements `AnswerStream`: of what is said nothing is told before the end, since Codex takes one item alone."""

    def __init__(self, shape: ResponsesShape, head: AnswerHead) -> None:
        self._response = ResponseStream(shape, head)
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        """The response, created and in progress."""
        return self._response.begin()

    def carried_on(self, head: AnswerHead) -> None:
        """See `ResponseStream`."""
        self._response.carried_on(head)

    def text(self, text: str) -> bytes:
        """More of the summary; kept."""
        self._pieces.append(text)
        return b""

    def thinking(self, delta: ThinkingDelta, route: Route) -> bytes:
        """Nothing: what is thought about a summary is of no use afterwards."""
        return b""

    def tool_call(self, call: ToolCallDelta, route: Route) -> bytes:
        """Nothing: no call was asked for."""
        return b""

    def idle(self) -> bytes:
        """See `ResponseStream`."""
        return self._response.idle()

    def end(self, finish: FinishReason, usage: Usage) -> bytes:
        """The item and the whole response; an error where there is no whole summary."""
        summary = "".join(self._pieces)
        if not summary.strip() or finish not in (FinishReason.STOP, FinishReason.TOOL_CALLS):
            return self.fail(_NOT_WHOLE)
        told = self._response.item("cmp", _fields(summary))
        return told + self._response.end(FinishReason.STOP, usage)

    def fail(self, problem: Problem) -> bytes:
        """See `ResponseStream`."""
        return self._response.fail(problem)


def compacted(shape: ResponsesShape, answer: WholeAnswer) -> bytes:
    """The body of a response that holds the item, or nothing where there is no whole summary."""
    told, text = Response(shape, answer.head), answer.message.text
    if not text.strip() or answer.finish is FinishReason.LENGTH:
        return told.json(INCOMPLETE, [], answer.usage, finish=FinishReason.LENGTH)
    item: Item = {"id": told.item_id("cmp", 0), **_fields(text)}
    return told.json(COMPLETED, [item], answer.usage, finish=FinishReason.STOP)


def _fields(summary: str) -> Item:
    return {"type": "compaction", "encrypted_content": closed_summary(summary)}
