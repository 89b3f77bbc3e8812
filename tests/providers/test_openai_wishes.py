"""What a request wishes beside its messages, as each OpenAI-shaped provider takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.support.openai_wire import context_of

from trunkline.domain.accepts import Accepts
from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    NativeField,
    ResponseFormat,
    Role,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    ToolSpec,
    ToolUse,
)
from trunkline.domain.routes import Capability, Quirks, ThinkingControl
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.openai.encode import encode
from trunkline.providers.openai.wishes import ONLY_JSON
from trunkline.providers.protocol import CallContext
from trunkline.providers.wishes import CALL_ANY, CALL_NAMED, ONE_CALL

HELLO = (Message.of(Role.USER, "Hello"),)
TOOLS = (ToolSpec("look", "", '{"type":"object"}'), ToolSpec("find", "", '{"type":"object"}'))
CITY = AnswerSchema(
    '{"type":"object","properties":{"city":{"type":"string"}}}', "place", "A place", strict=True
)
PNG = "data:image/png;base64,iVBORw0KGgo="


def context(
    quirks: Quirks | None = None, *, temperature: bool = True, thinking: Any = None, **accepts: Any
) -> CallContext:
    usual = context_of(quirks=quirks, temperature=temperature)
    model = usual.model
    if thinking is not None:
        model = replace(model, thinking=thinking, capabilities=(Capability.THINKING,))
    return replace(usual, model=model, provider=replace(usual.provider, accepts=Accepts(**accepts)))


def told(
    where: CallContext | None = None, messages: tuple[Message, ...] = HELLO, **fields: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and what is left out."""
    request = ChatRequest(messages, Origin(OriginKind.GATEWAY), **fields)
    call = encode(request, where or context(), max_output_tokens=None)
    return orjson.loads(call.body), call.left_out


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(ToolUse.NONE), "none"),
        (ToolChoice(ToolUse.REQUIRED), "required"),
        (ToolChoice(ToolUse.NAMED, "find"), {"type": "function", "function": {"name": "find"}}),
        (ToolChoice(), None),
    ],
)
def test_a_choice_of_tools_is_a_field(choice: ToolChoice, sent: object) -> None:
    body, left_out = told(tools=TOOLS, tool_choice=choice)
    assert (body.get("tool_choice"), left_out) == (sent, ())
    assert [tool["function"]["name"] for tool in body["tools"]] == ["look", "find"]


def test_parallel_calls_are_forbidden_and_never_asked_for() -> None:
    for parallel, sent in ((False, False), (True, None), (None, None)):
        body, left_out = told(tools=TOOLS, tool_choice=ToolChoice(parallel=parallel))
        assert (body.get("parallel_tool_calls"), left_out) == (sent, ())
    body, left_out = told(
        context(parallel_tool_calls=False), tools=TOOLS, tool_choice=ToolChoice(parallel=False)
    )
    assert "parallel_tool_calls" not in body
    assert body["messages"][0] == {"role": "system", "content": ONE_CALL}
    assert left_out == ("parallel_tool_calls (in words)",)


def test_a_choice_that_a_provider_does_not_take_is_made_otherwise() -> None:
    words_only = context(tool_choice=("auto",))
    body, left_out = told(words_only, tools=TOOLS, tool_choice=ToolChoice(ToolUse.NONE))
    assert (body.get("tools"), body.get("tool_choice"), left_out) == (None, None, ())
    body, left_out = told(words_only, tools=TOOLS, tool_choice=ToolChoice(ToolUse.REQUIRED))
    assert (body["messages"][0]["content"], left_out) == (CALL_ANY, ("tool_choice (in words)",))
    body, left_out = told(words_only, tools=TOOLS, tool_choice=ToolChoice(ToolUse.NAMED, "find"))
    assert body["messages"][0]["content"] == CALL_NAMED.format(name="find")
    assert ([tool["function"]["name"] for tool in body["tools"]], left_out) == (
        ["find"],
        ("tool_choice (in words)",),
    )
    nameless = context(tool_choice=("auto", "none", "required"))
    body, left_out = told(nameless, tools=TOOLS, tool_choice=ToolChoice(ToolUse.NAMED, "find"))
    assert (body["tool_choice"], len(body["tools"]), left_out) == ("required", 1, ())


def test_a_choice_of_what_is_not_offered_is_left_out() -> None:
    assert told(tool_choice=ToolChoice(ToolUse.REQUIRED))[1] == ("tool_choice",)
    body, left_out = told(tools=TOOLS, tool_choice=ToolChoice(ToolUse.NAMED, "gone"))
    assert ("tool_choice" in body, left_out) == (False, ("tool_choice",))


FORCED = ToolChoice(ToolUse.REQUIRED)


@pytest.mark.parametrize(
    ("control", "effort", "sent", "left_out"),
    [
        pytest.param(
            ThinkingControl.SWITCH, Effort.HIGH, ("required", "disabled"), ("reasoning_effort",), id="switch"
        ),
        pytest.param(ThinkingControl.SWITCH, None, ("required", "disabled"), (), id="switch on unasked"),
        pytest.param(ThinkingControl.EFFORT, Effort.LOW, ("required", None), (), id="levels"),
        pytest.param(
            ThinkingControl.NONE, None, (None, None), ("tool_choice (in words)",), id="always thinks"
        ),
    ],
)
def test_thinking_gives_way_to_a_forced_call(
    control: ThinkingControl, effort: Effort | None, sent: object, left_out: tuple[str, ...]
) -> None:
    where = context(thinking=control, forced_beside_thinking=False)
    body, left = told(where, tools=TOOLS, tool_choice=FORCED, effort=effort)
    assert (body.get("tool_choice"), body.get("thinking", {}).get("type")) == sent
    assert left == left_out


def test_a_schema_is_a_field_with_all_that_was_said_of_it() -> None:
    body, left_out = told(response_format=ResponseFormat.JSON, answer_schema=CITY)
    form = {"name": "place", "description": "A place", "strict": True}
    schema = {"description": "A place"} | orjson.loads(CITY.schema)
    assert body["response_format"] == {"type": "json_schema", "json_schema": form | {"schema": schema}}
    assert left_out == ()
    unsaid = told(response_format=ResponseFormat.JSON, answer_schema=AnswerSchema('{"type":"object"}'))[0]
    assert unsaid["response_format"]["json_schema"] == {"name": "answer", "schema": {"type": "object"}}


def test_a_schema_is_told_in_words_where_there_is_no_field_for_it() -> None:
    spoken = (Message.of(Role.SYSTEM, "Be short."), *HELLO)
    fields: dict[str, Any] = {"response_format": ResponseFormat.JSON, "answer_schema": CITY}
    for quirks, form in ((Quirks(), {"type": "json_object"}), (Quirks(json_mode=False), None)):
        body, left_out = told(context(quirks, json_schema=False), spoken, **fields)
        assert body.get("response_format") == form
        system = body["messages"][0]
        assert system["role"] == "system"
        assert system["content"].startswith(
            f"Be short.\n\n{ONLY_JSON} It must fit this JSON schema (A place):\n{{"
        )
        assert CITY.schema in system["content"]
        assert left_out == ("response_format (in words)",)
    single = context(Quirks(single_system_message=True), json_schema=False)
    messages = told(single, (*spoken, Message.of(Role.SYSTEM, "And kind.")), **fields)[0]["messages"]
    assert [one["role"] for one in messages] == ["system", "user"]


def test_json_is_spoken_of_where_nobody_did() -> None:
    body, left_out = told(response_format=ResponseFormat.JSON)
    assert (body["messages"][0]["content"], left_out) == (ONLY_JSON, ())
    asked = (Message.of(Role.USER, "Answer as Json."),)
    assert len(told(messages=asked, response_format=ResponseFormat.JSON)[0]["messages"]) == 1


def test_a_server_that_takes_json_by_schema_only_is_given_one() -> None:
    where = context(Quirks(json_mode=False), json_schema=True)
    form = told(where, response_format=ResponseFormat.JSON)[0]["response_format"]
    assert form["json_schema"]["schema"] == {"type": "object"}


SAMPLED = Sampling(top_p=0.5, top_k=40, seed=7, frequency_penalty=0.25, presence_penalty=-0.5)


def test_sampling_goes_by_what_is_known_there() -> None:
    body, left_out = told(sampling=SAMPLED, temperature=0.5)
    assert [body[name] for name in ("top_p", "seed", "frequency_penalty", "presence_penalty")] == [
        0.5,
        7,
        0.25,
        -0.5,
    ]
    assert left_out == ("top_k",)
    body, left_out = told(context(sampling=("top_p", "top_k", "random_seed")), sampling=SAMPLED)
    assert (body["top_k"], body["random_seed"], "seed" in body) == (40, 7, False)
    assert left_out == ("frequency_penalty", "presence_penalty")


def test_a_model_that_draws_as_it_will_is_told_a_seed_alone() -> None:
    body, left_out = told(context(temperature=False), sampling=SAMPLED, temperature=0.5)
    assert (body["seed"], {"temperature", "top_p", "presence_penalty"} & set(body)) == (7, set())
    assert left_out == ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
    neutral = Sampling(top_p=1.0, frequency_penalty=0.0, presence_penalty=0.0)
    assert told(context(temperature=False), sampling=neutral, temperature=1.0)[1] == ()


def test_what_is_bent_is_said() -> None:
    narrow = Quirks(temperature_max=1.0, efforts=("low", "high"))
    assert told(context(narrow), temperature=1.5)[1] == ("temperature (taken as 1)",)
    where = context(narrow, thinking=ThinkingControl.EFFORT)
    assert told(where, effort=Effort.MEDIUM)[1] == ("reasoning_effort (taken as low)",)
    assert told(where, effort=Effort.HIGH)[1] == ()
    assert told(effort=Effort.HIGH)[1] == ("reasoning_effort",)


def test_no_more_stop_sequences_than_are_taken() -> None:
    body, left_out = told(stop=tuple("abcdef"))
    assert (body["stop"], left_out) == (["a", "b", "c", "d"], ("stop (more than 4)",))
    body, left_out = told(context(stops=1), stop=("a",))
    assert (body["stop"], left_out) == (["a"], ())
    for none in (context(stops=0), context(temperature=False, stops_without_temperature=False)):
        body, left_out = told(none, stop=("a",))
        assert ("stop" in body, left_out) == (False, ("stop",))


def test_fields_of_the_protocol_are_sent_as_they_came() -> None:
    native = (
        NativeField("openai", "logit_bias", '{"50256":-100}'),
        NativeField("openai", "service_tier", '"flex"'),
        NativeField("openai", "messages", "[]"),
        NativeField("openai", "max_tokens", "1"),
        NativeField("anthropic", "container", '"c"'),
    )
    body, left_out = told(native=native)
    assert (body["logit_bias"], body["service_tier"]) == ({"50256": -100}, "flex")
    assert (len(body["messages"]), "max_tokens" in body) == (1, False)
    assert left_out == ("messages", "max_tokens", "container")
    assert told(context(native_fields=("logit_bias",)), native=native[:2])[1] == ("service_tier",)
    configured = context(Quirks(extra_body=(("service_tier", '"auto"'),)))
    assert told(configured, native=native[:2])[0]["service_tier"] == "flex"


def test_objects_of_the_protocol_are_merged_and_never_override() -> None:
    where = context(thinking=ThinkingControl.REASONING)
    native = (NativeField("openai", "reasoning", '{"effort":"high","exclude":true}'),)
    body, left_out = told(where, effort=Effort.LOW, native=native)
    assert (body["reasoning"], left_out) == ({"effort": "low", "exclude": True}, ("reasoning",))


RESULTS = (
    Message(Role.ASSISTANT, (ToolCallPart("c1", "look", "{}"), ToolCallPart("c2", "find", "{}"))),
    Message(Role.TOOL, (ToolResultPart("c1", "seen", images=(ImagePart(PNG),)), ToolResultPart("c2", "no"))),
    Message.of(Role.USER, "And?"),
)


def test_images_of_results_are_shown_by_the_user_after_all_of_them() -> None:
    body, left_out = told(messages=(*HELLO, *RESULTS))
    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "tool", "tool", "user", "user"]
    assert body["messages"][4]["content"] == [
        {"type": "text", "text": "[image of the result of the call c1]"},
        {"type": "image_url", "image_url": {"url": PNG}},
    ]
    assert left_out == ()


def test_images_stand_within_results_where_they_may() -> None:
    messages = told(context(tool_images=True), (*HELLO, *RESULTS))[0]["messages"]
    assert messages[2]["content"] == [
        {"type": "text", "text": "seen"},
        {"type": "image_url", "image_url": {"url": PNG}},
    ]
    assert [one["role"] for one in messages] == ["user", "assistant", "tool", "tool", "user"]


def test_an_image_of_the_assistant_s_cannot_be_told() -> None:
    said = Message(Role.ASSISTANT, (TextPart("See."), ImagePart(PNG)))
    assert told(messages=(*HELLO, said, *HELLO))[1] == ("image",)


def test_what_is_nested_too_deeply_to_be_written_is_left_out() -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    tools = (ToolSpec("look", "", deep),)
    asked: dict[str, Any] = {"response_format": ResponseFormat.JSON, "answer_schema": AnswerSchema(deep)}
    body, left_out = told(tools=tools, native=(NativeField("openai", "metadata", deep),), **asked)
    assert body["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert left_out == ("response_format (in words)", "metadata")
