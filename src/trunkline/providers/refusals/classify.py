"""What a refusal means: machine code first, then status, headers, and words last."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, timedelta, timezone, tzinfo

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.domain.routes import Billing
from trunkline.domain.text import provider_sentence
from trunkline.providers.limits.anthropic_family import of_each_model
from trunkline.providers.limits.families import read_limits
from trunkline.providers.limits.google_quota import allows_nothing, read_quota_failure
from trunkline.providers.limits.openai_family import amount_of
from trunkline.providers.limits.plan_words import read_plan_refusal
from trunkline.providers.limits.words import read_refusal
from trunkline.providers.protocol import CallContext, WireReply
from trunkline.providers.refusals.codes import (
    A_GUESS,
    ACCOUNT_WIDE,
    ADDRESS,
    CODES,
    CONTEXT_OVERFLOW,
    DAY_QUOTA,
    LIKELY,
    MINIMAX_CODES,
    NEVER_ALLOWED,
    OF_ANY_ADDRESS,
    OF_THIS_MODEL,
    ORGANISATION_WIDE,
    PACE,
    TEXTS,
    TOO_LARGE,
    ZAI_CODES,
    Meaning,
    meaning_of_status,
)
from trunkline.providers.refusals.facts import ErrorFacts, facts_of_body, facts_of_reply
from trunkline.providers.refusals.flaws import hint_flaws
from trunkline.providers.refusals.hints import wait_ms
from trunkline.providers.values.durations import iso_seconds, next_midnight_ms, next_month_ms, zone_named

_BEIJING = timezone(timedelta(hours=8))
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_CURRENT_QUOTA = re.compile(r"exceeded your current quota", re.IGNORECASE)
_OF_A_MINUTE = re.compile(r"per min|\b[RT]PM\b", re.IGNORECASE)
_FREE_MODELS = "free-models-per-"
_FREE_MODEL_IDS = "*:free"
_LONGEST_PACE_MS = 3_600_000
_MAY_BE_TIMED = (FaultKind.RATE_MINUTE, FaultKind.QUOTA_WINDOW, FaultKind.OVERLOADED, FaultKind.NETWORK)
_AFTER_5XX = (FaultKind.CONTEXT, FaultKind.BILLING, FaultKind.OVERLOADED)

_SENTENCES = {
    FaultKind.RATE_MINUTE: "rate limit hit",
    FaultKind.QUOTA_WINDOW: "quota limit hit",
    FaultKind.BILLING: "out of credit",
    FaultKind.ENTITLEMENT: "this key may not use this model, or there is no such model",
    FaultKind.OVERLOADED: "the provider is overloaded or failing",
    FaultKind.AUTH: "the provider rejects the key",
    FaultKind.CONTEXT: "the prompt is too long for the model",
    FaultKind.CONTENT: "refused because of the content",
    FaultKind.BAD_REQUEST: "the provider does not accept the request",
    FaultKind.NETWORK: "the provider could not be reached",
}


def is_web_page(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether this is a page for people: a captive portal's, a proxy's, or a wrong address."""
    return _HTML.match(body[:2048]) is not None or (
        "text/html" in headers.get("content-type", "").lower() and body.lstrip()[:1] == b"<"
    )


def classify(reply: WireReply, context: CallContext) -> Fault:
    """The fault that a refusing reply is. A web page is nobody's refusal, except that gateways in front of a
    provider answer 5xx with one."""
    if is_web_page(reply.body, reply.headers):
        if reply.status < 500 or reply.status == 511:
            return _web_page(reply.status)
        return _classified(ErrorFacts(reply.status, (), ""), reply.headers, reply.status, context)
    facts = facts_of_reply(reply.status, reply.body)
    if _is_of_the_address(facts):
        return _wrong_address(facts, context)
    return _classified(facts, reply.headers, reply.status, context)


def classify_body(body: object, context: CallContext, headers: Mapping[str, str] | None = None) -> Fault:
    """The fault that an error inside a reply of status 200 is."""
    return _classified(facts_of_body(body, 200), headers or {}, 200, context)


def _web_page(status: int) -> Fault:
    message = "a web page answered instead of the provider: a sign-in page of the network, a proxy, or a wrong base URL"
    return Fault(
        FaultKind.NETWORK,
        FaultScope.PROVIDER,
        FaultCode.PORTAL,
        message,
        http_status=status,
        evidence="HTML body",
    )


def _is_of_the_address(facts: ErrorFacts) -> bool:
    """Whether a 404 or 405 says that there is nothing at this address, rather than no such model: it has no code but
    those given to any address, and its words are of the address or not even in a body of JSON."""
    if (
        facts.status not in (404, 405)
        or facts.zai_code
        or any(c.lower() not in OF_ANY_ADDRESS for c in facts.codes)
    ):
        return False
    if not facts.text:
        return not facts.codes
    if ADDRESS.fullmatch(facts.text):
        return True
    return not facts.tables and not any(told.gone and words.search(facts.text) for words, told in TEXTS)


def _wrong_address(facts: ErrorFacts, context: CallContext) -> Fault:
    own = context.account.base_url is not None or context.account.endpoint is not None
    return Fault(
        FaultKind.NETWORK,
        FaultScope.ACCOUNT if own else FaultScope.PROVIDER,
        FaultCode.PORTAL,
        "there is nothing at this address: the base URL may be wrong",
        provider_text=provider_sentence(facts.text),
        http_status=facts.status,
        evidence=f"status {facts.status} that names no model",
    )


def _classified(facts: ErrorFacts, headers: Mapping[str, str], status: int, context: CallContext) -> Fault:
    meaning, code, evidence = _first_sign(facts, headers)
    meaning, evidence = _refined(meaning, evidence, facts)
    meaning, evidence = _by_billing(meaning, evidence, facts, context)
    header_readings = _header_readings(facts, headers, context)
    meaning, evidence, usable_at_ms = _by_headers(meaning, evidence, facts, header_readings)
    meaning, evidence = _widened(meaning, evidence, facts)
    meaning, evidence = _of_named_model(meaning, evidence, facts, headers, context)
    stated_at_ms = _usable_at_ms(meaning, facts, headers, context)
    usable_at_ms = stated_at_ms if stated_at_ms is not None else usable_at_ms
    if meaning.kind is FaultKind.RATE_MINUTE and (usable_at_ms or 0) - context.now_ms > _LONGEST_PACE_MS:
        meaning = replace(meaning, kind=FaultKind.QUOTA_WINDOW)
        evidence = f"{evidence}, stated wait of over an hour"
    if meaning.gone:
        evidence = evidence if code in evidence else f"{evidence}, code {code}"
        code = FaultCode.MODEL_GONE
    return Fault(
        kind=meaning.kind,
        scope=meaning.scope,
        code=provider_sentence(code, longest=80),
        message=_sentence(meaning, usable_at_ms, context),
        provider_text=provider_sentence(facts.text),
        http_status=status,
        usable_at_ms=usable_at_ms,
        evidence=provider_sentence(evidence, longest=200),
        readings=header_readings + _body_readings(meaning, facts, headers, usable_at_ms, context),
        confidence=meaning.confidence,
        flaw=hint_flaws(facts, headers, context.now_ms),
    )


def _first_sign(facts: ErrorFacts, headers: Mapping[str, str]) -> tuple[Meaning, str, str]:
    """The most telling sign there is: (what it means, the code, where it was found)."""
    for number, table in ((facts.zai_code, ZAI_CODES), (facts.minimax_code, MINIMAX_CODES)):
        if number is not None and number in table:
            return table[number], number, f"code {number}"
    for code in facts.codes:
        key = code.lower()
        meaning = CODES.get(f"{facts.status} {key}") or CODES.get(code) or CODES.get(key)
        if meaning is not None:
            return meaning, key, f"code {key}"
    meaning = meaning_of_status(facts.status)
    code = facts.codes[0] if facts.codes else f"http_{facts.status or 200}"
    if headers.get("x-should-retry", "").lower() == "true" and meaning.kind is FaultKind.BAD_REQUEST:
        told = Meaning(FaultKind.OVERLOADED, FaultScope.MODEL, refine=True, confidence=A_GUESS)
        return told, code, "x-should-retry"
    return meaning, code, f"status {facts.status or 200}"


def _refined(meaning: Meaning, evidence: str, facts: ErrorFacts) -> tuple[Meaning, str]:
    """What the words add to a sign that leaves it open."""
    if not meaning.refine:
        return meaning, evidence
    too_large = TOO_LARGE.search(facts.text)
    if too_large is not None and _number(too_large[2]) > _number(too_large[1]):
        return Meaning(
            FaultKind.CONTEXT, FaultScope.REQUEST
        ), f"{evidence}, asks for more than the whole limit"
    if meaning.kind is FaultKind.RATE_MINUTE and (
        NEVER_ALLOWED.search(facts.text) or allows_nothing(facts.tables)
    ):
        return Meaning(FaultKind.ENTITLEMENT, FaultScope.MODEL), f"{evidence}, the allowance is 0"
    if CONTEXT_OVERFLOW.search(facts.text) and not PACE.search(facts.text):
        return Meaning(FaultKind.CONTEXT, FaultScope.REQUEST), f"{evidence}, words"
    if facts.status == 429 and any("provider_name" in table for table in facts.tables):
        return replace(meaning, confidence=1.0), f"{evidence}, of the upstream provider of this model"
    if any("flagged_input" in table or "reasons" in table for table in facts.tables):
        return Meaning(FaultKind.CONTENT, FaultScope.REQUEST), f"{evidence}, moderation"
    for pattern, told in TEXTS:
        if pattern.search(facts.text):
            if facts.status is not None and facts.status >= 500 and told.kind not in _AFTER_5XX:
                break
            sure = told.confidence if told.scope is FaultScope.REQUEST or told.gone else LIKELY
            return replace(told, confidence=min(told.confidence, sure)), f"{evidence}, words"
    return meaning, evidence


def _by_billing(
    meaning: Meaning, evidence: str, facts: ErrorFacts, context: CallContext
) -> tuple[Meaning, str]:
    """Z.AI's 1113 on a subscription is the plan's allowance, or the plan's key on the general base URL. Google's
    "exceeded your current quota, please check your plan and billing" means an allowance where nobody pays."""
    if facts.zai_code == "1113" and context.account.billing is Billing.SUBSCRIPTION:
        said = "quota limit hit (or a coding-plan key on the general base URL)"
        told = Meaning(FaultKind.QUOTA_WINDOW, FaultScope.ACCOUNT, said, confidence=LIKELY)
        return told, f"{evidence} on a subscription"
    of_nobody_s_credit = meaning.kind is FaultKind.BILLING and context.account.billing is Billing.FREE
    if of_nobody_s_credit and _CURRENT_QUOTA.search(facts.text):
        told = Meaning(FaultKind.QUOTA_WINDOW, FaultScope.MODEL, confidence=A_GUESS)
        return told, f"{evidence} on a free account"
    return meaning, evidence


def _by_headers(
    meaning: Meaning, evidence: str, facts: ErrorFacts, readings: tuple[LimitReading, ...]
) -> tuple[Meaning, str, int | None]:
    """A pace refusal whose headers show that only a long window is used up is a quota refusal until its reset, and as
    wide as that window: of a plan's, of the whole account."""
    used_up = [reading for reading in readings if reading.remaining == 0]
    if meaning.kind is not FaultKind.RATE_MINUTE or not used_up or _OF_A_MINUTE.search(facts.text):
        return meaning, evidence, None
    if any(reading.window.paces_only for reading in used_up):
        return meaning, evidence, None
    resets = [reading.resets_at_ms for reading in used_up if reading.resets_at_ms is not None]
    of_account = any(reading.scope is LimitScope.ACCOUNT and reading.model is None for reading in used_up)
    told = replace(
        meaning,
        kind=FaultKind.QUOTA_WINDOW,
        scope=FaultScope.ACCOUNT if of_account and meaning.scope is FaultScope.MODEL else meaning.scope,
        confidence=1.0 if of_account else meaning.confidence,
    )
    return told, f"{evidence}, nothing left of {used_up[0].window} in the headers", max(resets, default=None)


def _widened(meaning: Meaning, evidence: str, facts: ErrorFacts) -> tuple[Meaning, str]:
    """A limit reaches as far as its words say; unless they do, no further than the model."""
    if not meaning.kind.is_limit or meaning.scope is not FaultScope.MODEL:
        return meaning, evidence
    if _FREE_MODELS in facts.text:
        told = replace(meaning, confidence=1.0)
        return told, f"{evidence}; the allowance is shared by every :free model of the account"
    if ORGANISATION_WIDE.search(facts.text):
        told = replace(meaning, scope=FaultScope.ORGANISATION, confidence=1.0)
        return told, f"{evidence}, of the organisation"
    if ACCOUNT_WIDE.search(facts.text):
        return replace(meaning, scope=FaultScope.ACCOUNT, confidence=1.0), f"{evidence}, of the account"
    return meaning, evidence


def _of_named_model(
    meaning: Meaning, evidence: str, facts: ErrorFacts, headers: Mapping[str, str], context: CallContext
) -> tuple[Meaning, str]:
    """A refusal that names its model leaves no doubt, nor do headers of a family whose limits are each model's."""
    may_be_named = meaning.kind.is_limit or meaning.kind in (FaultKind.OVERLOADED, FaultKind.ENTITLEMENT)
    if meaning.scope is not FaultScope.MODEL or meaning.confidence == 1.0 or not may_be_named:
        return meaning, evidence
    named = rf"(?<![\w.-]){re.escape(context.model.id)}(?![\w-])"
    if OF_THIS_MODEL.search(facts.text) or re.search(named, facts.text, re.IGNORECASE):
        return replace(meaning, confidence=1.0), f"{evidence}; the model is named"
    if meaning.kind.is_limit and any(of_each_model(name) for name in headers):
        return replace(meaning, confidence=1.0), f"{evidence}; the headers tell of limits that each model has"
    return meaning, evidence


def _usable_at_ms(
    meaning: Meaning, facts: ErrorFacts, headers: Mapping[str, str], context: CallContext
) -> int | None:
    kind = meaning.kind
    if meaning.of_month:
        return next_month_ms(context.now_ms, UTC)
    if kind not in _MAY_BE_TIMED:
        return None
    zone: tzinfo = _BEIJING if facts.zai_code is not None else zone_named(context.provider.quirks.zone)
    longest = kind is FaultKind.QUOTA_WINDOW
    stated_ms = wait_ms(facts, headers, context.now_ms, zone, longest=longest)
    if kind is FaultKind.QUOTA_WINDOW and DAY_QUOTA.search(facts.text):
        day_zone = UTC if _FREE_MODELS in facts.text else zone
        midnight_ms = next_midnight_ms(context.now_ms, day_zone)
        # Gemini sends the minute's delay with a day's refusal; only a long one is the day's.
        if stated_ms is None or stated_ms < _LONGEST_PACE_MS:
            return midnight_ms
    return None if stated_ms is None else context.now_ms + math.ceil(stated_ms)


def _body_readings(
    meaning: Meaning,
    facts: ErrorFacts,
    headers: Mapping[str, str],
    usable_at_ms: int | None,
    context: CallContext,
) -> tuple[LimitReading, ...]:
    if not meaning.kind.is_limit and meaning.kind is not FaultKind.CONTEXT:
        return ()
    if _FREE_MODELS in facts.text:
        return (_free_models_reading(facts, headers, usable_at_ms),)
    of_day = meaning.kind is FaultKind.QUOTA_WINDOW
    quotas = read_quota_failure(
        facts.tables, context.provider.timezone, of_day=of_day, usable_at_ms=usable_at_ms
    )
    if quotas:
        return quotas
    if of_day and (facts.zai_code or facts.minimax_code):
        of_plan = read_plan_refusal(facts.text, facts.zai_code, usable_at_ms, context)
        if of_plan:
            return of_plan
    wide = {FaultScope.ORGANISATION: LimitScope.ORGANISATION, FaultScope.ACCOUNT: LimitScope.ACCOUNT}
    scope = wide.get(meaning.scope, LimitScope.MODEL)
    return read_refusal(facts.text, scope, wait_stated=usable_at_ms is not None)


def _header_readings(
    facts: ErrorFacts, headers: Mapping[str, str], context: CallContext
) -> tuple[LimitReading, ...]:
    """What the headers say, those in the body included (OpenRouter). Of the free models' allowance they tell neither
    window nor models: `_free_models_reading` does."""
    return () if _FREE_MODELS in facts.text else read_limits({**facts.nested_headers, **headers}, context)


def _free_models_reading(
    facts: ErrorFacts, headers: Mapping[str, str], usable_at_ms: int | None
) -> LimitReading:
    """OpenRouter's allowance for `:free` models, which all of the account's share: nothing is left of it."""
    told = {**headers, **facts.nested_headers}
    amount = amount_of(told.get("x-ratelimit-limit", ""))
    window = Window.parse("day" if "free-models-per-day" in facts.text else "60s")
    return LimitReading(
        Metric.REQUESTS, window, amount or None, 0, usable_at_ms, LimitScope.ACCOUNT, model=_FREE_MODEL_IDS
    )


def _sentence(meaning: Meaning, usable_at_ms: int | None, context: CallContext) -> str:
    said = meaning.said or _SENTENCES[meaning.kind]
    if (
        meaning.kind is FaultKind.BILLING
        and not meaning.said
        and context.account.billing is Billing.SUBSCRIPTION
    ):
        said = "the provider asks for payment although this account is on a plan"
    if not meaning.kind.is_limit and not meaning.of_month:
        return said
    return (
        f"{said}, no reset stated"
        if usable_at_ms is None
        else f"{said}, resets at {iso_seconds(usable_at_ms)}"
    )


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))
