"""What the gateway knows of agents by their requests, as the real ones were seen to send them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from tests.conformance.asking import BOTH, SCHEMA
from tests.support.engine_world import Serves, open_world
from tests.support.gateway_world import OPEN, listening

from trunkline.gateway.agents import FIRST_TOKEN, name_of
from trunkline.gateway.guard import Client

GEMINI_CLI = "GeminiCLI-tui/0.61.0/trunkline/auto (linux; x64; terminal)"


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (GEMINI_CLI, "gemini-cli"),
        ("GeminiCLI/0.61.0/auto (linux; x64; terminal)", "gemini-cli"),
        ("claude-cli/2.1.197 (external, sdk-cli)", "claude-code"),
        ("codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)", "codex"),
        ("opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14", "opencode"),
        ("OpenAI/JS 7.15.0", None),
        ("", None),
    ],
)
def test_an_agent_goes_by_its_own_name_where_its_token_says_nothing(program: str, name: str | None) -> None:
    headers = {"user-agent": program}

    assert name_of(Client(), headers) == name
    assert name_of(Client("id", FIRST_TOKEN), headers) == (name or FIRST_TOKEN)
    assert name_of(Client("id", "agent-7"), headers) == "agent-7"


@pytest.mark.parametrize(("program", "status"), [(GEMINI_CLI, 400), ("google-genai-sdk/1.30.0", 404)])
async def test_gemini_cli_is_given_no_reason_to_ask_for_ever(
    tmp_path: Path, program: str, status: int
) -> None:
    """On a 404 it does, where a side job names a model that is not here."""
    async with (
        open_world(tmp_path, Serves("p"), preferences=OPEN) as world,
        listening(world) as (_, root),
        aiohttp.ClientSession() as session,
        session.post(
            f"{root}/v1beta/models/gemini-3-flash:generateContent",
            json={"contents": [{"parts": [{"text": "Sum it up."}]}]},
            headers={"user-agent": program},
        ) as reply,
    ):
        error = (await reply.json())["error"]
    assert (reply.status, error["code"]) == (status, status)
    assert "There is no model 'gemini-3-flash' here." in error["message"]


def _turn(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Gemini CLI sends back of an answer: none of its thoughts, and a word of its own where the first call of a
    turn came without a signature."""
    said: list[dict[str, Any]] = [{"functionCall": call} for call in calls]
    said[0]["thoughtSignature"] = "skip_thought_signature_validator"
    results = [
        {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": "12"}}}
        for call in calls
    ]
    return [{"role": "model", "parts": said}, {"role": "user", "parts": results}]


async def test_gemini_cli_goes_on_with_a_thinker_whose_thoughts_it_leaves_out(tmp_path: Path) -> None:
    """Also where `serve` was started again between: it is kept in the store until then."""
    tools = [{"name": name, "parametersJsonSchema": SCHEMA} for name in ("get_weather", "get_time")]
    asked: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [{"text": "<session_context>"}, {"text": BOTH}]}],
        "systemInstruction": {"role": "user", "parts": [{"text": "You work in a terminal."}]},
        "tools": [{"functionDeclarations": tools}],
        "generationConfig": {
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "thinkingConfig": {"includeThoughts": True},
        },
    }
    thinker = Serves(
        "p",
        models={"m": {"capabilities": ["tools", "thinking"], "thinking": "adaptive"}},
        protocol="anthropic",
        played={"thinks": "always"},
    )
    async with open_world(tmp_path, thinker, preferences=OPEN) as world, aiohttp.ClientSession() as session:

        async def parts(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
            async with (
                listening(world) as (_, root),
                session.post(
                    f"{root}/v1beta/models/trunkline/auto:streamGenerateContent?alt=sse",
                    data=orjson.dumps({**asked, "contents": contents}),
                    headers={"user-agent": GEMINI_CLI, "content-type": "application/json"},
                ) as reply,
            ):
                events = (await reply.read()).decode().split("\r\n\r\n")
                assert reply.status == 200, events
            told = [orjson.loads(event.removeprefix("data: ")) for event in events if event]
            return [part for event in told for part in event["candidates"][0]["content"]["parts"]]

        answer = await parts(asked["contents"])
        assert any(part.get("thought") for part in answer)
        calls = [part["functionCall"] for part in answer if "functionCall" in part]
        assert [call["name"] for call in calls] == ["get_weather", "get_time"]
        await world.engine.store.flush()
        assert world.query("SELECT count(*) FROM kept_thinking") == [(1,)]
        await world.engine.aclose()
        world.engine = world.open()
        world.engine.start()
        text = "".join(part.get("text", "") for part in await parts([*asked["contents"], *_turn(calls)]))
        await world.engine.store.flush()

        assert "12" in text
        assert world.query("SELECT DISTINCT origin FROM request") == [("gemini-cli",)]
        assert world.query("SELECT count(DISTINCT conversation_id) FROM request") == [(1,)]
