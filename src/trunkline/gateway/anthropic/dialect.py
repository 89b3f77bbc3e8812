"""The `anthropic` dialect: clients of the Messages API, Claude Code among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.domain.tasks import Origin
from trunkline.gateway.anthropic.errors import error_body, status
from trunkline.gateway.anthropic.read import PROTOCOL, Shape, read
from trunkline.gateway.anthropic.stream import AnthropicStream
from trunkline.gateway.anthropic.whole import whole
from trunkline.gateway.dialect import AnswerHead, AnswerStream, Asked, Problem, WholeAnswer


class AnthropicDialect:
    """Implements `Dialect`; has no state."""

    name = PROTOCOL

    def read(
        self, body: Mapping[str, Any], origin: Origin, *, model: str | None = None, stream: bool | None = None
    ) -> Asked:
        """See `read.read`."""
        return read(body, origin, model=model, stream=stream)

    def whole(self, asked: Asked, answer: WholeAnswer) -> bytes:
        """See `whole.whole`."""
        return whole(_shape(asked), answer)

    def stream(self, asked: Asked, head: AnswerHead) -> AnswerStream:
        """See `stream.AnthropicStream`."""
        return AnthropicStream(_shape(asked), head)

    def status(self, problem: Problem) -> int:
        """See `errors.status`."""
        return status(problem)

    def problem(self, problem: Problem, request_id: str) -> bytes:
        """See `errors.error_body`."""
        return error_body(problem, request_id)


def _shape(asked: Asked) -> Shape:
    return asked.shape if isinstance(asked.shape, Shape) else Shape()
