"""Refusals of Gemini: `{"error": {code, message, status, details}}`."""

from __future__ import annotations

from typing import Any

from trunkline.domain.limits import Metric
from trunkline.simulator.styles.complaint import Complaint, Refusal, Wrong

_TYPE = "type.googleapis.com/google.rpc."
_SERVICE = "generativelanguage.googleapis.com"
_REFUSALS = {
    Wrong.BILLING: (
        429,
        "RESOURCE_EXHAUSTED",
        "Your prepayment credits are depleted. Please go to AI Studio.",
    ),
    Wrong.AUTH: (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    Wrong.NOT_FOUND: (
        404,
        "NOT_FOUND",
        "models/{model} is not found for API version v1beta, or is not supported for generateContent.",
    ),
    Wrong.CONTEXT: (
        400,
        "INVALID_ARGUMENT",
        "The input token count ({asked}) exceeds the maximum number of tokens allowed ({amount}).",
    ),
    Wrong.OVERLOADED: (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    Wrong.SERVER: (500, "INTERNAL", "An internal error has occurred. Please retry."),
    Wrong.BAD_REQUEST: (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
}


def gemini(complaint: Complaint) -> Refusal:
    """As the native endpoint says it; a limit comes with the violated quota and, where known, the delay.
    A blocked prompt is no error (trap 7)."""
    if complaint.wrong in (Wrong.RATE, Wrong.QUOTA, Wrong.CONCURRENCY):
        return _exhausted(complaint)
    if complaint.wrong is Wrong.CONTENT:
        usage = {"promptTokenCount": complaint.asked, "totalTokenCount": complaint.asked}
        blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage}
        return Refusal(200, blocked | {"modelVersion": complaint.model})
    status, word, message = _REFUSALS[complaint.wrong]
    message = complaint.said or message
    for name in ("model", "asked", "amount"):
        message = message.replace(f"{{{name}}}", str(getattr(complaint, name)))
    details: list[dict[str, Any]] = []
    if complaint.wrong is Wrong.AUTH:
        facts = {"reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": {"service": _SERVICE}}
        details.append({"@type": f"{_TYPE}ErrorInfo", **facts})
    elif complaint.param:
        violation = {"field": complaint.param, "description": message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    return _refusal(status, word, message, details)


def _exhausted(complaint: Complaint) -> Refusal:
    tokens = complaint.metric is not Metric.REQUESTS
    span = "Day" if complaint.per == "day" else "Minute"
    metric = "generate_content_free_tier_" + ("input_token_count" if tokens else "requests")
    quota_id = (
        f"GenerateContentInputTokensPerModelPer{span}-FreeTier"
        if tokens
        else f"GenerateRequestsPer{span}PerProjectPerModel-FreeTier"
    )
    violation = {
        "quotaMetric": f"{_SERVICE}/{metric}",
        "quotaId": quota_id,
        "quotaDimensions": {"location": "global", "model": complaint.model},
        "quotaValue": str(complaint.amount),
    }
    message = (
        "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: "
        f"{_SERVICE}/{metric}, limit: {complaint.amount}, model: {complaint.model}"
    )
    details: list[dict[str, Any]] = [
        {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]},
        {"@type": f"{_TYPE}Help", "links": []},
    ]
    if complaint.wait_ms is not None:
        message += f"\nPlease retry in {complaint.wait_ms / 1000:.9g}s."
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{int(complaint.wait_ms / 1000)}s"})
    return _refusal(429, "RESOURCE_EXHAUSTED", message, details)


def _refusal(status: int, word: str, message: str, details: list[dict[str, Any]]) -> Refusal:
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    return Refusal(status, {"error": error | ({"details": details} if details else {})})
