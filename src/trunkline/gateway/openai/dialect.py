"""Chat completions as a `Dialect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import AnswerHead, AnswerStream, Asked, Problem, WholeAnswer
from trunkline.gateway.openai import errors
from trunkline.gateway.openai.read import read_chat
from trunkline.gateway.openai.stream import ChatStream
from trunkline.gateway.openai.whole import completion


class OpenAIDialect:
    """`POST /v1/chat/completions`."""

    name = "openai"

    def read(
        self, body: Mapping[str, Any], origin: Origin, *, model: str | None = None, stream: bool | None = None
    ) -> Asked:
        """See `Dialect.read`."""
        return read_chat(body, origin, model=model, stream=stream)

    def whole(self, asked: Asked, answer: WholeAnswer) -> bytes:
        """See `Dialect.whole`."""
        return completion(asked.shape, answer)

    def stream(self, asked: Asked, head: AnswerHead) -> AnswerStream:
        """See `Dialect.stream`."""
        return ChatStream(asked.shape, head)

    def status(self, problem: Problem) -> int:
        """See `Dialect.status`."""
        return errors.status(problem)

    def problem(self, problem: Problem, request_id: str) -> bytes:
        """See `Dialect.problem`; the shape has no place for the id."""
        return errors.error_body(problem)
