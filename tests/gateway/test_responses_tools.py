"""Tools of responses that are more than functions, as Codex sends them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from tests.support.openai_clients import HEAD, ORIGIN, ROUTE, USAGE, any_json, events_in

from trunkline.domain.events import ToolCallDelta
from trunkline.domain.messages import (
    Message,
    Role,
    TextPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    ToolUse,
)
from trunkline.domain.receipts import FinishReason
from trunkline.gateway.dialect import Asked, UnreadableError, WholeAnswer
from trunkline.gateway.responses.dialect import ResponsesDialect
from trunkline.gateway.responses.own_tools import flat_name

DIALECT = ResponsesDialect()
GRAMMAR = 'start: "*** Begin Patch" LF hunk+'
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
}
RUN = {
    "type": "function",
    "name": "run",
    "description": "Runs.",
    "strict": False,
    "parameters": {"type": "object"},
}
WAIT = {"type": "function", "name": "wait", "description": "Waits."}
TEAM = {"type": "namespace", "name": "team", "description": "Other agents.", "tools": [WAIT, RUN]}
USUAL = {"type": "namespace", "name": "functions", "description": "", "tools": [PATCH, RUN]}
SEARCH = {
    "type": "tool_search",
    "execution": "client",
    "description": "Finds tools.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
}
WEB = {"type": "web_search", "external_web_access": True}
HI = {"role": "user", "content": "Hi"}


def asked(**fields: Any) -> Asked:
    return DIALECT.read({"model": "auto", "input": [HI], "stream": True} | fields, ORIGIN)


def told(call: ToolCallDelta, **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    """The events of an answer that is one call."""
    stream = DIALECT.stream(asked(**fields), HEAD)
    written = stream.begin() + stream.tool_call(call, ROUTE) + stream.end(FinishReason.TOOL_CALLS, USAGE)
    events = events_in(written)
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for _, data in events:
        adapter.validate_python(data, strict=True)
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    return events[2:-1]


def whole(call: ToolCallPart, **fields: Any) -> dict[str, Any]:
    answer = WholeAnswer(HEAD, Message(Role.ASSISTANT, (call,)), FinishReason.TOOL_CALLS, USAGE)
    (item,) = orjson.loads(DIALECT.whole(asked(**fields), answer))["output"]
    return dict(item)


def test_every_kind_of_tool_is_offered_as_a_function() -> None:
    found = asked(tools=[PATCH, RUN, TEAM, SEARCH, WEB], include=["reasoning.encrypted_content"])
    tools = {tool.name: tool for tool in found.chat.tools}
    assert list(tools) == ["apply_patch", "run", "team__wait", "team__run", "tool_search"]
    assert orjson.loads(tools["apply_patch"].schema)["required"] == ["input"]
    said = tools["apply_patch"].description
    assert said.startswith("Edits files.\n\nThe text goes into `input`")
    assert said.endswith(f"(lark):\n{GRAMMAR}")
    # What is said of a namespace is said once.
    assert tools["team__wait"].description == "Other agents.\n\nWaits."
    assert tools["team__run"].description == "Runs."
    assert "query" in tools["tool_search"].schema
    assert found.ignored == ("tools.format", "tools.web_search")


def test_tools_that_items_bring_are_offered_like_the_others_and_once() -> None:
    brought = {"type": "additional_tools", "id": "at_1", "role": "developer", "tools": [USUAL, TEAM]}
    call = {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "w"}}
    more = {"type": "namespace", "name": "mcp__maps__", "tools": [{"type": "function", "name": "find"}]}
    output = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "tools": [more, RUN]}
    found = asked(input=[brought, HI, call, output], tools=[SEARCH])
    names = [tool.name for tool in found.chat.tools]
    assert names == ["tool_search", "apply_patch", "run", "team__wait", "team__run", "mcp__maps__find"]
    assert found.chat.messages == (
        Message.of(Role.USER, "Hi"),
        Message(Role.ASSISTANT, (ToolCallPart("c1", "tool_search", '{"query":"w"}'),)),
        Message(
            Role.TOOL,
            (ToolResultPart("c1", "These tools can be called from now on: mcp__maps__find, run"),),
        ),
    )
    assert found.ignored == ("tools.format",)


def test_what_only_a_provider_runs_is_left_out_beside_other_tools_and_refused_alone() -> None:
    server = SEARCH | {"execution": "server"}
    assert asked(tools=[RUN, WEB, server]).ignored == ("tools.web_search", "tools.tool_search")
    for alone in ([WEB], [server]):
        with pytest.raises(UnreadableError, match="the client runs them") as refused:
            asked(tools=alone)
        assert refused.value.param == "tools.0.type"
    with pytest.raises(UnreadableError, match=r"tools\.1\.type"):
        asked(tools=[RUN, {"type": "code_interpreter"}])


def test_a_call_is_told_as_the_client_knows_the_tool() -> None:
    patch = "*** Begin Patch\n*** End Patch"
    call = ToolCallDelta(0, "c1", "apply_patch", orjson.dumps({"input": patch}).decode())
    names = [name for name, _ in told(call, tools=[PATCH])]
    assert names == [
        "response.output_item.added",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.output_item.done",
    ]
    (_, added), (_, delta), (_, input_done), (_, done) = told(call, tools=[PATCH])
    assert (added["item"]["type"], added["item"]["input"]) == ("custom_tool_call", "")
    assert delta["delta"] == input_done["input"] == done["item"]["input"] == patch
    assert (done["item"]["name"], done["item"]["call_id"]) == ("apply_patch", "c1")
    assert "namespace" not in done["item"]

    usual = told(call, tools=[USUAL])[-1][1]["item"]
    assert (usual["type"], usual["name"], usual["namespace"]) == (
        "custom_tool_call",
        "apply_patch",
        "functions",
    )

    team = told(ToolCallDelta(0, "c1", "team__wait", '{"s":1}'), tools=[TEAM])
    assert team[2][1]["name"] == "wait"
    item = team[-1][1]["item"]
    assert (item["type"], item["name"], item["namespace"], item["arguments"]) == (
        "function_call",
        "wait",
        "team",
        '{"s":1}',
    )

    search = told(ToolCallDelta(0, "c1", "tool_search", '{"query":"maps"}'), tools=[SEARCH])
    assert [name for name, _ in search] == ["response.output_item.added", "response.output_item.done"]
    item = search[-1][1]["item"]
    assert (item["type"], item["execution"], item["arguments"]) == (
        "tool_search_call",
        "client",
        {"query": "maps"},
    )


def test_a_call_of_a_tool_that_nobody_offered_is_told_as_it_is() -> None:
    item = told(ToolCallDelta(0, "c1", "made_up", "{}"), tools=[TEAM])[-1][1]["item"]
    assert (item["type"], item["name"]) == ("function_call", "made_up")


@pytest.mark.parametrize(
    ("name", "arguments", "tools"),
    [
        ("apply_patch", '{"input":"*** Begin\\n"}', [PATCH]),
        ("apply_patch", '{"input":""}', [USUAL]),
        ("team__wait", '{"s":1}', [TEAM]),
        ("tool_search", '{"query":"maps"}', [SEARCH]),
        ("run", "{}", [RUN]),
    ],
)
def test_a_call_sent_back_is_the_call_that_it_was(name: str, arguments: str, tools: list[Any]) -> None:
    item = whole(ToolCallPart("c1", name, arguments), tools=tools)
    assert item == told(ToolCallDelta(0, "c1", name, arguments), tools=tools)[-1][1]["item"]
    found = asked(input=[HI, item], tools=tools)
    assert found.chat.messages[1].parts == (ToolCallPart("c1", name, arguments),)
    assert "input" not in "".join(found.ignored)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"a"}', "a"),
        ('{"patch":"a"}', "a"),
        ("*** Begin Patch", "*** Begin Patch"),
        ('{"a":"1","b":"2"}', '{"a":"1","b":"2"}'),
        ('{"input":{"a":1}}', '{"input":{"a":1}}'),
    ],
)
def test_free_text_is_found_in_what_models_make_of_it(arguments: str, text: str) -> None:
    assert whole(ToolCallPart("c1", "apply_patch", arguments), tools=[PATCH])["input"] == text


def test_results_of_free_text_tools_are_results_and_those_of_no_call_are_the_users_words() -> None:
    call = {
        "type": "custom_tool_call",
        "call_id": "c1",
        "name": "exec",
        "namespace": "functions",
        "input": "x",
    }
    results = [
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "one"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c1",
            "output": [{"type": "input_text", "text": "two"}],
        },
        {"type": "function_call_output", "name": "later", "output": "three"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
    ]
    found = asked(input=[HI, call, *results])
    assert found.chat.messages[1:] == (
        Message(Role.ASSISTANT, (ToolCallPart("c1", "exec", '{"input":"x"}'),)),
        Message(Role.TOOL, (ToolResultPart("c1", "one"),)),
        Message(Role.TOOL, (ToolResultPart("c1", "two"),)),
        Message(Role.USER, (TextPart("three"),)),
    )
    assert found.ignored == ("input.web_search_call",)


def test_what_agents_tell_one_another_is_told_as_the_users_words() -> None:
    task = [
        {"type": "input_text", "text": "Task: "},
        {"type": "encrypted_content", "encrypted_content": "count"},
    ]
    told = {"type": "agent_message", "id": "a", "author": "/root", "recipient": "/root/one", "content": task}
    found = asked(input=[HI, told])
    assert found.chat.messages[1] == Message(Role.USER, (TextPart("Task: "), TextPart("count")))
    assert found.ignored == ()


def test_a_choice_means_a_tool_by_the_name_that_its_client_has_for_it() -> None:
    custom = asked(tools=[USUAL], tool_choice={"type": "custom", "name": "apply_patch"})
    assert custom.chat.tool_choice == ToolChoice(ToolUse.NAMED, "apply_patch")
    named = asked(tools=[TEAM], tool_choice={"type": "function", "name": "wait"})
    assert named.chat.tool_choice == ToolChoice(ToolUse.NAMED, "team__wait")
    choice = {"type": "allowed_tools", "tools": [{"type": "function", "namespace": "team", "name": "run"}]}
    assert [tool.name for tool in asked(tools=[RUN, TEAM], tool_choice=choice).chat.tools] == ["team__run"]


@given(st.text(max_size=80), st.text(min_size=1, max_size=80))
def test_a_flat_name_is_short_and_always_the_same(namespace: str, name: str) -> None:
    flat = flat_name(namespace, name)
    assert flat == flat_name(namespace, name)
    assert flat.endswith(name) or len(flat) == 64
    if namespace not in ("", "functions"):
        assert len(flat) <= 64


WORDS = (
    "type",
    "name",
    "tools",
    "namespace",
    "custom",
    "function",
    "tool_search",
    "format",
    "grammar",
    "call_id",
)
ITEMS = (
    "additional_tools",
    "tool_search_output",
    "custom_tool_call",
    "tool_search_call",
    "output",
    "arguments",
)


@given(st.lists(any_json(*WORDS, *ITEMS), max_size=3), st.lists(any_json(*WORDS, *ITEMS), max_size=3))
@settings(max_examples=60, deadline=500)
def test_any_tools_and_items_are_read_or_refused(tools: list[Any], items: list[Any]) -> None:
    try:
        asked(tools=tools, input=[HI, *items])
    except UnreadableError:
        return
