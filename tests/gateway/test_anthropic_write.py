"""Answers for clients of the Messages API, read by Anthropic's own SDK."""

from __future__ import annotations

from typing import Any

import anthropic
import orjson
import pytest
from tests.support.client_sdk import (
    HEAD,
    JSON,
    ORIGIN,
    ROUTE,
    USAGE,
    anthropic_body,
    anthropic_client,
    begun,
    whole_answer,
    written,
)

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.messages import TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.anthropic.dialect import AnthropicDialect
from trunkline.gateway.dialect import AnswerStream, Asked, Problem, ProblemKind
from trunkline.gateway.sealing import unsealed

DIALECT = AnthropicDialect()
CALL = ToolCallDelta(0, "call_1", "weather", '{"city":"Bern"}')
ASKED: dict[str, Any] = anthropic_body()


def asked(**fields: Any) -> Asked:
    return DIALECT.read(anthropic_body(**fields), ORIGIN)


THOUGHTFUL = asked(thinking={"type": "adaptive"})
PLAIN = asked()


def stream(request: Asked = THOUGHTFUL) -> AnswerStream:
    return DIALECT.stream(request, HEAD)


def events(body: bytes) -> list[dict[str, Any]]:
    """The events as they stand in the stream; each names itself twice."""
    told = []
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        event = orjson.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        told.append(event)
    return told


def kinds(body: bytes) -> list[str]:
    return [event["type"] for event in events(body)]


def final(body: bytes) -> Any:
    with anthropic_client(body).messages.stream(**ASKED) as told:
        return told.get_final_message()


def test_the_order_of_a_plain_answer() -> None:
    body = written(stream(PLAIN), "Hel", "lo")
    assert kinds(body) == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_blocks_come_one_after_another_and_are_numbered() -> None:
    body = written(
        stream(),
        ThinkingDelta("Hm"),
        ThinkingDelta("", "sig"),
        "It",
        " is",
        CALL,
        ToolCallDelta(1, "c2", "b", ""),
    )
    told = [
        (event["type"].removeprefix("content_block_"), event["index"], event.get("delta", {}).get("type"))
        for event in events(body)
        if "index" in event
    ]
    assert told == [
        ("start", 0, None),
        ("delta", 0, "thinking_delta"),
        ("delta", 0, "signature_delta"),
        ("stop", 0, None),
        ("start", 1, None),
        ("delta", 1, "text_delta"),
        ("delta", 1, "text_delta"),
        ("stop", 1, None),
        ("start", 2, None),
        ("delta", 2, "input_json_delta"),
        ("stop", 2, None),
        ("start", 3, None),
        ("delta", 3, "input_json_delta"),
        ("stop", 3, None),
    ]


def test_words_after_a_call_are_a_block_of_their_own() -> None:
    first, _, last = final(written(stream(), "a", CALL, "b")).content
    assert (first.text, last.text) == ("a", "b")


def test_the_sdk_reads_a_streamed_answer() -> None:
    message = final(written(stream(), ThinkingDelta("Hm"), "Hé\u2028\n", "llo", CALL))
    thinking, text, call = message.content
    assert (thinking.thinking, unsealed(thinking.signature)) == ("Hm", ("zai", "glm-5.3", ""))
    assert text.text == "Hé\u2028\nllo"
    assert (call.id, call.name, call.input) == ("call_1", "weather", {"city": "Bern"})
    assert (message.id, message.model, message.stop_reason) == ("msg_01JREQ", "zai/glm-5.3", "tool_use")
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (
        30,
        60,
        10,
    )
    assert (usage.output_tokens, usage.output_tokens_details.thinking_tokens) == (30, 12)


def test_the_head_has_the_estimate() -> None:
    start = events(stream().begin())[0]["message"]
    assert (start["usage"]["input_tokens"], start["usage"]["output_tokens"]) == (41, 1)
    assert (start["content"], start["stop_reason"]) == ([], None)


def test_usage_that_nobody_knows_is_not_made_up() -> None:
    delta = events(written(stream(), "x", usage=Usage()))[-2]
    assert delta["usage"] == {
        "cache_creation_input_tokens": None,
        "cache_read_input_tokens": None,
        "output_tokens": None,
    }
    assert final(written(stream(), "x", usage=Usage())).usage.input_tokens == HEAD.input_tokens


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (FinishReason.STOP, "end_turn"),
        (FinishReason.LENGTH, "max_tokens"),
        (FinishReason.CONTENT, "refusal"),
    ],
)
def test_stop_reasons(finish: FinishReason, reason: str) -> None:
    assert final(written(stream(), "x", finish=finish)).stop_reason == reason
    assert (
        orjson.loads(DIALECT.whole(PLAIN, whole_answer(TextPart("x"), finish=finish)))["stop_reason"]
        == reason
    )


def test_thinking_is_kept_from_who_did_not_ask_for_it() -> None:
    body = written(stream(PLAIN), ThinkingDelta("Hm", "sig"), ThinkingDelta("", "d", redacted=True), "Hi")
    assert [block.type for block in final(body).content] == ["text"]
    whole = whole_answer(ThinkingPart("Hm", "zai", "sig"), TextPart("Hi"))
    assert [block["type"] for block in orjson.loads(DIALECT.whole(PLAIN, whole))["content"]] == ["text"]


def test_thinking_whose_words_are_not_wanted_comes_back_with_them_all_the_same() -> None:
    omitted = asked(thinking={"type": "adaptive", "display": "omitted"})
    pieces = (
        ThinkingDelta("Hm,"),
        ThinkingDelta(" so"),
        ThinkingDelta("", "sig"),
        ThinkingDelta("", "alone"),
        "Hi",
    )
    streamed = [block.model_dump(mode="json") for block in final(written(stream(omitted), *pieces)).content]
    parts = (
        ThinkingPart("Hm, so", "zai", "sig", "glm-5.3"),
        ThinkingPart("", "zai", "alone", "glm-5.3"),
        TextPart("Hi"),
    )
    whole = orjson.loads(DIALECT.whole(omitted, whole_answer(*parts)))["content"]
    for content in (streamed, whole):
        assert [block.get("thinking") for block in content] == ["", "", None]
        history = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": content}]
        assert DIALECT.read(anthropic_body(messages=history), ORIGIN).chat.messages[1].parts == parts


def test_the_last_block_is_the_answer_whatever_is_signed_after_it() -> None:
    body = written(stream(), ThinkingDelta("Hm"), "Hi", ThinkingDelta("", "of Hi"))
    assert [block.type for block in final(body).content] == ["thinking", "text"]
    whole = DIALECT.whole(THOUGHTFUL, whole_answer(TextPart("Hi"), ThinkingPart("", "zai", "of Hi")))
    assert [block["type"] for block in orjson.loads(whole)["content"]] == ["text"]


def test_a_signature_between_words_and_a_call_is_told_in_its_place() -> None:
    content = final(written(stream(), "Hi", ThinkingDelta("", "sig"), CALL)).content
    assert [block.type for block in content] == ["text", "thinking", "tool_use"]
    assert unsealed(content[1].signature) == ("zai", "glm-5.3", "sig")


def test_a_cache_that_was_counted_twice_leaves_no_input_below_nothing() -> None:
    odd = Usage(input_tokens=5, output_tokens=1, cached_tokens=9)
    assert final(written(stream(), "x", usage=odd)).usage.input_tokens == 0


def test_thinking_of_another_route_is_a_block_of_its_own() -> None:
    other = Route("kimi", "main", "kimi-k3")
    writer = stream()
    body = writer.begin() + writer.thinking(ThinkingDelta("a"), ROUTE)
    body += (
        writer.thinking(ThinkingDelta("b"), other) + writer.text("c") + writer.end(FinishReason.STOP, USAGE)
    )
    first, second, _ = final(body).content
    assert unsealed(first.signature) == ("zai", "glm-5.3", "")
    assert unsealed(second.signature) == ("kimi", "kimi-k3", "")


def test_what_was_streamed_comes_back_as_it_was() -> None:
    pieces = (
        ThinkingDelta("Hm"),
        ThinkingDelta("", "sig"),
        ThinkingDelta("", "dark", redacted=True),
        "Hi",
        CALL,
    )
    message = final(written(stream(), *pieces))
    history = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [block.model_dump(mode="json") for block in message.content]},
    ]
    read = DIALECT.read(anthropic_body(messages=history), ORIGIN)
    assert read.chat.messages[1].parts == (
        ThinkingPart("Hm", "zai", "sig", "glm-5.3"),
        ThinkingPart("", "zai", "dark", "glm-5.3", redacted=True),
        TextPart("Hi"),
        ToolCallPart("call_1", "weather", '{"city":"Bern"}'),
    )


def test_a_whole_answer() -> None:
    answer = whole_answer(
        ThinkingPart("Hm", "zai", "sig", "glm-5.3"),
        ThinkingPart("", "zai", "dark", "glm-5.3", redacted=True),
        TextPart("Hi"),
        ToolCallPart("call_1", "weather", '{"city":"Bern"}'),
        ToolCallPart("call_2", "odd", "[1]"),
    )
    client = anthropic_client(DIALECT.whole(THOUGHTFUL, answer), kind=JSON)
    message = client.messages.create(**ASKED)
    thinking, dark, text, call, odd = message.content
    assert isinstance(thinking, anthropic.types.ThinkingBlock)
    assert isinstance(dark, anthropic.types.RedactedThinkingBlock)
    assert isinstance(text, anthropic.types.TextBlock)
    assert isinstance(call, anthropic.types.ToolUseBlock)
    assert isinstance(odd, anthropic.types.ToolUseBlock)
    assert unsealed(thinking.signature) == ("zai", "glm-5.3", "sig")
    assert unsealed(dark.data) == ("zai", "glm-5.3", "dark")
    assert (text.text, call.input, odd.input) == ("Hi", {"city": "Bern"}, {"arguments": "[1]"})
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == (
        "tool_use",
        30,
        30,
    )


def test_a_whole_answer_that_nobody_counted_has_the_estimate_of_its_input() -> None:
    body = orjson.loads(DIALECT.whole(PLAIN, whole_answer(TextPart("x"), usage=Usage())))
    assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"]) == (HEAD.input_tokens, None)


def test_a_failure_midway_is_raised_by_the_sdk_and_ends_the_stream() -> None:
    writer = stream()
    body = begun(writer, "Hel") + writer.fail(Problem(ProblemKind.OVERLOADED, "the rest will not come"))
    assert kinds(body)[-1] == "error"
    with pytest.raises(anthropic.APIStatusError, match="the rest will not come") as caught:
        final(body)
    assert caught.value.type == "overloaded_error"


def test_an_idle_stream_pings() -> None:
    writer = stream(PLAIN)
    body = writer.begin() + writer.text("a") + writer.idle() + writer.text("b")
    assert kinds(body)[-2:] == ["ping", "content_block_delta"]
    assert final(body + writer.end(FinishReason.STOP, USAGE)).content[0].text == "ab"


@pytest.mark.parametrize(
    ("kind", "status", "word", "raised"),
    [
        (ProblemKind.BAD_REQUEST, 400, "invalid_request_error", anthropic.BadRequestError),
        (ProblemKind.CONTENT, 400, "invalid_request_error", anthropic.BadRequestError),
        (ProblemKind.UNAUTHORISED, 401, "authentication_error", anthropic.AuthenticationError),
        (ProblemKind.BILLING, 402, "billing_error", anthropic.PaymentRequiredError),
        (ProblemKind.FORBIDDEN, 403, "permission_error", anthropic.PermissionDeniedError),
        (ProblemKind.NOT_FOUND, 404, "not_found_error", anthropic.NotFoundError),
        (ProblemKind.TOO_LARGE, 413, "request_too_large", anthropic.RequestTooLargeError),
        (ProblemKind.LIMIT, 429, "rate_limit_error", anthropic.RateLimitError),
        (ProblemKind.BUSY, 429, "rate_limit_error", anthropic.RateLimitError),
        (ProblemKind.INTERNAL, 500, "api_error", anthropic.InternalServerError),
        (ProblemKind.UPSTREAM, 502, "api_error", anthropic.InternalServerError),
        (ProblemKind.TIMEOUT, 504, "timeout_error", anthropic.DeadlineExceededError),
        (ProblemKind.OVERLOADED, 529, "overloaded_error", anthropic.OverloadedError),
    ],
)
def test_errors_are_raised_by_the_sdk_as_what_they_are(
    kind: ProblemKind, status: int, word: str, raised: type[anthropic.APIStatusError]
) -> None:
    problem = Problem(kind, "so it is", code="some_code")
    assert DIALECT.status(problem) == status
    client = anthropic_client(DIALECT.problem(problem, "01JREQ"), status=status, kind=JSON)
    with pytest.raises(raised, match="so it is") as caught:
        client.messages.create(**ASKED)
    assert (caught.value.type, caught.value.error_code) == (word, "some_code")
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["request_id"] == "01JREQ"


def test_a_conversation_that_is_too_long_is_said_in_the_words_that_clients_know() -> None:
    told = orjson.loads(DIALECT.problem(Problem(ProblemKind.CONTEXT, "no model has room"), "r"))
    assert told["error"]["message"] == "prompt is too long: no model has room"
    own = Problem(ProblemKind.CONTEXT, "prompt is too long: 210000 tokens > 200000 maximum")
    assert orjson.loads(DIALECT.problem(own, "r"))["error"]["message"] == own.message
