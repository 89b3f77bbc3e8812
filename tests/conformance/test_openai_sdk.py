"""OpenAI's own SDK against the simulator: what it parses without complaint is what OpenAI sends."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from tests.conformance.asking import ARGUMENTS, BOTH, PNG_BASE64, SCHEMA, STEPS
from tests.support.simulator import SimulatorProcess

RELATIVES = [
    "gemini_compat",
    "zai",
    "moonshot",
    "minimax",
    "openrouter",
    "groq",
    "mistral",
    "deepseek",
    "xai",
    "cerebras",
    "ollama",
    "vllm",
    "llamacpp",
    "lmstudio",
]
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
    for name in ("get_weather", "get_time")
]


def client(simulated: SimulatorProcess, provider: str = "openai", key: str = "sk-sim") -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=simulated.base_url(provider), max_retries=0, timeout=10)


def user(text: str) -> Any:
    return {"role": "user", "content": text}


def test_text_is_the_same_whole_and_streamed_with_its_usage(simulated: SimulatorProcess) -> None:
    asked: Any = {
        "model": "gpt",
        "messages": [{"role": "developer", "content": "Be short."}, user("Explain queues.")],
    }
    with client(simulated) as sdk:
        whole = sdk.chat.completions.create(**asked)
        chunks = list(
            sdk.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(text) > 60
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in chunks[:-1])


@pytest.mark.parametrize("stream", [True, False])
def test_parallel_calls_are_made_answered_and_quoted(simulated: SimulatorProcess, stream: bool) -> None:
    with client(simulated) as sdk:
        if stream:
            with sdk.chat.completions.stream(model="gpt", messages=[user(BOTH)], tools=TOOLS) as events:
                reply: Any = events.get_final_completion()
        else:
            reply = sdk.chat.completions.create(model="gpt", messages=[user(BOTH)], tools=TOOLS)
        choice = reply.choices[0]
        made = {call.function.name: json.loads(call.function.arguments) for call in choice.message.tool_calls}
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": f"12 of {call.function.name}"}
            for call in choice.message.tool_calls
        ]
        said = {"role": "assistant", "tool_calls": [call.to_dict() for call in choice.message.tool_calls]}
        for call in said["tool_calls"]:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        final = sdk.chat.completions.create(model="gpt", messages=[user(BOTH), said, *results], tools=TOOLS)
    assert (choice.finish_reason, made) == ("tool_calls", ARGUMENTS)
    assert "12 of get_weather" in final.choices[0].message.content
    assert "12 of get_time" in final.choices[0].message.content


def test_calls_of_several_steps_come_one_after_the_other(simulated: SimulatorProcess) -> None:
    messages = [user(STEPS)]
    made = []
    with client(simulated) as sdk:
        for _ in range(3):
            message = (
                sdk.chat.completions.create(model="gpt", messages=messages, tools=TOOLS).choices[0].message
            )
            messages.append(message.to_dict())
            for call in message.tool_calls or ():
                made.append(call.function.name)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "done"})
    assert made == ["get_weather", "get_time"]
    assert "done" in str(message.content)


def test_thinking_is_counted_and_never_shown(simulated: SimulatorProcess) -> None:
    with client(simulated) as sdk:
        reply = sdk.chat.completions.create(
            model="gpt-reasoning", messages=[user("Hello")], max_completion_tokens=500
        )
        cut = sdk.chat.completions.create(
            model="gpt-reasoning", messages=[user("Hello")], max_completion_tokens=9
        )
    usage: Any = reply.usage
    assert 0 < usage.completion_tokens_details.reasoning_tokens < usage.completion_tokens
    assert (cut.choices[0].finish_reason, cut.choices[0].message.content) == ("length", "")


def test_json_images_caching_and_refusal(simulated: SimulatorProcess) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_BASE64}"}}
    shown: Any = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}
    long = [
        user("A long beginning of a conversation. " * 5),
        {"role": "assistant", "content": "Yes."},
        user("Go on."),
    ]
    with client(simulated) as sdk:
        seen = sdk.chat.completions.create(model="gpt", messages=[shown])
        table = sdk.chat.completions.create(
            model="gpt", messages=[user("As JSON.")], response_format={"type": "json_object"}
        )
        sdk.chat.completions.create(model="gpt", messages=long)
        again: Any = sdk.chat.completions.create(model="gpt", messages=long).usage
        refused = sdk.chat.completions.create(model="gpt", messages=[user("refuse this")]).choices[0]
    assert str(seen.choices[0].message.content).startswith("I was shown 1 image.")
    assert json.loads(str(table.choices[0].message.content))["answer"] == "simulated"
    assert 0 < again.prompt_tokens_details.cached_tokens < again.prompt_tokens
    assert (refused.finish_reason, bool(refused.message.refusal)) == ("content_filter", True)


ERRORS: list[Any] = [
    pytest.param({"key": "no"}, {}, openai.AuthenticationError, "invalid_api_key", id="auth"),
    pytest.param({}, {"model": "nothing"}, openai.NotFoundError, "model_not_found", id="not found"),
    pytest.param({}, {"model": "gpt-gone"}, openai.NotFoundError, "model_not_found", id="not for this key"),
    pytest.param({}, {"model": "gpt-limited"}, openai.RateLimitError, "rate_limit_exceeded", id="limit"),
    pytest.param({}, {"model": "gpt-small"}, openai.BadRequestError, "context_length_exceeded", id="context"),
    pytest.param(
        {}, {"max_tokens": 5}, openai.BadRequestError, "unsupported_parameter", id="max_tokens refused"
    ),
    pytest.param(
        {},
        {"model": "gpt-reasoning", "temperature": 0.2},
        openai.BadRequestError,
        "unsupported_value",
        id="temperature refused (trap 21)",
    ),
    pytest.param(
        {}, {"extra_body": {"thinking": 1}}, openai.BadRequestError, "extra_forbidden", id="unknown field"
    ),
    pytest.param(
        {},
        {"messages": [user("Hi"), {"role": "tool", "tool_call_id": "x", "content": "y"}]},
        openai.BadRequestError,
        None,
        id="a result without its call",
    ),
]


@pytest.mark.parametrize(("account", "asked", "kind", "code"), ERRORS)
def test_errors_become_the_sdks_own(
    simulated: SimulatorProcess, account: Any, asked: Any, kind: type[openai.APIStatusError], code: str | None
) -> None:
    usual = {"model": "gpt", "messages": [user("Explain the queue to somebody who has never seen one. " * 3)]}
    with client(simulated, **account) as sdk, pytest.raises(kind) as raised:
        sdk.chat.completions.create(**(usual | asked))
    assert raised.value.code == code
    if kind is openai.RateLimitError:
        assert raised.value.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_models_are_listed_and_found(simulated: SimulatorProcess) -> None:
    with client(simulated) as sdk:
        assert "gpt" in [model.id for model in sdk.models.list()]
        assert sdk.models.retrieve("gpt").id == "gpt"
        with pytest.raises(openai.NotFoundError):
            sdk.models.retrieve("nothing")


@pytest.mark.parametrize("provider", RELATIVES)
def test_the_sdk_reads_the_streams_and_calls_of_every_relative(
    simulated: SimulatorProcess, provider: str
) -> None:
    asked: Any = {
        "model": "m",
        "messages": [user(f"think hard, then {BOTH}")],
        "tools": TOOLS,
        "stream": True,
    }
    with client(simulated, provider) as sdk:
        texts = list(sdk.chat.completions.create(model="m", messages=[user("Explain queues.")], stream=True))
        calls = list(sdk.chat.completions.create(**asked))
        whole = sdk.chat.completions.create(model="m", messages=[user("Explain queues.")])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in texts if chunk.choices)
    assert text == whole.choices[0].message.content
    fragments = [
        call
        for chunk in calls
        if chunk.choices
        for call in chunk.choices[0].delta.tool_calls or ()
        if call.function
    ]
    names = [call.function.name for call in fragments if call.function and call.function.name]
    assert names == ["get_weather", "get_time"]
    arguments = "".join(call.function.arguments or "" for call in fragments if call.function)
    assert json.loads(arguments.replace("}{", "},{").join("[]")) == list(ARGUMENTS.values())
