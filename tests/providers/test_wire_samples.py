"""Every wire sample of the project's provider sheet, read as the protocol that it is of: what a stream says, and of
each refusal its class, its scope, and when the thing may be used again. The clock stands at 2026-11-20T12:00:00Z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.support.openai_wire import context_of, text_in, thinking_in, usage_in

from trunkline.domain.events import Finished, Started, WireEvent
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Billing, Quirks
from trunkline.providers.protocol import CallContext, WireReply
from trunkline.providers.registry import protocol_named

PACIFIC = Quirks(zone="America/Los_Angeles")


def at_ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp() * 1000)


def context_for(
    protocol: str, quirks: Quirks | None = None, billing: Billing = Billing.CREDITS
) -> CallContext:
    context = context_of(billing=billing, quirks=quirks)
    return replace(context, provider=replace(context.provider, protocol=protocol))


def streamed(protocol: str, data: bytes, piece: int = 10**6) -> Sequence[WireEvent]:
    """The events of a stream that comes in pieces of so many bytes and then ends."""
    decoder = protocol_named(protocol).stream_decoder(context_for(protocol))
    events: list[WireEvent] = []
    for at in range(0, len(data), piece):
        events += decoder.feed(data[at : at + piece])
    return [*events, *decoder.close()]


OPENAI = b"""\
data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}

data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":3}}}

data: [DONE]

"""  # noqa: E501

ANTHROPIC_BEGINS = b"""\
event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":5,"cache_read_input_tokens":1000,"cache_creation_input_tokens":0,"output_tokens":1}}}

event: ping
data: {"type":"ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}

"""  # noqa: E501
ANTHROPIC_DIES = b"""\
event: error
data: {"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}

"""
ANTHROPIC_ENDS = b"""\
event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":12}}

event: message_stop
data: {"type":"message_stop"}

"""

GEMINI = b"""\
data: {"candidates":[{"content":{"role":"model","parts":[{"text":"planning","thought":true}]},"index":0}],"usageMetadata":{"promptTokenCount":7,"thoughtsTokenCount":20,"totalTokenCount":27},"modelVersion":"m"}

data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"thoughtsTokenCount":20,"totalTokenCount":29},"modelVersion":"m"}

""".replace(b"\n", b"\r\n")  # noqa: E501
GEMINI_BLOCKED = (
    b'data: {"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":7,'
    b'"totalTokenCount":7},"modelVersion":"m"}\r\n\r\n'
)

OPENROUTER = b"""\
: OPENROUTER PROCESSING

data: {"id":"gen-1","object":"chat.completion.chunk","provider":"X","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi","reasoning":null},"finish_reason":null}]}

data: {"id":"gen-1","object":"chat.completion.chunk","provider":"X","model":"m","error":{"code":"server_error","message":"Provider disconnected"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}

"""  # noqa: E501

KIMI_END = (
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":'
    b'{"prompt_tokens":19,"completion_tokens":13,"total_tokens":32,"cached_tokens":12}}]}\n\ndata: [DONE]\n\n'
)

# Usage: input, output, cached, written, reasoning.
ANSWERS = [
    pytest.param("openai", OPENAI, "Hi", "", Usage(9, 4, 0, None, 3), id="openai-with-usage"),
    pytest.param("anthropic", ANTHROPIC_BEGINS + ANTHROPIC_ENDS, "Hel", "", Usage(1005, 12, 1000, 0),
                 id="anthropic-normal-end"),
    pytest.param("gemini", GEMINI, "Hi", "planning", Usage(7, 22, None, None, 20),
                 id="gemini-crlf-no-terminator"),
    pytest.param("openai", OPENAI[: OPENAI.index(b'data: {"id":"c1","object":"chat.completion.chunk","model":"m",'
                                                 b'"choices":[{"index":0,"delta":{}')] + KIMI_END,
                 "Hi", "", Usage(19, 13, 12), id="kimi-finishing-chunk"),
]  # fmt: skip


@pytest.mark.parametrize("piece", [10**6, 1, 7])
@pytest.mark.parametrize(("protocol", "data", "text", "thinking", "usage"), ANSWERS)
def test_a_streamed_answer(
    protocol: str, data: bytes, text: str, thinking: str, usage: Usage, piece: int
) -> None:
    events = streamed(protocol, data, piece)
    assert (text_in(events), thinking_in(events), events[-1]) == (text, thinking, Finished(FinishReason.STOP))
    told = usage_in(events)
    assert (told.input_tokens, told.output_tokens) == (usage.input_tokens, usage.output_tokens)
    assert (told.cached_tokens or 0, told.written_tokens or 0, told.reasoning_tokens or 0) == (
        usage.cached_tokens or 0,
        usage.written_tokens or 0,
        usage.reasoning_tokens or 0,
    )
    assert isinstance(events[0], Started)
    assert events[0].served_model == "m"


@pytest.mark.parametrize("piece", [10**6, 1, 7])
@pytest.mark.parametrize(
    ("protocol", "data", "text", "kind"),
    [
        pytest.param(
            "anthropic", ANTHROPIC_BEGINS + ANTHROPIC_DIES, "Hel", FaultKind.OVERLOADED, id="anthropic-dies"
        ),
        pytest.param("openai", OPENROUTER, "Hi", FaultKind.OVERLOADED, id="openrouter-error-chunk"),
        pytest.param("gemini", GEMINI_BLOCKED, "", FaultKind.CONTENT, id="gemini-blocked"),
    ],
)
def test_a_stream_that_is_no_answer(
    protocol: str, data: bytes, text: str, kind: FaultKind, piece: int
) -> None:
    events = streamed(protocol, data, piece)
    fault = events[-1]
    assert isinstance(fault, Fault)
    assert (text_in(events), fault.kind, fault.http_status) == (text, kind, 200)
    assert not any(isinstance(event, Finished) for event in events)


@pytest.mark.parametrize(
    ("protocol", "data"),
    [
        pytest.param("openai", OPENAI[: OPENAI.index(b'"finish_reason":"stop"') - 90], id="openai"),
        pytest.param("anthropic", ANTHROPIC_BEGINS, id="anthropic"),
        pytest.param("gemini", GEMINI[: GEMINI.index(b"\r\n\r\n") + 4], id="gemini"),
    ],
)
def test_a_stream_cut_before_its_end_is_a_fault(protocol: str, data: bytes) -> None:
    fault = streamed(protocol, data)[-1]
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.code) == (FaultKind.NETWORK, FaultCode.CUT)


RATE, QUOTA, BILLING, OVERLOADED, ENTITLEMENT, AUTH, CONTEXT = (
    FaultKind.RATE_MINUTE,
    FaultKind.QUOTA_WINDOW,
    FaultKind.BILLING,
    FaultKind.OVERLOADED,
    FaultKind.ENTITLEMENT,
    FaultKind.AUTH,
    FaultKind.CONTEXT,
)
MODEL, ACCOUNT, ORGANISATION, REQUEST = (
    FaultScope.MODEL,
    FaultScope.ACCOUNT,
    FaultScope.ORGANISATION,
    FaultScope.REQUEST,
)
ZAI_1113 = b'{"error":{"code":"1113","message":"Insufficient balance or no resource package."}}'
GEMINI_DAY_AND_MINUTE = """{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded … limit: 20 … Please retry in 26.1s.","details":[
 {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
  {"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier","quotaDimensions":{"location":"global","model":"gemini-3.5-flash"},"quotaValue":"5"},
  {"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaDimensions":{"location":"global","model":"gemini-3.5-flash"},"quotaValue":"20"}]},
 {"@type":"type.googleapis.com/google.rpc.Help","links":[]},
 {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"26s"}]}}""".encode()  # noqa: E501

# protocol, status, body, billing of the account, class, scope, when it may be used again
BODIES = [
    pytest.param(
        "openai", 429, '{"error":{"message":"You exceeded your current quota…","type":"insufficient_quota",'
        '"param":null,"code":"insufficient_quota"}}'.encode(), Billing.CREDITS, BILLING, ACCOUNT, None,
        id="openai-no-credit"),
    pytest.param(
        "openai", 429, b'{"error":{"message":"Rate limit reached for m in organization o on tokens per min (TPM): '
        b'Limit 30000, Used 29000, Requested 2000. Please try again in 2s.","type":"tokens","param":null,'
        b'"code":"rate_limit_exceeded"}}', Billing.RATE_LIMIT, RATE, MODEL, "2026-11-20T12:00:02", id="openai-tpm"),
    pytest.param("openai", 429, ZAI_1113, Billing.CREDITS, BILLING, ACCOUNT, None, id="trap-10-zai-1113-credits"),
    pytest.param(
        "openai", 429, ZAI_1113, Billing.SUBSCRIPTION, QUOTA, ACCOUNT, None, id="trap-10-zai-1113-subscription"),
    pytest.param(
        "openai", 429, b'{"error":{"code":"1308","message":"Usage limit reached for 5 hour. Your limit will reset at '
        b'2026-11-21 05:38:28"}}', Billing.SUBSCRIPTION, QUOTA, ACCOUNT, "2026-11-20T21:38:28",
        id="trap-11-zai-1308-beijing-time"),
    pytest.param(
        "openai", 429, b'{"error":{"code":"1302","message":"Rate limit reached"}}', Billing.CREDITS, RATE, MODEL, None,
        id="zai-1302"),
    pytest.param(
        "openai", 429, b'{"error":{"type":"exceeded_current_quota_error","message":"Your account is suspended due to '
        b'insufficient balance"}}', Billing.CREDITS, BILLING, ACCOUNT, None, id="trap-15-kimi-balance"),
    pytest.param(
        "openai", 429, b'{"error":{"type":"engine_overloaded_error","message":"The engine is currently overloaded"}}',
        Billing.CREDITS, OVERLOADED, MODEL, None, id="kimi-overloaded"),
    pytest.param(
        "openai", 200, b'{"id":"x","choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient '
        b'balance"}}', Billing.CREDITS, BILLING, ACCOUNT, None, id="trap-13-minimax-200"),
    pytest.param(
        "anthropic", 500, b'{"type":"error","error":{"type":"api_error","message":"insufficient balance (1008)"}}',
        Billing.CREDITS, BILLING, ACCOUNT, None, id="trap-13-minimax-500"),
    pytest.param(
        "anthropic", 429, '{"type":"error","error":{"type":"rate_limit_error","message":"usage limit exceeded … '
        'resets at 2026-11-20T20:00:00Z (2056)"}}'.encode(), Billing.SUBSCRIPTION, QUOTA, ACCOUNT,
        "2026-11-20T20:00:00", id="minimax-plan"),
    pytest.param(
        "anthropic", 400, b'{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is '
        b'too low to access the Anthropic API."}}', Billing.CREDITS, BILLING, ACCOUNT, None,
        id="trap-20-anthropic-balance"),
    pytest.param(
        "anthropic", 400, b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: '
        b'210000 tokens > 200000 maximum"}}', Billing.CREDITS, CONTEXT, REQUEST, None, id="anthropic-context"),
    pytest.param(
        "anthropic", 429, '{"type":"error","error":{"type":"rate_limit_error","message":"…","details":{"error_code":'
        '"enforced_spend_limit_reached"}}}'.encode(), Billing.RATE_LIMIT, BILLING, ORGANISATION, "2026-12-01T00:00:00",
        id="anthropic-spend-limit-until-next-month"),
    pytest.param(
        "gemini", 400, '{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid…","details":['
        '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}'.encode(),
        Billing.FREE, AUTH, ACCOUNT, None, id="trap-30-gemini-key"),
    pytest.param(
        "openai", 403, b'{"code":"permission denied","error":"Your team t has either used all available credits or '
        b'reached its monthly spending limit."}', Billing.CREDITS, BILLING, ACCOUNT, None, id="trap-25-xai-credits"),
    pytest.param(
        "openai", 400, b'{"code":"Client specified an invalid argument","error":"Incorrect API key provided: x"}',
        Billing.CREDITS, AUTH, ACCOUNT, None, id="trap-25-xai-key"),
    pytest.param(
        "openai", 429, b'{"message":"Requests per minute limit exceeded - too many requests sent.","type":'
        b'"too_many_requests_error","param":"quota","code":"request_quota_exceeded"}', Billing.RATE_LIMIT, RATE, MODEL,
        None, id="cerebras-flat"),
    pytest.param(
        "openai", 400, b'{"error":{"code":400,"type":"exceed_context_size_error","message":"request (13392 tokens) '
        b'exceeds the available context size (8192 tokens)","n_prompt_tokens":13392,"n_ctx":8192}}', Billing.LOCAL,
        CONTEXT, REQUEST, None, id="llamacpp-context"),
    pytest.param(
        "openai", 200, b'{"error":{"code":502,"message":"Provider returned error"}}', Billing.CREDITS, OVERLOADED,
        MODEL, None, id="trap-3-openrouter-200"),
    pytest.param(
        "openai", 404, b'[{"error":{"code":404,"status":"NOT_FOUND","message":"models/gemini-2.0-flash is not '
        b'found"}}]', Billing.FREE, ENTITLEMENT, MODEL, None, id="trap-8-gemini-compat-array"),
    pytest.param(
        "openai", 429, b'{"error":{"code":429,"message":"Rate limit exceeded: free-models-per-day. Add 10 credits to '
        b'unlock 1000 free model requests per day","metadata":{"headers":{"X-RateLimit-Limit":"50",'
        b'"X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1795219200000"}}},"user_id":"u"}', Billing.CREDITS, QUOTA,
        MODEL, "2026-11-21T00:00:00", id="trap-24-openrouter-free-day"),
    pytest.param("gemini", 429, GEMINI_DAY_AND_MINUTE, Billing.FREE, QUOTA, MODEL, "2026-11-21T08:00:00",
                 id="gemini-day-and-minute"),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "status", "body", "billing", "kind", "scope", "usable"), BODIES)
def test_a_refusal(
    protocol: str,
    status: int,
    body: bytes,
    billing: Billing,
    kind: FaultKind,
    scope: FaultScope,
    usable: str | None,
) -> None:
    context = context_for(protocol, PACIFIC if protocol == "gemini" else None, billing)
    reply = WireReply(status, {"content-type": "application/json"}, body)
    spoken = protocol_named(protocol)
    fault = spoken.decode_whole(reply, context)[-1] if status == 200 else spoken.classify(reply, context)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.scope) == (kind, scope)
    assert fault.usable_at_ms == (None if usable is None else at_ms(usable))
    assert fault.http_status == status
    if status != 404:
        assert ("out of credit" in fault.message) == (kind is BILLING and usable is None)
