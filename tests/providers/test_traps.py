"""The 32 traps of the project's provider sheet (§13), one case each, named by its number: what peers fell into and what
this program does there. Details of a trap are proven beside the module that it concerns; here each is proven once,
through the public face of the protocol. The clock stands at 2026-11-20T12:00:00Z."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.support.clock import START_MS
from tests.support.openai_wire import (
    DONE,
    calls_in,
    chunk,
    context_of,
    event,
    refusal,
    text_in,
    thinking_in,
    usage_in,
)

from trunkline.domain.events import Finished, ToolCallDelta, WireEvent
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import LimitScope, model_matches
from trunkline.domain.messages import (
    ChatRequest,
    Message,
    Role,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.output_limit import reserved_output
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Billing, Quirks, ReasoningEcho
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.local import lmstudio, ollama
from trunkline.providers.local.look import Known, Look, Reply, Seen
from trunkline.providers.protocol import CallContext
from trunkline.providers.registry import protocol_named
from trunkline.providers.reports import zai

TRAPS: dict[int, tuple[str, Callable[[], None]]] = {}
HOUR_MS = 3_600_000


def trap(number: int, name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def register(case: Callable[[], None]) -> Callable[[], None]:
        assert number not in TRAPS
        TRAPS[number] = (f"trap-{number:02}-{name}", case)
        return case

    return register


# -- what the cases are made of -----------------------------------------------------------------------------------


def speaking(protocol: str, quirks: Quirks | None = None, billing: Billing = Billing.CREDITS) -> CallContext:
    context = context_of(quirks=quirks, billing=billing)
    model = replace(context.model, max_output_tokens=4096)
    return replace(context, model=model, provider=replace(context.provider, protocol=protocol))


def streamed(
    data: bytes, protocol: str = "openai", quirks: Quirks | None = None, piece: int = 10**6
) -> list[WireEvent]:
    decoder = protocol_named(protocol).stream_decoder(speaking(protocol, quirks))
    events: list[WireEvent] = []
    for at in range(0, len(data), piece):
        events += decoder.feed(data[at : at + piece])
    return [*events, *decoder.close()]


def whole(body: object, protocol: str = "openai", quirks: Quirks | None = None) -> Sequence[WireEvent]:
    return protocol_named(protocol).decode_whole(refusal(200, body), speaking(protocol, quirks))


def refused(
    status: int,
    body: object,
    protocol: str = "openai",
    *,
    headers: dict[str, str] | None = None,
    billing: Billing = Billing.CREDITS,
) -> Fault:
    context = speaking(protocol, billing=billing)
    return protocol_named(protocol).classify(refusal(status, body, headers), context)


def fault_in(events: Sequence[WireEvent]) -> Fault:
    fault = events[-1]
    assert isinstance(fault, Fault)
    assert not any(isinstance(one, Finished) for one in events)
    return fault


def sent(messages: tuple[Message, ...], context: CallContext, **fields: Any) -> dict[str, Any]:
    request = ChatRequest(messages, Origin(OriginKind.CHAT), **fields)
    call = protocol_named(context.provider.protocol).encode(request, context, max_output_tokens=None)
    body = orjson.loads(call.body)
    assert isinstance(body, dict)
    return body


def anthropic(*payloads: dict[str, Any]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (p["type"].encode(), orjson.dumps(p)) for p in payloads)


def gemini(*payloads: object) -> bytes:
    return b"".join(b"data: " + orjson.dumps(payload) + b"\r\n\r\n" for payload in payloads)


def candidate(text: str, finish: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    return {"candidates": [{**told, "finishReason": finish} if finish else told], "modelVersion": "m"}


def error(**fields: object) -> dict[str, object]:
    return {"error": fields}


HELLO = (Message.of(Role.USER, "Hello"),)
USAGE = {
    "input_tokens": 5,
    "cache_read_input_tokens": 1000,
    "cache_creation_input_tokens": 0,
    "output_tokens": 1,
}
BEGIN = {"type": "message_start", "message": {"id": "1", "role": "assistant", "model": "m", "content": [],
                                              "usage": USAGE}}  # fmt: skip
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def hel(text: str = "Hel") -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def ended(output_tokens: int) -> tuple[dict[str, Any], ...]:
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    usage = {"output_tokens": output_tokens}
    return (
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": usage},
        {"type": "message_stop"},
    )


# -- the traps ----------------------------------------------------------------------------------------------------


@trap(1, "usage-chunk-without-choices")
def _() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4}
    events = streamed(
        chunk({"content": "Hi"}) + chunk({}, "stop") + event({"choices": [], "usage": usage}) + DONE
    )
    assert (text_in(events), events[-1]) == ("Hi", Finished(FinishReason.STOP))
    assert usage_in(events).output_tokens == 4


@trap(2, "usage-in-odd-places-once")
def _() -> None:
    usage = {"prompt_tokens": 19, "completion_tokens": 13, "cached_tokens": 12}
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}
    finishing = chunk({"content": "Hi"}) + event({"choices": [choice]})
    for stream in (finishing + DONE, finishing + event({"choices": [], "usage": usage}) + DONE):
        told = usage_in(streamed(stream))
        assert (told.input_tokens, told.output_tokens, told.cached_tokens) == (19, 13, 12)


@trap(3, "openrouter-error-instead-of-choices")
def _() -> None:
    body = error(code=502, message="Provider returned error")
    assert fault_in(whole(body)).kind is FaultKind.OVERLOADED
    assert fault_in(streamed(event(body))).kind is FaultKind.OVERLOADED


@trap(4, "openrouter-comments-and-error-chunk")
def _() -> None:
    failing = chunk(
        {"content": ""}, "error", error={"code": "server_error", "message": "Provider disconnected"}
    )
    events = streamed(b": OPENROUTER PROCESSING\n\n" + chunk({"content": "Hi"}) + failing)
    assert text_in(events) == "Hi"
    assert fault_in(events).kind is FaultKind.OVERLOADED


@trap(5, "anthropic-error-in-mid-stream")
def _() -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    events = streamed(anthropic(BEGIN, {"type": "ping"}, BLOCK, hel(), overloaded), "anthropic")
    assert text_in(events) == "Hel"
    assert fault_in(events).kind is FaultKind.OVERLOADED


@trap(6, "anthropic-usage-is-cumulative")
def _() -> None:
    told = usage_in(streamed(anthropic(BEGIN, BLOCK, hel(), *ended(12)), "anthropic"))
    assert (told.input_tokens, told.cached_tokens, told.output_tokens) == (1005, 1000, 12)


@trap(7, "gemini-blocked-prompt-without-candidates")
def _() -> None:
    blocked = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 7},
    }
    for events in (streamed(gemini(blocked), "gemini"), whole(blocked, "gemini")):
        assert fault_in(events).kind is FaultKind.CONTENT
    bare = {"candidates": [{"finishReason": "SAFETY", "index": 0, "content": {"role": "model"}}]}
    assert fault_in(streamed(gemini(bare), "gemini")).kind is FaultKind.CONTENT


@trap(8, "gemini-compat-error-is-an-array")
def _() -> None:
    gone = refused(404, [error(code=404, status="NOT_FOUND", message="models/m is not found")])
    assert (gone.kind, gone.code) == (FaultKind.ENTITLEMENT, FaultCode.MODEL_GONE)
    assert (
        fault_in(whole([error(code=429, status="RESOURCE_EXHAUSTED", message="…")])).kind
        is FaultKind.RATE_MINUTE
    )


@trap(9, "gemini-compat-tool-calls")
def _() -> None:
    extra = {"google": {"thought_signature": "c2ln"}}
    calls = [
        {"id": id_, "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
        for id_ in ("a", "b")
    ]
    events = streamed(
        chunk({"tool_calls": calls[:1]}) + chunk({"tool_calls": calls[1:]}) + chunk({}, "stop") + DONE
    )
    assert calls_in(events) == [("a", "f", "{}"), ("b", "f", "{}")]
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)
    signed = [ToolCallPart(e.call_id, e.name, e.arguments, e.signature, "p") for e in events
              if isinstance(e, ToolCallDelta)]  # fmt: skip
    back = sent((*HELLO, Message(Role.ASSISTANT, tuple(signed))), speaking("openai"))["messages"][1][
        "tool_calls"
    ]
    assert [call["extra_content"] for call in back] == [extra, extra]


@trap(10, "zai-1113-is-money-or-a-plan")
def _() -> None:
    body = error(code="1113", message="Insufficient balance or no resource package.")
    assert refused(429, body).kind is FaultKind.BILLING
    plan = refused(429, body, billing=Billing.SUBSCRIPTION)
    assert (plan.kind, plan.scope) == (FaultKind.QUOTA_WINDOW, FaultScope.ACCOUNT)
    assert "general base URL" in plan.message


@trap(11, "zai-reset-in-beijing-time")
def _() -> None:
    text = "Usage limit reached for 5 hour. Your limit will reset at 2026-11-20 22:00:00"
    for code in ("1308", "1310"):
        assert refused(429, error(code=code, message=text)).usable_at_ms == START_MS + 2 * HOUR_MS


@trap(12, "zai-quota-endpoint-says-200-to-a-bad-key")
def _() -> None:
    report = zai.read(
        refusal(200, {"code": 1001, "msg": "Header has no token", "success": False}), speaking("openai")
    )
    assert isinstance(report, Fault)
    assert report.kind is FaultKind.AUTH


@trap(13, "minimax-errors-under-200-and-500")
def _() -> None:
    body = {
        "id": "x",
        "choices": None,
        "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"},
    }
    assert fault_in(whole(body)).kind is FaultKind.BILLING
    assert fault_in(streamed(event(body))).kind is FaultKind.BILLING
    failing = {"type": "error", "error": {"type": "api_error", "message": "insufficient balance (1008)"}}
    assert refused(500, failing, "anthropic").kind is FaultKind.BILLING


@trap(14, "minimax-empty-role-and-one-system-message")
def _() -> None:
    assert (
        text_in(streamed(chunk({"role": "", "content": "Hi"}) + chunk({"role": ""}, "stop") + DONE)) == "Hi"
    )
    messages = (Message.of(Role.SYSTEM, "a"), *HELLO, Message.of(Role.SYSTEM, "b"))
    roles = [
        one["role"]
        for one in sent(messages, speaking("openai", Quirks(single_system_message=True)))["messages"]
    ]
    assert roles == ["system", "user"]


@trap(15, "kimi-429-is-money")
def _() -> None:
    text = "Your account org-x is suspended due to insufficient balance, please recharge"
    fault = refused(429, error(type="exceeded_current_quota_error", message=text))
    assert (fault.kind, fault.scope, fault.usable_at_ms) == (FaultKind.BILLING, FaultScope.ACCOUNT, None)


@trap(16, "retry-after-as-a-date")
def _() -> None:
    for protocol in ("openai", "anthropic", "gemini"):
        told = {"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}
        assert refused(429, error(message="slow"), protocol, headers=told).usable_at_ms == START_MS + 30_000
        assert (
            refused(429, error(message="slow"), protocol, headers={"retry-after": "junk"}).usable_at_ms
            is None
        )


@trap(17, "lines-end-where-they-end")
def _() -> None:
    text = "a\u2028b\u2029c\x85d\u00e9\U0001f600"
    clean = "abcd\u00e9\U0001f600"
    usual = chunk({"content": text}).replace(b"data: ", b"data:") + chunk({}, "stop") + DONE
    answers = [
        ("openai", usual),
        ("openai", usual.replace(b"\n", b"\r\n")),
        ("anthropic", anthropic(BEGIN, BLOCK, hel(text), *ended(3))),
        ("gemini", gemini(candidate(text), candidate("", "STOP"))),
    ]
    for protocol, stream in answers:
        for piece in (1, 2, 3, 10**6):
            events = streamed(stream, protocol, piece=piece)
            assert (text_in(events), events[-1]) == (clean, Finished(FinishReason.STOP)), (protocol, piece)


@trap(18, "the-end-of-a-stream-is-no-success")
def _() -> None:
    cut = {
        "openai": chunk({"content": "Hel"}) + chunk({"content": "lo"}),
        "anthropic": anthropic(BEGIN, BLOCK, hel()),
        "gemini": gemini(candidate("Hel")),
    }
    for protocol, stream in cut.items():
        fault = fault_in(streamed(stream, protocol))
        assert (fault.kind, fault.code) == (FaultKind.NETWORK, FaultCode.CUT)
    assert fault_in(streamed(chunk({"content": "Hel"}) + DONE)).code == FaultCode.CUT


@trap(19, "reasoning-echoed-to-its-provider-alone")
def _() -> None:
    said = (ThinkingPart("look it up", "p", model="m"), ToolCallPart("1", "f", "{}"))
    messages = (*HELLO, Message(Role.ASSISTANT, said), Message(Role.TOOL, (ToolResultPart("1", "r"),)))
    own = speaking("openai", Quirks(echo_reasoning=ReasoningEcho.CONTENT))
    assert sent(messages, own)["messages"][1]["reasoning_content"] == "look it up"
    for protocol in ("openai", "anthropic", "gemini"):
        context = speaking(protocol, Quirks(echo_reasoning=ReasoningEcho.CONTENT))
        other = replace(context, provider=replace(context.provider, id="q"))
        assert "look it up" not in orjson.dumps(sent(messages, other)).decode()


@trap(20, "anthropic-empty-balance-is-400")
def _() -> None:
    text = "Your credit balance is too low to access the Anthropic API."
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": text}}
    assert refused(400, body, "anthropic").kind is FaultKind.BILLING


@trap(21, "temperature-only-where-it-is-taken")
def _() -> None:
    for protocol in ("openai", "anthropic", "gemini"):
        context = speaking(protocol)
        refusing = replace(context, model=replace(context.model, temperature=False))
        assert "temperature" in orjson.dumps(sent(HELLO, context, temperature=0.5)).decode()
        assert "temperature" not in orjson.dumps(sent(HELLO, refusing, temperature=0.5)).decode()
    assert (
        sent(HELLO, speaking("openai", Quirks(temperature_min=0.01)), temperature=0.0)["temperature"] == 0.01
    )


def looked(look: Look, replies: dict[str, Reply]) -> Seen:
    """What a look at a local server gives that answers so; 404 to everything else."""
    told: tuple[Reply, ...] | None = None
    while True:
        try:
            asked = next(look) if told is None else look.send(told)
        except StopIteration as over:
            seen: Seen = over.value
            return seen
        told = tuple(replies.get(one.path, refusal(404, b"404 page not found")) for one in asked)


@trap(22, "ollama-truncates-silently")
def _() -> None:
    """The window that counts is the loaded one, not the one that the model was made for; a server that says so aloud is
    understood, and the count that it reports is told, for whoever compares it with an estimate."""
    model = {"name": "m", "model": "m", "digest": "d"}
    shown = {
        "capabilities": ["completion"],
        "model_info": {"general.architecture": "a", "a.context_length": 131_072},
    }
    seen = looked(ollama.look(Known()), {
        "/api/version": refusal(200, {"version": "0.20.0"}),
        "/api/tags": refusal(200, {"models": [model]}),
        "/api/ps": refusal(200, {"models": [{**model, "context_length": 4096}]}),
        "/api/show": refusal(200, shown),
    })  # fmt: skip
    assert [(one.listed.context_tokens, one.window_tokens) for one in seen.models] == [(131_072, 4096)]
    assert (
        refused(400, error(message="prompt too long; exceeded max context length by 4 tokens")).kind
        is FaultKind.CONTEXT
    )
    usage = {"prompt_tokens": 4096, "completion_tokens": 2}
    assert (
        usage_in(streamed(chunk({"content": "Hi"}) + chunk({}, "stop", usage=usage) + DONE)).input_tokens
        == 4096
    )


@trap(23, "lmstudio-lists-no-window")
def _() -> None:
    plain = {"object": "list", "data": [{"id": "m", "object": "model"}]}
    listed = protocol_named("openai").read_models(refusal(200, plain), speaking("openai"))
    assert not isinstance(listed, Fault)
    assert listed.models[0].context_tokens is None
    native = {"id": "m", "object": "model", "type": "llm", "state": "loaded", "max_context_length": 131_072,
              "loaded_context_length": 8192}  # fmt: skip
    answer = refusal(200, {"object": "list", "data": [native]})
    seen = looked(lmstudio.look(Known()), {"/api/v0/models": answer})
    assert [(one.listed.context_tokens, one.window_tokens) for one in seen.models] == [(131_072, 8192)]


@trap(24, "openrouter-free-allowance-is-one-for-all")
def _() -> None:
    metadata = {"headers": {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0",
                            "X-RateLimit-Reset": str(START_MS + 12 * HOUR_MS)}}  # fmt: skip
    fault = refused(
        429, error(code=429, message="Rate limit exceeded: free-models-per-day", metadata=metadata)
    )
    assert (fault.kind, fault.usable_at_ms) == (FaultKind.QUOTA_WINDOW, START_MS + 12 * HOUR_MS)
    (reading,) = fault.readings
    assert (reading.amount, reading.remaining, reading.scope) == (50, 0, LimitScope.ACCOUNT)
    assert model_matches(reading.model or "", "any/other:free")
    assert not model_matches(reading.model or "", "any/paid")
    poor = refused(402, error(code=402, message="You requested up to 9000 tokens, but can only afford 40."))
    assert (poor.kind, poor.scope) == (FaultKind.BILLING, FaultScope.MODEL)
    assert (
        refused(404, error(code=404, message="No endpoints found for m:free.")).code == FaultCode.MODEL_GONE
    )


@trap(25, "xai-money-is-403-or-429-and-a-bad-key-400")
def _() -> None:
    text = "Your team t has either used all available credits or reached its monthly spending limit."
    assert [refused(status, {"code": "x", "error": text}).kind for status in (403, 429)] == [
        FaultKind.BILLING
    ] * 2
    key = refused(
        400, {"code": "Client specified an invalid argument", "error": "Incorrect%20API%20key%20provided: x"}
    )
    assert (key.kind, key.scope) == (FaultKind.AUTH, FaultScope.ACCOUNT)


@trap(26, "cerebras-reserves-the-whole-output-limit")
def _() -> None:
    cerebras = Quirks(
        default_output_tokens=4096, reserves_output_limit=True, output_limit_field="max_completion_tokens"
    )
    context = speaking("openai", cerebras)
    assert sent(HELLO, context)["max_completion_tokens"] == 4096
    assert reserved_output(None, context.model, cerebras, 100) == 4096
    unlimited = replace(context.model, max_output_tokens=None)
    assert reserved_output(None, unlimited, replace(cerebras, default_output_tokens=None), 100) == 16_384


@trap(27, "glm-stops-after-thinking")
def _() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 0}
    nothing = fault_in(streamed(chunk({"reasoning_content": "hm"}) + chunk({}, "stop", usage=usage) + DONE))
    assert (nothing.kind, nothing.code) == (FaultKind.NETWORK, FaultCode.EMPTY)
    kinds = {"sensitive": FaultKind.CONTENT, "network_error": FaultKind.NETWORK}
    for finish, kind in kinds.items():
        assert fault_in(streamed(chunk({"content": "Hel"}) + chunk({}, finish) + DONE)).kind is kind


@trap(28, "vllm-errors-and-reasoning")
def _() -> None:
    flat = {"object": "error", "message": "This model's maximum context length is 8192 tokens.", "code": 400}
    assert refused(400, flat).kind is FaultKind.CONTEXT
    assert fault_in(streamed(chunk({"content": "Hel"}) + event(flat))).kind is FaultKind.CONTEXT
    for field in ("reasoning", "reasoning_content"):
        events = streamed(chunk({field: "hm"}) + chunk({"content": "Hi"}) + chunk({}, "stop") + DONE)
        assert (thinking_in(events), text_in(events)) == ("hm", "Hi")
    swallowed = streamed(chunk({"reasoning": "the whole answer"}) + chunk({}, "stop") + DONE)
    assert fault_in(swallowed).code == FaultCode.EMPTY


@trap(29, "gemini-limit-0-is-never")
def _() -> None:
    text = "You exceeded your current quota. * Quota exceeded for metric: x_requests, limit: 0. Please retry in 26s"
    for protocol in ("openai", "gemini"):
        fault = refused(429, error(code=429, status="RESOURCE_EXHAUSTED", message=text), protocol)
        assert (fault.kind, fault.scope, fault.usable_at_ms) == (
            FaultKind.ENTITLEMENT,
            FaultScope.MODEL,
            None,
        )


@trap(30, "gemini-bad-key-is-400")
def _() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    fault = refused(400, error(code=400, status="INVALID_ARGUMENT", message="…", details=details), "gemini")
    assert (fault.kind, fault.scope) == (FaultKind.AUTH, FaultScope.ACCOUNT)


@trap(31, "mistral-capacity-typed-as-a-bad-request")
def _() -> None:
    text = "Service tier capacity exceeded for this model."
    body = {"object": "error", "message": text, "type": "invalid_request_error", "code": "3505"}
    for status in (400, 429):
        assert refused(status, body).kind is FaultKind.OVERLOADED


@trap(32, "subscription-resets-in-the-body")
def _() -> None:
    at_s = (START_MS + 5 * HOUR_MS) // 1000
    for said in ({"resets_at": at_s}, {"resets_in_seconds": 5 * 3600}):
        body = error(type="usage_limit_reached", message="The usage limit has been reached", **said)
        fault = refused(429, body, billing=Billing.SUBSCRIPTION)
        assert (fault.kind, fault.scope) == (FaultKind.QUOTA_WINDOW, FaultScope.ACCOUNT)
        assert fault.usable_at_ms == START_MS + 5 * HOUR_MS


# -- the tests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in TRAPS.values()])
def test_a_trap(case: Callable[[], None]) -> None:
    case()


def test_every_trap_has_a_case() -> None:
    assert sorted(TRAPS) == list(range(1, 33))
