"""Google's own SDK against the simulator."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from tests.conformance.asking import ARGUMENTS, BOTH, PNG, SCHEMA, STEPS
from tests.support.simulator import SimulatorProcess

DECLARATIONS = [types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA) for name in ARGUMENTS]
TOOLS: list[Any] = [types.Tool(function_declarations=DECLARATIONS)]
THINKING = types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH)


def client(simulated: SimulatorProcess, key: str = "AIza-sim") -> genai.Client:
    options = types.HttpOptions(
        base_url=simulated.root_url("google"),
        retry_options=types.HttpRetryOptions(attempts=1),
        timeout=10_000,
    )
    return genai.Client(api_key=key, vertexai=False, http_options=options)


def config(**more: Any) -> types.GenerateContentConfig:
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(automatic_function_calling=off, **more)


def user(*parts: types.Part) -> types.Content:
    return types.Content(role="user", parts=list(parts))


def parts_of(reply: types.GenerateContentResponse) -> list[types.Part]:
    content = reply.candidates[0].content if reply.candidates else None
    return list(content.parts or ()) if content is not None else []


def test_text_is_the_same_whole_and_streamed_with_its_usage(simulated: SimulatorProcess) -> None:
    with client(simulated) as sdk:
        asked: Any = {
            "model": "gemini",
            "contents": "Explain queues.",
            "config": config(system_instruction="Be short."),
        }
        whole = sdk.models.generate_content(**asked)
        chunks = list(sdk.models.generate_content_stream(**asked))
        counted = sdk.models.count_tokens(model="gemini", contents="Explain queues.")
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert len(whole.text or "") > 60
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert reasons == [None] * (len(chunks) - 1) + [types.FinishReason.STOP]
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert chunks[-1].model_version == "gemini"
    assert (counted.total_tokens or 0) > 4


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("thinking", [THINKING, None], ids=["thinking", "without thinking"])
def test_parallel_calls_go_back_with_their_signature(
    simulated: SimulatorProcess, stream: bool, thinking: types.ThinkingConfig | None
) -> None:
    asked: Any = {"model": "gemini", "config": config(tools=TOOLS, thinking_config=thinking)}
    with client(simulated) as sdk:
        if stream:
            chunks = sdk.models.generate_content_stream(contents=BOTH, **asked)
            parts = [part for chunk in chunks for part in parts_of(chunk)]
        else:
            parts = parts_of(sdk.models.generate_content(contents=BOTH, **asked))
        called = [part.function_call for part in parts if part.function_call]
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": f"12 {call.name}"}
                )
            )
            for call in called
        ]
        contents: Any = [
            user(types.Part(text=BOTH)),
            types.Content(role="model", parts=parts),
            user(*results),
        ]
        final = sdk.models.generate_content(contents=contents, **asked)
    assert {call.name: call.args for call in called} == ARGUMENTS
    assert [bool(part.thought_signature) for part in parts if part.function_call] == [True, False]
    assert any(part.thought for part in parts) is (thinking is not None)
    assert "12 get_weather" in str(final.text)
    assert "12 get_time" in str(final.text)


def test_calls_of_several_steps_come_one_after_the_other(simulated: SimulatorProcess) -> None:
    contents: Any = [user(types.Part(text=STEPS))]
    made = []
    with client(simulated) as sdk:
        for _ in range(3):
            reply = sdk.models.generate_content(model="gemini", contents=contents, config=config(tools=TOOLS))
            contents.append(types.Content(role="model", parts=parts_of(reply)))
            called = [part.function_call for part in parts_of(reply) if part.function_call]
            made += [call.name for call in called]
            answers = [
                types.Part.from_function_response(name=str(c.name), response={"output": "done"})
                for c in called
            ]
            contents.append(user(*answers))
    assert made == ["get_weather", "get_time"]


def test_thinking_json_images_caching_limit_and_refusal(simulated: SimulatorProcess) -> None:
    picture: Any = ["What is this?", types.Part.from_bytes(data=PNG, mime_type="image/png")]
    long: Any = [
        user(types.Part(text="A long beginning. " * 9)),
        types.Content(role="model", parts=[types.Part(text="Yes.")]),
        user(types.Part(text="Go on.")),
    ]
    with client(simulated) as sdk:
        ask = sdk.models.generate_content
        thought = ask(model="gemini", contents="Hello", config=config(thinking_config=THINKING))
        table = ask(model="gemini", contents="As JSON", config=config(response_mime_type="application/json"))
        seen = ask(model="gemini", contents=picture)
        ask(model="gemini", contents=long)
        again: Any = ask(model="gemini", contents=long).usage_metadata
        empty = ask(
            model="gemini", contents="Hello", config=config(thinking_config=THINKING, max_output_tokens=9)
        )
        refused: Any = ask(model="gemini", contents="refuse this")
    usage: Any = thought.usage_metadata
    assert parts_of(thought)[0].thought
    assert usage.thoughts_token_count > 0
    assert usage.total_token_count == (
        usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
    )
    assert json.loads(str(table.text))["answer"] == "simulated"
    assert str(seen.text).startswith("I was shown 1 image.")
    assert 0 < again.cached_content_token_count < again.prompt_token_count
    assert empty.candidates is not None
    assert (empty.text, empty.candidates[0].finish_reason) == (None, types.FinishReason.MAX_TOKENS)
    assert (refused.candidates, refused.prompt_feedback.block_reason) == (
        None,
        types.BlockedReason.PROHIBITED_CONTENT,
    )


LONG = "Explain the queue to somebody who has never seen one. " * 3
CALL = types.Part(function_call=types.FunctionCall(name="get_time", args={}))
FOREIGN = types.Part(function_call=types.FunctionCall(name="get_time", args={}), thought_signature=b"foreign")
RESULT = types.Part.from_function_response(name="get_time", response={"output": "noon"})
ERRORS: list[Any] = [
    pytest.param({"key": "no"}, {}, 400, "API key not valid", id="auth is a 400 (trap 30)"),
    pytest.param({}, {"model": "nothing"}, 404, "is not found", id="not found"),
    pytest.param({}, {"model": "gemini-limited"}, 429, "PerDay", id="limit of a day, in its details"),
    pytest.param({}, {"model": "gemini-small", "contents": LONG}, 400, "exceeds the maximum", id="context"),
    pytest.param({}, {"contents": [user(CALL)]}, 400, "missing a thought_signature", id="no signature"),
    pytest.param(
        {},
        {
            "contents": [
                user(types.Part(text="Hi")),
                types.Content(role="model", parts=[FOREIGN]),
                user(RESULT),
            ]
        },
        400,
        "signature is not valid",
        id="a signature that is not ours",
    ),
    pytest.param(
        {},
        {"contents": [user(RESULT)]},
        400,
        "function response parts is equal",
        id="a result without its call",
    ),
    pytest.param(
        {},
        {
            "config": types.GenerateContentConfig(
                thinking_config=types.ThinkingConfig(
                    thinking_budget=9, thinking_level=types.ThinkingLevel.LOW
                )
            )
        },
        400,
        "only one of",
        id="budget and level at once",
    ),
]


@pytest.mark.parametrize(("account", "asked", "code", "said"), ERRORS)
def test_errors_become_the_sdks_own(
    simulated: SimulatorProcess, account: Any, asked: Any, code: int, said: str
) -> None:
    usual: Any = {"model": "gemini", "contents": "Hi"}
    with client(simulated, **account) as sdk, pytest.raises(errors.ClientError, match=said) as raised:
        sdk.models.generate_content(**(usual | asked))
    assert raised.value.code == code
    assert raised.value.status in ("INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED")


def test_models_are_listed_and_found(simulated: SimulatorProcess) -> None:
    with client(simulated) as sdk:
        listed = {model.name: model for model in sdk.models.list()}
        found = sdk.models.get(model="gemini-small")
    assert set(listed) == {"models/gemini", "models/gemini-limited", "models/gemini-small"}
    assert found.input_token_limit == 20
