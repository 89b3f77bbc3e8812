"""Errors in Anthropic's words."""

from __future__ import annotations

from typing import Any

from trunkline.gateway.dialect import STATUSES, Problem, ProblemKind
from trunkline.providers.values.jsontext import dumps

_OVERLOADED_STATUS = 529
_TYPES = {
    ProblemKind.BAD_REQUEST: "invalid_request_error",
    ProblemKind.CONTEXT: "invalid_request_error",
    ProblemKind.CONTENT: "invalid_request_error",
    ProblemKind.UNAUTHORISED: "authentication_error",
    ProblemKind.FORBIDDEN: "permission_error",
    ProblemKind.NOT_FOUND: "not_found_error",
    ProblemKind.WRONG_METHOD: "invalid_request_error",
    ProblemKind.TOO_LARGE: "request_too_large",
    ProblemKind.LIMIT: "rate_limit_error",
    ProblemKind.BILLING: "billing_error",
    ProblemKind.BUSY: "rate_limit_error",
    ProblemKind.UPSTREAM: "api_error",
    ProblemKind.OVERLOADED: "overloaded_error",
    ProblemKind.TIMEOUT: "timeout_error",
    ProblemKind.INTERNAL: "api_error",
}
_TOO_LONG = "prompt is too long"
"""By these words clients (Claude Code among them) know that they must shorten the conversation."""


def status(problem: Problem) -> int:
    """The HTTP status of a problem."""
    return _OVERLOADED_STATUS if problem.kind is ProblemKind.OVERLOADED else STATUSES[problem.kind]


def error_fields(problem: Problem, request_id: str) -> dict[str, Any]:
    """An error, as a body and as an event of a stream alike."""
    message = problem.message
    if problem.kind is ProblemKind.CONTEXT and _TOO_LONG not in message.lower():
        message = f"{_TOO_LONG}: {message}"
    error: dict[str, Any] = {"type": _TYPES[problem.kind], "message": message}
    if problem.code is not None:
        error["details"] = {"error_code": problem.code}
    return {"type": "error", "error": error, "request_id": request_id}


def error_body(problem: Problem, request_id: str) -> bytes:
    """The body of an error."""
    return dumps(error_fields(problem, request_id))
