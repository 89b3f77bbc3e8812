"""A refusal before and after a provider has worded it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from trunkline.domain.limits import Metric, Window


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
    `asked` for (of a limit or a context window). For a bad request, `said` is the provider's own sentence, `param`
    and `code` the field and the machine code where it names them."""

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
    said: str = ""
    param: str | None = None
    code: str | None = None

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
    """A refusal as it is sent. The body is an object but where a provider sends a list."""

    status: int
    body: Mapping[str, Any] | Sequence[Any]
    headers: Mapping[str, str] = field(default_factory=dict)


STATUS = {
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


def limit_sentence(complaint: Complaint) -> str:
    """How OpenAI's family says that a limit is used up."""
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


def context_sentence(complaint: Complaint) -> str:
    """How OpenAI's family says that a prompt is too long."""
    return (
        f"This model's maximum context length is {complaint.amount} tokens. However, your messages resulted in "
        f"{complaint.asked} tokens. Please reduce the length of the messages."
    )
