"""The error tables of the project's provider sheet, row by row: ids begin with the section, `s4-1302` is Z.AI's 1302.
The clock stands at 2026-11-20T12:00:00Z."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from tests.support.clock import START_MS
from tests.support.openai_wire import context_of, refusal

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.domain.routes import Billing
from trunkline.providers.openai.wire import OPENAI
from trunkline.providers.refusals.classify import classify, classify_body

RATE, QUOTA, BILLING, ENTITLEMENT, OVERLOADED, AUTH, CONTEXT, CONTENT, BAD, NETWORK = FaultKind
REQUEST, MODEL, ACCOUNT, ORGANISATION, PROVIDER = FaultScope


def error(**fields: object) -> dict[str, object]:
    return {"error": fields}


def row(name: str, status: int, body: object, kind: FaultKind, scope: FaultScope) -> Any:
    return pytest.param(status, body, kind, scope, id=name)


def openrouter(status: int, source: str = "", **metadata: object) -> dict[str, object]:
    told = {"limit_source": source, **metadata} if source else metadata
    return error(code=status, message="Provider said no", metadata=told)


OPENAI_ROWS = [
    row("s1-invalid_api_key", 401, error(type="invalid_request_error", code="invalid_api_key"), AUTH, ACCOUNT),
    row("s1-region", 403, error(code="unsupported_country_region_territory"), ENTITLEMENT, ACCOUNT),
    row("s1-permission", 403, error(message="You have insufficient permissions."), ENTITLEMENT, MODEL),
    row("s1-model_not_found", 404, error(code="model_not_found"), ENTITLEMENT, MODEL),
    row("s1-context", 400, error(code="context_length_exceeded"), CONTEXT, REQUEST),
    row("s1-context-words", 400, error(message="This exceeds the context window of the model"), CONTEXT, REQUEST),
    row("s1-content", 400, error(code="content_policy_violation"), CONTENT, REQUEST),
    row("s1-content-words", 400, error(message="Invalid prompt: flagged under our usage policy"), CONTENT, REQUEST),
    row("s1-parameter", 400, error(code="unsupported_parameter"), BAD, REQUEST),
    row("s1-value", 400, error(code="unsupported_value"), BAD, REQUEST),
    *(row(f"s1-{unit}", 429, error(code="rate_limit_exceeded", message=f"Rate limit: {words} ({unit})"), kind, MODEL)
      for unit, words, kind in [("RPM", "requests per min", RATE), ("TPM", "tokens per min", RATE),
                                ("RPD", "requests per day", QUOTA), ("TPD", "tokens per day", QUOTA)]),
    row("s1-slow_down", 429, error(type="rate_limit_error", code="slow_down"), RATE, MODEL),
    *(row(f"s1-{code}", 429, error(type="insufficient_quota", code=code), BILLING, scope) for code, scope in [
        ("insufficient_quota", ACCOUNT), ("credit_balance_exhausted", ACCOUNT),
        ("project_spend_limit_exceeded", ACCOUNT), ("organization_spend_limit_exceeded", ORGANISATION),
        ("organization_usage_limit_exceeded", ORGANISATION)]),
    row("s1-500", 500, error(type="server_error"), OVERLOADED, MODEL),
    row("s1-503", 503, error(type="service_unavailable_error", code="server_is_overloaded"), OVERLOADED, MODEL),
    row("s1-never-fits", 429, error(code="rate_limit_exceeded", message="Request too large for m in organization o on "
        "tokens per min (TPM): Limit 30000, Requested 50000."), CONTEXT, REQUEST),
]  # fmt: skip

ZAI_CLASSES: list[tuple[Iterable[int], FaultKind, FaultScope]] = [
    ((*range(1000, 1006), *range(1110, 1113)), AUTH, ACCOUNT),
    ((1113, 1309, 1314), BILLING, ACCOUNT),
    ((1302, 1303), RATE, MODEL),
    ((1305, 1312, 1230, 1234), OVERLOADED, MODEL),
    ((1304,), QUOTA, MODEL),
    ((1308, 1310, *range(1316, 1322)), QUOTA, ACCOUNT),
    ((1211, 1220, 1221, 1222, 1311, 1315), ENTITLEMENT, MODEL),
    ((1313, 1120, 1121), ENTITLEMENT, ACCOUNT),
    ((1210, *range(1212, 1216), 1231), BAD, REQUEST),
    ((1261,), CONTEXT, REQUEST),
    ((1300, 1301), CONTENT, REQUEST),
]
ZAI_ROWS = [
    *(row(f"s4-{code}", 429, error(code=str(code), message="…"), kind, scope)
      for codes, kind, scope in ZAI_CLASSES for code in codes),
    *(row(f"s4-anthropic-{code}", 429, {"type": "error", "error": {"type": "rate_limit_error", "message":
          f"[{code}][…][id]"}}, kind, scope) for codes, kind, scope in ZAI_CLASSES for code in codes),
    row("s4-anthropic-type", 429, {"type": "error", "error": {"type": "1113", "message": "…"}}, BILLING, ACCOUNT),
    row("s4-401", 401, b"", AUTH, ACCOUNT),
    row("s4-434", 434, b"", ENTITLEMENT, MODEL),
    row("s4-435", 435, b"", BAD, REQUEST),
    row("s4-500", 500, b"", OVERLOADED, MODEL),
]  # fmt: skip

KIMI_ROWS = [
    row("s5-content", 400, error(type="content_filter", message="high risk"), CONTENT, REQUEST),
    row("s5-context", 400, error(message="Input token length too long"), CONTEXT, REQUEST),
    row("s5-context-2", 400, error(message="Your request exceeded model token limit: 262144 (requested: 300000)"),
        CONTEXT, REQUEST),
    row("s5-temperature", 400, error(type="invalid_request_error", message="invalid temperature: only 1 is allowed for "
        "this model"), BAD, REQUEST),
    row("s5-auth", 401, error(type="invalid_authentication_error"), AUTH, ACCOUNT),
    row("s5-key", 401, error(type="incorrect_api_key_error"), AUTH, ACCOUNT),
    row("s5-permission", 403, error(type="permission_denied_error"), ENTITLEMENT, MODEL),
    row("s5-balance-403", 403, error(type="exceeded_current_quota_error", message="suspended"), BILLING, ACCOUNT),
    row("s5-balance-429", 429, error(type="exceeded_current_quota_error", message="suspended"), BILLING, ACCOUNT),
    row("s5-rpm", 429, error(type="rate_limit_reached_error", message="max RPM: 3"), RATE, MODEL),
    row("s5-tpd", 429, error(type="rate_limit_reached_error", message="request reached organization TPD rate limit"),
        QUOTA, ORGANISATION),
    row("s5-overloaded", 429, error(type="engine_overloaded_error"), OVERLOADED, MODEL),
    row("s5-code-membership", 402, error(message="membership required"), BILLING, ACCOUNT),
    row("s5-code-cycle", 403, error(type="access_terminated_error", message="You've reached your usage limit for this "
        "billing cycle."), QUOTA, ACCOUNT),
    row("s5-code-agents", 403, error(type="access_terminated_error", message="only available for Coding Agents"),
        ENTITLEMENT, ACCOUNT),
]  # fmt: skip

MINIMAX_CLASSES: list[tuple[Iterable[int], FaultKind, FaultScope]] = [
    ((1002, 1039, 1041, 2045), RATE, MODEL),
    ((1008,), BILLING, ACCOUNT),
    ((2056, 1028, 1030), QUOTA, ACCOUNT),
    ((2061,), ENTITLEMENT, MODEL),
    ((1004, 2049), AUTH, ACCOUNT),
    ((1026, 1027), CONTENT, REQUEST),
    ((2013, 1042), BAD, REQUEST),
    ((1000, 1001, 1024, 1033), OVERLOADED, MODEL),
]
MINIMAX_ROWS = [
    *(row(f"s6-200-{code}", 200, {"choices": None, "base_resp": {"status_code": code, "status_msg": "…"}}, kind, scope)
      for codes, kind, scope in MINIMAX_CLASSES for code in codes),
    *(row(f"s6-compat-{code}", 429, error(http_code="429", message=f"… ({code})"), kind, scope)
      for codes, kind, scope in MINIMAX_CLASSES for code in codes),
    *(row(f"s6-anthropic-{code}", 500, {"type": "error", "error": {"type": "api_error", "message": f"… ({code})"}},
          kind, scope) for codes, kind, scope in MINIMAX_CLASSES for code in codes),
    row("s6-2013-context", 200, {"base_resp": {"status_code": 2013, "status_msg": "context window exceeds limit"}},
        CONTEXT, REQUEST),
]  # fmt: skip

OPENROUTER_ROWS = [
    row("s7-auth", 401, openrouter(401, error_type="authentication"), AUTH, ACCOUNT),
    row("s7-402", 402, openrouter(402, error_type="payment_required"), BILLING, ACCOUNT),
    row("s7-402-credits", 402, openrouter(402, "openrouter_credits"), BILLING, ACCOUNT),
    row("s7-402-key", 402, openrouter(402, "openrouter_key_limit"), BILLING, ACCOUNT),
    row("s7-402-afford", 402, error(code=402, message="requires more credits, or fewer max_tokens. You requested up to "
        "9000 tokens, but can only afford 40."), BILLING, MODEL),
    row("s7-402-in-flight", 402, openrouter(402, "openrouter_in_flight_budget"), RATE, ACCOUNT),
    *(row(f"s7-403-{source}", 403, openrouter(403, source), QUOTA, ACCOUNT) for source in (
        "openrouter_guardrail_budget", "openrouter_workspace_budget", "workspace_budget", "openrouter_key_limit",
        "key_limit")),
    row("s7-403-moderation", 403, openrouter(403, reasons=["violence"], flagged_input="…"), CONTENT, REQUEST),
    row("s7-400-policy", 400, openrouter(400, error_type="content_policy_violation"), CONTENT, REQUEST),
    row("s7-400-refusal", 400, openrouter(400, error_type="refusal"), CONTENT, REQUEST),
    row("s7-403-permission", 403, openrouter(403, error_type="permission_denied"), ENTITLEMENT, MODEL),
    *(row(f"s7-400-{kind}", 400, openrouter(400, error_type=kind), CONTEXT, REQUEST)
      for kind in ("context_length_exceeded", "token_limit_exceeded", "max_tokens_exceeded")),
    row("s7-404", 404, openrouter(404, error_type="not_found"), ENTITLEMENT, MODEL),
    *(row(f"s7-404-{code}", 404, openrouter(404, availability={"code": code}), ENTITLEMENT, MODEL) for code in (
        "model_not_found", "no_endpoints", "model_deprecated", "free_variant_ended", "privacy_restricted",
        "constraint_filtered")),
    row("s7-408", 408, openrouter(408, error_type="timeout"), NETWORK, MODEL),
    row("s7-504", 504, openrouter(504, error_type="timeout"), NETWORK, MODEL),
    row("s7-429-free-day", 429, error(code=429, message="free-models-per-day-high-balance"), QUOTA, MODEL),
    row("s7-429-free-min", 429, error(code=429, message="free-models-per-min"), RATE, MODEL),
    row("s7-429-upstream", 429, openrouter(429, provider_name="X", provider_code=429), RATE, MODEL),
    row("s7-429-capacity", 429, openrouter(429, availability={"code": "capacity_exhausted"}), OVERLOADED, MODEL),
    *(row(f"s7-{status}-{kind}", status, openrouter(status, error_type=kind), OVERLOADED, MODEL) for status, kind in [
        (502, "provider_unavailable"), (503, "provider_overloaded"), (503, "temporarily_unavailable"), (500, "server"),
        (500, "unmapped")]),
]  # fmt: skip

OTHER_ROWS = [
    row("s8-groq-tpm", 429, error(message="Rate limit reached for model m on tokens per minute (TPM): Limit 6000, Used "
        "5000, Requested 2000. Please try again in 5.289s", type="tokens", code="rate_limit_exceeded"), RATE, MODEL),
    row("s8-groq-tpd", 429, error(message="Rate limit reached on tokens per day (TPD)", type="tokens",
                                  code="rate_limit_exceeded"), QUOTA, MODEL),
    row("s8-groq-rpd", 429, error(message="Rate limit reached (RPD)", type="requests", code="rate_limit_exceeded"),
        QUOTA, MODEL),
    row("s8-groq-413", 413, error(message="Request too large for model m", type="tokens", code="rate_limit_exceeded"),
        CONTEXT, REQUEST),
    row("s8-groq-context", 400, error(message="Please reduce the length of the messages"), CONTEXT, REQUEST),
    row("s8-groq-498", 498, error(message="Flex tier capacity exceeded"), OVERLOADED, MODEL),
    row("s8-mistral-429", 429, {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited",
                                "param": None, "code": "1300", "raw_status_code": 429}, RATE, MODEL),
    row("s8-mistral-422", 422, {"detail": [{"msg": "Extra inputs are not permitted"}]}, BAD, REQUEST),
    row("s8-mistral-401", 401, {"detail": "Unauthorized"}, AUTH, ACCOUNT),
    row("s8-mistral-401-message", 401, {"message": "Unauthorized", "request_id": "x"}, AUTH, ACCOUNT),
    row("s8-mistral-capacity", 400, {"object": "error", "message": "Service tier capacity exceeded for this model.",
                                     "type": "invalid_request_error"}, OVERLOADED, MODEL),
    *(row(f"s8-deepseek-{status}", status, error(message=text), kind, scope) for status, text, kind, scope in [
        (400, "Invalid Format", BAD, REQUEST), (401, "Authentication Fails", AUTH, ACCOUNT),
        (402, "Insufficient Balance", BILLING, ACCOUNT), (422, "Invalid Parameters", BAD, REQUEST),
        (429, "Rate Limit Reached", RATE, MODEL), (500, "Server Error", OVERLOADED, MODEL),
        (503, "Server Overloaded", OVERLOADED, MODEL)]),
    row("s8-xai-new-team", 403, {"code": "The caller does not have permission to execute the specified operation",
        "error": "Your newly created team doesn't have any credits or licenses yet. You can purchase credits"}, BILLING,
        ACCOUNT),
    row("s8-xai-429", 429, {"code": "Some resource has been exhausted", "error": "Your team t has either used all "
        "available credits or reached its monthly spending limit."}, BILLING, ACCOUNT),
    row("s8-xai-blocked", 403, {"code": "personal-team-blocked:spending-limit", "error": "…"}, BILLING, ACCOUNT),
    row("s8-xai-context", 400, {"code": "…", "error": "the maximum prompt length is 131072"}, CONTEXT, REQUEST),
    row("s8-cerebras-tokens", 429, {"message": "Tokens per minute limit exceeded", "type": "too_many_tokens_error",
        "param": "quota", "code": "token_quota_exceeded"}, RATE, MODEL),
    row("s8-cerebras-day", 429, {"message": "Tokens per day limit exceeded", "type": "too_many_tokens_error",
        "param": "quota", "code": "token_quota_exceeded"}, QUOTA, MODEL),
    row("s8-cerebras-queue", 429, {"message": "queue", "type": "queue_exceeded", "code": "queue_exceeded"}, OVERLOADED,
        MODEL),
    row("s8-cerebras-413", 413, b"", CONTEXT, REQUEST),
    row("s8-cerebras-context", 400, {"message": "Current length is 9000 while limit is 8192", "code": "x"}, CONTEXT,
        REQUEST),
    row("s9-ollama-context", 400, error(message="prompt too long; exceeded max context length by 9 tokens"), CONTEXT,
        REQUEST),
    row("s9-ollama-native", 500, {"error": "model runner has unexpectedly stopped"}, OVERLOADED, MODEL),
    row("s9-llamacpp-loading", 503, error(code=503, message="Loading model", type="unavailable_error"), OVERLOADED,
        MODEL),
    row("s9-lmstudio-context", 400, {"error": "The number of tokens to keep from the initial prompt is greater than "
        "the context length."}, CONTEXT, REQUEST),
    row("s9-vllm-context", 400, error(message="This model's maximum context length is 8192 tokens. However, you "
        "requested 9000 tokens", type="BadRequestError", code=400), CONTEXT, REQUEST),
    row("s10-codex", 429, error(type="usage_limit_reached", message="The usage limit is reached"), QUOTA, ACCOUNT),
]  # fmt: skip


BEYOND_ROWS = [
    row("openai-a-new-code-of-an-old-type", 429, error(type="insufficient_quota", code="brand_new"), BILLING, ACCOUNT),
    row("kimi-organisation-tpm", 429, error(type="rate_limit_reached_error", message="reached organization TPM limit"),
        RATE, ORGANISATION),
    row("kimi-concurrency", 429, error(type="rate_limit_reached_error", message="request reached max organization "
        "concurrency: 1"), RATE, ORGANISATION),
    row("kimi-permission-of-a-cycle", 403, error(type="permission_denied_error", message="usage limit for this billing "
        "cycle"), QUOTA, ACCOUNT),
    row("minimax-type", 429, error(http_code="429", message="…", type="insufficient_balance_error"), BILLING, ACCOUNT),
    row("openrouter-the-upstreams-day", 429, error(code=429, message="Provider returned error",
        metadata={"provider_name": "X", "raw": "daily limit of our key"}), RATE, MODEL),
    row("openrouter-the-upstreams-context", 400, error(code=400, message="Provider returned error",
        metadata={"provider_name": "X", "raw": "maximum context length is 8192"}), CONTEXT, REQUEST),
    row("xai-url-encoded", 400, {"code": "c", "error": "Incorrect%20API%20key%20provided"}, AUTH, ACCOUNT),
    row("status-429", 429, b"slow down please", RATE, MODEL),
    row("status-529", 529, b"", OVERLOADED, MODEL),
    row("status-418", 418, b"", BAD, REQUEST),
    row("nothing-said", 200, {"error": {"message": "?"}}, OVERLOADED, MODEL),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "kind", "scope"),
    [*OPENAI_ROWS, *ZAI_ROWS, *KIMI_ROWS, *MINIMAX_ROWS, *OPENROUTER_ROWS, *OTHER_ROWS, *BEYOND_ROWS],
)
def test_a_row(status: int, body: object, kind: FaultKind, scope: FaultScope) -> None:
    fault = classify(refusal(status, body), context_of())
    assert (fault.kind, fault.scope) == (kind, scope), fault


OVERFLOWS = [
    "prompt is too long: 210000 tokens > 200000 maximum",
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
    "Your input exceeds the context window of this model",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)",
    "This model's maximum prompt length is 131072 but the request contains 200000 tokens",
    "Please reduce the length of the messages or completion.",
    "tokens to keep from the initial prompt is greater than the context length",
    "invalid params, context window exceeds limit (2013)",
    "Your request exceeded model token limit: 262144 (requested: 300000)",
    "Input token length too long",
    "prompt is too large for model with 8192 maximum context length",
    "prompt too long; exceeded max context length by 4 tokens",
    "Current length is 9000 while limit is 8192",
]


@pytest.mark.parametrize("text", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413, 500, 200])
def test_a_prompt_too_long_by_its_words(status: int, text: str) -> None:
    fault = classify(refusal(status, error(message=text, type="invalid_request_error")), context_of())
    assert (fault.kind, fault.scope) == (CONTEXT, REQUEST)


CLASSES = [
    (RATE, MODEL, 429, error(code="rate_limit_exceeded", message="Please try again in 2s."), 2_000),
    (QUOTA, ACCOUNT, 429, error(code="1308", message="reset at 2026-11-20 20:00:30"), 30_000),
    (BILLING, ACCOUNT, 402, error(message="Insufficient Balance"), None),
    (ENTITLEMENT, MODEL, 403, error(type="permission_denied_error"), None),
    (OVERLOADED, MODEL, 503, error(message="overloaded"), None),
    (AUTH, ACCOUNT, 401, error(code="invalid_api_key"), None),
    (CONTEXT, REQUEST, 400, error(code="context_length_exceeded"), None),
    (CONTENT, REQUEST, 400, error(type="content_filter"), None),
    (BAD, REQUEST, 400, error(code="unsupported_parameter"), None),
    (NETWORK, MODEL, 504, openrouter(504, error_type="timeout"), None),
]


@pytest.mark.parametrize(
    ("kind", "scope", "status", "body", "wait_ms"), CLASSES, ids=[case[0] for case in CLASSES]
)
def test_the_ten_classes_as_a_status_and_inside_a_200(
    kind: FaultKind, scope: FaultScope, status: int, body: dict[str, object], wait_ms: int | None
) -> None:
    usable_at_ms = None if wait_ms is None else START_MS + wait_ms
    refused = classify(refusal(status, body), context_of())
    assert (refused.kind, refused.scope, refused.usable_at_ms) == (kind, scope, usable_at_ms)
    told = {"error": {"code": status, **body["error"]}} if isinstance(body["error"], dict) else body
    inside = classify_body(told, context_of())
    assert (inside.kind, inside.scope, inside.usable_at_ms) == (kind, scope, usable_at_ms)
    whole = OPENAI.decode_whole(refusal(200, told), context_of())[-1]
    assert isinstance(whole, Fault)
    assert (whole.kind, whole.scope) == (kind, scope)


def test_every_class_is_proven() -> None:
    assert {case[0] for case in CLASSES} == set(FaultKind)


@pytest.mark.parametrize("billing", [Billing.CREDITS, Billing.RATE_LIMIT, Billing.SUBSCRIPTION])
def test_zai_1113_by_how_the_account_is_paid(billing: Billing) -> None:
    fault = classify(refusal(429, error(code="1113", message="…")), context_of(billing=billing))
    assert fault.kind is (QUOTA if billing is Billing.SUBSCRIPTION else BILLING)


def test_waits_that_come_with_a_code() -> None:
    in_flight = refusal(402, openrouter(402, "openrouter_in_flight_budget"), {"retry-after": "3"})
    assert classify(in_flight, context_of()).usable_at_ms == START_MS + 3_000
    budget = openrouter(403, "openrouter_key_limit", resets_at="2026-11-21T00:00:00Z")
    assert classify(refusal(403, budget), context_of()).usable_at_ms == START_MS + 12 * 3_600_000
