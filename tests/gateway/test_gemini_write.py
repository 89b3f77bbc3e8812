"""Answers for clients of generateContent, read by Google's own SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from google import genai
from google.genai import errors, types
from tests.support.client_sdk import (
    HEAD,
    JSON,
    ORIGIN,
    ROUTE,
    begun,
    gemini_body,
    gemini_client,
    whole_answer,
    written,
)

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.messages import TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.gateway.dialect import AnswerStream, Asked, Problem, ProblemKind
from trunkline.gateway.gemini.dialect import GeminiDialect
from trunkline.gateway.sealing import sealed

DIALECT = GeminiDialect()
ARRAY = GeminiDialect(array=True)
CALL = ToolCallDelta(0, "call_1", "weather", '{"city":"Bern"}', "c2ln")


def asked(**config: Any) -> Asked:
    return DIALECT.read(gemini_body(generationConfig=config), ORIGIN, model="auto", stream=True)


PLAIN = asked()
THOUGHTFUL = asked(thinkingConfig={"includeThoughts": True})


def stream(request: Asked = THOUGHTFUL) -> AnswerStream:
    return DIALECT.stream(request, HEAD)


def responses(body: bytes) -> list[dict[str, Any]]:
    """The responses as they stand in a stream of events."""
    assert body.endswith(b"\r\n\r\n")
    return [orjson.loads(event.removeprefix(b"data: ")) for event in body[:-4].split(b"\r\n\r\n")]


def pieces(body: bytes) -> list[dict[str, Any]]:
    return [piece for one in responses(body) for piece in one["candidates"][0]["content"]["parts"]]


def told(body: bytes) -> list[types.GenerateContentResponse]:
    return list(gemini_client(body).models.generate_content_stream(model="auto", contents="Hello"))


def test_every_response_is_whole_and_only_the_last_ends() -> None:
    body = written(stream(PLAIN), "Hel", "lo\u2028")
    first, second, last = responses(body)
    for one in (first, second, last):
        assert (one["modelVersion"], one["responseId"]) == ("zai/glm-5.3", "01JREQ")
        assert (one["candidates"][0]["index"], one["candidates"][0]["content"]["role"]) == (0, "model")
    assert pieces(body) == [{"text": "Hel"}, {"text": "lo\u2028"}, {"text": ""}]
    assert ["finishReason" in one["candidates"][0] for one in (first, second, last)] == [False, False, True]
    assert ["usageMetadata" in one for one in (first, second, last)] == [False, False, True]
    assert b"[DONE]" not in body


def test_the_sdk_reads_a_streamed_answer() -> None:
    chunks = told(written(stream(), ThinkingDelta("Hm"), ThinkingDelta(" so"), "Hel", "lo", CALL))
    parts = [part for chunk in chunks for part in chunk.parts or ()]
    assert "".join(part.text or "" for part in parts if part.thought) == "Hm so"
    assert "".join(part.text or "" for part in parts if not part.thought) == "Hello"
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.function_calls is not None
    (call,) = last.function_calls
    assert (call.id, call.name, call.args) == ("call_1", "weather", {"city": "Bern"})
    usage = last.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (100, 60)
    assert (usage.candidates_token_count, usage.thoughts_token_count, usage.total_token_count) == (
        18,
        12,
        130,
    )
    assert (last.model_version, last.response_id) == ("zai/glm-5.3", "01JREQ")


def test_the_sdk_reads_it_asynchronously_too() -> None:
    body = written(stream(), "Hel", "lo")

    async def read() -> list[str | None]:
        transport = httpx.MockTransport(
            lambda _: httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})
        )
        options = types.HttpOptions(
            base_url="http://gateway", httpx_async_client=httpx.AsyncClient(transport=transport)
        )
        client = genai.Client(api_key="k", http_options=options)
        chunks = await client.aio.models.generate_content_stream(model="auto", contents="Hello")
        return [chunk.text async for chunk in chunks]

    assert asyncio.run(read()) == ["Hel", "lo", ""]


def test_a_chat_of_the_sdk_keeps_what_was_streamed_and_sends_it_back() -> None:
    sent: list[httpx.Request] = []
    body = written(
        stream(), ThinkingDelta("Hm"), ThinkingDelta("", "c2ln"), "Hel", "lo", ThinkingDelta("", "dGV4dA==")
    )
    chat = gemini_client(body, asked=sent).chats.create(model="auto")
    list(chat.send_message_stream("Hello"))
    list(chat.send_message_stream("And?"))
    read = DIALECT.read(orjson.loads(sent[1].content), ORIGIN, model="auto")
    assert read.chat.messages[1].parts == (
        ThinkingPart("Hm", "zai", "c2ln", "glm-5.3"),
        TextPart("Hello"),
        ThinkingPart("", "zai", "dGV4dA==", "glm-5.3"),
    )


def test_a_call_comes_back_with_its_signature() -> None:
    body = written(stream(PLAIN), CALL)
    content = told(body)[-1].candidates[0].content
    sent: list[httpx.Request] = []
    client = gemini_client(b"{}", kind=JSON, asked=sent)
    result = types.Part.from_function_response(name="weather", response={"output": "sun"})
    client.models.generate_content(model="auto", contents=["Hello", content, result])
    read = DIALECT.read(orjson.loads(sent[0].content), ORIGIN, model="auto")
    assert read.chat.messages[1].parts == (
        ToolCallPart("call_1", "weather", '{"city":"Bern"}', "c2ln", "zai"),
    )


def test_thoughts_are_kept_from_who_did_not_ask_for_them() -> None:
    withheld = (ThinkingDelta("Hm"), ThinkingDelta("", "of Hm"), ThinkingDelta("", "dark", redacted=True))
    body = written(stream(PLAIN), *withheld, "Hi", ThinkingDelta("", "of Hi"))
    assert pieces(body) == [
        {"text": "Hi"},
        {"text": "", "thoughtSignature": sealed("of Hi", ROUTE)},
        {"text": ""},
    ]


def test_a_signature_after_words_is_told_though_thoughts_before_them_are_withheld() -> None:
    body = written(stream(PLAIN), ThinkingDelta("Hm"), "Hi", ThinkingDelta("", "of Hi"))
    assert pieces(body)[1] == {"text": "", "thoughtSignature": sealed("of Hi", ROUTE)}


def test_a_row_of_thoughts_begins_anew_after_words() -> None:
    body = written(stream(), ThinkingDelta("a"), "b", ThinkingDelta("c"), "d")
    assert pieces(body)[2] == {"text": "c", "thought": True, "thoughtSignature": sealed("", ROUTE)}


def test_a_row_of_thoughts_says_whose_it_is() -> None:
    body = written(
        stream(), ThinkingDelta("a"), ThinkingDelta("b"), ThinkingDelta("", "dark", redacted=True), "Hi"
    )
    nobodys = sealed("", ROUTE)
    assert pieces(body)[:3] == [
        {"text": "a", "thought": True, "thoughtSignature": nobodys},
        {"text": "b", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": sealed("redacted:dark", ROUTE)},
    ]
    content = {"role": "model", "parts": pieces(body)}
    read = DIALECT.read({"contents": [content]}, ORIGIN, model="auto")
    assert read.chat.messages[0].parts == (
        ThinkingPart("ab", "zai", None, "glm-5.3"),
        ThinkingPart("", "zai", "dark", "glm-5.3", redacted=True),
        TextPart("Hi"),
    )


@pytest.mark.parametrize("last", ["end", "fail"])
def test_a_stream_without_events_is_one_array(last: str) -> None:
    writer = ARRAY.stream(PLAIN, HEAD)
    body = begun(writer, "Hel", "lo")
    if last == "end":
        body += writer.end(FinishReason.STOP, Usage())
    else:
        body += writer.fail(Problem(ProblemKind.UPSTREAM, "cut"))
    array = orjson.loads(body)
    assert [one["candidates"][0]["content"]["parts"][0]["text"] for one in array[:2]] == ["Hel", "lo"]
    assert ("error" in array[2]) == (last == "fail")
    assert len(array) == 3


def test_an_array_of_nothing_but_an_error() -> None:
    writer = ARRAY.stream(PLAIN, HEAD)
    body = writer.begin() + writer.fail(Problem(ProblemKind.UPSTREAM, "cut"))
    assert orjson.loads(body)[0]["error"]["status"] == "UNAVAILABLE"
    before = orjson.loads(ARRAY.problem(Problem(ProblemKind.LIMIT, "later"), "01JREQ"))
    assert [one["error"]["code"] for one in before] == [429]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (FinishReason.STOP, types.FinishReason.STOP),
        (FinishReason.TOOL_CALLS, types.FinishReason.STOP),
        (FinishReason.LENGTH, types.FinishReason.MAX_TOKENS),
        (FinishReason.CONTENT, types.FinishReason.SAFETY),
        (FinishReason.CANCELLED, types.FinishReason.OTHER),
    ],
)
def test_finish_reasons(finish: FinishReason, reason: types.FinishReason) -> None:
    body = DIALECT.whole(PLAIN, whole_answer(TextPart("x"), finish=finish))
    response = gemini_client(body, kind=JSON).models.generate_content(model="auto", contents="Hello")
    assert response.candidates is not None
    assert response.candidates[0].finish_reason is reason


def test_a_whole_answer() -> None:
    answer = whole_answer(
        ThinkingPart("Hm", "google", None, "gemini-4-argon"),
        TextPart("Hi"),
        ThinkingPart("", "google", "c2ln", "gemini-4-argon"),
        ToolCallPart("call_1", "weather", '{"city":"Bern"}', "Y2FsbA==", "google"),
        ToolCallPart("call_2", "odd", "[1]"),
    )
    response = gemini_client(DIALECT.whole(THOUGHTFUL, answer), kind=JSON).models.generate_content(
        model="auto", contents="Hello"
    )
    assert response.parts is not None
    thought, text, call, odd = response.parts
    assert (thought.text, thought.thought, text.text, text.thought) == ("Hm", True, "Hi", None)
    assert text.thought_signature is not None
    assert b"\0google\0gemini-4-argon\0c2ln" in text.thought_signature
    assert call.thought_signature is not None
    assert b"\0google\0glm-5.3\0Y2FsbA==" in call.thought_signature
    assert (odd.function_call.args, odd.thought_signature) == ({"arguments": "[1]"}, None)
    plain = orjson.loads(DIALECT.whole(PLAIN, answer))["candidates"][0]["content"]["parts"]
    assert [list(piece) for piece in plain] == [
        ["text", "thoughtSignature"],
        ["functionCall", "thoughtSignature"],
        ["functionCall"],
    ]


@pytest.mark.parametrize(
    ("usage", "fields"),
    [
        (Usage(), None),
        (Usage(input_tokens=5), {"promptTokenCount": 5}),
        (Usage(5, 0), {"promptTokenCount": 5, "candidatesTokenCount": 0, "totalTokenCount": 5}),
    ],
)
def test_usage_that_nobody_knows_is_left_out(usage: Usage, fields: dict[str, int] | None) -> None:
    assert responses(written(stream(), "x", usage=usage))[-1].get("usageMetadata") == fields
    assert (
        orjson.loads(DIALECT.whole(PLAIN, whole_answer(TextPart("x"), usage=usage))).get("usageMetadata")
        == fields
    )


def test_a_failure_midway_is_raised_by_the_sdk_and_no_call_is_carried_out() -> None:
    writer = stream()
    problem = Problem(ProblemKind.OVERLOADED, "the rest will not come")
    body = begun(writer, "Hel", CALL) + writer.fail(problem)
    assert b"functionCall" not in body
    with pytest.raises(errors.ServerError, match="the rest will not come") as caught:
        told(body)
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


def test_an_idle_stream_sends_nothing_that_the_sdk_would_stumble_over() -> None:
    writer = stream()
    assert writer.begin() + writer.idle() == b""


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (ProblemKind.BAD_REQUEST, 400, "INVALID_ARGUMENT"),
        (ProblemKind.CONTENT, 400, "INVALID_ARGUMENT"),
        (ProblemKind.UNAUTHORISED, 400, "INVALID_ARGUMENT"),
        (ProblemKind.TOO_LARGE, 400, "INVALID_ARGUMENT"),
        (ProblemKind.BILLING, 400, "FAILED_PRECONDITION"),
        (ProblemKind.FORBIDDEN, 403, "PERMISSION_DENIED"),
        (ProblemKind.NOT_FOUND, 404, "NOT_FOUND"),
        (ProblemKind.LIMIT, 429, "RESOURCE_EXHAUSTED"),
        (ProblemKind.BUSY, 429, "RESOURCE_EXHAUSTED"),
        (ProblemKind.INTERNAL, 500, "INTERNAL"),
        (ProblemKind.UPSTREAM, 502, "UNAVAILABLE"),
        (ProblemKind.OVERLOADED, 503, "UNAVAILABLE"),
        (ProblemKind.TIMEOUT, 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_errors_are_raised_by_the_sdk_as_what_they_are(kind: ProblemKind, status: int, word: str) -> None:
    problem = Problem(kind, "so it is")
    assert DIALECT.status(problem) == status
    client = gemini_client(DIALECT.problem(problem, "01JREQ"), status=status, kind=JSON)
    with pytest.raises(errors.APIError, match="so it is") as caught:
        client.models.generate_content(model="auto", contents="Hello")
    assert (caught.value.code, caught.value.status) == (status, word)
    assert isinstance(caught.value, errors.ClientError if status < 500 else errors.ServerError)


def details(problem: Problem) -> dict[str, dict[str, Any]]:
    error = orjson.loads(DIALECT.problem(problem, "01JREQ"))["error"]
    return {one.pop("@type").removeprefix("type.googleapis.com/google.rpc."): one for one in error["details"]}


def test_what_programs_go_by() -> None:
    assert details(Problem(ProblemKind.LIMIT, "m", "no_route", retry_after_ms=26_500)) == {
        "ErrorInfo": {"reason": "NO_ROUTE", "domain": "trunkline"},
        "RetryInfo": {"retryDelay": "26.5s"},
        "RequestInfo": {"requestId": "01JREQ"},
    }
    assert (
        details(Problem(ProblemKind.UNAUTHORISED, "m", "no_token"))["ErrorInfo"]["reason"]
        == "API_KEY_INVALID"
    )
    violation = {"field": "contents", "description": "m"}
    wrong = details(Problem(ProblemKind.BAD_REQUEST, "m", param="contents"))
    assert wrong["BadRequest"] == {"fieldViolations": [violation]}


def test_a_conversation_that_is_too_long_is_said_in_the_words_that_clients_know() -> None:
    error = orjson.loads(DIALECT.problem(Problem(ProblemKind.CONTEXT, "no model has room"), "r"))["error"]
    assert error["message"] == (
        "The input token count exceeds the maximum number of tokens allowed: no model has room"
    )
    own = Problem(
        ProblemKind.CONTEXT, "The input token count (9) exceeds the maximum number of tokens allowed (8)."
    )
    assert orjson.loads(DIALECT.problem(own, "r"))["error"]["message"] == own.message
