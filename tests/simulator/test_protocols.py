"""Each protocol and style as bytes: framing, refusals, headers, account endpoints, and every fault at each."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest
from tests.simulator.worlds import Reply, calling, world
from tests.support.clock import FakeClock

from trunkline.simulator.server import Simulator

CHAT = {
    "openai": ("v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}),
    "anthropic": (
        "v1/messages",
        {"model": "m", "max_tokens": 400, "messages": [{"role": "user", "content": "Hi"}]},
    ),
    "gemini": (
        "v1beta/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    ),
}
HEADERS = {"authorization": "Bearer key-a", "anthropic-version": "2023-06-01", "x-goog-api-key": "key-a"}


async def send(
    simulator: Simulator, protocol: str, *, stream: bool = False, path: str | None = None, headers: Any = None
) -> Reply:
    """One question in that protocol."""
    usual, body = CHAT[protocol]
    if stream and protocol == "gemini":
        usual = "v1beta/models/m:streamGenerateContent?alt=sse"
    elif stream:
        body = body | {"stream": True}
    url = f"{simulator.root_url('p')}/{path or usual}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers=headers or HEADERS) as reply,
    ):
        return Reply(reply.status, {n.lower(): v for n, v in reply.headers.items()}, await reply.read())


STREAMS = {
    "openai": (b'data: {"id"', b"data: [DONE]\n\n"),
    "anthropic": (b"event: message_start\n", b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    "gemini": (b'data: {"candidates"', b"\r\n\r\n"),
}


@pytest.mark.parametrize("protocol", CHAT)
async def test_streams_begin_and_end_as_theirs_do(protocol: str) -> None:
    async with calling(world(protocol=protocol)) as caller:
        raw = (await send(caller.simulator, protocol, stream=True)).raw
    begins, ends = STREAMS[protocol]
    assert raw.startswith(begins)
    assert raw.endswith(ends)
    assert (b"[DONE]" in raw) is (protocol == "openai")


@pytest.mark.parametrize("protocol", CHAT)
async def test_dripping_loses_nothing_and_cuts_events(protocol: str) -> None:
    async with calling(world(protocol=protocol, models={"m": {"output_tokens": 60}})) as caller:
        whole = await send(caller.simulator, protocol, stream=True)
        caller.simulator.control.add_faults([{"kind": "drip", "bytes": 5}])
        dripped = await send(caller.simulator, protocol, stream=True)
    assert len(dripped.raw) == len(whole.raw)


FAULTS = [
    ({"kind": "http"}, {"openai": 503, "anthropic": 503, "gemini": 503}, "overloaded"),
    ({"kind": "limited"}, {"openai": 429, "anthropic": 429, "gemini": 429}, "limit"),
    ({"kind": "key_revoked"}, {"openai": 401, "anthropic": 401, "gemini": 400}, "key"),
    ({"kind": "not_found"}, {"openai": 404, "anthropic": 404, "gemini": 404}, "m"),
    ({"kind": "context"}, {"openai": 400, "anthropic": 400, "gemini": 400}, "tokens"),
    ({"kind": "content"}, {"openai": 400, "anthropic": 400, "gemini": 200}, "poli|prohibited"),
    ({"kind": "error_in_stream"}, {"openai": 200, "anthropic": 200, "gemini": 200}, "overloaded"),
    ({"kind": "malformed_event"}, {"openai": 200, "anthropic": 200, "gemini": 200}, ":\n|\\[\r\n"),
    ({"kind": "cut"}, {"openai": 200, "anthropic": 200, "gemini": 200}, ""),
    ({"kind": "no_finish"}, {"openai": 200, "anthropic": 200, "gemini": 200}, ""),
    ({"kind": "empty_answer"}, {"openai": 200, "anthropic": 200, "gemini": 200}, "stop|end_turn"),
]


@pytest.mark.parametrize(
    ("fault", "statuses", "said"), FAULTS, ids=[str(fault["kind"]) for fault, _, _ in FAULTS]
)
@pytest.mark.parametrize("protocol", CHAT)
async def test_faults_strike_every_protocol_in_its_own_words(
    protocol: str, fault: dict[str, Any], statuses: dict[str, int], said: str
) -> None:
    async with calling(world(protocol=protocol, faults=(fault,))) as caller:
        reply = await send(caller.simulator, protocol, stream=True)
    text = reply.raw.decode().lower()
    assert reply.status == statuses[protocol]
    assert any(word in text for word in said.replace("\\[", "[").split("|"))
    if fault["kind"] in ("cut", "no_finish"):
        assert not any(word in text for word in ('"stop"', "end_turn"))


BODIES: list[Any] = [
    pytest.param(
        "gemini_compat",
        "not_found",
        404,
        lambda b: b[0]["error"]["status"] == "NOT_FOUND",
        id="a list, trap 8",
    ),
    pytest.param(
        "mistral", "key_revoked", 401, lambda b: b == {"detail": "Unauthorized"}, id="mistral's one detail"
    ),
    pytest.param(
        "mistral",
        "limited",
        429,
        lambda b: b["raw_status_code"] == 429 and b["code"] == "1300",
        id="mistral flat",
    ),
    pytest.param(
        "mistral",
        "http",
        503,
        lambda b: b["type"] == "invalid_request_error",
        id="mistral's capacity, trap 31",
    ),
    pytest.param(
        "xai", "key_revoked", 400, lambda b: "Incorrect API key" in b["error"], id="xai's text, trap 25"
    ),
    pytest.param(
        "cerebras", "limited", 429, lambda b: b["code"] == "request_quota_exceeded", id="cerebras flat"
    ),
    pytest.param(
        "vllm", "context", 400, lambda b: b["object"] == "error" and b["code"] == 400, id="vllm flat, trap 28"
    ),
    pytest.param("llamacpp", "context", 400, lambda b: b["error"]["n_ctx"] >= 1, id="llama.cpp's counts"),
    pytest.param(
        "lmstudio", "context", 400, lambda b: "tokens to keep" in b["error"], id="lm studio's sentence"
    ),
    pytest.param(
        "ollama", "not_found", 404, lambda b: "try pulling it" in b["error"]["message"], id="ollama's pull"
    ),
    pytest.param("zai", "http", 503, lambda b: b["error"]["code"] == "1305", id="z.ai's text code"),
]


@pytest.mark.parametrize(("style", "kind", "status", "fits"), BODIES)
async def test_relatives_word_refusals_their_own_way(style: str, kind: str, status: int, fits: Any) -> None:
    async with calling(world(style=style, faults=({"kind": kind},))) as caller:
        reply = await caller.ask()
    assert reply.status == status
    assert fits(reply.body), reply.body


BILLING: list[Any] = [
    pytest.param("openai", "openai", 429, "insufficient_quota", id="openai"),
    pytest.param("anthropic", "anthropic", 400, "credit balance is too low", id="anthropic, trap 20"),
    pytest.param("anthropic", "minimax_anthropic", 500, "insufficient balance (1008)", id="minimax, trap 13"),
    pytest.param("openai", "minimax", 200, '"status_code":1008', id="minimax in a 200, trap 13"),
    pytest.param("openai", "moonshot", 429, "insufficient balance", id="kimi, trap 15"),
    pytest.param("openai", "zai", 429, '"1113"', id="z.ai, trap 10"),
    pytest.param("openai", "deepseek", 402, "Insufficient Balance", id="deepseek"),
    pytest.param("openai", "openrouter", 402, "more credits", id="openrouter"),
    pytest.param("openai", "xai", 429, "spending-limit", id="xai, trap 25"),
]


@pytest.mark.parametrize(("protocol", "style", "status", "said"), BILLING)
async def test_an_empty_balance(protocol: str, style: str, status: int, said: str) -> None:
    fault = {"kind": "limited", "wrong": "billing"}
    async with calling(world(protocol=protocol, style=style, faults=(fault,))) as caller:
        reply = await send(caller.simulator, protocol)
    assert (reply.status, said in reply.raw.decode()) == (status, True), reply.raw


async def test_gemini_tells_the_violated_quota_of_a_day() -> None:
    limit = {"metric": "requests", "amount": 0, "window": "day", "scope": "model"}
    async with calling(world(limit, protocol="gemini")) as caller:
        reply = await send(caller.simulator, "gemini")
    violation = reply.body["error"]["details"][0]["violations"][0]
    assert violation["quotaId"] == "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    assert violation["quotaValue"] == "0"
    assert "retry-after" not in reply.headers


async def test_gemini_without_sse_is_one_array() -> None:
    async with calling(world(protocol="gemini")) as caller:
        reply = await send(caller.simulator, "gemini", path="v1beta/models/m:streamGenerateContent")
    assert len(reply.body) > 5
    assert reply.body[-1]["candidates"][0]["finishReason"] == "STOP"


async def test_anthropic_wants_its_version_and_tells_its_limits() -> None:
    limits = (
        {"metric": "requests", "amount": 5, "window": "60s"},
        {"metric": "input_tokens", "amount": 900, "window": "60s"},
    )
    clock = FakeClock()
    async with calling(world(*limits, protocol="anthropic"), clock=clock) as caller:
        unversioned = await send(caller.simulator, "anthropic", headers={"x-api-key": "key-a"})
        told = (await send(caller.simulator, "anthropic")).headers
    assert (unversioned.status, "anthropic-version" in unversioned.raw.decode()) == (400, True)
    assert told["anthropic-ratelimit-requests-remaining"] == "4"
    assert told["anthropic-ratelimit-tokens-limit"] == told["anthropic-ratelimit-input-tokens-limit"] == "900"
    assert told["anthropic-ratelimit-requests-reset"] == "2026-11-20T12:01:00Z"


async def test_a_subscription_tells_unified_headers_and_mistral_its_own() -> None:
    window = {"metric": "requests", "amount": 4, "window": "session:5h"}
    async with calling(world(window, protocol="anthropic", headers="unified")) as caller:
        unified = (await send(caller.simulator, "anthropic")).headers
    minute = {"metric": "tokens", "amount": 5000, "window": "60s"}
    async with calling(world(minute, style="mistral", headers="mistral")) as caller:
        mistral = (await caller.ask()).headers
    assert unified["anthropic-ratelimit-unified-5h-utilization"] == "0.25"
    assert unified["anthropic-ratelimit-unified-status"] == "allowed"
    assert unified["anthropic-ratelimit-unified-reset"].isdigit()
    assert mistral["x-ratelimit-limit-tokens-minute"] == "5000"


ACCOUNTS: list[Any] = [
    pytest.param(
        "openrouter", "p/v1/key", lambda b: b["data"]["limit_remaining"] == 7.5, id="openrouter's key"
    ),
    pytest.param(
        "moonshot",
        "p/v1/users/me/balance",
        lambda b: b["data"]["available_balance"] == 7.5,
        id="kimi's balance",
    ),
    pytest.param(
        "deepseek",
        "user/balance",
        lambda b: b["balance_infos"][0]["total_balance"] == "7.50",
        id="deepseek, at the root",
    ),
    pytest.param(
        "zai",
        "api/monitor/usage/quota/limit",
        lambda b: b["data"]["limits"][0]["number"] == 5,
        id="z.ai, at the root",
    ),
    pytest.param(
        "minimax",
        "v1/token_plan/remains",
        lambda b: b["base_resp"]["status_code"] == 0,
        id="minimax, at the root",
    ),
    pytest.param(
        "llamacpp", "p/props", lambda b: b["default_generation_settings"]["n_ctx"] == 131_072, id="llama.cpp"
    ),
    pytest.param("ollama", "p/api/ps", lambda b: b["models"][0]["context_length"] == 131_072, id="ollama"),
    pytest.param(
        "lmstudio",
        "p/api/v0/models",
        lambda b: b["data"][0]["loaded_context_length"] == 131_072,
        id="lm studio",
    ),
    pytest.param("vllm", "p/v1/models", lambda b: b["data"][0]["max_model_len"] == 131_072, id="vllm"),
    pytest.param("groq", "p/v1/models", lambda b: b["data"][0]["context_window"] == 131_072, id="groq"),
    pytest.param(
        "mistral", "p/v1/models", lambda b: b["data"][0]["max_context_length"] == 131_072, id="mistral"
    ),
    pytest.param(
        "openai", "p/v1/models", lambda b: "context_length" not in b["data"][0], id="openai tells no window"
    ),
]


@pytest.mark.parametrize(("style", "path", "fits"), ACCOUNTS)
async def test_what_providers_tell_of_an_account_and_of_windows(style: str, path: str, fits: Any) -> None:
    async with calling(world(style=style, balance=7.5)) as caller:
        url = caller.simulator.root_url(path).replace("/p/p/", "/p/")
        async with caller.session.get(url, headers={"authorization": "Bearer key-a"}) as reply:
            body = orjson.loads(await reply.read())
    assert fits(body), body


async def test_a_model_that_an_account_may_not_use_and_one_under_any_name() -> None:
    accounts = [{"id": "a", "key": "key-a", "without": ["m"]}, {"id": "b", "key": "key-b"}]
    async with calling(world(accounts=accounts)) as caller:
        assert (await caller.ask()).status == 404
        assert (await caller.ask(key="key-b")).status == 200
    async with calling(world(any_model=True)) as caller:
        assert (await caller.ask(model="whatever")).status == 200


STRICT: list[Any] = [
    pytest.param(
        "one_system",
        {"messages": [{"role": r, "content": "x"} for r in ("system", "system", "user")]},
        id="trap 14",
    ),
    pytest.param("temperature_above_zero", {"temperature": 0}, id="temperature 0, trap 21"),
    pytest.param("max_tokens", {"max_completion_tokens": 5}, id="only max_tokens"),
    pytest.param(
        "no_reasoning",
        {
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": "y", "reasoning_content": "z"},
                {"role": "user", "content": "x"},
            ]
        },
        id="foreign reasoning, trap 19",
    ),
    pytest.param(
        "no_images",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
        id="images",
    ),
    pytest.param("known_fields", {"thinking": {"type": "enabled"}}, id="unknown field"),
]


@pytest.mark.parametrize(("word", "more"), STRICT)
async def test_what_a_provider_is_strict_about_it_refuses_and_others_take(
    word: str, more: dict[str, Any]
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **more}
    statuses = []
    for strict in ([], [word]):
        async with calling(world(strict=strict)) as caller:
            url = f"{caller.simulator.base_url('p')}/chat/completions"
            async with caller.session.post(url, json=body, headers=HEADERS) as reply:
                statuses.append(reply.status)
    assert statuses == [200, 400]
