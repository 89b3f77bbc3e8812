"""How sure the scope of a refusal is: named by the provider, or only what most of them mean."""

from __future__ import annotations

import pytest
from tests.support.openai_wire import context_of, refusal

from trunkline.domain.faults import FaultScope
from trunkline.providers.refusals.classify import classify
from trunkline.quota.verdicts import NAMED

S = FaultScope
GROQ = "Rate limit reached for model `llama-3.3-70b` in organization `org_1` on tokens per minute (TPM): Limit 12000"


def error(message: str = "No.", **fields: object) -> dict[str, object]:
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize(
    ("status", "body", "headers", "scope", "named"),
    [
        pytest.param(429, {}, {}, S.MODEL, False, id="a-bare-429"),
        pytest.param(503, {}, {}, S.MODEL, False, id="a-bare-503"),
        pytest.param(403, {}, {}, S.MODEL, False, id="a-bare-403"),
        pytest.param(402, {}, {}, S.ACCOUNT, False, id="a-bare-402"),
        pytest.param(429, error(code="rate_limit_exceeded"), {}, S.MODEL, False, id="a-code-for-any-limit"),
        pytest.param(429, error(GROQ, code="rate_limit_exceeded"), {}, S.MODEL, True, id="words-that-name-a-model"),
        pytest.param(503, error("The model is overloaded."), {}, S.MODEL, True, id="this-model-is-overloaded"),
        pytest.param(429, error("Account-wide limit, all models."), {}, S.ACCOUNT, True, id="words-of-the-account"),
        pytest.param(429, error("reached organization max RPM: 3"), {}, S.ORGANISATION, True, id="words-of-all"),
        pytest.param(429, error(code="1308"), {}, S.ACCOUNT, True, id="a-plans-code"),
        pytest.param(429, error(type="insufficient_quota"), {}, S.ACCOUNT, False, id="a-balance"),
        pytest.param(404, error(code="model_not_found"), {}, S.MODEL, True, id="no-such-model"),
        pytest.param(429, error(type="rate_limit_error"), {"anthropic-ratelimit-requests-remaining": "0"},
                     S.MODEL, True, id="headers-of-each-models-limits"),
        pytest.param(429, error(type="rate_limit_error"), {"anthropic-ratelimit-unified-5h-status": "rejected"},
                     S.ACCOUNT, True, id="headers-of-a-plan"),
    ],
)  # fmt: skip
def test_how_sure_a_scope_is(
    status: int, body: dict[str, object], headers: dict[str, str], scope: FaultScope, named: bool
) -> None:
    fault = classify(refusal(status, body, headers), context_of())
    assert (fault.scope, fault.confidence >= NAMED) == (scope, named), fault.evidence
