"""How each provider words a refusal and reports its limits. Bodies follow the providers' documented shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

from trunkline.domain.limits import CalendarUnit, Metric, Window

_BEIJING = timezone(timedelta(hours=8))


class Wrong(StrEnum):
    """What a provider can have against a request."""

    RATE = "rate"
    QUOTA = "quota"
    CONCURRENCY = "concurrency"
    BILLING = "billing"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    CONTEXT = "context"
    CONTENT = "content"
    OVERLOADED = "overloaded"
    SERVER = "server"
    BAD_REQUEST = "bad_request"


@dataclass(frozen=True, slots=True)
class Complaint:
    """A refusal before it is worded: `amount` and `used` of a limit, `wait_ms` until it takes the request, tokens
    `asked` for (of a limit or a context window)."""

    wrong: Wrong
    model: str = "m"
    organisation: str = "org-sim"
    metric: Metric = Metric.REQUESTS
    window: Window | None = None
    amount: int = 0
    used: int = 0
    asked: int = 1
    wait_ms: float | None = None
    now_ms: int = 0

    @property
    def resets_at(self) -> datetime:
        """When the limit should take the request, by wall time."""
        return datetime.fromtimestamp((self.now_ms + (self.wait_ms or 0)) / 1000, UTC)

    @property
    def per(self) -> str:
        """`min` or `day`, as far as a window can be said in a word."""
        length_ms = self.window.nominal_ms if self.window is not None else None
        return "day" if length_ms is None or length_ms > 3_600_000 else "min"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as it is sent."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


_STATUS = {
    Wrong.RATE: 429,
    Wrong.QUOTA: 429,
    Wrong.CONCURRENCY: 429,
    Wrong.BILLING: 429,
    Wrong.AUTH: 401,
    Wrong.NOT_FOUND: 404,
    Wrong.CONTEXT: 400,
    Wrong.CONTENT: 400,
    Wrong.OVERLOADED: 503,
    Wrong.SERVER: 500,
    Wrong.BAD_REQUEST: 400,
}


def go_duration(duration_ms: float) -> str:
    """A duration as Go prints it, which is how OpenAI's family reports resets: `9ms`, `1m30.5s`, `6m0s`."""
    if duration_ms < 1000:
        return f"{max(0, math.ceil(duration_ms))}ms"
    seconds = math.ceil(duration_ms) / 1000
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{int(hours)}h{int(minutes)}m{text}"
    return f"{int(minutes)}m{text}" if minutes else text


def _limit_sentence(complaint: Complaint) -> str:
    noun, short = ("requests", "R") if complaint.metric is Metric.REQUESTS else ("tokens", "T")
    if complaint.wrong is Wrong.CONCURRENCY:
        return f"Too many concurrent requests: limit {complaint.amount}."
    letter = "D" if complaint.per == "day" else "M"
    again = "" if complaint.wait_ms is None else f" Please try again in {go_duration(complaint.wait_ms)}."
    return (
        f"Rate limit reached for {complaint.model} in organization {complaint.organisation} on {noun} per "
        f"{complaint.per} ({short}P{letter}): Limit {complaint.amount}, Used {complaint.used}, "
        f"Requested {complaint.asked}.{again}"
    )


def _context_sentence(complaint: Complaint) -> str:
    return (
        f"This model's maximum context length is {complaint.amount} tokens. However, your messages resulted in "
        f"{complaint.asked} tokens. Please reduce the length of the messages."
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


def _openai(complaint: Complaint) -> Refusal:
    match complaint.wrong:
        case Wrong.RATE | Wrong.QUOTA | Wrong.CONCURRENCY:
            kind = "requests" if complaint.metric is Metric.REQUESTS else "tokens"
            code: str | None = "rate_limit_exceeded"
            message = _limit_sentence(complaint)
        case Wrong.CONTEXT:
            kind, code, message = (
                "invalid_request_error",
                "context_length_exceeded",
                _context_sentence(complaint),
            )
        case _:
            kind, code, message = _OPENAI[complaint.wrong]
    error = {
        "message": message.replace("{model}", complaint.model),
        "type": kind,
        "param": None,
        "code": code,
    }
    return Refusal(_STATUS[complaint.wrong], {"error": error})


def _groq(complaint: Complaint) -> Refusal:
    refusal = _openai(complaint)
    error = {key: value for key, value in refusal.body["error"].items() if key != "param"}
    return Refusal(refusal.status, {"error": error})


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


def _zai(complaint: Complaint) -> Refusal:
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


def _moonshot(complaint: Complaint) -> Refusal:
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
    return Refusal(status, {"error": {"message": message.replace("{model}", complaint.model), "type": kind}})


_OPENROUTER = {
    Wrong.BILLING: (402, "This request requires more credits, or fewer max_tokens.", "payment_required"),
    Wrong.AUTH: (401, "No auth credentials found", "authentication"),
    Wrong.NOT_FOUND: (404, "No endpoints found for {model}.", "not_found"),
    Wrong.CONTENT: (403, "Your chosen model requires moderation and your input was flagged", "moderation"),
    Wrong.OVERLOADED: (503, "Provider overloaded", "provider_overloaded"),
    Wrong.SERVER: (502, "Provider returned error", "provider_unavailable"),
    Wrong.BAD_REQUEST: (400, "Invalid request", "bad_request"),
}


def _openrouter(complaint: Complaint) -> Refusal:
    metadata: dict[str, Any]
    match complaint.wrong:
        case Wrong.RATE | Wrong.QUOTA | Wrong.CONCURRENCY:
            day = complaint.per == "day"
            status = 429
            message = f"Rate limit exceeded: free-models-per-{complaint.per}."
            if day:
                message += " Add 10 credits to unlock 1000 free model requests per day"
            metadata = {
                "headers": {
                    "X-RateLimit-Limit": str(complaint.amount),
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": str(int(complaint.now_ms + (complaint.wait_ms or 0))),
                }
            }
        case Wrong.CONTEXT:
            status, message = 400, _context_sentence(complaint)
            metadata = {"error_type": "context_length_exceeded"}
        case _:
            status, message, kind = _OPENROUTER[complaint.wrong]
            metadata = {"error_type": kind}
    error = {"message": message.replace("{model}", complaint.model), "code": status, "metadata": metadata}
    return Refusal(status, {"error": error, "user_id": "user_sim"})


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


def _minimax(complaint: Complaint) -> Refusal:
    if complaint.wrong is Wrong.QUOTA:
        code, message = 2056, f"usage limit exceeded, resets at {complaint.resets_at:%Y-%m-%dT%H:%M:%SZ}"
    else:
        code, message = _MINIMAX[complaint.wrong]
    if complaint.metric is not Metric.REQUESTS and complaint.wrong is Wrong.RATE:
        code, message = 1039, "token limit exceeded (TPM)"
    reply = {"status_code": code, "status_msg": message.replace("{model}", complaint.model)}
    return Refusal(200, {"id": "sim", "choices": None, "base_resp": reply})


STYLES: Mapping[str, Callable[[Complaint], Refusal]] = {
    "openai": _openai,
    "groq": _groq,
    "zai": _zai,
    "moonshot": _moonshot,
    "openrouter": _openrouter,
    "minimax": _minimax,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a limit stands, for headers: `resets_ms` until it is whole again."""

    metric: Metric
    window: Window
    amount: int
    remaining: int
    resets_ms: float


def _is_tokens(standing: Standing) -> bool:
    return standing.metric in (Metric.TOTAL_TOKENS, Metric.INPUT_TOKENS, Metric.OUTPUT_TOKENS)


def _tightest(standings: Sequence[Standing], tokens: bool) -> Standing | None:
    of_metric = [s for s in standings if (_is_tokens(s) if tokens else s.metric is Metric.REQUESTS)]
    return min(of_metric, key=lambda s: s.remaining / s.amount if s.amount else 0.0, default=None)


def _trio(standing: Standing | None, suffix: str, reset: str | None = None) -> dict[str, str]:
    if standing is None:
        return {}
    return {
        f"x-ratelimit-limit-{suffix}": str(standing.amount),
        f"x-ratelimit-remaining-{suffix}": str(standing.remaining),
        f"x-ratelimit-reset-{suffix}": reset or go_duration(standing.resets_ms),
    }


def _openai_headers(standings: Sequence[Standing]) -> dict[str, str]:
    return _trio(_tightest(standings, tokens=False), "requests") | _trio(
        _tightest(standings, tokens=True), "tokens"
    )


def _groq_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """Requests are those of a day, tokens those of a minute."""
    daily = [s for s in standings if not s.window.paces_only]
    pacing = [s for s in standings if s.window.paces_only]
    return _trio(_tightest(daily, tokens=False), "requests") | _trio(_tightest(pacing, tokens=True), "tokens")


def _cerebras_headers(standings: Sequence[Standing]) -> dict[str, str]:
    found: dict[str, str] = {}
    for standing in standings:
        noun = "tokens" if _is_tokens(standing) else "requests"
        span = "minute" if standing.window.paces_only else "day"
        if standing.metric is not Metric.CONCURRENCY:
            found |= _trio(standing, f"{noun}-{span}", f"{standing.resets_ms / 1000:.3f}")
    return found


def _no_headers(standings: Sequence[Standing]) -> dict[str, str]:
    return {}


HEADER_STYLES: Mapping[str, Callable[[Sequence[Standing]], dict[str, str]]] = {
    "openai": _openai_headers,
    "groq": _groq_headers,
    "cerebras": _cerebras_headers,
    "none": _no_headers,
}
