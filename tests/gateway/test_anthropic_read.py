"""What clients of the Messages API ask, read."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from tests.support.client_sdk import ORIGIN, anthropic_body

from trunkline.domain.messages import (
    AnswerSchema,
    Effort,
    ImagePart,
    Message,
    NativeField,
    ResponseFormat,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    ToolSpec,
    ToolUse,
)
from trunkline.domain.routes import Route
from trunkline.gateway.anthropic.count import count_body, read_count
from trunkline.gateway.anthropic.dialect import AnthropicDialect
from trunkline.gateway.anthropic.read import Shape, ThinkingShown
from trunkline.gateway.dialect import Asked, UnreadableError
from trunkline.gateway.sealing import sealed

DIALECT = AnthropicDialect()


def read(**fields: Any) -> Asked:
    return DIALECT.read(anthropic_body(**fields), ORIGIN)


def said(*blocks: dict[str, Any], role: str = "user") -> tuple[Message, ...]:
    return read(messages=[{"role": role, "content": list(blocks)}]).chat.messages


def refusal(**fields: Any) -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        read(**fields)
    return caught.value


def test_the_least_request() -> None:
    asked = read()
    assert asked.model == "auto"
    assert asked.chat.messages == (Message.of(Role.USER, "Hello"),)
    assert (asked.chat.origin, asked.chat.max_output_tokens, asked.chat.stream) == (ORIGIN, 100, False)
    assert (asked.ignored, asked.fallbacks, asked.conversation_key) == ((), (), None)
    assert asked.shape == Shape(ThinkingShown.NONE)


def test_settings() -> None:
    asked = read(
        stream=True, temperature=0.5, top_p=0.9, top_k=40, stop_sequences=["END"], service_tier="auto",
        metadata={"user_id": "u1", "task": "coding"}, models=["t1", "auto"],
    )  # fmt: skip
    chat = asked.chat
    assert (chat.stream, chat.temperature, chat.stop) == (True, 0.5, ("END",))
    assert (chat.sampling.top_p, chat.sampling.top_k) == (0.9, 40)
    assert chat.native == (NativeField("anthropic", "service_tier", '"auto"'),)
    assert asked.said == {"user_id": "u1", "task": "coding"}
    assert asked.fallbacks == ("t1",)


def test_each_system_block_is_a_message_and_cache_marks_are_told_once() -> None:
    mark = {"type": "ephemeral"}
    system = [
        {"type": "text", "text": "You are terse.", "cache_control": mark},
        {"type": "text", "text": "And kind.", "cache_control": mark},
    ]
    asked = read(system=system)
    assert [message.text for message in asked.chat.messages] == ["You are terse.", "And kind.", "Hello"]
    assert asked.ignored == ("cache_control",)
    assert read(system="One.").chat.messages[0] == Message.of(Role.SYSTEM, "One.")


def test_a_billing_line_that_would_empty_every_cache_is_left_out() -> None:
    system = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.177.01c; cch=36ee5;"},
        {"type": "text", "text": "You are Claude Code."},
    ]
    asked = read(system=system)
    assert [message.text for message in asked.chat.messages] == ["You are Claude Code.", "Hello"]
    assert asked.ignored == ("x-anthropic-billing-header",)


@pytest.mark.parametrize(
    ("user_id", "key"),
    [
        ("user_0af3_account__session_57a121ec-f78c-48c3-a745-e3036a3ecc33", "57a121ec-f78c-48c3-a745-e3036a3ecc33"),
        (json.dumps({"device_id": "d", "account_uuid": "", "session_id": "54c1eb09"}), "54c1eb09"),
        ("customer-12", None),
        ("{broken", None),
    ],
)  # fmt: skip
def test_a_conversation_is_known_by_the_session_in_the_user_id(user_id: str, key: str | None) -> None:
    asked = read(metadata={"user_id": user_id})
    assert asked.conversation_key == key
    assert ("user_id" in asked.said) == (key is None)


def test_images_and_documents() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
    linked = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    text = {"type": "text", "media_type": "text/plain", "data": "a"}
    plain = {"type": "document", "title": "Notes", "source": text}
    found = {"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "b"}]}
    assert said(image, linked, plain, found)[0].parts == (
        ImagePart("data:image/png;base64,iVBO"),
        ImagePart("https://example.org/a.png"),
        TextPart("Notes\na"),
        TextPart("T\nS\nb"),
    )


def test_citations_that_nobody_will_make_are_told() -> None:
    source = {"type": "text", "data": "a"}
    document = {"type": "document", "source": source, "citations": {"enabled": True}}
    assert read(messages=[{"role": "user", "content": [document]}]).ignored == ("citations",)


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "source.type"),
        ({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}}, "source.url"),
        ({"type": "document", "source": {"type": "base64", "data": "x"}}, "source.type"),
        ({"type": "web_search_tool_result", "tool_use_id": "x", "content": []}, "type"),
        ({"type": "tool_use", "id": "x", "name": "n", "input": {}}, "type"),
        ({"type": "text"}, "text"),
    ],
)  # fmt: skip
def test_blocks_that_cannot_be_passed_on_are_refused_by_their_path(block: dict[str, Any], param: str) -> None:
    error = refusal(messages=[{"role": "user", "content": [block]}])
    assert error.param == f"messages.0.content.0.{param}"


def test_calls_and_their_results() -> None:
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}},
            {"type": "tool_use", "id": "toolu_2", "name": "clock", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [
                {"type": "text", "text": "sunny"},
                {"type": "text", "text": "mild"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
            ]},
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no clock", "is_error": True},
            {"type": "text", "text": "Well?"},
        ]},
    ]  # fmt: skip
    _, assistant, results, user = read(messages=messages).chat.messages
    assert assistant.parts == (
        TextPart("Looking."),
        ToolCallPart("toolu_1", "weather", '{"city":"Bern"}'),
        ToolCallPart("toolu_2", "clock", "{}"),
    )
    image = ImagePart("data:image/png;base64,iVBO")
    assert results == Message(
        Role.TOOL,
        (
            ToolResultPart("toolu_1", "sunny\nmild", images=(image,)),
            ToolResultPart("toolu_2", "no clock", True),
        ),
    )
    assert user == Message.of(Role.USER, "Well?")


def test_thinking_goes_to_whom_it_belongs() -> None:
    seal = sealed("sig", Route("google", "main", "gemini-4-argon"))
    nobodys = sealed("", Route("deepseek", "main", "deepseek-flash"))
    data = sealed("dark", Route("anthropic", "main", "claude-opus-5-5"))
    parts = said(
        {"type": "thinking", "thinking": "a", "signature": seal},
        {"type": "thinking", "thinking": "b", "signature": nobodys},
        {"type": "thinking", "thinking": "c", "signature": "EqQBCkYIBBgC"},
        {"type": "redacted_thinking", "data": data},
        {"type": "text", "text": "d"},
        role="assistant",
    )[0].parts
    assert parts == (
        ThinkingPart("a", "google", "sig", "gemini-4-argon"),
        ThinkingPart("b", "deepseek", None, "deepseek-flash"),
        ThinkingPart("c", "anthropic", "EqQBCkYIBBgC", None),
        ThinkingPart("", "anthropic", "dark", "claude-opus-5-5", redacted=True),
        TextPart("d"),
    )


@pytest.mark.parametrize(
    ("fields", "effort", "shown"),
    [
        ({}, None, ThinkingShown.NONE),
        ({"output_config": {"effort": "low"}}, Effort.LOW, ThinkingShown.NONE),
        ({"thinking": {"type": "disabled"}}, Effort.NONE, ThinkingShown.NONE),
        ({"thinking": {"type": "enabled", "budget_tokens": 8000}}, Effort.MEDIUM, ThinkingShown.FULL),
        ({"thinking": {"type": "adaptive"}}, Effort.HIGH, ThinkingShown.FULL),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 8000}, "output_config": {"effort": "low"}},
            Effort.LOW,
            ThinkingShown.FULL,
        ),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            Effort.MAX,
            ThinkingShown.SIGNED,
        ),
    ],
)
def test_how_long_to_think(fields: dict[str, Any], effort: Effort | None, shown: ThinkingShown) -> None:
    asked = read(**fields)
    assert asked.chat.effort is effort
    assert asked.shape == Shape(shown)


def test_tools_and_how_they_are_used() -> None:
    tool = {"name": "weather", "description": "d", "input_schema": {"type": "object"}, "strict": True}
    asked = read(tools=[tool], tool_choice={"type": "any", "disable_parallel_tool_use": True})
    assert asked.chat.tools == (ToolSpec("weather", "d", '{"type":"object"}'),)
    assert asked.chat.tool_choice == ToolChoice(ToolUse.REQUIRED, None, parallel=False)
    assert asked.ignored == ("tools.strict",)
    named = read(tools=[tool], tool_choice={"type": "tool", "name": "weather"})
    assert named.chat.tool_choice == ToolChoice(ToolUse.NAMED, "weather")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"name": "x"}]}, "tools.0.input_schema"),
        ({"tool_choice": {"type": "tool", "name": "x"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"mcp_servers": [{"url": "x"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"format": {"type": "regex"}}}, "output_config.format.type"),
    ],
)
def test_what_cannot_be_done_is_refused(fields: dict[str, Any], param: str) -> None:
    assert refusal(**fields).param == param


def test_a_tool_of_anthropics_own_is_named() -> None:
    assert "web_search_20250305" in str(
        refusal(tools=[{"type": "web_search_20250305", "name": "web_search"}])
    )


def test_a_tool_of_anthropics_beside_the_clients_own_is_left_out_and_named() -> None:
    own = {"name": "run", "input_schema": {"type": "object"}}
    search = {"type": "web_search_20250305", "name": "web_search", "cache_control": {"type": "ephemeral"}}
    found = read(tools=[search, own])
    assert [tool.name for tool in found.chat.tools] == ["run"]
    assert found.ignored == ("cache_control", "tools.web_search_20250305")
    # The computer is the client's: only Anthropic's models know how to use it, and the client counts on that.
    assert "computer_20250124" in str(refusal(tools=[own, {"type": "computer_20250124", "name": "computer"}]))


def test_what_does_no_harm_is_left_out_and_told() -> None:
    asked = read(context_management={"edits": []}, speed="fast", betas=["x"], mcp_servers=[])
    assert asked.ignored == ("context_management", "speed", "betas", "mcp_servers")


@pytest.mark.parametrize("where", ["output_config", "output_format"])
def test_a_schema_for_the_answer(where: str) -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    chat = read(**{where: {"format": form} if where == "output_config" else form}).chat
    assert chat.response_format is ResponseFormat.JSON
    assert chat.answer_schema == AnswerSchema('{"type":"object"}', strict=True)


def test_an_answer_already_begun_passes_as_it_is() -> None:
    messages = [{"role": "user", "content": "Sun?"}, {"role": "assistant", "content": "It is ("}]
    assert read(messages=messages).chat.messages[-1] == Message.of(Role.ASSISTANT, "It is (")


CLAUDE_CODE_MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
CLAUDE_CODE_SYSTEM = (
    "x-anthropic-billing-header: cc_version=2.1.177.01c; cc_entrypoint=cli; cch=36ee5;",
    "You are Claude Code, Anthropic's official CLI for Claude.",
)
CLAUDE_CODE_TURN = (
    {"type": "thinking", "thinking": "", "signature": "EqQB"},
    {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"p": 1}, "caller": {"type": "direct"}},
)
CLAUDE_CODE_RESULT = {"tool_use_id": "toolu_1", "type": "tool_result", "content": "1\tx"} | CLAUDE_CODE_MARK
CLAUDE_CODE_TOOL = {"name": "Read", "description": "d", "input_schema": {"type": "object"}}


def test_a_request_as_claude_code_sends_it() -> None:
    session = {"device_id": "d", "account_uuid": "", "session_id": "54c1eb09-bc4c-4d2f-98eb-6d2ab2d5e2fe"}
    asked = read(
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "<system-reminder>x</system-reminder>"}]},
            {"role": "assistant", "content": list(CLAUDE_CODE_TURN)},
            {"role": "user", "content": [CLAUDE_CODE_RESULT]},
        ],
        system=[{"type": "text", "text": text} | CLAUDE_CODE_MARK for text in CLAUDE_CODE_SYSTEM],
        tools=[CLAUDE_CODE_TOOL | {"eager_input_streaming": True}],
        metadata={"user_id": json.dumps(session)},
        max_tokens=64_000,
        thinking={"type": "adaptive", "display": "omitted"},
        output_config={"effort": "xhigh"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        stream=True,
    )
    chat = asked.chat
    assert [message.role for message in chat.messages] == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL]
    assert (chat.effort, chat.max_output_tokens, chat.stream) == (Effort.MAX, 64_000, True)
    assert asked.conversation_key == session["session_id"]
    assert asked.ignored == (
        "tools.eager_input_streaming",
        "cache_control",
        "x-anthropic-billing-header",
        "context_management",
    )


def test_counting_needs_no_output_limit() -> None:
    body = anthropic_body(system="Be brief.")
    del body["max_tokens"]
    asked = read_count(body, ORIGIN)
    assert [message.text for message in asked.chat.messages] == ["Be brief.", "Hello"]
    assert orjson.loads(count_body(12)) == {"input_tokens": 12}
