"""Anthropic's own SDK against the simulator."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from tests.conformance.asking import ARGUMENTS, BOTH, PNG_BASE64, SCHEMA, STEPS
from tests.support.simulator import SimulatorProcess

TOOLS: list[Any] = [{"name": name, "input_schema": SCHEMA} for name in ("get_weather", "get_time")]
ADAPTIVE: Any = {"type": "adaptive", "display": "summarized"}
BUDGET: Any = {"type": "enabled", "budget_tokens": 1024}


def client(simulated: SimulatorProcess, key: str = "sk-ant-sim") -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key=key, base_url=simulated.root_url("anthropic"), max_retries=0, timeout=10
    )


def user(content: Any) -> Any:
    return {"role": "user", "content": content}


def asked(prompt: Any, **more: Any) -> Any:
    return {"model": "claude", "max_tokens": 2000, "messages": [user(prompt)]} | more


def test_text_is_the_same_whole_and_streamed_with_its_usage(simulated: SimulatorProcess) -> None:
    with client(simulated) as sdk:
        whole = sdk.messages.create(**asked("Explain queues.", system="Be short."))
        with sdk.messages.stream(**asked("Explain queues.", system="Be short.")) as events:
            kinds = [event.type for event in events]
            final = events.get_final_message()
        counted = sdk.messages.count_tokens(
            model="claude", messages=[user("Explain queues.")], system="Be short."
        )
        headers = sdk.messages.with_raw_response.create(**asked("Hello")).headers
    assert final.content[0].type == whole.content[0].type == "text"
    assert getattr(final.content[0], "text", "") == getattr(whole.content[0], "text", None)
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", whole.usage.output_tokens)
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert counted.input_tokens == whole.usage.input_tokens
    assert headers["anthropic-ratelimit-requests-limit"] == "100"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="without thinking"),
        pytest.param({"thinking": ADAPTIVE}, id="adaptive thinking"),
        pytest.param({"thinking": {"type": "adaptive", "display": "omitted"}}, id="thinking not shown"),
        pytest.param({"thinking": BUDGET, "model": "claude-older"}, id="thinking with a budget"),
    ],
)
def test_parallel_calls_go_back_with_their_thinking(
    simulated: SimulatorProcess, stream: bool, more: Any
) -> None:
    request = asked(BOTH, tools=TOOLS, **more)
    with client(simulated) as sdk:
        if stream:
            with sdk.messages.stream(**request) as events:
                reply: Any = events.get_final_message()
        else:
            reply = sdk.messages.create(**request)
        calls = [block for block in reply.content if block.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"12 of {call.name}"} for call in calls
        ]
        said: Any = {"role": "assistant", "content": [block.to_dict() for block in reply.content]}
        final: Any = sdk.messages.create(**(request | {"messages": [user(BOTH), said, user(results)]}))
    assert reply.stop_reason == "tool_use"
    assert {call.name: call.input for call in calls} == ARGUMENTS
    thoughts = [block for block in reply.content if block.type == "thinking"]
    assert [bool(thought.signature) for thought in thoughts] == ([True] if "thinking" in more else [])
    assert reply.content[: len(thoughts)] == thoughts
    text = next(block.text for block in final.content if block.type == "text")
    assert "12 of get_weather" in text
    assert "12 of get_time" in text


def test_calls_of_several_steps_come_one_after_the_other(simulated: SimulatorProcess) -> None:
    messages = [user(STEPS)]
    made = []
    with client(simulated) as sdk:
        for _ in range(3):
            reply: Any = sdk.messages.create(
                **asked("", tools=TOOLS, thinking=BUDGET, model="claude-older", messages=messages)
            )
            messages.append({"role": "assistant", "content": [block.to_dict() for block in reply.content]})
            calls = [block for block in reply.content if block.type == "tool_use"]
            made += [call.name for call in calls]
            messages.append(
                user([{"type": "tool_result", "tool_use_id": c.id, "content": "done"} for c in calls])
            )
    assert made == ["get_weather", "get_time"]


def test_images_caching_limit_and_refusal(simulated: SimulatorProcess) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
    picture = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]
    system: Any = [
        {"type": "text", "text": "A long system prompt. " * 9, "cache_control": {"type": "ephemeral"}},
    ]
    with client(simulated) as sdk:
        seen: Any = sdk.messages.create(**asked(picture))
        cut = sdk.messages.create(**asked("Explain queues.", max_tokens=5))
        written = sdk.messages.create(**asked("One", system=system)).usage
        read = sdk.messages.create(**asked("Two", system=system)).usage
        refused = sdk.messages.create(**asked("refuse this"))
    assert seen.content[0].text.startswith("I was shown 1 image.")
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 5)
    assert (written.cache_creation_input_tokens or 0) > 20
    assert (read.cache_read_input_tokens, read.cache_creation_input_tokens) == (
        written.cache_creation_input_tokens,
        0,
    )
    assert read.input_tokens == written.input_tokens
    assert refused.stop_reason == "refusal"
    assert refused.stop_details is not None


FOREIGN = {
    "role": "assistant",
    "content": [{"type": "thinking", "thinking": "Hm.", "signature": "Zm9yZWlnbg=="}],
}
CALL = {"type": "tool_use", "id": "t1", "name": "get_time", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "noon"}
LONG = "Explain the queue to somebody who has never seen one. " * 3
ERRORS: list[Any] = [
    pytest.param({"key": "no"}, asked("Hi"), anthropic.AuthenticationError, "invalid x-api-key", id="auth"),
    pytest.param({}, asked("Hi", model="nothing"), anthropic.NotFoundError, "model: nothing", id="not found"),
    pytest.param({}, asked("Hi", model="claude-limited"), anthropic.RateLimitError, "rate limit", id="limit"),
    pytest.param(
        {}, asked(LONG, model="claude-small"), anthropic.BadRequestError, "prompt is too long", id="context"
    ),
    pytest.param(
        {}, asked("Hi", extra_body={"n": 2}), anthropic.BadRequestError, "n: Extra inputs", id="unknown field"
    ),
    pytest.param(
        {},
        asked("Hi", extra_body={"temperature": 0.2}),
        anthropic.BadRequestError,
        "deprecated",
        id="temperature refused (trap 21)",
    ),
    pytest.param(
        {}, asked("Hi", thinking=BUDGET), anthropic.BadRequestError, "adaptive", id="only adaptive thinking"
    ),
    pytest.param(
        {},
        asked("", messages=[user("Hi"), FOREIGN, user("Go on")]),
        anthropic.BadRequestError,
        "Invalid `signature`",
        id="a signature that is not ours",
    ),
    pytest.param(
        {},
        asked([RESULT]),
        anthropic.BadRequestError,
        "unexpected `tool_use_id`",
        id="a result without its call",
    ),
    pytest.param(
        {},
        asked("", messages=[user("Hi"), {"role": "assistant", "content": [CALL]}, user("Go on")]),
        anthropic.BadRequestError,
        "without `tool_result`",
        id="a call without its result",
    ),
    pytest.param(
        {},
        asked(
            "",
            model="claude-older",
            thinking=BUDGET,
            messages=[user("Hi"), {"role": "assistant", "content": [CALL]}, user([RESULT])],
        ),
        anthropic.BadRequestError,
        "Expected `thinking`",
        id="a call without the thinking before it",
    ),
]


@pytest.mark.parametrize(("account", "request_", "kind", "said"), ERRORS)
def test_errors_become_the_sdks_own(
    simulated: SimulatorProcess, account: Any, request_: Any, kind: type[anthropic.APIStatusError], said: str
) -> None:
    with client(simulated, **account) as sdk, pytest.raises(kind, match=said) as raised:
        sdk.messages.create(**request_)
    assert raised.value.request_id


def test_models_are_listed_and_found(simulated: SimulatorProcess) -> None:
    with client(simulated) as sdk:
        listed = {model.id: model for model in sdk.models.list()}
        found = sdk.models.retrieve("claude-small")
    assert (found.max_input_tokens, found.lifecycle) == (20, "active")
    assert set(listed) == {"claude", "claude-older", "claude-limited", "claude-small"}
