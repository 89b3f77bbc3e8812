"""Chat completions written: what OpenAI's own SDK makes of them."""

from __future__ import annotations

from typing import Any

import openai
import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, TypeAdapter
from tests.support.openai_clients import CALLS, HEAD, ORIGIN, ROUTE, USAGE, events_in, sdk, spoken

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.messages import Message, Role, TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.gateway.dialect import Asked, Problem, ProblemKind, WholeAnswer
from trunkline.gateway.openai.dialect import OpenAIDialect
from trunkline.gateway.sealing import unsealed

DIALECT = OpenAIDialect()
TEXT = "Two things: “ö”\n"


def asked(**fields: Any) -> Asked:
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    return DIALECT.read(body | {"stream_options": {"include_usage": True}} | fields, ORIGIN)


def stream_of(**fields: Any) -> Any:
    return DIALECT.stream(asked(**fields), HEAD)


def whole_of(
    *parts: Any, finish: FinishReason = FinishReason.STOP, usage: Usage = USAGE, **fields: Any
) -> bytes:
    return DIALECT.whole(asked(**fields), WholeAnswer(HEAD, Message(Role.ASSISTANT, parts), finish, usage))


def completion(body: bytes) -> ChatCompletion:
    """Strictly: every field that the SDK's type wants, and of its kind."""
    return TypeAdapter(ChatCompletion).validate_json(body, strict=True)


def test_a_stream_is_whole_chunks_in_the_documented_order() -> None:
    events = events_in(spoken(stream_of()))
    assert {name for name, _ in events} == {""}
    datas = [data for _, data in events]
    assert datas[-1] == "[DONE]"
    chunks = [TypeAdapter(ChatCompletionChunk).validate_python(data, strict=True) for data in datas[:-1]]
    assert {(chunk.id, chunk.created, chunk.model) for chunk in chunks} == {
        ("chatcmpl-01JD0000000000000000000000", 1_763_640_000, "anthropic/claude-opus-5")
    }
    deltas = [data["choices"][0]["delta"] for data in datas[:-2]]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert deltas[1:3] == [{"reasoning_content": "Let me "}, {"reasoning_content": "see."}]
    assert deltas[3:5] == [{"content": "Two "}, {"content": "things: “ö”\n"}]
    assert [delta["tool_calls"][0]["index"] for delta in deltas[5:7]] == [0, 1]
    assert deltas[7:] == [{}]
    finishes = [data["choices"][0]["finish_reason"] for data in datas[:-2]]
    assert finishes == [None] * 7 + ["tool_calls"]
    assert [data["usage"] for data in datas[:-2]] == [None] * 8
    assert datas[-2]["choices"] == []
    assert datas[-2]["usage"] == {
        "prompt_tokens": 1_200,
        "completion_tokens": 40,
        "total_tokens": 1_240,
        "prompt_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 128},
        "completion_tokens_details": {"reasoning_tokens": 12},
    }


def test_the_sdk_gathers_a_stream_into_what_was_said() -> None:
    with sdk(spoken(stream_of()), stream=True).chat.completions.stream(model="auto", messages=[]) as events:
        kinds = [event.type for event in events]
        final: Any = events.get_final_completion()
    assert kinds.count("tool_calls.function.arguments.done") == 2
    message = final.choices[0].message
    assert (message.role, message.content, message.refusal) == ("assistant", TEXT, None)
    assert message.reasoning_content == "Let me see."
    assert [(c.id, c.type, c.function.name, c.function.arguments) for c in message.tool_calls] == [
        (call.call_id, "function", call.name, call.arguments) for call in CALLS
    ]
    sealed = message.tool_calls[1].extra_content["google"]["thought_signature"]
    assert unsealed(sealed) == ("anthropic", "claude-opus-5", "signed")
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.usage.prompt_tokens_details.cached_tokens == 1_000


def test_usage_is_told_only_where_it_was_asked_for_and_is_known() -> None:
    def ends(writer: Any, usage: Usage) -> list[Any]:
        return [data for _, data in events_in(writer.begin() + writer.end(FinishReason.STOP, usage))]

    without = ends(stream_of(stream_options=None), USAGE)
    assert [("usage" in data) for data in without[:-1]] == [False, False]
    assert len(ends(stream_of(), Usage(input_tokens=10))) == 3
    (estimated,) = [
        data["usage"] for data in ends(stream_of(), Usage(10, 2, estimated=True))[:-1] if data["usage"]
    ]
    assert estimated == {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "estimated": True}


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (FinishReason.STOP, "stop"),
        (FinishReason.LENGTH, "length"),
        (FinishReason.CONTENT, "content_filter"),
    ],
)
def test_why_it_stopped_is_said_in_openais_words(finish: FinishReason, word: str) -> None:
    writer = stream_of()
    streamed = events_in(writer.begin() + writer.text("x") + writer.end(finish, USAGE))
    assert streamed[-3][1]["choices"][0]["finish_reason"] == word
    assert completion(whole_of(TextPart("x"), finish=finish)).choices[0].finish_reason == word


def test_an_answer_cut_midway_raises_and_is_never_done() -> None:
    problem = Problem(ProblemKind.OVERLOADED, "It broke off.", retry_after_ms=1_500)
    for last in (stream_of().fail(problem), stream_of().end(FinishReason.CANCELLED, USAGE)):
        writer = stream_of()
        body = writer.begin() + writer.text("Half an ") + last
        assert b"[DONE]" not in body
        chunks = sdk(body, stream=True).chat.completions.create(model="m", messages=[], stream=True)
        assert [next(chunks).choices[0].delta.content for _ in range(2)] == ["", "Half an "]
        with pytest.raises(openai.APIError) as raised:
            next(chunks)
        assert raised.value.type in ("service_unavailable_error", "server_error")
    assert b"It broke off. Please try again in 1.5s." in stream_of().fail(problem)


def test_reasoning_is_hidden_where_the_client_asked_for_that() -> None:
    writer = stream_of(reasoning={"exclude": True})
    assert writer.thinking(ThinkingDelta("hm"), ROUTE) == b""
    assert stream_of().thinking(ThinkingDelta("", "sig"), ROUTE) == b""
    assert stream_of().thinking(ThinkingDelta("x", "data", redacted=True), ROUTE) == b""
    body = whole_of(ThinkingPart("hm", "zai"), TextPart("x"), reasoning={"exclude": True})
    assert b"hm" not in body


def test_a_whole_answer_is_what_the_sdk_expects() -> None:
    parts = (
        ThinkingPart("Let me see.", "zai", None, "glm"),
        TextPart("Two "),
        TextPart("things."),
        *(ToolCallPart(one.call_id, one.name, one.arguments, one.signature, "google") for one in CALLS),
    )
    body = whole_of(*parts, finish=FinishReason.TOOL_CALLS)
    found: Any = completion(body)
    message = found.choices[0].message
    assert (found.id, found.object, found.created) == (
        "chatcmpl-01JD0000000000000000000000",
        "chat.completion",
        1_763_640_000,
    )
    assert (message.content, message.reasoning_content) == ("Two things.", "Let me see.")
    assert [call.id for call in message.tool_calls] == ["call_a", "call_b"]
    again = DIALECT.read(
        {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}, orjson.loads(body)["choices"][0]["message"]],
        },
        ORIGIN,
    )
    assert again.chat.messages[1].parts == (
        TextPart("Two things."),
        ToolCallPart("call_a", "get_weather", '{"city":"Kyiv"}'),
        ToolCallPart("call_b", "get_time", "{}", "signed", "google"),
    )


def test_content_is_null_where_there_are_only_calls_and_unknown_usage_is_null() -> None:
    call = ToolCallPart("c", "f", "{}")
    only_calls = orjson.loads(whole_of(call, finish=FinishReason.TOOL_CALLS, usage=Usage()))
    assert only_calls["choices"][0]["message"]["content"] is None
    assert only_calls["usage"] is None
    assert orjson.loads(whole_of(finish=FinishReason.LENGTH))["choices"][0]["message"]["content"] == ""


def test_schema_answers_are_parsed_by_the_sdk() -> None:
    class Place(BaseModel):
        city: str

    body = whole_of(TextPart('{"city":"Kyiv"}'))
    parsed = sdk(body).chat.completions.parse(model="m", messages=[], response_format=Place)
    assert parsed.choices[0].message.parsed == Place(city="Kyiv")


def test_clients_from_before_tools_get_a_function_call() -> None:
    old: Any = {"functions": [{"name": "get_weather"}]}
    writer = stream_of(**old)
    calls = b"".join(writer.tool_call(call, ROUTE) for call in CALLS)
    events = events_in(writer.begin() + calls + writer.end(FinishReason.TOOL_CALLS, USAGE))
    assert events[1][1]["choices"][0]["delta"] == {
        "function_call": {"name": "get_weather", "arguments": '{"city":"Kyiv"}'}
    }
    assert events[2][1]["choices"][0]["finish_reason"] == "function_call"
    body = completion(whole_of(ToolCallPart("c", "f", "{}"), finish=FinishReason.TOOL_CALLS, **old))
    assert body.choices[0].finish_reason == "function_call"
    assert body.choices[0].message.function_call is not None
    assert body.choices[0].message.tool_calls is None


def test_empty_arguments_are_an_empty_object() -> None:
    (event,) = events_in(stream_of().tool_call(ToolCallDelta(3, "c", "f", ""), ROUTE))
    call = event[1]["choices"][0]["delta"]["tool_calls"][0]
    assert (call["index"], call["function"]["arguments"]) == (0, "{}")


@pytest.mark.parametrize(
    ("kind", "status", "raised", "code"),
    [
        (ProblemKind.BAD_REQUEST, 400, openai.BadRequestError, None),
        (ProblemKind.CONTEXT, 400, openai.BadRequestError, "context_length_exceeded"),
        (ProblemKind.CONTENT, 400, openai.BadRequestError, "content_policy_violation"),
        (ProblemKind.UNAUTHORISED, 401, openai.AuthenticationError, "invalid_api_key"),
        (ProblemKind.FORBIDDEN, 403, openai.PermissionDeniedError, "insufficient_permissions"),
        (ProblemKind.NOT_FOUND, 404, openai.NotFoundError, "model_not_found"),
        (ProblemKind.TOO_LARGE, 413, openai.APIStatusError, "request_too_large"),
        (ProblemKind.LIMIT, 429, openai.RateLimitError, "rate_limit_exceeded"),
        (ProblemKind.BILLING, 429, openai.RateLimitError, "insufficient_quota"),
        (ProblemKind.BUSY, 429, openai.RateLimitError, "slow_down"),
        (ProblemKind.UPSTREAM, 502, openai.InternalServerError, "server_error"),
        (ProblemKind.OVERLOADED, 503, openai.InternalServerError, "server_is_overloaded"),
        (ProblemKind.TIMEOUT, 504, openai.InternalServerError, "timeout"),
        (ProblemKind.INTERNAL, 500, openai.InternalServerError, "server_error"),
    ],
)
def test_every_problem_raises_its_class(
    kind: ProblemKind, status: int, raised: type[openai.APIStatusError], code: str | None
) -> None:
    problem = Problem(kind, "Because.", param="messages.0")
    assert DIALECT.status(problem) == status
    body = DIALECT.problem(problem, "01JD")
    with pytest.raises(raised) as error:
        sdk(body, status).chat.completions.create(model="m", messages=[])
    assert (error.value.code, error.value.param, error.value.status_code) == (code, "messages.0", status)
    assert "Because." in str(error.value)


def test_a_providers_own_code_is_passed_on_only_where_openai_has_no_word() -> None:
    def code(kind: ProblemKind) -> Any:
        return orjson.loads(DIALECT.problem(Problem(kind, "No.", code="own"), ""))["error"]["code"]

    assert code(ProblemKind.BAD_REQUEST) == "own"
    assert code(ProblemKind.LIMIT) == "rate_limit_exceeded"
