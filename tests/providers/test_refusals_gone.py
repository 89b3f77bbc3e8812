"""A model that is no longer there, told from an address where nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.openai_wire import context_of, refusal

from trunkline.domain.faults import FaultCode, FaultKind, FaultScope
from trunkline.providers.refusals.classify import classify, classify_body


def error(**fields: object) -> dict[str, object]:
    return {"error": fields}


GONE = [
    pytest.param(404, error(message="The model `m` does not exist or you do not have access to it.",
                            type="invalid_request_error", code="model_not_found"), id="openai-groq"),
    pytest.param(400, error(message="The model `m` has been decommissioned", code="model_decommissioned"), id="groq"),
    *(pytest.param(400, error(code=code, message="Unknown"), id=f"zai-{code}") for code in ["1211", "1221", "1222"]),
    *(pytest.param(404, error(code=404, message="No endpoints found for m.",
                              metadata={"availability": {"code": code}}), id=f"openrouter-{code}")
      for code in ("model_not_found", "no_endpoints", "model_deprecated", "free_variant_ended")),
    pytest.param(404, error(code=404, message="No endpoints found for m.", metadata={"error_type": "not_found"}),
                 id="openrouter-error-type"),
    pytest.param(404, error(code=404, message="No endpoints found for m:free."), id="openrouter-words"),
    *(pytest.param(400, error(message=text), id=text) for text in (
        "Unknown Model", "unknown model: m", 'Unknown model "m"', "Invalid model name passed in model=m",
        "The model `m` has been deprecated, learn more", "no such model", "model m is no longer available")),
    pytest.param(400, error(code=400, message="m is not a valid model ID"), id="openrouter-never-was"),
    pytest.param(404, [error(code=404, status="NOT_FOUND", message="models/gemini-2.0-flash is not found")],
                 id="gemini-compat"),
    pytest.param(404, error(code=404, status="NOT_FOUND", message="models/m is not found for API version v1beta, or is "
                            "not supported for generateContent."), id="gemini"),
    pytest.param(404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-3-5-sonnet"}},
                 id="anthropic"),
    pytest.param(404, error(type="resource_not_found_error", message="Not found the model m or Permission denied"),
                 id="kimi"),
    pytest.param(404, error(message="model 'm' not found", type="not_found_error"), id="ollama"),
    pytest.param(404, {"error": "model 'm' not found, try pulling it first"}, id="ollama-native"),
    pytest.param(404, {"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError",
                       "param": "model", "code": 404}, id="vllm-flat"),
    pytest.param(404, error(message="The model `m` does not exist.", type="NotFoundError", code=404), id="vllm"),
    pytest.param(400, {"object": "error", "message": "Invalid model: m", "type": "invalid_model", "code": "1500"},
                 id="mistral"),
    pytest.param(400, error(message="Model Not Exist", type="invalid_request_error"), id="deepseek"),
    pytest.param(404, {"code": "Some requested entity was not found",
                       "error": "The model m does not exist or your team t does not have access to it."}, id="xai"),
    pytest.param(404, {"message": "Model m does not exist or you do not have access to it.", "type": "not_found_error",
                       "param": "model", "code": "model_not_found"}, id="cerebras"),
    pytest.param(200, {"base_resp": {"status_code": 2013, "status_msg": "invalid params, unknown model 'm' (2013)"}},
                 id="minimax"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), GONE)
def test_a_model_that_is_gone(status: int, body: object) -> None:
    fault = classify(refusal(status, body), context_of())
    assert (fault.kind, fault.scope, fault.code) == (
        FaultKind.ENTITLEMENT,
        FaultScope.MODEL,
        FaultCode.MODEL_GONE,
    )
    assert fault.usable_at_ms is None


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, error(code="model_not_found", message="no"), "model_not_found"),
        (400, error(code="1211", message="no"), "1211"),
        (404, [error(code=404, status="NOT_FOUND", message="models/m is not found")], "not_found"),
    ],
)
def test_the_providers_own_code_is_the_evidence(status: int, body: object, code: str) -> None:
    assert code in classify(refusal(status, body), context_of()).evidence


def test_a_model_that_is_gone_inside_a_200() -> None:
    body = error(code=404, message="No endpoints found for m.")
    assert classify_body(body, context_of()).code == FaultCode.MODEL_GONE


WRONG_ADDRESS = [
    pytest.param(b"404 page not found", id="go"),
    pytest.param(b"", id="nothing"),
    pytest.param(b"no such path", id="plain-words"),
    pytest.param({"detail": "Not Found"}, id="fastapi-vllm"),
    pytest.param(error(message="Invalid URL (POST /v1/v1/chat/completions)", type="invalid_request_error", code=None),
                 id="openai"),
    pytest.param({"type": "error", "error": {"type": "not_found_error", "message": "Not Found"}}, id="anthropic"),
    pytest.param(error(code=404, message="File Not Found", type="not_found_error"), id="llamacpp"),
    pytest.param({"code": 5, "error": "url.not_found", "scode": "0x5", "status": False}, id="kimi"),
    pytest.param({"timestamp": "2026-11-20T12:00:00Z", "status": 404, "error": "Not Found", "path": "/v4"}, id="zai"),
    pytest.param({"message": "no Route matched with those values"}, id="kong"),
    pytest.param(b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>", id="nginx"),
]  # fmt: skip


@pytest.mark.parametrize("body", WRONG_ADDRESS)
def test_a_wrong_address_is_no_retired_model(body: object) -> None:
    fault = classify(refusal(404, body), context_of())
    assert (fault.kind, fault.scope, fault.code) == (FaultKind.NETWORK, FaultScope.PROVIDER, FaultCode.PORTAL)


@pytest.mark.parametrize("body", [b"Method Not Allowed", b"", {"detail": "Method Not Allowed"}])
def test_an_address_where_nothing_is_posted_to(body: object) -> None:
    assert classify(refusal(405, body), context_of()).code == FaultCode.PORTAL


def test_an_accounts_own_wrong_address_is_its_own_fault() -> None:
    context = context_of()
    context = replace(context, account=replace(context.account, base_url="http://127.0.0.1:2/v1"))
    assert classify(refusal(404, b"404 page not found"), context).scope is FaultScope.ACCOUNT


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(error(message="The image of message 3 was not found"), id="an-image"),
        pytest.param(error(message="Invalid model parameters: temperature"), id="a-parameter"),
        pytest.param(error(message="unknown model option"), id="an-option"),
        pytest.param(error(code="1311", message="plan lacks the model"), id="not-in-the-plan"),
        pytest.param(error(code="1220", message="no access"), id="no-access"),
        pytest.param({"base_resp": {"status_code": 2061, "status_msg": "no"}}, id="minimax-plan"),
        pytest.param(error(code=404, metadata={"availability": {"code": "privacy_restricted"}}), id="privacy"),
        pytest.param(error(code=404, message="no", metadata={"error_type": "constraint_filtered"}), id="filter"),
    ],
)  # fmt: skip
def test_what_a_key_may_not_is_not_gone(body: object) -> None:
    assert classify(refusal(404, body), context_of()).code != FaultCode.MODEL_GONE
