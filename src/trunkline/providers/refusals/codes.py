"""What machine codes, statuses and words of a refusal mean, as tables.

Sources: the error tables of the providers' own documentation; where a provider documents none, what its users saw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trunkline.domain.faults import FaultKind, FaultScope


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a sign means. `said` is our sentence where the kind's own would not do. `refine`: the words of the
    refusal may say more than the sign does (a limit may be of the day, a code may stand for many things). `gone`:
    the provider has no such model, or no longer. `of_month`: it ends with the calendar month, UTC. `confidence` 0..1
    is how sure `scope` is: 1 where the sign names it, less where most providers mean it so and this one may not."""

    kind: FaultKind
    scope: FaultScope
    said: str = ""
    refine: bool = False
    gone: bool = False
    of_month: bool = False
    confidence: float = 1.0


A_GUESS = 0.5
LIKELY = 0.8
_RATE = Meaning(FaultKind.RATE_MINUTE, FaultScope.MODEL, refine=True, confidence=A_GUESS)
_QUOTA = Meaning(FaultKind.QUOTA_WINDOW, FaultScope.MODEL, confidence=A_GUESS)
_PLAN = Meaning(FaultKind.QUOTA_WINDOW, FaultScope.ACCOUNT)
_BILLING = Meaning(FaultKind.BILLING, FaultScope.ACCOUNT, confidence=LIKELY)
_SPEND_CAP = "the spending limit is reached"
_ACCOUNT_CAP = Meaning(FaultKind.BILLING, FaultScope.ACCOUNT, _SPEND_CAP)
_ORGANISATION_CAP = Meaning(FaultKind.BILLING, FaultScope.ORGANISATION, _SPEND_CAP)
_MONTHS_CAP = Meaning(FaultKind.BILLING, FaultScope.ORGANISATION, _SPEND_CAP, of_month=True)
_PLAN_OVER = Meaning(FaultKind.BILLING, FaultScope.ACCOUNT, "the plan has expired")
_ENTITLEMENT = Meaning(FaultKind.ENTITLEMENT, FaultScope.MODEL, confidence=A_GUESS)
_GONE = Meaning(
    FaultKind.ENTITLEMENT,
    FaultScope.MODEL,
    "the provider has no such model for this key, or no longer",
    gone=True,
)
_ACCOUNT_BARRED = Meaning(
    FaultKind.ENTITLEMENT, FaultScope.ACCOUNT, "the provider has barred this account from its service"
)
_REGION = Meaning(
    FaultKind.ENTITLEMENT, FaultScope.ACCOUNT, "the provider does not serve this country or region"
)
_OVERLOADED = Meaning(FaultKind.OVERLOADED, FaultScope.MODEL, confidence=A_GUESS)
_AUTH = Meaning(FaultKind.AUTH, FaultScope.ACCOUNT)
_CONTEXT = Meaning(FaultKind.CONTEXT, FaultScope.REQUEST)
_CONTENT = Meaning(FaultKind.CONTENT, FaultScope.REQUEST)
_BAD = Meaning(FaultKind.BAD_REQUEST, FaultScope.REQUEST)
_NETWORK = Meaning(
    FaultKind.NETWORK, FaultScope.MODEL, "the provider gave up waiting for the model", confidence=A_GUESS
)

CODES: dict[str, Meaning] = {
    # auth
    "invalid_api_key": _AUTH,
    "incorrect_api_key_error": _AUTH,
    "invalid_authentication_error": _AUTH,
    "authentication_error": _AUTH,
    "authentication": _AUTH,
    "api_key_invalid": _AUTH,
    "api_key_expired": _AUTH,
    "unauthenticated": _AUTH,
    "PERMISSION_DENIED": _AUTH,  # Gemini's; in small letters it is OpenRouter's, of a model
    # billing
    "insufficient_quota": _BILLING,
    "credit_balance_exhausted": _BILLING,
    "organization_spend_limit_exceeded": _ORGANISATION_CAP,
    "organization_usage_limit_exceeded": _ORGANISATION_CAP,
    "enforced_spend_limit_reached": _MONTHS_CAP,
    "contract_spend_limit_reached": _ORGANISATION_CAP,
    "linked_organization_spend_limit_reached": _ORGANISATION_CAP,
    "linked_organization_billing_unavailable": _ORGANISATION_CAP,
    "organization_on_hold": Meaning(
        FaultKind.BILLING, FaultScope.ORGANISATION, "the provider has put this organisation on hold"
    ),
    "project_spend_limit_exceeded": _ACCOUNT_CAP,
    "billing_hard_limit_reached": _ACCOUNT_CAP,
    "personal-team-blocked:spending-limit": _ACCOUNT_CAP,
    "exceeded_current_quota_error": _BILLING,
    "insufficient_balance_error": _BILLING,
    "billing_error": _BILLING,
    "payment_required": _BILLING,
    "openrouter_credits": Meaning(FaultKind.BILLING, FaultScope.ACCOUNT, refine=True, confidence=LIKELY),
    "402 openrouter_key_limit": Meaning(
        FaultKind.BILLING, FaultScope.ACCOUNT, "the key's spending limit is reached"
    ),
    # allowances
    "usage_limit_reached": _PLAN,
    "openrouter_guardrail_budget": _PLAN,
    "openrouter_workspace_budget": _PLAN,
    "workspace_budget": _PLAN,
    "openrouter_key_limit": _PLAN,
    "key_limit": _PLAN,
    # pace
    "rate_limit_exceeded": _RATE,
    "413 rate_limit_exceeded": _CONTEXT,
    "rate_limit_error": _RATE,
    "rate_limit_reached_error": _RATE,
    "ramp_limit_exceeded": Meaning(FaultKind.RATE_MINUTE, FaultScope.MODEL, confidence=A_GUESS),
    "rate_limited": _RATE,
    "slow_down": _RATE,
    "too_many_requests_error": _RATE,
    "request_quota_exceeded": _RATE,
    "token_quota_exceeded": _RATE,
    "openrouter_in_flight_budget": Meaning(FaultKind.RATE_MINUTE, FaultScope.ACCOUNT),
    "resource_exhausted": _RATE,
    # capacity
    "server_is_overloaded": _OVERLOADED,
    "service_unavailable_error": _OVERLOADED,
    "engine_overloaded_error": _OVERLOADED,
    "overloaded_error": _OVERLOADED,
    "queue_exceeded": _OVERLOADED,
    "capacity_exhausted": _OVERLOADED,
    "provider_unavailable": _OVERLOADED,
    "provider_overloaded": _OVERLOADED,
    "temporarily_unavailable": _OVERLOADED,
    "unavailable": _OVERLOADED,
    "deadline_exceeded": _OVERLOADED,
    "server_error": Meaning(FaultKind.OVERLOADED, FaultScope.MODEL, refine=True, confidence=A_GUESS),
    "timeout_error": _OVERLOADED,
    "timeout": _NETWORK,
    # what the key may not
    "model_not_found": _GONE,
    "model_not_exist": _GONE,
    "model_decommissioned": _GONE,
    "model_deprecated": _GONE,
    "invalid_model": _GONE,
    "no_endpoints": _GONE,
    "free_variant_ended": _GONE,
    "not_found": _GONE,
    "not_found_error": _GONE,
    "notfounderror": _GONE,
    "resource_not_found_error": _GONE,
    "privacy_restricted": _ENTITLEMENT,
    "constraint_filtered": _ENTITLEMENT,
    "permission_error": Meaning(FaultKind.ENTITLEMENT, FaultScope.MODEL, refine=True, confidence=A_GUESS),
    "access_terminated_error": Meaning(
        FaultKind.ENTITLEMENT,
        FaultScope.ACCOUNT,
        "the provider does not serve this account here",
        refine=True,
    ),
    "permission_denied_error": Meaning(
        FaultKind.ENTITLEMENT, FaultScope.MODEL, refine=True, confidence=A_GUESS
    ),
    "unsupported_country_region_territory": _REGION,
    "failed_precondition": Meaning(
        FaultKind.ENTITLEMENT,
        FaultScope.ACCOUNT,
        "the provider wants billing set up, or does not serve this country",
    ),
    # the request
    "context_length_exceeded": _CONTEXT,
    "token_limit_exceeded": _CONTEXT,
    "request_too_large": _CONTEXT,
    "exceed_context_size_error": _CONTEXT,
    "model_context_window_exceeded": _CONTEXT,
    "max_tokens_exceeded": _CONTEXT,
    "content_policy_violation": _CONTENT,
    "content_filter": _CONTENT,
    "refusal": _CONTENT,
    "unsupported_parameter": _BAD,
    "unsupported_value": _BAD,
}

# A subscription's 1113 is in `classify`: what it means depends on how the account is paid for.
ZAI_CODES: dict[str, Meaning] = {
    **dict.fromkeys(("1000", "1001", "1002", "1003", "1004", "1005", "1110", "1111", "1112"), _AUTH),
    "1113": _BILLING,
    **dict.fromkeys(("1309", "1314"), _PLAN_OVER),
    **dict.fromkeys(("1302", "1303"), _RATE),
    **dict.fromkeys(("1305", "1312", "1230", "1234"), _OVERLOADED),
    "1304": _QUOTA,
    **dict.fromkeys(("1308", "1310", "1316", "1317", "1318", "1319", "1320", "1321"), _PLAN),
    **dict.fromkeys(("1211", "1221", "1222"), _GONE),
    **dict.fromkeys(("1220", "1311", "1315"), _ENTITLEMENT),
    **dict.fromkeys(("1313", "1120", "1121"), _ACCOUNT_BARRED),
    **dict.fromkeys(("1210", "1212", "1213", "1214", "1215", "1231"), _BAD),
    "1261": _CONTEXT,
    **dict.fromkeys(("1300", "1301"), _CONTENT),
}

MINIMAX_CODES: dict[str, Meaning] = {
    **dict.fromkeys(("1002", "1039", "1041", "2045"), _RATE),
    "1008": _BILLING,
    **dict.fromkeys(("2056", "1028", "1030"), _PLAN),
    "2061": _ENTITLEMENT,
    **dict.fromkeys(("1004", "2049"), _AUTH),
    **dict.fromkeys(("1026", "1027"), _CONTENT),
    "2013": Meaning(FaultKind.BAD_REQUEST, FaultScope.REQUEST, refine=True),
    **dict.fromkeys(("1000", "1001", "1024", "1033"), _OVERLOADED),
    "1042": _BAD,
}

STATUSES: dict[int, Meaning] = {
    400: Meaning(FaultKind.BAD_REQUEST, FaultScope.REQUEST, refine=True),
    401: _AUTH,
    402: Meaning(FaultKind.BILLING, FaultScope.ACCOUNT, refine=True, confidence=LIKELY),
    403: Meaning(FaultKind.ENTITLEMENT, FaultScope.MODEL, refine=True, confidence=A_GUESS),
    404: Meaning(FaultKind.ENTITLEMENT, FaultScope.MODEL, refine=True, confidence=A_GUESS),
    408: _NETWORK,
    409: _OVERLOADED,
    413: _CONTEXT,
    429: _RATE,
    434: _ENTITLEMENT,
    498: _OVERLOADED,
    504: _NETWORK,
}


def meaning_of_status(status: int | None) -> Meaning:
    """What a status alone says; no status is an error told inside a 200."""
    if status is None or status >= 500:
        return STATUSES.get(status or 0) or Meaning(
            FaultKind.OVERLOADED, FaultScope.MODEL, refine=True, confidence=A_GUESS
        )
    return STATUSES.get(status) or Meaning(FaultKind.BAD_REQUEST, FaultScope.REQUEST, refine=True)


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


CONTEXT_OVERFLOW = _words(
    r"input length and `?max_tokens`? exceed context limit|"
    r"prompt is too long|context_length_exceeded|maximum context length|exceeds the context window"
    r"|input token count.*exceeds the maximum|maximum prompt length is|reduce the length of the messages"
    r"|exceeds the available context size|greater than the context length|context window exceeds limit"
    r"|exceeded model token limit|input token length too long|too large for model with \d+ maximum context length"
    r"|prompt too long; exceeded|current length is \d+ while limit is|model_context_window_exceeded"
)
TOO_LARGE = _words(r"request too large.*\blimit:?\s+(\d[\d,]*).*\brequested:?\s+(\d[\d,]*)")
PACE = _words(
    r"rate[ _-]?limit|too many requests|requests? per min|tokens per min|\b[RT]PM\b|free-models-per-min"
)
NEVER_ALLOWED = _words(r"\blimit: 0\b")
DAY_QUOTA = _words(r"PerDay|free-models-per-day")

# In order; the first that is found says what the refusal means. Words of the request first, then money, then time.
# Gemini's quota names lead, since its sentence about them also says "exceeded your current quota".
TEXTS: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (DAY_QUOTA, _QUOTA),
    (
        _words(r"reached your specified .{0,20}usage limits"),
        Meaning(FaultKind.BILLING, FaultScope.ACCOUNT, _SPEND_CAP, of_month=True),
    ),
    (
        _words(r"(?:extra usage is|usage credits are) required for long context"),
        Meaning(
            FaultKind.CONTEXT, FaultScope.REQUEST, "the plan takes so long a prompt only for extra credit"
        ),
    ),
    (_words(r"PerMinute|quota exceeded for metric"), _RATE),
    (
        _words(r"can only afford"),
        Meaning(FaultKind.BILLING, FaultScope.MODEL, "the credit left does not cover this request"),
    ),
    (
        _words(r"used all available credits or reached"),
        Meaning(
            FaultKind.BILLING, FaultScope.ACCOUNT, "out of credit, or the monthly spending limit is reached"
        ),
    ),
    (
        _words(
            r"insufficient (?:account )?(?:balance|credits?|funds)|credit balance is too low|out of credits?"
            r"|(?:not|n't) have any credits|requires more credits|exceeded your current quota|no resource package"
            r"|prepayment credits are depleted|purchase more credits"
        ),
        _BILLING,
    ),
    (_words(r"spend(?:ing)? (?:limit|cap)"), _ACCOUNT_CAP),
    (_words(r"usage limit (?:reached|exceeded|for)|usage limit.*\breset|billing cycle"), _PLAN),
    (
        _words(
            r"\bper[- ](?:day|week|month)\b|\b(?:RPD|TPD)\b|\b(?:daily|weekly|monthly)\b.*\b(?:limit|quota)"
        ),
        _QUOTA,
    ),
    (
        _words(
            r"(?:incorrect|invalid|expired|missing|bad) api[ _-]?key|api[ _-]?key (?:not valid|is invalid|expired)"
        ),
        _AUTH,
    ),
    (_words(r"content (?:policy|filter)|usage polic(?:y|ies)|flagged|moderation"), _CONTENT),
    (
        _words(r"(?:country|region|territory).*not supported|not available in your (?:country|region)"),
        _REGION,
    ),
    (_words(r"overloaded|capacity|temporarily unavailable|loading model|high demand"), _OVERLOADED),
    (PACE, _RATE),
    (
        _words(
            r"\bmodels?\b[^;\n]{0,120}\b(?:not found|not exist|no longer (?:available|supported)|decommissioned"
            r"|been (?:retired|deprecated|shut down|removed))"
            r"|(?:\bno such|not found the) model\b|not a valid model\b|no endpoints found for"
            r"|\b(?:unknown|invalid) model(?: id| name)?(?=\s*[:'\"`.(]|\s*$| passed)"
        ),
        _GONE,
    ),
)

# What servers say of an address, not of a model.
ADDRESS = _words(
    r"(?:404[ :]*)?(?:page |file |route |path |resource )?not found[.!]?(?: no message available)?|invalid url\b.*"
    r"|url\.not_found.*|no route matched\b.*|method not allowed[.!]?"
)
OF_ANY_ADDRESS = ("not_found_error", "notfounderror", "resource_not_found_error", "invalid_request_error")
"""Codes that come with an unknown address as well as with an unknown model."""


ORGANISATION_WIDE = _words(
    r"rate limit reached for organi[sz]ation|organi[sz]ation(?:'s)? (?:max )?(?:concurrency|[RT]P[MD])"
    r"|max organi[sz]ation concurrency|organi[sz]ation-wide"
)
ACCOUNT_WIDE = _words(
    r"account[- ]wide|across all models|for your account\b|per account\b|your account's rate limit"
)
OF_THIS_MODEL = _words(
    r"\b(?:the|this|that|selected|requested) model (?:is|has|was)\b|\bfor (?:this|the selected|the requested) model\b"
    r"|\bper[- ]model\b|PerModel|\blimit reached for (?:model )?[`'\"]?[\w./:-]+[`'\"]? in\b"
)
