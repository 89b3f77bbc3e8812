"""A streamed answer as chat-completion chunks."""

from __future__ import annotations

from typing import Any

import orjson

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import AnswerHead, Problem, ProblemKind
from trunkline.gateway.openai.errors import error_object
from trunkline.gateway.openai.read import ChatShape
from trunkline.gateway.openai.whole import call_object, completion_id, created_at, finish_word, usage_object

_END = b"\n\n"
_DONE = b"data: [DONE]\n\n"
_IDLE = b": still there\n\n"

STOPPED = Problem(ProblemKind.INTERNAL, "The answer was stopped before its end.", "stopped")
"""What an answer that was cancelled is told as: nothing else would show that it is not whole."""


class ChatStream:
    """Writes chunks: the role first, then the answer, the finish reason, the usage where it was asked for, `[DONE]`.
    Nothing but the text itself is put together anew for a piece of text."""

    __slots__ = ("_after", "_before", "_calls", "_shape", "_usage_before")

    def __init__(self, shape: ChatShape, head: AnswerHead) -> None:
        self._shape = shape
        self._calls = 0
        self.carried_on(head)

    def carried_on(self, head: AnswerHead) -> None:
        """Every chunk names who answers."""
        about = orjson.dumps(
            {
                "id": completion_id(head),
                "object": "chat.completion.chunk",
                "created": created_at(head),
                "model": head.model,
                "system_fingerprint": None,
            }
        )
        opened = b"data: " + about[:-1]
        self._before = opened + b',"choices":[{"index":0,"delta":'
        self._usage_before = opened + b',"choices":[],"usage":'
        self._after = b',"usage":null}' if self._shape.usage_in_stream else b"}"

    def begin(self) -> bytes:
        """The role, which no later chunk repeats: SDKs join what has one name."""
        return self._chunk(b'{"role":"assistant","content":"","refusal":null}')

    def text(self, text: str) -> bytes:
        """More text."""
        return self._chunk(b'{"content":' + orjson.dumps(text) + b"}") if text else b""

    def thinking(self, delta: ThinkingDelta, route: Route) -> bytes:
        """More reasoning, under the name that OpenAI's relatives gave it; a signature has no place here."""
        if not delta.text or delta.redacted or not self._shape.thinking:
            return b""
        return self._chunk(b'{"reasoning_content":' + orjson.dumps(delta.text) + b"}")

    def tool_call(self, call: ToolCallDelta, route: Route) -> bytes:
        """One whole call in one fragment; of the old `function_call` there is only one."""
        index, self._calls = self._calls, self._calls + 1
        delta: dict[str, Any]
        if self._shape.old_functions:
            if index:
                return b""
            delta = {"function_call": {"name": call.name, "arguments": call.arguments or "{}"}}
        else:
            told = call_object(call.call_id, call.name, call.arguments, call.signature, route)
            delta = {"tool_calls": [{"index": index, **told}]}
        return self._chunk(orjson.dumps(delta))

    def idle(self) -> bytes:
        """A comment, which every reader of event streams skips."""
        return _IDLE

    def end(self, finish: FinishReason, usage: Usage) -> bytes:
        """Why it stopped, what it took, and that this is all."""
        if finish is FinishReason.CANCELLED:
            return self.fail(STOPPED)
        last = self._chunk(b"{}", orjson.dumps(finish_word(finish, self._shape)))
        told = usage_object(usage) if self._shape.usage_in_stream else None
        if told is not None:
            last += self._usage_before + orjson.dumps(told) + b"}" + _END
        return last + _DONE

    def fail(self, problem: Problem) -> bytes:
        """The error, and no `[DONE]`."""
        return b"data: " + orjson.dumps({"error": error_object(problem, in_stream=True)}) + _END

    def _chunk(self, delta: bytes, finish: bytes = b"null") -> bytes:
        return b"".join(
            (self._before, delta, b',"logprobs":null,"finish_reason":', finish, b"}]", self._after, _END)
        )
