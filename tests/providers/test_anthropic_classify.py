"""What Anthropic's refusals mean, row by row of the project's provider sheet, with the headers that come along, and
those of Z.AI's and MiniMax's Anthropic routes. The clock stands at 2026-11-20T12:00:00Z."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support.anthropic_wire import context_of
from tests.support.clock import START_MS
from tests.support.openai_wire import refusal

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import LimitScope, Metric
from trunkline.domain.routes import Billing
from trunkline.providers.anthropic.wire import ANTHROPIC

RATE, QUOTA, BILLING, OVERLOADED, CONTEXT = (
    FaultKind.RATE_MINUTE,
    FaultKind.QUOTA_WINDOW,
    FaultKind.BILLING,
    FaultKind.OVERLOADED,
    FaultKind.CONTEXT,
)
ENTITLEMENT = FaultKind.ENTITLEMENT
REQUEST, MODEL, ACCOUNT, ORGANISATION = (
    FaultScope.REQUEST,
    FaultScope.MODEL,
    FaultScope.ACCOUNT,
    FaultScope.ORGANISATION,
)
HOUR_MS = 3_600_000


def at_ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp() * 1000)


def error(
    kind: str, message: str = "…", error_code: str | None = None, **fields: object
) -> dict[str, object]:
    details = None if error_code is None else {"error_code": error_code}
    inner = {"type": kind, "message": message, "details": details, **fields}
    return {"type": "error", "error": inner, "request_id": "req_1"}


def fault_of(
    status: int, body: object, headers: dict[str, str] | None = None, billing: Billing = Billing.CREDITS
) -> Fault:
    return ANTHROPIC.classify(refusal(status, body, headers), context_of(billing=billing))


MONTH_END_MS = at_ms("2026-12-01T00:00:00")
BAD = "invalid_request_error"
LIMIT = "rate_limit_error"

TABLE = [
    pytest.param(400, error(BAD, "prompt is too long: 210000 tokens > 200000 maximum"), CONTEXT, REQUEST,
                 id="400-too-long"),
    pytest.param(400, error(BAD, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, "
                                 "decrease input length or `max_tokens` and try again"), CONTEXT, REQUEST,
                 id="400-no-room-for-the-answer"),
    pytest.param(400, error(BAD, "Your credit balance is too low to access the Anthropic API."), BILLING, ACCOUNT,
                 id="trap 20: empty balance is a 400"),
    pytest.param(400, error(BAD, "max_tokens: Field required"), FaultKind.BAD_REQUEST, REQUEST, id="400-other"),
    pytest.param(401, error("authentication_error", "invalid x-api-key"), FaultKind.AUTH, ACCOUNT, id="401"),
    pytest.param(402, error("billing_error", "Payment required"), BILLING, ACCOUNT, id="402"),
    pytest.param(403, error("permission_error", "Not allowed to use this model"), ENTITLEMENT, MODEL, id="403"),
    pytest.param(404, error("not_found_error", "model: claude-3-5-sonnet-20241022"), ENTITLEMENT, MODEL, id="404"),
    pytest.param(409, error("conflict_error", "Conflict"), OVERLOADED, MODEL, id="409"),
    pytest.param(413, error("request_too_large", "Request exceeds the maximum size"), CONTEXT, REQUEST, id="413"),
    pytest.param(413, b"<html><body>413 Payload Too Large</body></html>", FaultKind.NETWORK, FaultScope.PROVIDER,
                 id="413-as-a-page-of-whoever-stands-between"),
    pytest.param(413, b"Request Entity Too Large", CONTEXT, REQUEST, id="413-not-json"),
    pytest.param(429, error(LIMIT), RATE, MODEL, id="429"),
    pytest.param(429, error(LIMIT, error_code="ramp_limit_exceeded"), RATE, MODEL, id="429-ramp"),
    pytest.param(429, error(LIMIT, error_code="enforced_spend_limit_reached"), BILLING, ORGANISATION,
                 id="429-spend-limit-of-the-tier"),
    pytest.param(429, error(LIMIT, error_code="contract_spend_limit_reached"), BILLING, ORGANISATION,
                 id="429-spend-limit-of-the-contract"),
    pytest.param(402, error("billing_error", error_code="linked_organization_spend_limit_reached"), BILLING,
                 ORGANISATION, id="402-spend-limit-of-another-organisation"),
    pytest.param(429, error(LIMIT, error_code="linked_organization_spend_limit_reached"), BILLING, ORGANISATION,
                 id="429-the-same"),
    pytest.param(429, error(LIMIT, error_code="organization_on_hold"), BILLING, ORGANISATION, id="429-on-hold"),
    pytest.param(429, error(LIMIT, "Usage credits are required for long context requests."), CONTEXT, REQUEST,
                 id="429-that-waiting-will-not-help"),
    pytest.param(500, error("api_error", "Internal server error"), OVERLOADED, MODEL, id="500"),
    pytest.param(504, error("timeout_error", "Timed out"), OVERLOADED, MODEL, id="504"),
    pytest.param(529, error("overloaded_error", "Overloaded"), OVERLOADED, MODEL, id="529"),
    pytest.param(529, b"", OVERLOADED, MODEL, id="529-without-a-body"),
    pytest.param(500, error("api_error", "insufficient balance (1008)"), BILLING, ACCOUNT,
                 id="trap 13(b): MiniMax's empty balance is a 500"),
    pytest.param(429, error(LIMIT, "rate limit (1002)"), RATE, MODEL, id="minimax-pace"),
    pytest.param(429, error("1113", "[1113][Insufficient balance][r]", code="1113"), BILLING, ACCOUNT,
                 id="trap 10: zai"),
    pytest.param(429, error(LIMIT, "[1302][Rate limit reached][r]", code="1302"), RATE, MODEL, id="zai-pace"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "scope"), TABLE)
def test_the_error_table(status: int, body: object, kind: FaultKind, scope: FaultScope) -> None:
    fault = fault_of(status, body)
    assert (fault.kind, fault.scope, fault.http_status) == (kind, scope, status)


def test_a_model_that_is_gone_is_told_as_such() -> None:
    fault = fault_of(404, error("not_found_error", "model: claude-3-5-sonnet-20241022"))
    assert fault.code == FaultCode.MODEL_GONE
    assert fault.provider_text == "model: claude-3-5-sonnet-20241022"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(error(LIMIT, error_code="enforced_spend_limit_reached"), "enforced_spend_limit_reached",
                     id="code"),
        pytest.param(
            error(BAD, "You have reached your specified API usage limits. You will regain access on 2026-12-01 at "
                       "00:00 UTC."), BAD, id="text"),
        pytest.param(error(BAD, "You have reached your specified workspace API usage limits."), BAD, id="workspace"),
    ],
)  # fmt: skip
def test_a_spending_limit_ends_with_the_month(body: object, code: str) -> None:
    fault = fault_of(429 if code != BAD else 400, body)
    assert (fault.kind, fault.usable_at_ms) == (BILLING, MONTH_END_MS)
    assert "credit" not in fault.message
    assert "2026-12-01" in fault.message


@pytest.mark.parametrize(
    ("body", "headers", "wait_ms"),
    [
        pytest.param(error(LIMIT), {"retry-after": "17"}, 17_000, id="seconds"),
        pytest.param(error(LIMIT), {"retry-after-ms": "250", "retry-after": "1"}, 250, id="milliseconds"),
        pytest.param(
            error(LIMIT, error_code="ramp_limit_exceeded"), {"retry-after": "60"}, 60_000, id="ramp"
        ),
        pytest.param(
            error(LIMIT), {"retry-after": "Fri, 20 Nov 2026 12:00:05 GMT"}, 5_000, id="trap 16: a date"
        ),
        pytest.param(error(LIMIT), {"retry-after": "soon"}, None, id="junk"),
        pytest.param(error(LIMIT), {}, None, id="none"),
    ],
)
def test_when_to_come_again(body: object, headers: dict[str, str], wait_ms: int | None) -> None:
    fault = fault_of(429, body, headers)
    assert fault.kind is RATE
    assert fault.usable_at_ms == (None if wait_ms is None else START_MS + wait_ms)


def test_a_minutes_refusal_brings_the_limits_of_the_minute() -> None:
    headers = {"retry-after": "12", "anthropic-ratelimit-input-tokens-limit": "30000",
               "anthropic-ratelimit-input-tokens-remaining": "0",
               "anthropic-ratelimit-input-tokens-reset": "2026-11-20T12:00:12Z"}  # fmt: skip
    fault = fault_of(429, error(LIMIT, "This request would exceed your organization's rate limit"), headers)
    assert (fault.kind, fault.scope, fault.usable_at_ms) == (RATE, MODEL, START_MS + 12_000)
    (reading,) = fault.readings
    assert (reading.metric, reading.amount, reading.remaining) == (Metric.INPUT_TOKENS, 30_000, 0)


def epoch_s(in_hours: int) -> str:
    return str((START_MS + in_hours * HOUR_MS) // 1000)


def unified(status: str, *, five_hours: str, week: str, reset_in_hours: int = 2) -> dict[str, str]:
    """A plan's headers; the reset without a window's name is that of the window which decides."""
    prefix = "anthropic-ratelimit-unified-"
    return {prefix + "status": status, prefix + "reset": epoch_s(reset_in_hours),
            prefix + "5h-utilization": five_hours, prefix + "5h-reset": epoch_s(2),
            prefix + "7d-utilization": week, prefix + "7d-reset": epoch_s(90)}  # fmt: skip


REFUSED = error(LIMIT, "This request would exceed your account's rate limit. Please try again later.")


@pytest.mark.parametrize(
    ("headers", "wait_hours"),
    [
        pytest.param({**unified("rejected", five_hours="1", week="0.4"), "retry-after": "7200"}, 2, id="5h"),
        pytest.param(unified("rejected", five_hours="1", week="0.4"), 2, id="5h-without-retry-after"),
        pytest.param(unified("rejected", five_hours="0.2", week="1.0", reset_in_hours=90), 90, id="7d"),
        pytest.param(unified("rejected", five_hours="0.99", week="0.4"), 2, id="no-figure-at-its-end"),
    ],
)
def test_a_plans_window_used_up_stops_the_account_until_its_reset(
    headers: dict[str, str], wait_hours: int
) -> None:
    fault = fault_of(429, REFUSED, headers, Billing.SUBSCRIPTION)
    assert (fault.kind, fault.scope) == (QUOTA, ACCOUNT)
    assert fault.usable_at_ms == START_MS + wait_hours * HOUR_MS
    assert "quota limit hit, resets at" in fault.message
    assert {reading.scope for reading in fault.readings} == {LimitScope.ACCOUNT}


def test_a_burst_within_a_plan_is_not_its_window() -> None:
    headers = {**unified("allowed", five_hours="0.3", week="0.4"), "retry-after": "5"}
    fault = fault_of(429, error(LIMIT, "Rate limited"), headers, Billing.SUBSCRIPTION)
    assert (fault.kind, fault.scope, fault.usable_at_ms) == (RATE, MODEL, START_MS + 5_000)


@pytest.mark.parametrize(
    ("message", "reset"),
    [
        pytest.param("[1308][Usage limit reached for 5 hour. Your limit will reset at 2026-11-21 05:38:28][r]",
                     "2026-11-20T21:38:28", id="trap 11: zai, Beijing time"),
        pytest.param("usage limit exceeded … resets at 2026-11-20T20:00:00Z (2056)", "2026-11-20T20:00:00",
                     id="minimax"),
    ],
)  # fmt: skip
def test_plans_of_the_other_anthropic_routes(message: str, reset: str) -> None:
    fault = fault_of(429, error(LIMIT, message), billing=Billing.SUBSCRIPTION)
    assert (fault.kind, fault.scope, fault.usable_at_ms) == (QUOTA, ACCOUNT, at_ms(reset))


def test_provider_text_is_cleaned() -> None:
    fault = fault_of(401, error("authentication_error", "bad key sk-ant-api03-abcdefghijkl \x1b[31mred"))
    assert fault.provider_text == "bad key ••• red"
