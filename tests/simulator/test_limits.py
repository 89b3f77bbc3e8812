from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.simulator.worlds import calling, world
from tests.support.clock import FakeClock

TWO_A_MINUTE = {"metric": "requests", "amount": 2, "window": "60s"}


async def test_a_rolling_window_takes_exactly_its_amount_and_frees_each_request_after_its_length() -> None:
    clock = FakeClock()
    async with calling(world(TWO_A_MINUTE), clock=clock) as caller:
        first = await caller.ask()
        clock.advance(10_000)
        second = await caller.ask()
        refused = await caller.ask()
        clock.advance(49_999)
        still_refused = await caller.ask()
        clock.advance(1)
        third = await caller.ask()
        fourth = await caller.ask()
    assert [r.status for r in (first, second, refused, still_refused, third, fourth)] == [
        200,
        200,
        429,
        429,
        200,
        429,
    ]
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-reset-requests"] == "1m0s"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["retry-after"] == "50"
    error = refused.body["error"]
    assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
    assert (
        "requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again in 50s." in error["message"]
    )


async def test_sixty_at_once_get_exactly_the_allowance() -> None:
    async with calling(world({"metric": "requests", "amount": 20, "window": "60s"})) as caller:
        replies = await asyncio.gather(*(caller.ask(f"number {n}") for n in range(60)))
    assert sorted(reply.status for reply in replies) == [200] * 20 + [429] * 40


async def test_a_calendar_day_ends_at_midnight_of_its_zone_and_is_told_as_a_day() -> None:
    clock = FakeClock()  # noon UTC, eight in the evening in Shanghai
    limit = {"metric": "requests", "amount": 1, "window": "day", "zone": "Asia/Shanghai"}
    async with calling(world(limit), clock=clock) as caller:
        await caller.ask()
        refused = await caller.ask()
        clock.advance(4 * 3_600_000)
        after = await caller.ask()
    assert refused.status == 429
    assert "requests per day (RPD)" in refused.body["error"]["message"]
    assert refused.headers["retry-after"] == str(4 * 3600)
    assert after.status == 200


async def test_a_session_begins_with_its_first_request_and_a_balance_never_renews() -> None:
    clock = FakeClock()
    session = {"metric": "requests", "amount": 1, "window": "session:5h"}
    async with calling(world(session), clock=clock) as caller:
        clock.advance(3_600_000)
        statuses = [(await caller.ask()).status, (await caller.ask()).status]
        clock.advance(5 * 3_600_000)
        statuses.append((await caller.ask()).status)
    assert statuses == [200, 429, 200]
    async with calling(
        world({"metric": "requests", "amount": 1, "window": "balance"}), clock=clock
    ) as caller:
        await caller.ask()
        clock.advance(90 * 86_400_000)
        refused = await caller.ask()
    assert refused.status == 429
    assert "retry-after" not in refused.headers


async def test_tokens_count_input_when_admitted_and_output_when_written() -> None:
    async with calling(world({"metric": "tokens", "amount": 120, "window": "60s"})) as caller:
        reply = await caller.ask("x" * 40, max_tokens=30)
        usage = reply.body["usage"]
        headers = (await caller.ask("x" * 40, max_tokens=1)).headers
        refused = await caller.ask("x" * 400)
    assert usage["total_tokens"] == usage["prompt_tokens"] + 30
    assert (
        int(headers["x-ratelimit-remaining-tokens"]) == 120 - usage["total_tokens"] - usage["prompt_tokens"]
    )
    assert refused.status == 429
    assert refused.body["error"]["type"] == "tokens"


async def test_concurrency_is_given_back_when_a_stream_ends() -> None:
    models = {"m": {"first_token_ms": 40}}
    limit = {"metric": "concurrency", "amount": 2}
    async with calling(world(limit, models=models)) as caller:
        together = await asyncio.gather(*(caller.ask(f"n {n}", stream=True) for n in range(5)))
        after = await caller.ask(stream=True)
    assert sorted(reply.status for reply in together) == [200, 200, 429, 429, 429]
    assert after.status == 200


@pytest.mark.parametrize(
    ("scope", "statuses"),
    [
        ("account", [200, 429, 200, 429]),
        ("model", [200, 200, 200, 200]),
        ("organisation", [200, 429, 429, 429]),
    ],
)
async def test_who_shares_a_limit_is_its_scope(scope: str, statuses: list[int]) -> None:
    limits = [{"metric": "requests", "amount": 1, "window": "60s", "scope": scope}]
    accounts = [
        {"id": name, "key": f"key-{name}", "organisation": "us", "limits": limits} for name in ("a", "b")
    ]
    description = world(accounts=accounts, models={"m": {}, "n": {}})
    async with calling(description) as caller:
        asked = [("key-a", "m"), ("key-a", "n"), ("key-b", "m"), ("key-b", "n")]
        found = [(await caller.ask(key=key, model=model)).status for key, model in asked]
    assert found == statuses


async def test_groq_reports_requests_of_the_day_and_tokens_of_the_minute() -> None:
    limits = (
        {"metric": "requests", "amount": 30, "window": "60s"},
        {"metric": "requests", "amount": 1000, "window": "day"},
        {"metric": "tokens", "amount": 12000, "window": "60s"},
    )
    async with calling(world(*limits, style="groq", headers="groq")) as caller:
        reply = await caller.ask()
    assert reply.headers["x-ratelimit-limit-requests"] == "1000"
    assert reply.headers["x-ratelimit-limit-tokens"] == "12000"


REFUSALS: list[tuple[str, int, Any]] = [
    ("openai", 429, lambda body: body["error"]["code"] == "rate_limit_exceeded"),
    (
        "groq",
        429,
        lambda body: body["error"]["code"] == "rate_limit_exceeded" and "param" not in body["error"],
    ),
    ("zai", 429, lambda body: body == {"error": {"code": "1302", "message": "Rate limit reached"}}),
    ("moonshot", 429, lambda body: body["error"]["type"] == "rate_limit_reached_error"),
    ("openrouter", 429, lambda body: body["error"]["metadata"]["headers"]["X-RateLimit-Remaining"] == "0"),
    ("minimax", 200, lambda body: body["choices"] is None and body["base_resp"]["status_code"] == 1002),
]


@pytest.mark.parametrize(("style", "status", "fits"), REFUSALS)
async def test_each_style_words_a_limit_its_own_way(style: str, status: int, fits: Any) -> None:
    limit = {"metric": "requests", "amount": 0, "window": "60s"}
    async with calling(world(limit, style=style, headers="none", retry_after=False)) as caller:
        reply = await caller.ask()
    assert reply.status == status
    assert fits(reply.body), reply.body
    assert not any(name.startswith(("x-ratelimit", "retry-after")) for name in reply.headers)


async def test_zai_tells_a_long_windows_reset_in_beijing_time() -> None:
    clock = FakeClock()
    limit = {"metric": "requests", "amount": 1, "window": "session:5h"}
    async with calling(world(limit, style="zai"), clock=clock) as caller:
        await caller.ask()
        refused = await caller.ask()
    assert refused.body["error"]["code"] == "1308"
    assert refused.body["error"]["message"].endswith("Your limit will reset at 2026-11-21 01:00:00")
