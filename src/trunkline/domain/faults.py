"""Failures as values: what kind, how far they reach, and when the thing that failed may be used again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trunkline.domain.limits import LimitReading


class FaultKind(StrEnum):
    """The one vocabulary of failure. Each kind wants a different reaction."""

    RATE_MINUTE = "rate_minute"
    QUOTA_WINDOW = "quota_window"
    BILLING = "billing"
    ENTITLEMENT = "entitlement"
    OVERLOADED = "overloaded"
    AUTH = "auth"
    CONTEXT = "context"
    CONTENT = "content"
    BAD_REQUEST = "bad_request"
    NETWORK = "network"

    @property
    def is_limit(self) -> bool:
        """An allowance is used up; the same call succeeds later without anybody's doing."""
        return self in (FaultKind.RATE_MINUTE, FaultKind.QUOTA_WINDOW)


class FaultScope(StrEnum):
    """How far a fault reaches. `model` is one model on one account."""

    REQUEST = "request"
    MODEL = "model"
    ACCOUNT = "account"
    ORGANISATION = "organisation"
    PROVIDER = "provider"


class FaultCode:
    """Codes of our own, for faults that no provider named."""

    CONNECT = "connect_failed"
    DNS = "dns_failed"
    TLS = "tls_failed"
    RESET = "connection_reset"
    FIRST_TOKEN_TIMEOUT = "first_token_timeout"  # noqa: S105 - not a password
    STALL = "stalled"
    TOO_SLOW = "too_slow"
    """The stream came, but so slowly that it was given up."""
    TOTAL_TIMEOUT = "total_timeout"
    CUT = "stream_cut"
    EMPTY = "empty_answer"
    NOTHING_SAID = "nothing_said"
    """The model ended its answer of its own accord, without a word."""
    PORTAL = "not_the_provider"
    REDIRECT = "redirected"
    MALFORMED = "malformed_reply"
    MODEL_GONE = "model_gone"
    """The provider says there is no such model, or no longer, for this account."""
    NOT_LISTED = "not_listed"
    """The provider's list of models, of which others are configured, lacks this one: it may be called, but last."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure, classified.

    `message` is our sentence; `provider_text` is the provider's own words, already stripped and redacted.
    `usable_at_ms` (wall time) is when the scope may be used again, None where nobody said.
    `request_sent` is False only when not one byte of the request left this machine.
    `confidence` 0..1 is how sure the scope is: 1 where the provider named it, less where it is inferred.
    `flaw` says what of the hint was absurd and left out or capped, empty where nothing was.
    """

    kind: FaultKind
    scope: FaultScope
    code: str
    message: str
    provider_text: str = ""
    http_status: int | None = None
    usable_at_ms: int | None = None
    evidence: str = ""
    readings: tuple[LimitReading, ...] = ()
    request_sent: bool = True
    confidence: float = 1.0
    flaw: str = ""
