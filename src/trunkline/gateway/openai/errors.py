"""Errors in OpenAI's words, so that its SDKs raise the class that the client's code waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from trunkline.gateway.dialect import STATUSES, Problem, ProblemKind

_INVALID = "invalid_request_error"
_LIMITED = "rate_limit_error"
_SERVER = "server_error"

_WORDS: Mapping[ProblemKind, tuple[str, str | None]] = {
    ProblemKind.BAD_REQUEST: (_INVALID, None),
    ProblemKind.CONTEXT: (_INVALID, "context_length_exceeded"),
    ProblemKind.CONTENT: (_INVALID, "content_policy_violation"),
    ProblemKind.UNAUTHORISED: (_INVALID, "invalid_api_key"),
    ProblemKind.FORBIDDEN: (_INVALID, "insufficient_permissions"),
    ProblemKind.NOT_FOUND: (_INVALID, "model_not_found"),
    ProblemKind.WRONG_METHOD: (_INVALID, "method_not_supported"),
    ProblemKind.TOO_LARGE: (_INVALID, "request_too_large"),
    ProblemKind.LIMIT: (_LIMITED, "rate_limit_exceeded"),
    ProblemKind.BILLING: ("insufficient_quota", "insufficient_quota"),
    ProblemKind.BUSY: (_LIMITED, "slow_down"),
    ProblemKind.UPSTREAM: (_SERVER, _SERVER),
    ProblemKind.OVERLOADED: ("service_unavailable_error", "server_is_overloaded"),
    ProblemKind.TIMEOUT: (_SERVER, "timeout"),
    ProblemKind.INTERNAL: (_SERVER, _SERVER),
}
"""`type` and `code` of each (OpenAI's guide to error codes; /v1 answers 429 for an empty account too)."""

_OWN_CODE = (
    ProblemKind.BAD_REQUEST,
    ProblemKind.FORBIDDEN,
    ProblemKind.NOT_FOUND,
    ProblemKind.UPSTREAM,
    ProblemKind.INTERNAL,
)
"""Where the problem's own code says more than OpenAI's. Elsewhere a client reacts to OpenAI's word and to no other."""


def status(problem: Problem) -> int:
    """The HTTP status of a problem: OpenAI's own for an account without money, else everybody's."""
    return 429 if problem.kind is ProblemKind.BILLING else STATUSES[problem.kind]


def code(problem: Problem) -> str | None:
    """The problem as a word for programs."""
    word = _WORDS[problem.kind][1]
    return problem.code or word if problem.kind in _OWN_CODE else word


def error_object(problem: Problem, *, in_stream: bool = False) -> dict[str, Any]:
    """What stands under `error`. `in_stream`: no header can say any more when to ask again, so the sentence does, in
    the words that OpenAI has for it."""
    message = problem.message
    if in_stream and problem.retry_after_ms is not None:
        message = f"{message} Please try again in {problem.retry_after_ms / 1000:g}s."
    kind = _WORDS[problem.kind][0]
    return {"message": message, "type": kind, "param": problem.param, "code": code(problem)}


def error_body(problem: Problem) -> bytes:
    """The body of an error."""
    return orjson.dumps({"error": error_object(problem)})
