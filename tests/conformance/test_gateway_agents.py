"""The loops of agents as they were seen to ask, at the gateway, with every protocol behind it: Codex 0.169 and Claude
Code 2.1.197, in November 2026. The bodies have their shape and none of their words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from tests.support.engine_world import Serves
from tests.support.gateway_world import OPEN, GatewayThread

UPSTREAMS = {"openai": "effort", "anthropic": "adaptive", "gemini": "level"}
"""How a model of each protocol is told how long to think."""

PATCH = "*** Begin Patch\n*** Add File: a.txt\n+“ö”\n*** End Patch\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayThread]:
    providers = [
        Serves(
            f"own{one}",
            models={"m": {"capabilities": ["tools", "thinking"], "thinking": thinking}},
            protocol=one,
            played={"thinks": "always"},
        )
        for one, thinking in UPSTREAMS.items()
    ]
    with GatewayThread(tmp_path_factory.mktemp("agents"), *providers, preferences=OPEN) as running:
        yield running


@pytest.fixture(params=UPSTREAMS)
def model(request: pytest.FixtureRequest) -> str:
    return f"own{request.param}/m"


# -- Codex ----------------------------------------------------------------------------------------------------------

FUNCTION = {"type": "function", "strict": False, "parameters": {"type": "object", "properties": {}}}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch"'}
CODEX_TOOLS: list[Any] = [
    {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": GRAMMAR},
    {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": {"type": "object"}},
    {"type": "web_search", "external_web_access": True},
]  # fmt: skip
BROUGHT = {
    "type": "additional_tools",
    "role": "developer",
    "tools": [
        {
            "type": "namespace",
            "name": "team",
            "description": "Others.",
            "tools": [FUNCTION | {"name": "wait"}],
        },
    ],
}
FOUND = {"type": "namespace", "name": "mcp__maps__", "tools": [FUNCTION | {"name": "find"}]}
CODEX_PROMPT = (
    f"call apply_patch with {json.dumps({'input': PATCH})} and call team__wait with {json.dumps({'s': 1})} "
    'then call tool_search with {"query": "maps"} then call mcp__maps__find'
)


def _said(text: str, role: str = "user") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def _codex_turn(sdk: openai.OpenAI, model: str, items: list[Any]) -> list[dict[str, Any]]:
    """The items of one answer, as the events bring them, which is how Codex reads them."""
    events = sdk.responses.create(
        model=model,
        input=items,
        tools=CODEX_TOOLS,
        tool_choice="auto",
        parallel_tool_calls=True,
        reasoning={"effort": "low"},
        store=False,
        stream=True,
        include=["reasoning.encrypted_content"],
        prompt_cache_key="thread-1",
        text={"verbosity": "low"},
        extra_body={"client_metadata": {"thread_id": "thread-1"}},
    )
    told = list(events)
    assert told[-1].type == "response.completed"
    return [event.item.to_dict() for event in told if event.type == "response.output_item.done"]


def _codex_result(call: dict[str, Any]) -> dict[str, Any]:
    kind = call["type"]
    if kind == "tool_search_call":
        return {
            "type": "tool_search_output",
            "call_id": call["call_id"],
            "execution": "client",
            "tools": [FOUND],
        }
    return {"type": f"{kind}_output", "call_id": call["call_id"], "output": f"12 of {call['name']}"}


def test_codex_calls_its_tools_as_it_knows_them_until_it_is_done(gateway: GatewayThread, model: str) -> None:
    sdk = openai.OpenAI(base_url=f"{gateway.root}/v1", api_key="tl-test", max_retries=0, timeout=20)
    items: list[Any] = [BROUGHT, _said("You work in a folder.", "developer"), _said("<cwd>/w</cwd>")]
    items.append(_said(CODEX_PROMPT))
    made: list[tuple[str, str | None, str | None, Any]] = []
    for _ in range(5):
        answered = _codex_turn(sdk, model, items)
        calls = [item for item in answered if item["type"].endswith("_call")]
        made += [
            (call["type"], call.get("namespace"), call.get("name"), call.get("input", call.get("arguments")))
            for call in calls
        ]
        items += [*answered, *map(_codex_result, calls)]
        if not calls:
            break

    assert made == [
        ("custom_tool_call", None, "apply_patch", PATCH),
        ("function_call", "team", "wait", '{"s":1}'),
        ("tool_search_call", None, None, {"query": "maps"}),
        ("function_call", "mcp__maps__", "find", "{}"),
    ]
    last = next(item for item in reversed(items) if item["type"] == "message")
    assert "12 of find" in last["content"][0]["text"]


# -- Claude Code ----------------------------------------------------------------------------------------------------

CLAUDE_TOOLS: list[Any] = [
    {"name": name, "description": "Works on files.", "input_schema": {"type": "object", "properties": {}}}
    for name in ("Write", "Bash")
]
USER_ID = json.dumps({"device_id": "d", "account_uuid": "", "session_id": "0a1b2c3d-session"})
MARK = {"type": "ephemeral"}
CLAUDE_PROMPT = (
    'think hard; call Write with {"file_path": "/a"} then call Bash with {"command": "ls"} call Bash with {}'
)


def _claude_turn(sdk: anthropic.Anthropic, model: str, turns: list[Any], number: int) -> tuple[Any, str]:
    """One answer, and what the gateway says was left out."""
    line = f"x-anthropic-billing-header: cc_version=2.1.{number};"
    with sdk.messages.stream(
        model=model,
        max_tokens=32_000,
        system=[
            {"type": "text", "text": line},
            {"type": "text", "text": "You work in a folder.", "cache_control": MARK},  # type: ignore[typeddict-item]
        ],
        messages=turns,
        tools=CLAUDE_TOOLS,
        metadata={"user_id": USER_ID},
        thinking={"type": "adaptive"},
        extra_body={"context_management": {"edits": []}, "output_config": {"effort": "high"}},
        extra_query={"beta": "true"},
    ) as stream:
        return stream.get_final_message(), stream.response.headers["x-trunkline-left-out"]


def test_claude_code_thinks_and_calls_its_tools_until_it_is_done(gateway: GatewayThread, model: str) -> None:
    sdk = anthropic.Anthropic(base_url=gateway.root, auth_token="tl-test", max_retries=0, timeout=20)
    turns: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": CLAUDE_PROMPT, "cache_control": MARK}]},
        {"role": "system", "content": "Agents: one."},
    ]
    made: list[tuple[str, Any]] = []
    for number in range(4):
        message, left_out = _claude_turn(sdk, model, turns, number)
        assert left_out.startswith("x-anthropic-billing-header, cache_control, context_management")
        calls = [block for block in message.content if block.type == "tool_use"]
        made += [(call.name, call.input) for call in calls]
        turns.append({"role": "assistant", "content": [block.to_dict() for block in message.content]})
        if not calls:
            break
        # It sends results as they come, and not in the order of the calls.
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"12 of {call.name}"}
            for call in reversed(calls)
        ]
        turns.append({"role": "user", "content": results})

    assert made == [("Write", {"file_path": "/a"}), ("Bash", {"command": "ls"}), ("Bash", {})]
    assert message.stop_reason == "end_turn"
    assert "12 of Bash" in message.content[-1].text
    thoughts = [block for turn in turns[2::2] for block in turn["content"] if block["type"] == "thinking"]
    # OpenAI's models keep to themselves what they think.
    assert bool(thoughts) == (model != "ownopenai/m")
    assert all(block["signature"] for block in thoughts)
