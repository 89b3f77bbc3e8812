"""Refusals of Anthropic."""

from __future__ import annotations

from typing import Any

from trunkline.simulator.styles.complaint import Complaint, Refusal, Wrong

_REFUSALS = {
    Wrong.RATE: (429, "rate_limit_error", ""),
    Wrong.CONCURRENCY: (
        429,
        "rate_limit_error",
        "Number of concurrent connections has exceeded your rate limit.",
    ),
    Wrong.BILLING: (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
    ),
    Wrong.AUTH: (401, "authentication_error", "invalid x-api-key"),
    Wrong.NOT_FOUND: (404, "not_found_error", "model: {model}"),
    Wrong.CONTEXT: (400, "invalid_request_error", "prompt is too long: {asked} tokens > {amount} maximum"),
    Wrong.CONTENT: (400, "invalid_request_error", "Output blocked by content filtering policy"),
    Wrong.OVERLOADED: (529, "overloaded_error", "Overloaded"),
    Wrong.SERVER: (500, "api_error", "Internal server error"),
    Wrong.BAD_REQUEST: (400, "invalid_request_error", "The request could not be read."),
}


def anthropic(complaint: Complaint) -> Refusal:
    """`{"type": "error", "error": {type, message}, "request_id"}`. A monthly allowance that is used up names its
    code in `details`."""
    details: dict[str, Any] | None = None
    if complaint.wrong is Wrong.QUOTA:
        status, kind, message = 429, "rate_limit_error", _limit_sentence(complaint)
        if complaint.wait_ms is None:
            message = "You have reached the spend limit set for your organization."
            details = {"error_code": "enforced_spend_limit_reached"}
    else:
        status, kind, message = _REFUSALS[complaint.wrong]
        message = complaint.said or message or _limit_sentence(complaint)
    for name in ("model", "asked", "amount"):
        message = message.replace(f"{{{name}}}", str(getattr(complaint, name)))
    error = {"type": kind, "message": message} | ({"details": details} if details else {})
    return Refusal(
        status, {"type": "error", "error": error, "request_id": "req_sim"}, {"request-id": "req_sim"}
    )


def _limit_sentence(complaint: Complaint) -> str:
    noun = str(complaint.metric.value).replace("_", " ")
    span = "minute" if complaint.per == "min" else "day"
    return (
        f"This request would exceed the rate limit for your organization of {complaint.amount} {noun} per {span} "
        f"(organization: {complaint.organisation}, model: {complaint.model})."
    )
