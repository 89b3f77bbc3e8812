"""What single codes, statuses and words mean, provider by provider (trap numbers are those of the provider sheet)."""

from __future__ import annotations

import pytest
from tests.support.openai_wire import context_of, refusal

from trunkline.domain.faults import Fault, FaultKind, FaultScope
from trunkline.providers.refusals.classify import classify

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


def fault_of(status: int, body: object) -> Fault:
    return classify(refusal(status, body), context_of())


def error(**fields: object) -> dict[str, object]:
    return {"error": fields}


RATE, QUOTA, BILLING, OVERLOADED = (
    FaultKind.RATE_MINUTE,
    FaultKind.QUOTA_WINDOW,
    FaultKind.BILLING,
    FaultKind.OVERLOADED,
)
MODEL, ACCOUNT, ORGANISATION, REQUEST = (
    FaultScope.MODEL,
    FaultScope.ACCOUNT,
    FaultScope.ORGANISATION,
    FaultScope.REQUEST,
)

TABLES = [
    pytest.param(401, error(code="invalid_api_key", message="Incorrect API key provided"), FaultKind.AUTH, ACCOUNT),
    pytest.param(401, {"detail": "Unauthorized"}, FaultKind.AUTH, ACCOUNT),
    pytest.param(403, error(code="unsupported_country_region_territory", message="no"), FaultKind.ENTITLEMENT, ACCOUNT),
    pytest.param(404, error(code="model_not_found", message="no"), FaultKind.ENTITLEMENT, MODEL),
    pytest.param(400, error(code="context_length_exceeded", message="no"), FaultKind.CONTEXT, REQUEST),
    pytest.param(400, error(code="content_policy_violation", message="no"), FaultKind.CONTENT, REQUEST),
    pytest.param(400, error(message="Invalid prompt: it violates our usage policy"), FaultKind.CONTENT, REQUEST),
    pytest.param(400, error(code="unsupported_parameter", message="max_tokens"), FaultKind.BAD_REQUEST, REQUEST),
    pytest.param(429, error(code="rate_limit_exceeded", message="… requests per day (RPD): Limit 200"), QUOTA, MODEL),
    pytest.param(429, error(type="rate_limit_error", code="slow_down", message="ramp"), RATE, MODEL),
    pytest.param(429, error(type="insufficient_quota", code="credit_balance_exhausted", message=""), BILLING, ACCOUNT),
    pytest.param(
        429, error(type="insufficient_quota", code="organization_spend_limit_exceeded"), BILLING, ORGANISATION
    ),
    pytest.param(429, error(type="insufficient_quota", code="brand_new_code", message=""), BILLING, ACCOUNT),
    pytest.param(500, error(type="server_error", message="boom"), OVERLOADED, MODEL),
    pytest.param(503, error(type="service_unavailable_error", code="server_is_overloaded"), OVERLOADED, MODEL),
    pytest.param(429, error(message="Request too large for m on TPM: Limit 6000, Requested 9,000", type="tokens",
                            code="rate_limit_exceeded"), FaultKind.CONTEXT, REQUEST),
    pytest.param(413, b"", FaultKind.CONTEXT, REQUEST),
    # Z.AI
    *(pytest.param(status, error(code=code, message="m"), kind, scope) for status, code, kind, scope in [
        (401, "1002", FaultKind.AUTH, ACCOUNT), (429, "1304", QUOTA, MODEL), (429, "1305", OVERLOADED, MODEL),
        (429, "1310", QUOTA, ACCOUNT), (429, "1316", QUOTA, ACCOUNT), (429, "1320", QUOTA, ACCOUNT),
        (429, "1309", BILLING, ACCOUNT), (400, "1211", FaultKind.ENTITLEMENT, MODEL),
        (429, "1311", FaultKind.ENTITLEMENT, MODEL), (429, "1313", FaultKind.ENTITLEMENT, ACCOUNT),
        (400, "1214", FaultKind.BAD_REQUEST, REQUEST), (500, "1234", OVERLOADED, MODEL),
        (400, "1261", FaultKind.CONTEXT, REQUEST), (400, "1301", FaultKind.CONTENT, REQUEST)]),
    pytest.param(429, {"type": "error", "error": {"type": "rate_limit_error", "code": "1310",
                 "message": "[1310][Weekly limit reached][id]"}}, QUOTA, ACCOUNT),
    # Kimi
    pytest.param(429, error(type="rate_limit_reached_error", message="request reached organization TPM limit"), RATE,
                 ORGANISATION),
    pytest.param(429, error(type="rate_limit_reached_error", message="max TPD: 1500000"), QUOTA, MODEL),
    pytest.param(429, error(type="rate_limit_reached_error", message="request reached max organization concurrency: 1"),
                 RATE, ORGANISATION),
    pytest.param(403, error(type="permission_denied_error", message="no"), FaultKind.ENTITLEMENT, MODEL),
    pytest.param(403, error(type="permission_denied_error", message="usage limit for this billing cycle"),
                 QUOTA, ACCOUNT),
    pytest.param(400, error(type="content_filter", message="no"), FaultKind.CONTENT, REQUEST),
    pytest.param(401, error(type="incorrect_api_key_error", message="no"), FaultKind.AUTH, ACCOUNT),
    # MiniMax
    *(pytest.param(200, {"base_resp": {"status_code": code, "status_msg": text}}, kind, scope)
      for code, text, kind, scope in [
        (1002, "", RATE, MODEL), (1039, "", RATE, MODEL), (2056, "", QUOTA, ACCOUNT),
        (1004, "", FaultKind.AUTH, ACCOUNT),
        (2061, "", FaultKind.ENTITLEMENT, MODEL), (1027, "", FaultKind.CONTENT, REQUEST),
        (2013, "", FaultKind.BAD_REQUEST, REQUEST), (2013, "context window exceeds limit", FaultKind.CONTEXT, REQUEST),
        (1033, "", OVERLOADED, MODEL), (1042, "", FaultKind.BAD_REQUEST, REQUEST)]),
    pytest.param(429, error(http_code="429", message="insufficient balance (1008)", type="insufficient_balance_error"),
                 BILLING, ACCOUNT),
    # OpenRouter
    pytest.param(402, error(code=402, message="This request requires more credits, or fewer max_tokens. You requested "
                 "up to 9000 tokens, but can only afford 40.", metadata={"limit_source": "openrouter_credits"}),
                 BILLING, MODEL),
    pytest.param(402, error(code=402, message="can only afford 40"), BILLING, MODEL),
    pytest.param(402, error(code=402, message="", metadata={"limit_source": "openrouter_in_flight_budget"}), RATE,
                 ACCOUNT),
    pytest.param(403, error(code=403, message="", metadata={"limit_source": "openrouter_key_limit"}), QUOTA, ACCOUNT),
    pytest.param(402, error(code=402, message="", metadata={"limit_source": "openrouter_key_limit"}), BILLING, ACCOUNT),
    pytest.param(403, error(code=403, message="", metadata={"reasons": ["violence"], "flagged_input": "…"}),
                 FaultKind.CONTENT, REQUEST),
    pytest.param(429, error(code=429, message="Provider returned error", metadata={"provider_name": "X", "raw": "daily "
                 "limit of our key"}), RATE, MODEL),
    pytest.param(400, error(code=400, message="Provider returned error", metadata={"provider_name": "X",
                 "raw": "maximum context length is 8192"}), FaultKind.CONTEXT, REQUEST),
    pytest.param(429, error(code=429, message="", metadata={"availability": {"code": "capacity_exhausted"}}),
                 OVERLOADED, MODEL),
    pytest.param(404, error(code=404, message="", metadata={"availability": {"code": "free_variant_ended"}}),
                 FaultKind.ENTITLEMENT, MODEL),
    pytest.param(504, error(code=504, message="", metadata={"error_type": "timeout"}), FaultKind.NETWORK, MODEL),
    # Mistral, DeepSeek, xAI, Groq, local servers
    pytest.param(429, {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"},
                 RATE, MODEL, id="mistral-1300-is-not-zais"),
    pytest.param(400, {"object": "error", "message": "Service tier capacity exceeded for this model.",
                 "type": "invalid_request_error"}, OVERLOADED, MODEL, id="trap-31-mistral-capacity"),
    pytest.param(422, {"detail": [{"loc": ["body"], "msg": "extra fields not permitted"}]}, FaultKind.BAD_REQUEST,
                 REQUEST),
    pytest.param(402, error(message="Insufficient Balance", type="unknown_error", code="invalid_request_error"),
                 BILLING, ACCOUNT),
    pytest.param(403, {"code": "personal-team-blocked:spending-limit", "error": "blocked"}, BILLING, ACCOUNT),
    pytest.param(400, {"code": "c", "error": "Incorrect%20API%20key%20provided"}, FaultKind.AUTH, ACCOUNT),
    pytest.param(498, error(message="capacity"), OVERLOADED, MODEL),
    pytest.param(503, error(message="Loading model", type="unavailable_error", code=503), OVERLOADED, MODEL),
    pytest.param(400, {"object": "error", "message": OVERFLOWS[1], "type": "BadRequestError", "code": 400},
                 FaultKind.CONTEXT, REQUEST, id="trap-28-vllm-flat"),
    pytest.param(404, error(message="model 'x' not found, try pulling it first", type="not_found_error"),
                 FaultKind.ENTITLEMENT, MODEL),
    # Gemini's compatible endpoint
    pytest.param(429, [error(code=429, status="RESOURCE_EXHAUSTED", message="Quota exceeded … limit: 0")],
                 FaultKind.ENTITLEMENT, MODEL, id="trap-29-limit-0-is-never"),
    # a status alone, and nothing at all
    pytest.param(429, b"slow down please", RATE, MODEL),
    pytest.param(529, b"", OVERLOADED, MODEL),
    pytest.param(418, b"", FaultKind.BAD_REQUEST, REQUEST),
    pytest.param(200, {"error": {"message": "?"}}, OVERLOADED, MODEL),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "scope"), TABLES)
def test_the_tables(status: int, body: object, kind: FaultKind, scope: FaultScope) -> None:
    fault = fault_of(status, body)
    assert (fault.kind, fault.scope) == (kind, scope), fault


@pytest.mark.parametrize("text", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413, 500, 200])
def test_a_prompt_too_long_by_its_words(status: int, text: str) -> None:
    fault = fault_of(status, error(message=text, type="invalid_request_error"))
    assert (fault.kind, fault.scope) == (FaultKind.CONTEXT, FaultScope.REQUEST)
