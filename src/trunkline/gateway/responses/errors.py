"""Errors of responses: OpenAI's, but for what Codex makes of three of them.

A 429 with a time to wait it waits out without a word, be it an hour: an allowance that is used up for longer has the
type at which it stops at once. Where OpenAI's code says that a model or a plan is at its end it shows words of its own
instead of the sentence.
"""

from __future__ import annotations

from typing import Any

import orjson

from trunkline.gateway.dialect import Problem, ProblemKind
from trunkline.gateway.openai import errors

_USED_UP = "usage_limit_reached"
_OVERLOADED = "overloaded"
_WAITED_OUT_MS = 60_000


def error_object(problem: Problem, *, in_stream: bool = False) -> dict[str, Any]:
    """What stands under `error`."""
    told = errors.error_object(problem, in_stream=in_stream)
    if problem.kind is ProblemKind.OVERLOADED:
        told["code"] = problem.code or _OVERLOADED
    if not in_stream and _is_used_up(problem):
        told["type"] = _USED_UP
    return told


def error_body(problem: Problem) -> bytes:
    """The body of an error."""
    return orjson.dumps({"error": error_object(problem)})


def _is_used_up(problem: Problem) -> bool:
    wait_ms = problem.retry_after_ms
    return problem.kind is ProblemKind.BILLING or (
        problem.kind is ProblemKind.LIMIT and (wait_ms is None or wait_ms > _WAITED_OUT_MS)
    )
