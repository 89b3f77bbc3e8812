"""Whatever is asked of whomever: each wish is in the body or named among those left out, and none is named in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clock import START_MS

from trunkline.domain.accepts import Accepts
from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    NativeField,
    Part,
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
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Capability,
    KeyRef,
    KeySource,
    ModelSpec,
    Prefill,
    ProviderSpec,
    Quirks,
    ThinkingControl,
)
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.protocol import CallContext
from trunkline.providers.registry import protocol_named

PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMAS = (
    '{"type":"object","properties":{"city":{"type":"string","minLength":2}},"required":["city"]}',
    '{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/x"}}}',
    '{"type":"object"}',
    "no json",
)
TOOLS = (ToolSpec("look", "Looks", '{"type":"object"}'), ToolSpec("find", "", "{}"))
NATIVE = (
    NativeField("openai", "logit_bias", '{"50256":-100}'),
    NativeField("openai", "temperature", "0.123"),
    NativeField("openai", "max_tokens", "1"),
    NativeField("anthropic", "metadata", '{"user_id":"u"}'),
    NativeField("anthropic", "output_config", '{"effort":"xhigh","more":1}'),
    NativeField("gemini", "safetySettings", "[]"),
    NativeField("gemini", "generationConfig", '{"mediaResolution":"LOW","topP":0.011}'),
    NativeField("gemini", "broken", "{"),
)
SAMPLED = ("top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
NEUTRAL = {"top_p": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0.0}

images = st.lists(st.sampled_from((PNG, "https://example.org/a.png", "ftp://example.org/a")), max_size=2)
sampling = st.builds(
    Sampling,
    top_p=st.none() | st.sampled_from((0.25, 1.0)),
    top_k=st.none() | st.just(7),
    seed=st.none() | st.just(11),
    frequency_penalty=st.none() | st.sampled_from((0.0, 0.5)),
    presence_penalty=st.none() | st.sampled_from((0.0, 0.75)),
)
choices = st.builds(
    ToolChoice,
    use=st.sampled_from(ToolUse),
    name=st.sampled_from(("look", "find", "gone")),
    parallel=st.none() | st.booleans(),
)
formats = st.one_of(
    st.just((ResponseFormat.TEXT, None)),
    st.just((ResponseFormat.JSON, None)),
    st.sampled_from(SCHEMAS).map(lambda text: (ResponseFormat.JSON, AnswerSchema(text))),
)
accepted = st.builds(
    Accepts,
    tool_choice=st.sampled_from((("auto",), ("auto", "none"), ("auto", "none", "required"), tuple(ToolUse))),
    forced_beside_thinking=st.booleans(),
    parallel_tool_calls=st.booleans(),
    json_schema=st.sampled_from((None, True, False)),
    sampling=st.none() | st.lists(st.sampled_from(SAMPLED), unique=True).map(tuple),
    stops=st.none() | st.integers(0, 3),
    stops_without_temperature=st.booleans(),
    native_fields=st.none() | st.just(("logit_bias", "metadata")),
    tool_images=st.booleans(),
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    told = [Message.of(Role.SYSTEM, "Be short.")] if draw(st.booleans()) else []
    shown: list[Part] = [ImagePart(url) for url in draw(images)]
    told.append(Message(Role.USER, (TextPart("Look."), *shown)))
    if draw(st.booleans()):
        result = ToolResultPart("c1", "seen", images=tuple(ImagePart(url) for url in draw(images)))
        told += [Message(Role.ASSISTANT, (ToolCallPart("c1", "look", "{}"),)), Message(Role.TOOL, (result,))]
    if draw(st.booleans()):
        told.append(Message(Role.ASSISTANT, (TextPart("It is"), *(ImagePart(url) for url in draw(images)))))
    return tuple(told)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    form, schema = draw(formats)
    return ChatRequest(
        draw(conversations()),
        Origin(OriginKind.GATEWAY),
        temperature=draw(st.none() | st.sampled_from((0.0, 0.5, 1.0, 1.75))),
        stop=draw(st.lists(st.sampled_from(("END", "###", " ", "", "a", "b")), max_size=6).map(tuple)),
        tools=draw(st.sampled_from(((), TOOLS[:1], TOOLS))),
        tool_choice=draw(st.none() | choices),
        response_format=form,
        answer_schema=schema,
        sampling=draw(sampling),
        effort=draw(st.none() | st.sampled_from(Effort)),
        native=draw(st.lists(st.sampled_from(NATIVE), max_size=3, unique=True).map(tuple)),
    )


@st.composite
def contexts(draw: st.DrawFn, protocol: str) -> CallContext:
    quirks = Quirks(
        json_mode=draw(st.booleans()),
        temperature_max=draw(st.sampled_from((1.0, 2.0))),
        efforts=("low", "high"),
    )
    model = ModelSpec(
        "p",
        draw(st.sampled_from(("gemini-2.5-flash", "gemini-3.8-flash"))),
        100_000,
        max_output_tokens=20_000,
        temperature=draw(st.booleans()),
        thinking=draw(st.sampled_from(ThinkingControl)),
        prefill=draw(st.sampled_from((Prefill.NONE, Prefill.ASSISTANT))),
        capabilities=draw(st.sampled_from(((), (Capability.THINKING,)))),
    )
    account = AccountSpec("p", "a", KeyRef(KeySource.NONE), Billing.CREDITS)
    provider = ProviderSpec("p", protocol, "http://127.0.0.1:1", quirks=quirks, accepts=draw(accepted))
    return CallContext(provider, account, model, START_MS)


def wishes(request: ChatRequest, context: CallContext, body: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Each wish of the request by name, and whether the body carries it whole."""
    protocol = context.provider.protocol
    config = body.get("generationConfig", {}) if protocol == "gemini" else body
    wire = {"openai": WIRE_OPENAI, "anthropic": WIRE_ANTHROPIC, "gemini": WIRE_GEMINI}[protocol]
    if request.temperature is not None:
        unsaid = request.temperature == 1.0 and "temperature" not in config
        yield "temperature", unsaid or config.get("temperature") == request.temperature
    for name in SAMPLED:
        value = getattr(request.sampling, name)
        if value is not None:
            said = config.get(wire.get(name, ""), NEUTRAL.get(name))
            yield name, said == value
    if request.stop:
        yield "stop", config.get(wire["stop"], []) == list(request.stop)
    if request.effort is not None:
        yield "reasoning_effort", effort_told(request.effort, protocol, context.model, body)
    if request.response_format is ResponseFormat.JSON:
        yield "response_format", form_told(request, protocol, body)
    if request.tool_choice is not None:
        yield "tool_choice", choice_told(request, protocol, body)
        if request.tool_choice.parallel is False and request.tools:
            yield "parallel_tool_calls", one_call_told(request, protocol, body)
    asked = sum(len(message.images) for message in request.messages)
    text = orjson.dumps(body).decode()
    if asked:
        marks = {"openai": '"image_url":{', "anthropic": '"type":"image"', "gemini": '"inlineData":{'}
        yield "image", text.count(marks[protocol]) == asked
    for one in request.native:
        yield one.name, one.protocol == protocol and native_told(one, body)


SAID_BY = {
    "openai": (
        ThinkingControl.EFFORT,
        ThinkingControl.REASONING,
        ThinkingControl.SWITCH,
        ThinkingControl.ADAPTIVE,
    ),
    "anthropic": tuple(one for one in ThinkingControl if one is not ThinkingControl.NONE),
    "gemini": (ThinkingControl.BUDGET, ThinkingControl.LEVEL),
}
WIRE_OPENAI = {name: name for name in (*SAMPLED, "stop")}
WIRE_ANTHROPIC = WIRE_OPENAI | {"stop": "stop_sequences"}
WIRE_GEMINI = {
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "stop": "stopSequences",
}


def effort_told(effort: Effort, protocol: str, model: ModelSpec, body: dict[str, Any]) -> bool:
    always = model.thinking not in SAID_BY[protocol] and Capability.THINKING in model.capabilities
    thinking = body.get("thinking", {}).get("type")
    config = body.get("generationConfig", {}).get("thinkingConfig", {})
    words = {
        body.get("reasoning_effort"),
        body.get("reasoning", {}).get("effort"),
        body.get("output_config", {}).get("effort") if thinking else None,
        config.get("thinkingLevel", "").lower(),
    }
    if thinking == "enabled" and "budget_tokens" in body["thinking"]:
        return effort is not Effort.NONE
    if "thinkingBudget" in config:
        return (config["thinkingBudget"] == 0) is (effort is Effort.NONE)
    if effort is Effort.NONE and thinking in (None, "disabled") and words <= {None, "", "none"}:
        return not always and not config.get("includeThoughts")
    return effort.value in words


def form_told(request: ChatRequest, protocol: str, body: dict[str, Any]) -> bool:
    schema = request.answer_schema
    if protocol == "openai":
        kind = body.get("response_format", {}).get("type")
        return kind == "json_schema" or (kind == "json_object" and schema is None)
    if protocol == "anthropic":
        return schema is not None and "format" in body.get("output_config", {})
    config = body.get("generationConfig", {})
    return "responseMimeType" in config and (schema is None or "responseJsonSchema" in config)


def choice_told(request: ChatRequest, protocol: str, body: dict[str, Any]) -> bool:
    assert request.tool_choice is not None
    use, name = request.tool_choice.use, request.tool_choice.name
    if use is ToolUse.AUTO or (use is ToolUse.NONE and "tools" not in body):
        return True
    if protocol == "gemini":
        calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
        word, only = calling.get("mode"), calling.get("allowedFunctionNames")
        offered = [
            one["name"]
            for one in (body.get("tools") or [{"functionDeclarations": []}])[0]["functionDeclarations"]
        ]
        words = {ToolUse.NONE: "NONE", ToolUse.REQUIRED: "ANY", ToolUse.NAMED: "ANY"}
        return word == words[use] and (use is not ToolUse.NAMED or (only or offered) == [name])
    choice = body.get("tool_choice")
    if protocol == "anthropic":
        kind = (choice or {}).get("type")
        offered = [tool["name"] for tool in body.get("tools", ())]
        named = (choice or {}).get("name") == name or (kind == "any" and offered == [name])
        words = {ToolUse.NONE: ("none",), ToolUse.REQUIRED: ("any",), ToolUse.NAMED: ("tool", "any")}
        return kind in words[use] and (use is not ToolUse.NAMED or named)
    offered = [tool["function"]["name"] for tool in body.get("tools", ())]
    if use is ToolUse.NAMED:
        by_name = isinstance(choice, dict) and choice["function"]["name"] == name
        return by_name or (choice == "required" and offered == [name])
    return bool(choice == use.value)


def one_call_told(request: ChatRequest, protocol: str, body: dict[str, Any]) -> bool:
    if "tools" not in body or not request.tools:
        return True
    if protocol == "openai":
        return body.get("parallel_tool_calls") is False
    choice = body.get("tool_choice") or {}
    return protocol == "anthropic" and (
        choice.get("disable_parallel_tool_use") is True or choice["type"] == "none"
    )


def native_told(one: NativeField, body: dict[str, Any]) -> bool:
    try:
        value = orjson.loads(one.value)
    except orjson.JSONDecodeError:
        return False
    said = body.get(one.name)
    return bool(said == value or (isinstance(said, dict) and said.items() >= value.items()))


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_wish_is_in_the_body_or_named(protocol: str, data: st.DataObject) -> None:
    request, context = data.draw(requests()), data.draw(contexts(protocol))
    wire = protocol_named(protocol)
    call = wire.encode(request, context, max_output_tokens=None)
    body = orjson.loads(call.body)
    named = {one.partition(" (")[0] for one in call.left_out}
    found = list(wishes(request, context, body))
    missing = {name for name, carried in found if not carried}
    assert missing <= named, (missing - named, call.left_out, body)
    assert named <= missing, (named - missing, call.left_out, body)
    assert body.get("model", context.model.id) == context.model.id
    assert len(set(call.left_out)) == len(call.left_out)
