"""Thinking through the gateway: what a client is shown, and that it goes back, signed, to the provider it is from. The
simulated providers refuse a signature that is not theirs, or not over those words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from google import genai
from google.genai import types
from tests.conformance.asking import BOTH
from tests.support.engine_world import Serves
from tests.support.gateway_world import GatewayThread

from trunkline.domain.messages import ChatRequest, ThinkingPart, ToolCallPart

CONTROLS = {"anthropic": "adaptive", "gemini": "level"}
NAMES = {"anthropic": "ownanthropic/m", "gemini": "owngemini/gemini-4-m"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = ("get_weather", "get_time")


def _provider(protocol: str) -> Serves:
    provider, model = NAMES[protocol].split("/")
    able = {"capabilities": ["tools", "thinking"], "thinking": CONTROLS[protocol]}
    return Serves(provider, models={model: able}, protocol=protocol, played={"thinks": "always"})


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayThread]:
    providers = [_provider(protocol) for protocol in CONTROLS]
    with GatewayThread(tmp_path_factory.mktemp("gateway"), *providers) as running:
        yield running


@pytest.fixture
def asked(gateway: GatewayThread, monkeypatch: pytest.MonkeyPatch) -> list[ChatRequest]:
    """What the engine was asked, in order."""
    requests: list[ChatRequest] = []
    engine = type(gateway.world.engine)
    submit = engine.submit

    def noting(self: Any, chat: ChatRequest, *more: Any, **named: Any) -> Any:
        requests.append(chat)
        return submit(self, chat, *more, **named)

    monkeypatch.setattr(engine, "submit", noting)
    return requests


def _assert_thinking_went_home(request: ChatRequest, upstream: str) -> None:
    """Whole and signed, before the calls that it led to."""
    parts = [part for message in request.messages for part in message.parts]
    thoughts = [part for part in parts if isinstance(part, ThinkingPart)]
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    provider, _, model = NAMES[upstream].partition("/")
    assert [(one.provider, one.model in (model, None)) for one in thoughts] == [(provider, True)]
    assert len(thoughts[0].text) > 40
    signed = thoughts[0] if upstream == "anthropic" else calls[0]
    assert signed.signature
    assert len(calls) == 2


@pytest.mark.parametrize("upstream", CONTROLS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("thinking", "shown"),
    [
        ({"type": "disabled"}, None),
        ({"type": "adaptive"}, True),
        ({"type": "adaptive", "display": "omitted"}, False),
    ],
    ids=["unasked", "shown", "omitted"],
)
def test_anthropics_sdk(
    gateway: GatewayThread,
    asked: list[ChatRequest],
    upstream: str,
    stream: bool,
    thinking: dict[str, Any],
    shown: bool | None,
) -> None:
    client = anthropic.Anthropic(auth_token="any", base_url=gateway.root, max_retries=0)
    tools = [{"name": name, "input_schema": SCHEMA} for name in TOOLS]

    def answer(messages: list[Any]) -> Any:
        ask: dict[str, Any] = {
            "model": NAMES[upstream],
            "max_tokens": 4000,
            "messages": messages,
            "tools": tools,
        }
        if not stream:
            return client.messages.create(**ask, thinking=thinking)
        with client.messages.stream(**ask, thinking=thinking) as told:
            return told.get_final_message()

    first = answer([{"role": "user", "content": BOTH}])
    thoughts = [block for block in first.content if block.type == "thinking"]
    assert [bool(block.thinking) for block in thoughts] == ([] if shown is None else [shown])
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "12"} for call in calls]
    said = [block.model_dump(mode="json", exclude_none=True) for block in first.content]
    last = answer(
        [
            {"role": "user", "content": BOTH},
            {"role": "assistant", "content": said},
            {"role": "user", "content": results},
        ]
    )
    assert last.content[-1].type == "text"
    _assert_thinking_went_home(asked[1], upstream)


@pytest.mark.parametrize("upstream", CONTROLS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("shown", [False, True], ids=["withheld", "shown"])
def test_googles_sdk(
    gateway: GatewayThread, asked: list[ChatRequest], upstream: str, stream: bool, shown: bool
) -> None:
    client = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=gateway.root))
    functions = [types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA) for name in TOOLS]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=functions)],
        thinking_config=types.ThinkingConfig(include_thoughts=shown, thinking_level=types.ThinkingLevel.HIGH),
    )
    chat = client.chats.create(model=NAMES[upstream], config=config)

    def answer(said: Any) -> list[types.GenerateContentResponse]:
        return list(chat.send_message_stream(said)) if stream else [chat.send_message(said)]

    first = answer(BOTH)
    parts = [part for response in first for part in response.parts or ()]
    assert any(part.thought for part in parts) == shown
    calls = [part.function_call for part in parts if part.function_call is not None]
    results = [
        types.Part(
            function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "12"})
        )
        for call in calls
    ]
    assert "".join(response.text or "" for response in answer(results))
    _assert_thinking_went_home(asked[1], upstream)
