"""What Google's refusals mean: the rows of the project's provider sheet, its samples and its traps. The clock stands at
2026-11-20T12:00:00Z unless a test says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import START_MS
from tests.support.gemini_wire import PACIFIC, context_of
from tests.support.openai_wire import refusal

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.domain.routes import Billing
from trunkline.providers.gemini.wire import GEMINI

Json = dict[str, object]
MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
TOKENS = "GenerateContentInputTokensPerModelPerMinute-FreeTier"
TOKENS_METRIC = "generate_content_free_tier_input_token_count"
MINUTES, DAYS = Window.parse("60s"), Window.parse("day", PACIFIC)


def violation(quota_id: str, value: str | None, metric: str = "generate_content_free_tier_requests") -> Json:
    valued: Json = {} if value is None else {"quotaValue": value}
    return {
        "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
        "quotaId": quota_id,
        "quotaDimensions": {"location": "global", "model": "gemini-3.5-flash"},
        **valued,
    }


def quota_failure(*violations: Json) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(violations)}


def retry_info(delay: str) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def error_info(reason: str) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}


def error(code: int, status: str, message: str, *details: Json) -> Json:
    return {"error": {"code": code, "status": status, "message": message, "details": list(details)}}


def fault_of(status: int, body: object, *, now_ms: int = START_MS) -> Fault:
    return GEMINI.classify(refusal(status, body), context_of(now_ms=now_ms))


def exhausted(message: str, *details: Json, now_ms: int = START_MS) -> Fault:
    return fault_of(429, error(429, "RESOURCE_EXHAUSTED", message, *details), now_ms=now_ms)


def at_ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp() * 1000)


SAMPLE = """{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded … limit: 20 … Please retry in 26.1s.","details":[
 {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
  {"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier","quotaDimensions":{"location":"global","model":"gemini-3.5-flash"},"quotaValue":"5"},
  {"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaDimensions":{"location":"global","model":"gemini-3.5-flash"},"quotaValue":"20"}]},
 {"@type":"type.googleapis.com/google.rpc.Help","links":[]},
 {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"26s"}]}}"""  # noqa: E501


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in-an-array"])
def test_sample_gemini_429_the_day_wins_over_the_minute(wrapped: bool) -> None:
    body = f"[{SAMPLE}]" if wrapped else SAMPLE
    fault = fault_of(429, body.encode())
    assert (fault.kind, fault.scope) == (FaultKind.QUOTA_WINDOW, FaultScope.MODEL)
    midnight_ms = at_ms("2026-11-21T08:00:00")
    assert fault.usable_at_ms == midnight_ms
    assert fault.readings == (
        LimitReading(Metric.REQUESTS, MINUTES, 5, 0, None),
        LimitReading(Metric.REQUESTS, DAYS, 20, 0, midnight_ms),
    )


def test_a_minute_of_requests() -> None:
    fault = exhausted(
        "You exceeded your current quota.", quota_failure(violation(MINUTE, "5")), retry_info("47.123s")
    )
    assert (fault.kind, fault.scope) == (FaultKind.RATE_MINUTE, FaultScope.MODEL)
    assert fault.usable_at_ms == START_MS + 47_123
    assert fault.readings == (LimitReading(Metric.REQUESTS, MINUTES, 5, 0, START_MS + 47_123),)


@pytest.mark.parametrize(
    ("billing", "kind"),
    [(Billing.FREE, FaultKind.QUOTA_WINDOW), (Billing.CREDITS, FaultKind.BILLING)],
)
def test_plan_and_billing_without_details_is_an_allowance_where_nobody_pays(
    billing: Billing, kind: FaultKind
) -> None:
    text = "You exceeded your current quota, please check your plan and billing details."
    reply = refusal(429, error(429, "RESOURCE_EXHAUSTED", text))
    assert GEMINI.classify(reply, context_of(billing=billing)).kind is kind


def test_a_minute_of_input_tokens_may_have_some_left() -> None:
    fault = exhausted("Slow.", quota_failure(violation(TOKENS, "250000", TOKENS_METRIC)), retry_info("26s"))
    assert fault.kind is FaultKind.RATE_MINUTE
    assert fault.readings == (LimitReading(Metric.INPUT_TOKENS, MINUTES, 250_000, None, START_MS + 26_000),)


def test_an_allowance_of_all_models_is_the_accounts() -> None:
    whole: Json = {"quotaId": "GenerateRequestsPerDayPerProject", "quotaValue": "1000"}
    (reading,) = exhausted("Quota exceeded.", quota_failure(whole)).readings
    assert (reading.scope, reading.window, reading.amount) == (LimitScope.ACCOUNT, DAYS, 1_000)


@pytest.mark.parametrize(
    "junk",
    [{}, {"quotaId": 7}, {"quotaId": "PerDay"}, violation(TOKENS, "many", TOKENS_METRIC), violation(TOKENS, None),
     violation("SomethingElse", "5", "x")],
)  # fmt: skip
def test_violations_that_name_no_limit_are_left_out(junk: Json) -> None:
    assert exhausted("Quota exceeded.", quota_failure(junk)).readings == ()


@pytest.mark.parametrize(
    ("now", "details", "usable"),
    [
        ("2026-11-20T12:00:00", (), "2026-11-21T08:00:00"),
        ("2026-07-20T12:00:00", (), "2026-07-21T07:00:00"),
        ("2026-03-08T07:59:00", (), "2026-03-08T08:00:00"),
        ("2026-03-08T12:00:00", (), "2026-03-09T07:00:00"),
        ("2026-11-01T12:00:00", (), "2026-11-02T08:00:00"),
        ("2026-11-20T12:00:00", (retry_info("26s"),), "2026-11-21T08:00:00"),
        ("2026-11-20T12:00:00", (retry_info("43200s"),), "2026-11-21T00:00:00"),
        ("2026-11-20T12:00:00", (retry_info("NaNs"),), "2026-11-21T08:00:00"),
    ],
    ids=["winter", "summer", "minute-before-the-clock-changes", "spring-day-of-23-hours", "autumn-day-of-25-hours",
         "a-short-delay-is-the-minutes", "a-long-delay-is-the-days", "a-delay-that-is-junk"],
)  # fmt: skip
def test_the_day_ends_at_pacific_midnight(now: str, details: tuple[Json, ...], usable: str) -> None:
    fault = exhausted("Quota exceeded.", quota_failure(violation(DAY, "20")), *details, now_ms=at_ms(now))
    assert (fault.kind, fault.usable_at_ms) == (FaultKind.QUOTA_WINDOW, at_ms(usable))
    assert fault.readings[0].resets_at_ms == at_ms(usable)


def test_the_true_remaining_time_in_words() -> None:
    fault = exhausted("Quota exceeded. Please retry in 10h17m5.72s.", quota_failure(violation(DAY, "20")))
    assert fault.usable_at_ms == START_MS + 37_025_720


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("Quota exceeded for metric: generate_requests, limit: 0, model: gemini-3.1-pro", "20"),
        ("Quota exceeded.", "0"),
    ],
    ids=["in-words", "in-the-details"],
)
@pytest.mark.parametrize("quota_id", [MINUTE, DAY])
def test_trap_29_an_allowance_of_0_is_never(message: str, value: str, quota_id: str) -> None:
    fault = exhausted(message, quota_failure(violation(quota_id, value)), retry_info("26s"))
    assert (fault.kind, fault.scope) == (FaultKind.ENTITLEMENT, FaultScope.MODEL)
    assert (fault.usable_at_ms, fault.readings) == (None, ())


def test_a_limit_that_begins_with_0_is_not_0() -> None:
    assert exhausted("Quota exceeded, limit: 05.", retry_info("26s")).kind is FaultKind.RATE_MINUTE


AUTH, ENTITLEMENT, OVERLOADED = FaultKind.AUTH, FaultKind.ENTITLEMENT, FaultKind.OVERLOADED
MODEL, ACCOUNT, REQUEST = FaultScope.MODEL, FaultScope.ACCOUNT, FaultScope.REQUEST


@pytest.mark.parametrize(
    ("status", "body", "kind", "scope"),
    [
        pytest.param(
            400, error(400, "INVALID_ARGUMENT", "API key not valid…", error_info("API_KEY_INVALID")),
            AUTH, ACCOUNT, id="trap-30-sample-key-invalid-on-400"),
        pytest.param(
            400, error(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.",
                       error_info("API_KEY_INVALID")), AUTH, ACCOUNT, id="trap-30-key-expired"),
        pytest.param(
            400, error(400, "INVALID_ARGUMENT",
                       "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
            FaultKind.CONTEXT, REQUEST, id="too-long"),
        pytest.param(
            400, error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            ENTITLEMENT, ACCOUNT, id="country"),
        pytest.param(
            400, error(400, "FAILED_PRECONDITION", "The free tier is not available. Please enable billing."),
            ENTITLEMENT, ACCOUNT, id="billing-needed"),
        pytest.param(
            400, error(400, "INVALID_ARGUMENT", "Function call is missing a thought_signature."),
            FaultKind.BAD_REQUEST, REQUEST, id="our-mistake"),
        pytest.param(401, error(401, "UNAUTHENTICATED", "Invalid credentials."), AUTH, ACCOUNT, id="401"),
        pytest.param(
            403, error(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), AUTH, ACCOUNT, id="leaked"),
        pytest.param(
            403, error(403, "PERMISSION_DENIED", "Generative Language API has not been used in project 1 before.",
                       error_info("SERVICE_DISABLED")), AUTH, ACCOUNT, id="api-not-enabled"),
        pytest.param(
            429, error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
            FaultKind.RATE_MINUTE, MODEL, id="exhausted-without-details"),
        pytest.param(
            429, error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
            FaultKind.BILLING, ACCOUNT, id="no-credit"),
        pytest.param(
            429, error(429, "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap."),
            FaultKind.BILLING, ACCOUNT, id="spending-cap"),
        pytest.param(500, error(500, "INTERNAL", "An internal error has occurred."), OVERLOADED, MODEL, id="500"),
        pytest.param(503, error(503, "UNAVAILABLE", "The model is overloaded."), OVERLOADED, MODEL, id="overloaded"),
        pytest.param(
            503, error(503, "UNAVAILABLE", "This model is currently experiencing high demand."),
            OVERLOADED, MODEL, id="high-demand"),
        pytest.param(
            504, error(504, "DEADLINE_EXCEEDED", "The prompt is too big for the time."), OVERLOADED, MODEL, id="504"),
    ],
)  # fmt: skip
def test_every_row_of_the_sheet(status: int, body: object, kind: FaultKind, scope: FaultScope) -> None:
    for form in (body, [body]):
        fault = fault_of(status, form)
        assert (fault.kind, fault.scope, fault.http_status) == (kind, scope, status)
        assert fault.usable_at_ms is None


def test_sample_a_model_that_is_gone() -> None:
    body = [
        {"error": {"code": 404, "status": "NOT_FOUND", "message": "models/gemini-2.0-flash is not found"}}
    ]
    fault = fault_of(404, body)
    assert (fault.kind, fault.scope, fault.code) == (ENTITLEMENT, MODEL, FaultCode.MODEL_GONE)


@given(
    details=st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["violations", "quotaId", "quotaMetric", "quotaValue", "quotaDimensions", "retryDelay"]),
            inner | st.sampled_from([DAY, MINUTE, TOKENS, "0", "26s"]), max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_no_details_make_it_raise(details: object) -> None:
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": details}}
    fault = fault_of(429, body)
    assert fault.kind in (FaultKind.RATE_MINUTE, FaultKind.QUOTA_WINDOW, ENTITLEMENT)
