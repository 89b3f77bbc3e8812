"""Responses as a `Dialect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import AnswerHead, AnswerStream, Asked, Problem, WholeAnswer
from trunkline.gateway.openai.errors import status
from trunkline.gateway.responses.compaction import CompactionStream, compacted
from trunkline.gateway.responses.errors import error_body
from trunkline.gateway.responses.read import read_responses
from trunkline.gateway.responses.stream import ResponseStream
from trunkline.gateway.responses.whole import response


class ResponsesDialect:
    """`POST /v1/responses`. Nothing is stored: a client sends the whole conversation each time."""

    name = "responses"

    def read(
        self, body: Mapping[str, Any], origin: Origin, *, model: str | None = None, stream: bool | None = None
    ) -> Asked:
        """See `Dialect.read`."""
        return read_responses(body, origin, model=model, stream=stream)

    def whole(self, asked: Asked, answer: WholeAnswer) -> bytes:
        """See `Dialect.whole`."""
        return (compacted if asked.shape.compacts else response)(asked.shape, answer)

    def stream(self, asked: Asked, head: AnswerHead) -> AnswerStream:
        """See `Dialect.stream`."""
        return (CompactionStream if asked.shape.compacts else ResponseStream)(asked.shape, head)

    def status(self, problem: Problem) -> int:
        """See `Dialect.status`."""
        return status(problem)

    def problem(self, problem: Problem, request_id: str) -> bytes:
        """See `Dialect.problem`; the shape has no place for the id."""
        return error_body(problem)
