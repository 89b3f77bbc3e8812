"""Responses written: what OpenAI's own SDK makes of them."""

from __future__ import annotations

from typing import Any

import openai
import orjson
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter
from tests.support.openai_clients import CALLS, HEAD, ORIGIN, ROUTE, USAGE, events_in, sdk, spoken

from trunkline.domain.events import ThinkingDelta
from trunkline.domain.messages import Message, Role, TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import Asked, Problem, ProblemKind, WholeAnswer
from trunkline.gateway.responses.dialect import ResponsesDialect

DIALECT = ResponsesDialect()
TEXT = "Two things: “ö”\n"
CLOCK = {"type": "function", "name": "get_time", "parameters": {"type": "object"}, "strict": None}

REASONING = [
    "response.output_item.added",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_summary_part.done",
    "response.output_item.done",
]
MESSAGE = [
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]
CALL = [
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
]
SIGNATURE = ["response.output_item.added", "response.output_item.done"]


def asked(**fields: Any) -> Asked:
    return DIALECT.read({"model": "auto", "input": "Hi", "stream": True} | fields, ORIGIN)


def stream_of(**fields: Any) -> Any:
    return DIALECT.stream(asked(**fields), HEAD)


def whole_of(
    *parts: Any, finish: FinishReason = FinishReason.STOP, usage: Usage = USAGE, **fields: Any
) -> bytes:
    return DIALECT.whole(asked(**fields), WholeAnswer(HEAD, Message(Role.ASSISTANT, parts), finish, usage))


def test_a_stream_is_events_in_the_documented_order() -> None:
    events = events_in(spoken(stream_of()))
    names = [name for name, _ in events]
    assert names == [
        "response.created",
        "response.in_progress",
        *REASONING,
        *MESSAGE,
        *CALL,
        *SIGNATURE,
        *CALL,
        "response.completed",
    ]
    assert [data["type"] for _, data in events] == names
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    adapter = TypeAdapter(ResponseStreamEvent)
    for _, data in events:
        adapter.validate_python(data, strict=True)
    places = [data["output_index"] for _, data in events if "output_index" in data]
    assert places == [0] * 7 + [1] * 7 + [2] * 4 + [3] * 2 + [4] * 4
    items = {data["output_index"]: data["item"]["id"] for _, data in events if "item" in data}
    assert len(set(items.values())) == 5
    for _, data in events:
        if "item_id" in data:
            assert data["item_id"] == items[data["output_index"]]


def test_the_sdk_gathers_a_stream_into_what_was_said() -> None:
    with sdk(spoken(stream_of()), stream=True).responses.stream(model="auto", input="Hi") as events:
        snapshots = [event.snapshot for event in events if event.type == "response.output_text.delta"]
        final: Any = events.get_final_response()
    assert snapshots == ["Two ", TEXT]
    assert (final.id, final.status, final.model) == (
        "resp_01JD0000000000000000000000",
        "completed",
        "anthropic/claude-opus-5",
    )
    assert final.output_text == TEXT
    assert [item.type for item in final.output] == [
        "reasoning",
        "message",
        "function_call",
        "reasoning",
        "function_call",
    ]
    assert final.output[0].summary[0].text == "Let me see."
    calls = [item for item in final.output if item.type == "function_call"]
    assert [(call.call_id, call.name, call.arguments) for call in calls] == [
        (call.call_id, call.name, call.arguments) for call in CALLS
    ]
    assert final.usage.to_dict() == {
        "input_tokens": 1_200,
        "input_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 128},
        "output_tokens": 40,
        "output_tokens_details": {"reasoning_tokens": 12},
        "total_tokens": 1_240,
    }


def test_a_stream_sent_back_is_the_turn_that_it_was() -> None:
    output = events_in(spoken(stream_of()))[-1][1]["response"]["output"]
    found = asked(input=[{"role": "user", "content": "Hi"}, *output])
    assert found.chat.messages[1].parts == (
        ThinkingPart("Let me see.", "anthropic", "sig-1", "claude-opus-5"),
        TextPart(TEXT),
        ToolCallPart("call_a", "get_weather", '{"city":"Kyiv"}'),
        ToolCallPart("call_b", "get_time", "{}", "signed", "anthropic"),
    )


def test_whole_and_streamed_output_are_the_same() -> None:
    parts = (
        ThinkingPart("Let me see.", "anthropic", "sig-1", "claude-opus-5"),
        TextPart(TEXT),
        *(
            ToolCallPart(
                one.call_id, one.name, one.arguments, one.signature, "anthropic" if one.signature else None
            )
            for one in CALLS
        ),
    )
    whole = orjson.loads(whole_of(*parts, finish=FinishReason.TOOL_CALLS))
    streamed = events_in(spoken(stream_of()))[-1][1]["response"]
    # Only the seal of a call differs: who made it, and not which model, is known of a call that is part of a message.
    for response in (whole, streamed):
        response["output"][3].pop("encrypted_content")
    assert whole == streamed


def test_a_signature_that_comes_after_the_words_is_an_item_of_its_own() -> None:
    writer = stream_of()
    pieces = [
        writer.begin(),
        writer.thinking(ThinkingDelta("hm"), ROUTE),
        writer.text("x"),
        writer.thinking(ThinkingDelta("", "late"), ROUTE),
        writer.thinking(ThinkingDelta("", "data", redacted=True), ROUTE),
        writer.end(FinishReason.STOP, USAGE),
    ]
    output = events_in(b"".join(pieces))[-1][1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "reasoning", "reasoning"]
    found = asked(input=[{"role": "user", "content": "Hi"}, *output])
    assert found.chat.messages[1].parts == (
        TextPart("x"),
        ThinkingPart("", "anthropic", "late", "claude-opus-5"),
        ThinkingPart("", "anthropic", "data", "claude-opus-5", redacted=True),
    )


def test_redacted_reasoning_ends_what_was_open_and_shows_nothing() -> None:
    writer = stream_of()
    open_ = writer.thinking(ThinkingDelta("a"), ROUTE)
    redacted = writer.thinking(ThinkingDelta("b", "data", redacted=True), ROUTE)
    items = [
        data["item"] for name, data in events_in(open_ + redacted) if name == "response.output_item.done"
    ]
    assert [[part["text"] for part in item["summary"]] for item in items] == [["a"], []]
    changed = items[1] | {"summary": [{"type": "summary_text", "text": "c"}]}
    found = asked(input=[changed])
    assert found.chat.messages[0].parts == (
        ThinkingPart("", "anthropic", "data", "claude-opus-5", redacted=True),
    )


def test_reasoning_of_another_model_is_another_item() -> None:
    writer = stream_of()
    first = writer.thinking(ThinkingDelta("a"), ROUTE)
    second = writer.thinking(ThinkingDelta("b", "sig"), Route("zai", "main", "glm-5"))
    items = [data["item"] for name, data in events_in(first + second) if name == "response.output_item.done"]
    assert [item["summary"][0]["text"] for item in items] == ["a", "b"]
    assert "encrypted_content" not in items[0]


@pytest.mark.parametrize(
    ("finish", "why"),
    [(FinishReason.LENGTH, "max_output_tokens"), (FinishReason.CONTENT, "content_filter")],
)
def test_what_is_not_whole_is_incomplete(finish: FinishReason, why: str) -> None:
    writer = stream_of()
    events = events_in(writer.begin() + writer.text("Half") + writer.end(finish, USAGE))
    name, data = events[-1]
    assert (name, data["response"]["status"]) == ("response.incomplete", "incomplete")
    assert data["response"]["incomplete_details"] == {"reason": why}
    assert events[-2][1]["item"]["status"] == "incomplete"
    whole = TypeAdapter(Response).validate_json(whole_of(TextPart("Half"), finish=finish), strict=True)
    assert whole.to_dict() == TypeAdapter(Response).validate_python(data["response"]).to_dict()


def test_an_answer_cut_midway_is_an_error_and_a_failed_response() -> None:
    problem = Problem(ProblemKind.LIMIT, "It broke off.", retry_after_ms=1_300)
    writer = stream_of()
    body = writer.begin() + writer.text("Half an ") + writer.fail(problem)
    names = [name for name, _ in events_in(body)]
    assert names[-2:] == ["error", "response.failed"]
    assert "response.completed" not in names
    error, failed = (data for _, data in events_in(body)[-2:])
    assert (error["code"], error["message"]) == (
        "rate_limit_exceeded",
        "It broke off. Please try again in 1.3s.",
    )
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": error["code"], "message": error["message"]}
    with pytest.raises(openai.APIError, match="It broke off") as raised:
        list(sdk(body, stream=True).responses.create(model="m", input="Hi", stream=True))
    assert raised.value.code == "rate_limit_exceeded"


def test_a_stopped_answer_never_completes() -> None:
    writer = stream_of()
    body = writer.begin() + writer.text("Half") + writer.end(FinishReason.CANCELLED, USAGE)
    assert b"response.completed" not in body
    assert orjson.loads(whole_of(TextPart("Half"), finish=FinishReason.CANCELLED))["status"] == "cancelled"


def test_a_response_repeats_its_request_and_stores_nothing() -> None:
    body = whole_of(
        TextPart("x"),
        instructions="Be short.",
        tools=[CLOCK],
        tool_choice="required",
        temperature=0.5,
        max_output_tokens=9,
        metadata={"task": "coding"},
        reasoning={"effort": "low"},
        text={"format": {"type": "json_object"}},
        store=True,
    )
    found: Any = TypeAdapter(Response).validate_json(body, strict=True)
    assert (found.instructions, found.tool_choice, found.temperature) == ("Be short.", "required", 0.5)
    assert (found.max_output_tokens, found.metadata) == (9, {"task": "coding"})
    assert (found.reasoning.effort, found.text.format.type) == ("low", "json_object")
    assert found.tools[0].name == "get_time"
    assert (found.store, found.previous_response_id, found.created_at) == (False, None, 1_763_640_000)


@pytest.mark.parametrize(
    ("kind", "wait_ms", "said"),
    [
        # Codex waits that long, an hour too, and says nothing of it.
        (ProblemKind.LIMIT, 30_000, ("rate_limit_error", "rate_limit_exceeded")),
        (ProblemKind.LIMIT, 3_600_000, ("usage_limit_reached", "rate_limit_exceeded")),
        (ProblemKind.LIMIT, None, ("usage_limit_reached", "rate_limit_exceeded")),
        (ProblemKind.BILLING, None, ("usage_limit_reached", "insufficient_quota")),
        # At OpenAI's own code it says that the model is at its capacity instead of what is said here.
        (ProblemKind.OVERLOADED, None, ("service_unavailable_error", "no_route")),
    ],
)
def test_an_error_has_the_words_at_which_codex_stops_or_shows_the_sentence(
    kind: ProblemKind, wait_ms: int | None, said: tuple[str, str]
) -> None:
    problem = Problem(kind, "Nobody can answer.", "no_route", retry_after_ms=wait_ms)
    error = orjson.loads(DIALECT.problem(problem, "r"))["error"]
    assert (error["type"], error["code"], error["message"]) == (*said, "Nobody can answer.")


def test_usage_that_nobody_knows_is_null_and_never_zero() -> None:
    assert orjson.loads(whole_of(TextPart("x"), usage=Usage(input_tokens=3)))["usage"] is None
    usage = orjson.loads(whole_of(TextPart("x"), usage=Usage(3, 2, estimated=True)))["usage"]
    assert usage == {
        "input_tokens": 3,
        "input_tokens_details": None,
        "output_tokens": 2,
        "output_tokens_details": None,
        "total_tokens": 5,
        "estimated": True,
    }
    # Codex takes a null within the details for an answer that broke off.
    read = orjson.loads(whole_of(TextPart("x"), usage=Usage(3, 2, cached_tokens=1)))["usage"]
    assert read["input_tokens_details"] == {"cached_tokens": 1}
    found = sdk(whole_of(TextPart("x"), usage=Usage(3, 2))).responses.create(model="m", input="Hi")
    assert found.usage is not None
    assert found.usage.total_tokens == 5


def test_schema_answers_are_parsed_by_the_sdk() -> None:
    class Place(BaseModel):
        city: str

    body = whole_of(ThinkingPart("hm", "zai"), TextPart('{"city":'), TextPart('"Kyiv"}'))
    parsed = sdk(body).responses.parse(model="m", input="Hi", text_format=Place)
    assert parsed.output_parsed == Place(city="Kyiv")


def test_errors_are_openais() -> None:
    problem = Problem(ProblemKind.NOT_FOUND, "There is no model of that name.", param="model")
    with pytest.raises(openai.NotFoundError) as raised:
        sdk(DIALECT.problem(problem, ""), DIALECT.status(problem)).responses.create(model="m", input="Hi")
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")
