"""Errors in Google's words."""

from __future__ import annotations

import re
from typing import Any

from trunkline.gateway.dialect import STATUSES, Problem, ProblemKind
from trunkline.providers.values.jsontext import dumps

_STATUS_WORDS = {
    ProblemKind.BAD_REQUEST: "INVALID_ARGUMENT",
    ProblemKind.CONTEXT: "INVALID_ARGUMENT",
    ProblemKind.CONTENT: "INVALID_ARGUMENT",
    ProblemKind.UNAUTHORISED: "INVALID_ARGUMENT",
    ProblemKind.FORBIDDEN: "PERMISSION_DENIED",
    ProblemKind.NOT_FOUND: "NOT_FOUND",
    ProblemKind.WRONG_METHOD: "UNIMPLEMENTED",
    ProblemKind.TOO_LARGE: "INVALID_ARGUMENT",
    ProblemKind.LIMIT: "RESOURCE_EXHAUSTED",
    ProblemKind.BILLING: "FAILED_PRECONDITION",
    ProblemKind.BUSY: "RESOURCE_EXHAUSTED",
    ProblemKind.UPSTREAM: "UNAVAILABLE",
    ProblemKind.OVERLOADED: "UNAVAILABLE",
    ProblemKind.TIMEOUT: "DEADLINE_EXCEEDED",
    ProblemKind.INTERNAL: "INTERNAL",
}
_OWN_STATUSES = {ProblemKind.UNAUTHORISED: 400, ProblemKind.TOO_LARGE: 400, ProblemKind.BILLING: 400}
"""Where Google's status is another than everybody's: a bad key, a body too large, an account that must be paid for."""

_BAD_KEY = "API_KEY_INVALID"
_TOO_LONG = "input token count exceeds the maximum number of tokens allowed"
"""By these words clients know that they must shorten the conversation."""

_SAYS_TOO_LONG = re.compile(r"input token count.*exceeds the maximum", re.IGNORECASE | re.DOTALL)
_TYPE = "type.googleapis.com/google.rpc."
_DOMAIN = "trunkline"


def status(problem: Problem) -> int:
    """The HTTP status of a problem."""
    return _OWN_STATUSES.get(problem.kind, STATUSES[problem.kind])


def error_fields(problem: Problem, request_id: str) -> dict[str, Any]:
    """An error, as a body and as an event of a stream alike: `error` first, by which SDKs know it in a stream."""
    message = problem.message
    if problem.kind is ProblemKind.CONTEXT and not _SAYS_TOO_LONG.search(message):
        message = f"The {_TOO_LONG}: {message}"
    error = {
        "code": status(problem),
        "message": message,
        "status": _STATUS_WORDS[problem.kind],
        "details": _details(problem, request_id),
    }
    return {"error": error}


def error_body(problem: Problem, request_id: str) -> bytes:
    """The body of an error."""
    return dumps(error_fields(problem, request_id))


def _details(problem: Problem, request_id: str) -> list[dict[str, Any]]:
    details: list[dict[str, Any]] = []
    reason = _BAD_KEY if problem.kind is ProblemKind.UNAUTHORISED else problem.code
    if reason:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": reason.upper(), "domain": _DOMAIN})
    if problem.param is not None:
        violation = {"field": problem.param, "description": problem.message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if problem.retry_after_ms is not None:
        delay = f"{problem.retry_after_ms / 1000:g}s"
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": delay})
    details.append({"@type": f"{_TYPE}RequestInfo", "requestId": request_id})
    return details
