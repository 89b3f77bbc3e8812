"""Refusals of OpenAI and of those who word theirs in the same shape, or nearly."""

from __future__ import annotations

from typing import Any

from trunkline.domain.limits import Metric
from trunkline.simulator.styles.complaint import (
    STATUS,
    Complaint,
    Refusal,
    Wrong,
    context_sentence,
    limit_sentence,
)

_OPENAI: dict[Wrong, tuple[str, str | None, str]] = {
    Wrong.BILLING: (
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Wrong.AUTH: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    Wrong.NOT_FOUND: (
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    Wrong.CONTENT: (
        "invalid_request_error",
        "content_policy_violation",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
    ),
    Wrong.OVERLOADED: (
        "service_unavailable_error",
        "server_is_overloaded",
        "The server is currently overloaded with other requests.",
    ),
    Wrong.SERVER: ("server_error", None, "The server had an error while processing your request."),
    Wrong.BAD_REQUEST: ("invalid_request_error", "invalid_value", "Your request could not be read."),
}


def openai(complaint: Complaint) -> Refusal:
    """`{"error": {message, type, param, code}}`."""
    match complaint.wrong:
        case Wrong.RATE | Wrong.QUOTA | Wrong.CONCURRENCY:
            kind = "requests" if complaint.metric is Metric.REQUESTS else "tokens"
            code: str | None = "rate_limit_exceeded"
            message = limit_sentence(complaint)
        case Wrong.CONTEXT:
            kind, code, message = (
                "invalid_request_error",
                "context_length_exceeded",
                context_sentence(complaint),
            )
        case _:
            kind, code, message = _OPENAI[complaint.wrong]
            if complaint.said:
                message, code = complaint.said, complaint.code
    error = {
        "message": message.replace("{model}", complaint.model),
        "type": kind,
        "param": complaint.param,
        "code": code,
    }
    return Refusal(STATUS[complaint.wrong], {"error": error})


def groq(complaint: Complaint) -> Refusal:
    """OpenAI's without `param`."""
    error = _error_of(complaint)
    error.pop("param")
    return Refusal(STATUS[complaint.wrong], {"error": error})


def _error_of(complaint: Complaint) -> dict[str, Any]:
    body = openai(complaint).body
    return dict(body["error"]) if isinstance(body, dict) else {}


def gemini_compat(complaint: Complaint) -> Refusal:
    """Google's compatible endpoint: a list with one error in it (trap 8)."""
    status = 400 if complaint.wrong is Wrong.AUTH else STATUS[complaint.wrong]
    error = {
        "code": status,
        "message": _error_of(complaint)["message"],
        "status": _GOOGLE.get(status, "INTERNAL"),
    }
    return Refusal(status, [{"error": error}])


_GOOGLE = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
_MISTRAL = {
    Wrong.RATE: (429, "rate_limited", "1300", "Rate limit exceeded"),
    Wrong.QUOTA: (429, "rate_limited", "1300", "Rate limit exceeded"),
    Wrong.CONCURRENCY: (429, "rate_limited", "1300", "Rate limit exceeded"),
    Wrong.BILLING: (402, "payment_required", "1900", "Payment required"),
    Wrong.NOT_FOUND: (400, "invalid_model", "1500", "Invalid model: {model}"),
    Wrong.CONTEXT: (400, "invalid_request_error", "3051", ""),
    Wrong.CONTENT: (403, "moderation_error", "2000", "The input was rejected by moderation"),
    Wrong.OVERLOADED: (
        429,
        "invalid_request_error",
        "3505",
        "Service tier capacity exceeded for this model.",
    ),
    Wrong.SERVER: (500, "internal_server_error", "1000", "Internal server error"),
}


def mistral(complaint: Complaint) -> Refusal:
    """Flat, with the status in it; what fails validation is a list of details, a bad key one detail."""
    if complaint.wrong is Wrong.AUTH:
        return Refusal(401, {"detail": "Unauthorized"})
    if complaint.wrong is Wrong.BAD_REQUEST:
        place = ["body", *(complaint.param or "messages").split(".")]
        detail = {
            "type": complaint.code or "value_error",
            "loc": place,
            "msg": complaint.said or "Invalid value",
        }
        return Refusal(422, {"detail": [detail]})
    status, kind, code, message = _MISTRAL[complaint.wrong]
    message = message.replace("{model}", complaint.model) or context_sentence(complaint)
    body = {"object": "error", "message": message, "type": kind, "param": None, "code": code}
    return Refusal(status, body | {"raw_status_code": status})


def deepseek(complaint: Complaint) -> Refusal:
    """OpenAI's, but an empty balance is 402 and a wrong parameter 422."""
    error = _error_of(complaint)
    status = STATUS[complaint.wrong]
    if complaint.wrong is Wrong.BILLING:
        status, error = (
            402,
            error
            | {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"},
        )
    elif complaint.wrong is Wrong.AUTH:
        error |= {"message": "Authentication Fails, Your api key is invalid", "type": "authentication_error"}
    elif complaint.wrong is Wrong.BAD_REQUEST and not complaint.code:
        error["code"] = "invalid_request_error"
    return Refusal(status, {"error": error})


_XAI = {
    Wrong.BILLING: (
        429,
        "personal-team-blocked:spending-limit",
        "Your team has either used all available credits or reached its monthly spending limit.",
    ),
    Wrong.AUTH: (400, "Client specified an invalid argument", "Incorrect API key provided: sim."),
    Wrong.NOT_FOUND: (404, "Some requested entity was not found", "The model {model} does not exist."),
    Wrong.CONTEXT: (
        400,
        "Client specified an invalid argument",
        "This model's maximum prompt length is {amount}.",
    ),
    Wrong.CONTENT: (403, "The caller does not have permission", "Content violates usage guidelines."),
    Wrong.OVERLOADED: (
        503,
        "The service is currently unavailable",
        "The service is temporarily unavailable.",
    ),
    Wrong.SERVER: (500, "Internal error", "Internal error."),
    Wrong.BAD_REQUEST: (400, "Client specified an invalid argument", "Invalid request content."),
}


def xai(complaint: Complaint) -> Refusal:
    """Two sentences: `error` is a text (trap 25)."""
    if complaint.wrong in _XAI:
        status, code, error = _XAI[complaint.wrong]
    else:
        status, code, error = 429, "Some resource has been exhausted", limit_sentence(complaint)
    error = complaint.said or error.replace("{model}", complaint.model).replace(
        "{amount}", str(complaint.amount)
    )
    return Refusal(status, {"code": code, "error": error})


def cerebras(complaint: Complaint) -> Refusal:
    """OpenAI's fields without their wrapper."""
    error = _error_of(complaint)
    if complaint.wrong in (Wrong.RATE, Wrong.QUOTA, Wrong.CONCURRENCY):
        noun = "request" if complaint.metric is Metric.REQUESTS else "token"
        span = "minute" if complaint.per == "min" else "day"
        message = f"{noun.title()}s per {span} limit exceeded - too many {noun}s sent."
        error = {
            "message": message,
            "type": f"too_many_{noun}s_error",
            "param": "quota",
            "code": f"{noun}_quota_exceeded",
        }
    elif complaint.wrong is Wrong.CONTEXT:
        error["message"] = (
            "Please reduce the length of the messages or completion. "
            f"Current length is {complaint.asked} while limit is {complaint.amount}"
        )
    elif complaint.wrong is Wrong.OVERLOADED:
        error = {
            "message": "Too many requests are queued",
            "type": "too_many_requests_error",
            "param": "queue",
            "code": "queue_exceeded",
        }
        return Refusal(429, error)
    return Refusal(STATUS[complaint.wrong], error)


def ollama(complaint: Complaint) -> Refusal:
    """OpenAI's with no code; a model that is not there has to be pulled first."""
    error = _error_of(complaint) | {"code": None}
    if complaint.wrong is Wrong.NOT_FOUND:
        error |= {
            "message": f'model "{complaint.model}" not found, try pulling it first',
            "type": "api_error",
        }
    elif complaint.wrong is Wrong.CONTEXT:
        error["message"] = "prompt too long; exceeded max context length"
    return Refusal(STATUS[complaint.wrong], {"error": error})


def vllm(complaint: Complaint) -> Refusal:
    """The older flat form of vLLM (trap 28)."""
    error = _error_of(complaint)
    status = STATUS[complaint.wrong]
    kinds = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError"}
    body = {"object": "error", "message": error["message"], "type": kinds.get(status, "InternalServerError")}
    return Refusal(status, body | {"param": complaint.param, "code": status})


def llamacpp(complaint: Complaint) -> Refusal:
    """A number for a code, and the counts of tokens beside a prompt that is too long."""
    status = STATUS[complaint.wrong]
    error: dict[str, Any] = {
        "code": status,
        "message": _error_of(complaint)["message"],
        "type": "server_error",
    }
    if complaint.wrong is Wrong.CONTEXT:
        sentence = f"request ({complaint.asked} tokens) exceeds the available context size ({complaint.amount} tokens)"
        error |= {"type": "exceed_context_size_error", "message": sentence}
        error |= {"n_prompt_tokens": complaint.asked, "n_ctx": complaint.amount}
    elif complaint.wrong is Wrong.OVERLOADED:
        error |= {"message": "Loading model", "type": "unavailable_error"}
    elif status == 400:
        error["type"] = "invalid_request_error"
    elif status == 401:
        error["type"] = "authentication_error"
    return Refusal(status, {"error": error})


def lmstudio(complaint: Complaint) -> Refusal:
    """One sentence in `error`."""
    message = _error_of(complaint)["message"]
    if complaint.wrong is Wrong.CONTEXT:
        message = (
            "Trying to keep the first tokens, but the number of tokens to keep from the initial prompt is greater "
            "than the context length."
        )
    return Refusal(STATUS[complaint.wrong], {"error": message})
