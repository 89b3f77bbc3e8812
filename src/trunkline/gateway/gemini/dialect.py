"""The `gemini` dialect: clients of generateContent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import AnswerHead, AnswerStream, Asked, Problem, WholeAnswer
from trunkline.gateway.gemini.errors import error_body, status
from trunkline.gateway.gemini.read import PROTOCOL, Shape, read
from trunkline.gateway.gemini.stream import GeminiStream
from trunkline.gateway.gemini.whole import whole


class GeminiDialect:
    """Implements `Dialect`; has no state. Model and stream come from the path. Streams are server-sent events
    (`?alt=sse`), or, with `array`, one JSON array of responses, which is what the API sends without that parameter."""

    name = PROTOCOL

    def __init__(self, *, array: bool = False) -> None:
        self._array = array

    def read(
        self, body: Mapping[str, Any], origin: Origin, *, model: str | None = None, stream: bool | None = None
    ) -> Asked:
        """See `read.read`."""
        return read(body, origin, model=model, stream=stream)

    def whole(self, asked: Asked, answer: WholeAnswer) -> bytes:
        """See `whole.whole`."""
        return whole(_shape(asked), answer)

    def stream(self, asked: Asked, head: AnswerHead) -> AnswerStream:
        """See `stream.GeminiStream`."""
        return GeminiStream(_shape(asked), head, array=self._array)

    def status(self, problem: Problem) -> int:
        """See `errors.status`."""
        return status(problem)

    def problem(self, problem: Problem, request_id: str) -> bytes:
        """See `errors.error_body`; in an array of its own where an array of responses was to come."""
        body = error_body(problem, request_id)
        return b"[" + body + b"]" if self._array else body


def _shape(asked: Asked) -> Shape:
    return asked.shape if isinstance(asked.shape, Shape) else Shape()
