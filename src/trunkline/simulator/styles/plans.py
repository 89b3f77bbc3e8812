"""Refusals of Z.AI, Moonshot and MiniMax, each with codes of its own."""

from __future__ import annotations

import math
from datetime import timedelta, timezone

from trunkline.domain.limits import CalendarUnit, Metric
from trunkline.simulator.styles.complaint import Complaint, Refusal, Wrong

_BEIJING = timezone(timedelta(hours=8))
_ZAI = {
    Wrong.RATE: (429, "1302", "Rate limit reached"),
    Wrong.CONCURRENCY: (429, "1302", "High concurrency usage of this API, please reduce concurrency"),
    Wrong.BILLING: (429, "1113", "Insufficient balance or no resource package. Please recharge."),
    Wrong.AUTH: (401, "1002", "Authorization Token non-existent or invalid"),
    Wrong.NOT_FOUND: (400, "1211", "Unknown Model, please check the model code."),
    Wrong.CONTEXT: (400, "1261", "Prompt exceeds max length"),
    Wrong.CONTENT: (400, "1301", "The system detected potentially unsafe or sensitive content in the input."),
    Wrong.OVERLOADED: (429, "1305", "The service may be temporarily overloaded, please try again later"),
    Wrong.SERVER: (500, "500", "Internal network failure, please contact customer service."),
    Wrong.BAD_REQUEST: (400, "1210", "Invalid API parameter, please check the documentation."),
}


def zai(complaint: Complaint) -> Refusal:
    """Codes that are texts; a reset is told in Beijing time (trap 11)."""
    if complaint.wrong is Wrong.QUOTA:
        resets = complaint.resets_at.astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M:%S")
        weekly = complaint.window is not None and complaint.window.unit in (
            CalendarUnit.WEEK,
            CalendarUnit.MONTH,
        )
        code, what = (
            ("1310", "Weekly/Monthly Limit Exhausted.")
            if weekly
            else ("1308", "Usage limit reached for 5 hour.")
        )
        body = {"error": {"code": code, "message": f"{what} Your limit will reset at {resets}"}}
        return Refusal(429, body)
    status, code, message = _ZAI[complaint.wrong]
    message = complaint.said or message
    return Refusal(status, {"error": {"code": code, "message": message}})


_MOONSHOT = {
    Wrong.BILLING: (
        429,
        "exceeded_current_quota_error",
        "Your account is suspended due to insufficient balance, please recharge your account",
    ),
    Wrong.AUTH: (401, "invalid_authentication_error", "Invalid Authentication"),
    Wrong.NOT_FOUND: (404, "resource_not_found_error", "Not found the model {model} or Permission denied"),
    Wrong.CONTENT: (400, "content_filter", "The request was rejected because it was considered high risk"),
    Wrong.OVERLOADED: (
        429,
        "engine_overloaded_error",
        "The engine is currently overloaded, please try again later",
    ),
    Wrong.SERVER: (500, "server_error", "internal server error"),
    Wrong.BAD_REQUEST: (400, "invalid_request_error", "Invalid request"),
}


def moonshot(complaint: Complaint) -> Refusal:
    """A type and no code; an empty balance is a 429 too (trap 15)."""
    match complaint.wrong:
        case Wrong.RATE | Wrong.QUOTA | Wrong.CONCURRENCY:
            unit = "R" if complaint.metric is Metric.REQUESTS else "T"
            what = f"{unit}P{'D' if complaint.per == 'day' else 'M'}"
            what = "concurrency" if complaint.wrong is Wrong.CONCURRENCY else what
            wait_s = max(1, math.ceil((complaint.wait_ms or 1000) / 1000))
            status, kind = 429, "rate_limit_reached_error"
            message = (
                f"Your account {complaint.organisation} request reached organization {what} limit: "
                f"{complaint.amount}, current: {complaint.used}, please try again after {wait_s} seconds"
            )
        case Wrong.CONTEXT:
            status, kind = 400, "invalid_request_error"
            message = (
                f"Invalid request: Your request exceeded model token limit: {complaint.amount} "
                f"(requested: {complaint.asked})"
            )
        case _:
            status, kind, message = _MOONSHOT[complaint.wrong]
            message = complaint.said or message
    return Refusal(status, {"error": {"message": message.replace("{model}", complaint.model), "type": kind}})


_MINIMAX = {
    Wrong.RATE: (1002, "rate limit exceeded"),
    Wrong.CONCURRENCY: (1041, "concurrent connection limit exceeded"),
    Wrong.BILLING: (1008, "insufficient balance"),
    Wrong.AUTH: (1004, "login fail: Please carry the API secret key in the 'Authorization' field"),
    Wrong.NOT_FOUND: (2061, "your current token plan not support model, {model}"),
    Wrong.CONTEXT: (2013, "invalid params, context window exceeds limit"),
    Wrong.CONTENT: (1026, "input new_sensitive"),
    Wrong.OVERLOADED: (1033, "mysql failed / downstream service error"),
    Wrong.SERVER: (1000, "unknown error"),
    Wrong.BAD_REQUEST: (2013, "invalid params"),
}


def minimax(complaint: Complaint) -> Refusal:
    """Status 200 with a code in `base_resp` (trap 13)."""
    code, message = _minimax_code(complaint)
    return Refusal(
        200, {"id": "sim", "choices": None, "base_resp": {"status_code": code, "status_msg": message}}
    )


def minimax_anthropic(complaint: Complaint) -> Refusal:
    """Its Anthropic endpoint: the code ends the sentence, and an empty balance is a 500."""
    code, message = _minimax_code(complaint)
    limited = complaint.wrong in (Wrong.RATE, Wrong.QUOTA, Wrong.CONCURRENCY)
    status = 429 if limited else 401 if complaint.wrong is Wrong.AUTH else 400
    if complaint.wrong in (Wrong.BILLING, Wrong.SERVER, Wrong.OVERLOADED):
        status = 500
    kind = "rate_limit_error" if limited else "api_error"
    return Refusal(status, {"type": "error", "error": {"type": kind, "message": f"{message} ({code})"}})


def _minimax_code(complaint: Complaint) -> tuple[int, str]:
    if complaint.wrong is Wrong.QUOTA:
        return 2056, f"usage limit exceeded, resets at {complaint.resets_at:%Y-%m-%dT%H:%M:%SZ}"
    if complaint.metric is not Metric.REQUESTS and complaint.wrong is Wrong.RATE:
        return 1039, "token limit exceeded (TPM)"
    code, message = _MINIMAX[complaint.wrong]
    return code, (complaint.said or message).replace("{model}", complaint.model)
