"""What refusals mean, beyond the samples (`test_wire_samples`) and the tables of codes (`test_refusals_rows`): waits,
zones, readings, pages that are nobody's. Numbers of traps are those of the provider sheet. The clock stands at
2026-11-20T12:00:00Z."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.clock import START_MS
from tests.support.openai_wire import context_of, refusal

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading, LimitScope, Metric, Window
from trunkline.domain.routes import Billing, Quirks
from trunkline.providers.refusals.classify import classify


def fault_of(
    status: int,
    body: object,
    headers: dict[str, str] | None = None,
    *,
    billing: Billing = Billing.CREDITS,
    quirks: Quirks | None = None,
) -> Fault:
    return classify(refusal(status, body, headers), context_of(billing=billing, quirks=quirks))


def at_ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp() * 1000)


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


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1500),
        ({"retry-after": "2.5"}, 2500),
        ({"retry-after": format_datetime(datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC), usegmt=True)}, 30_000),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3000),
        ({"retry-after": "3, 3"}, 3000),
        ({"retry-after": "3, 5"}, 5000),
        ({"retry-after": "3, soon"}, None),
        *(({"retry-after": junk}, None) for junk in ("", "soon", "-1", "0", "nan", "inf", "1e999", "9" * 30, "40000000",
                                                      "Thu, 99 Foo 2026 12:00:00 GMT", "1٣")),
        ({"retry-after": format_datetime(datetime(2026, 11, 20, 11, 0, tzinfo=UTC), usegmt=True)}, None),
    ],
)  # fmt: skip
def test_trap_16_retry_after_in_every_form_and_junk(headers: dict[str, str], wait_ms: int | None) -> None:
    fault = fault_of(429, error(code="rate_limit_exceeded", message="slow"), headers)
    assert fault.usable_at_ms == (None if wait_ms is None else START_MS + wait_ms)


@pytest.mark.parametrize(
    ("text", "wait_ms"),
    [
        ("Please try again in 5.289s.", 5289),
        ("Please try again in 6m0s. Visit", 360_000),
        ("Please try again in 120ms.", 120),
        ("please try again after 1 seconds", 1000),
        ("Please retry in 10h17m5.72s.", 37_025_720),
        ("Try again in 2 hours 5 minutes", 7_500_000),
        ("resets at 2026-11-20T12:10:00Z", 600_000),
        ("will reset at 2026-11-20 13:10:00 UTC", 4_200_000),
        ("will reset on 2026-11-20T21:10:00+09:00", 600_000),
        ("resets at 2026-11-19T12:10:00Z", None),
        ("try again in 5 parsecs", None),
        ("try again in 99999999h", None),
        ("try again later", None),
    ],
)
def test_waits_in_words(text: str, wait_ms: int | None) -> None:
    fault = fault_of(429, error(code="rate_limit_exceeded", message=text))
    assert fault.usable_at_ms == (None if wait_ms is None else START_MS + wait_ms)


def test_prose_time_without_a_zone_is_in_the_providers() -> None:
    text = "Usage limit reached, resets at 2026-11-20 22:00:00"
    assert fault_of(429, error(message=text)).usable_at_ms == at_ms("2026-11-20T22:00:00")
    tokyo = fault_of(429, error(message=text), quirks=Quirks(zone="Asia/Tokyo"))
    assert tokyo.usable_at_ms == at_ms("2026-11-20T13:00:00")


def test_a_gateways_short_wait_does_not_hide_an_allowances_reset() -> None:
    text = "Usage limit reached for 5 hour. Your limit will reset at 2026-11-21 05:38:28"
    fault = fault_of(429, error(code="1308", message=text), {"retry-after": "2"})
    assert fault.message == "quota limit hit, resets at 2026-11-20T21:38:28Z"


def test_trap_32_subscription_back_end() -> None:
    body = {
        "error": {
            "type": "usage_limit_reached",
            "message": "The usage limit has been reached",
            "resets_at": 1795186800,
        }
    }
    fault = fault_of(429, body, billing=Billing.SUBSCRIPTION)
    assert (fault.kind, fault.scope, fault.usable_at_ms) == (QUOTA, ACCOUNT, 1795186800_000)
    body["error"] = {"type": "usage_limit_reached", "message": "m", "resets_in_seconds": 90}
    assert fault_of(429, body).usable_at_ms == START_MS + 90_000


def test_geminis_day_wins_over_its_minute() -> None:
    quota_ids = [
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    ]
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": q} for q in quota_ids],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "26s"},
    ]
    body = [
        error(code=429, status="RESOURCE_EXHAUSTED", message="Quota exceeded … limit: 20", details=details)
    ]
    fault = fault_of(429, body, billing=Billing.FREE, quirks=Quirks(zone="America/Los_Angeles"))
    assert (fault.kind, fault.usable_at_ms) == (QUOTA, at_ms("2026-11-21T08:00:00"))
    del details[0]["violations"][1]  # type: ignore[union-attr]  # the minute alone
    assert fault_of(429, body).usable_at_ms == START_MS + 26_000


def test_geminis_words_about_a_minute_are_not_about_money() -> None:
    text = "You exceeded your current quota, * Quota exceeded for metric: x, limit: 5 Please retry in"
    minute = fault_of(429, [error(code=429, status="RESOURCE_EXHAUSTED", message=f"{text} 26.1s.")])
    assert (minute.kind, minute.usable_at_ms) == (RATE, START_MS + 26_100)
    day = fault_of(429, [error(code=429, status="RESOURCE_EXHAUSTED", message=f"{text} 10h17m5.72s.")])
    assert (day.kind, day.usable_at_ms) == (QUOTA, START_MS + 37_025_720)


def test_trap_24_the_free_allowance_is_told_as_what_it_is() -> None:
    metadata = {"headers": {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}}
    body = error(
        code=429, message="Rate limit exceeded: free-models-per-day. Add 10 credits", metadata=metadata
    )
    fault = fault_of(429, body)
    midnight_ms = at_ms("2026-11-21T00:00:00")
    day = Window.parse("day")
    assert ":free model of the account" in fault.evidence
    assert fault.usable_at_ms == midnight_ms
    told = LimitReading(Metric.REQUESTS, day, 50, 0, midnight_ms, LimitScope.ACCOUNT, model="*:free")
    assert fault.readings == (told,)
    in_headers = {
        "x-ratelimit-limit": "50",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1795219200000",
    }
    assert fault_of(429, error(code=429, message="free-models-per-day"), in_headers).readings == (told,)
    unsaid = fault_of(429, error(code=429, message="free-models-per-day"))
    assert unsaid.readings == (replace(told, amount=None),)


def test_trap_24_the_free_allowance_of_the_minute() -> None:
    metadata = {"headers": {"X-RateLimit-Limit": "20", "X-RateLimit-Reset": str(START_MS + 9_000)}}
    fault = fault_of(
        429, error(code=429, message="Rate limit exceeded: free-models-per-min", metadata=metadata)
    )
    assert (fault.kind, fault.scope, fault.usable_at_ms) == (RATE, MODEL, START_MS + 9_000)
    minute = Window.parse("60s")
    assert fault.readings == (
        LimitReading(Metric.REQUESTS, minute, 20, 0, START_MS + 9_000, LimitScope.ACCOUNT, model="*:free"),
    )


def test_a_refusal_teaches_its_limit() -> None:
    text = "Rate limit reached for m in organization o on tokens per min (TPM): Limit 30000, Used 29000."
    fault = fault_of(429, error(message=text, code="rate_limit_exceeded"))
    minute = Window.parse("60s")
    assert fault.readings == (LimitReading(Metric.TOTAL_TOKENS, minute, 30_000, 1_000, None),)


def test_headers_say_that_the_day_is_used_up() -> None:
    headers = {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "2h0m0s",
        "x-ratelimit-remaining-tokens": "6000",
    }
    fault = fault_of(
        429,
        error(code="rate_limit_exceeded", message="Rate limit"),
        headers,
        quirks=Quirks(requests_window="1d"),
    )
    assert (fault.kind, fault.usable_at_ms) == (QUOTA, START_MS + 7_200_000)
    assert len(fault.readings) == 2


@pytest.mark.parametrize("status", [200, 302, 403, 404, 407, 511])
def test_a_web_page_is_not_the_provider(status: int) -> None:
    page = b"\n<!DOCTYPE html><html><body>Sign in to Cafe WiFi</body></html>"
    fault = fault_of(status, page, {"content-type": "text/html; charset=utf-8"})
    assert (fault.kind, fault.scope, fault.code) == (FaultKind.NETWORK, FaultScope.PROVIDER, FaultCode.PORTAL)


def test_a_gateways_5xx_page_is_the_provider_failing() -> None:
    fault = fault_of(
        502, b"<html><head><title>502 Bad Gateway</title></head></html>", {"content-type": "text/html"}
    )
    assert (fault.kind, fault.scope) == (OVERLOADED, MODEL)


def test_should_retry_makes_an_unexplained_refusal_transient() -> None:
    assert fault_of(400, b"", {"x-should-retry": "true"}).kind is OVERLOADED
    assert fault_of(400, b"", {"x-should-retry": "false"}).kind is FaultKind.BAD_REQUEST


@pytest.mark.parametrize("billing", list(Billing))
def test_only_money_is_called_out_of_credit(billing: Billing) -> None:
    quota = fault_of(429, error(code="1308", message="used"), billing=billing)
    assert quota.message == "quota limit hit, no reset stated"
    plan = fault_of(429, error(code="1309", message="expired"), billing=billing)
    assert plan.message == "the plan has expired"


def test_the_providers_words_are_stripped_and_redacted() -> None:
    key = "sk-abcdefghijklmnopqrstuvwxyz"
    fault = fault_of(401, error(message=f"Incorrect API key provided: {key}\x1b[2J", code=key))
    assert "abcdefghij" not in repr(fault)
    assert "\x1b" not in fault.provider_text
    assert fault.provider_text.startswith("Incorrect API key provided")


@given(status=st.integers(100, 599), body=st.binary(max_size=80), hint=st.text(max_size=20))
def test_nothing_makes_it_raise(status: int, body: bytes, hint: str) -> None:
    headers = {"retry-after": hint, "retry-after-ms": hint, "x-ratelimit-reset": hint, "content-type": hint}
    fault = fault_of(status, body, headers)
    assert fault.usable_at_ms is None or fault.usable_at_ms > START_MS


@example("1e-4")
@given(hint=st.text("0123456789.-+ehmsd: TZ", max_size=24))
def test_no_hint_is_before_now_or_absurd(hint: str) -> None:
    fault = fault_of(429, error(message=f"resets at {hint}, try again in {hint}"), {"retry-after": hint})
    assert fault.usable_at_ms is None or 0 < fault.usable_at_ms - START_MS <= 400 * 86_400_000
