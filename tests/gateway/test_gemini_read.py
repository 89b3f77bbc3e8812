"""What clients of generateContent ask, read."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import orjson
import pytest
from google.genai import types
from tests.support.client_sdk import JSON, ORIGIN, gemini_body, gemini_client

from trunkline.domain.messages import (
    AnswerSchema,
    Effort,
    ImagePart,
    Message,
    NativeField,
    ResponseFormat,
    Role,
    Sampling,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    ToolUse,
)
from trunkline.domain.routes import Route
from trunkline.gateway.dialect import Asked, UnreadableError
from trunkline.gateway.gemini.count import count_body, read_count
from trunkline.gateway.gemini.dialect import GeminiDialect
from trunkline.gateway.gemini.read import Shape
from trunkline.gateway.sealing import sealed

DIALECT = GeminiDialect()
GOOGLE = "https://generativelanguage.googleapis.com"
PNG = base64.b64decode("iVBO+/++")
SEAL = sealed("c2ln", Route("google", "main", "gemini-4-argon"))


def read(**fields: Any) -> Asked:
    return DIALECT.read(gemini_body(**fields), ORIGIN, model="auto", stream=False)


def said(*contents: dict[str, Any]) -> tuple[Message, ...]:
    return read(contents=list(contents)).chat.messages


def model_said(*parts: dict[str, Any]) -> tuple[Any, ...]:
    return said({"role": "model", "parts": list(parts)})[0].parts


def refusal(**fields: Any) -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        read(**fields)
    return caught.value


def test_the_least_request() -> None:
    asked = DIALECT.read(gemini_body(), ORIGIN, model="models/auto", stream=True)
    assert (asked.model, asked.chat.stream, asked.shape) == ("auto", True, Shape(include_thoughts=False))
    assert asked.chat.messages == (Message.of(Role.USER, "Hello"),)
    assert asked.ignored == ()


SETTINGS = {
    "maxOutputTokens": 100, "temperature": 1.5, "topP": 0.9, "topK": 40.0, "stopSequences": ["END"], "seed": 7,
    "frequencyPenalty": 0.5, "presencePenalty": -0.5, "candidateCount": 1, "responseMimeType": "application/json",
    "thinkingConfig": {"thinkingBudget": 8000, "includeThoughts": True},
}  # fmt: skip


def test_settings() -> None:
    asked = read(
        generationConfig=SETTINGS,
        systemInstruction={"parts": [{"text": "Be brief."}, {"text": "And kind."}]},
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        labels={"Task": "coding"},
        somethingNew=1,
    )
    chat = asked.chat
    assert [message.text for message in chat.messages] == ["Be brief.", "And kind.", "Hello"]
    assert (chat.max_output_tokens, chat.temperature, chat.stop) == (100, 1.5, ("END",))
    assert chat.sampling == Sampling(0.9, 40, 7, 0.5, -0.5)
    assert (chat.response_format, chat.effort) == (ResponseFormat.JSON, Effort.MEDIUM)
    safety = '[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]'
    assert chat.native == (NativeField("gemini", "safetySettings", safety),)
    assert (asked.said, asked.shape, asked.ignored) == ({"task": "coding"}, Shape(True), ("somethingNew",))


def test_keys_may_be_written_with_underscores() -> None:
    body = {
        "contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": "iVBO"}}},
        "system_instruction": "Be brief.",
        "generation_config": {"max_output_tokens": 5, "thinking_config": {"thinking_level": "low"}},
        "tools": {"function_declarations": {"name": "a", "parameters": {"type": "OBJECT"}}},
        "tool_config": {"function_calling_config": {"mode": "any"}},
    }
    chat = DIALECT.read(body, ORIGIN, model="m").chat
    assert chat.messages == (
        Message.of(Role.SYSTEM, "Be brief."),
        Message(Role.USER, (ImagePart("data:image/png;base64,iVBO"),)),
    )
    assert (chat.max_output_tokens, chat.effort) == (5, Effort.LOW)
    assert [tool.name for tool in chat.tools] == ["a"]
    assert chat.tool_choice == ToolChoice(ToolUse.REQUIRED)


def test_images_in_either_alphabet_of_base64() -> None:
    url_safe = base64.urlsafe_b64encode(PNG).decode()
    standard = base64.b64encode(PNG).decode()
    assert url_safe != standard
    inline = {"inlineData": {"mimeType": "image/png", "data": url_safe}}
    linked = {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.png"}}
    assert said({"role": "user", "parts": [inline, linked]})[0].parts == (
        ImagePart(f"data:image/png;base64,{standard}"),
        ImagePart("https://example.org/a.png"),
    )


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"inlineData": {"mimeType": "application/pdf", "data": "x"}}, "inlineData.mimeType"),
        ({"fileData": {"mimeType": "video/mp4", "fileUri": "https://example.org/a"}}, "fileData.mimeType"),
        ({"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}}, "fileData.fileUri"),
        ({"fileData": {"mimeType": "image/png", "fileUri": f"{GOOGLE}/v1beta/files/x"}}, "fileData.fileUri"),
        ({"executableCode": {"code": "1"}}, "executableCode"),
        ({"functionCall": {"name": "a"}}, "functionCall"),
        ({"functionResponse": {"name": "a", "response": {}}}, "functionResponse.name"),
    ],
)  # fmt: skip
def test_parts_that_cannot_be_passed_on_are_refused_by_their_path(part: dict[str, Any], param: str) -> None:
    assert refusal(contents=[{"role": "user", "parts": [part]}]).param == f"contents.0.parts.0.{param}"


def call(name: str, call_id: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"n": 1}} | ({"id": call_id} if call_id else {}), **fields}


def result(name: str, response: Any, call_id: str | None = None, **fields: Any) -> dict[str, Any]:
    named = {"id": call_id} if call_id else {}
    return {"functionResponse": {"name": name, "response": response, **named, **fields}}


def test_results_find_their_calls_by_id_else_by_name_and_order() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
    _, calls, results = said(
        {"role": "user", "parts": [{"text": "Go"}]},
        {"role": "model", "parts": [call("a"), call("b", "call_0"), call("a"), call("a", "x")]},
        {"role": "function", "parts": [
            result("a", {"output": "one"}),
            result("a", {"error": "two"}),
            result("b", {"p": 1, "q": 2}),
            result("ignored", {"result": {"deep": 3}}, "x", parts=[image]),
        ]},
    )  # fmt: skip
    assert [part.call_id for part in calls.parts] == ["call_1", "call_0", "call_2", "x"]
    assert results.role is Role.TOOL
    assert results.parts == (
        ToolResultPart("call_1", "one"),
        ToolResultPart("call_2", "two", is_error=True),
        ToolResultPart("call_0", '{"p":1,"q":2}'),
        ToolResultPart("x", '{"deep":3}', images=(ImagePart("data:image/png;base64,iVBO"),)),
    )


def test_ids_that_are_made_stay_while_the_conversation_grows() -> None:
    first = [{"role": "model", "parts": [call("a"), call("a")]}]
    more = [
        {"role": "user", "parts": [result("a", {}), result("a", {})]},
        {"role": "model", "parts": [call("a")]},
    ]
    short, long = said(*first), said(*first, *more)
    assert long[0] == short[0]
    assert len({part.call_id for message in (long[0], long[2]) for part in message.parts}) == 3


def test_thoughts_go_to_whom_they_belong() -> None:
    nobodys = sealed("", Route("deepseek", "main", "deepseek-flash"))
    assert model_said(
        {"text": "Hm", "thought": True, "thoughtSignature": nobodys},
        {"text": " so", "thought": True},
        {"text": "Hi", "thoughtSignature": SEAL},
        call("a", "c", thoughtSignature=SEAL),
    ) == (
        ThinkingPart("Hm so", "deepseek", None, "deepseek-flash"),
        TextPart("Hi"),
        ThinkingPart("", "google", "c2ln", "gemini-4-argon"),
        ToolCallPart("c", "a", '{"n":1}', "c2ln", "google"),
    )


def test_thoughts_of_two_models_stay_apart() -> None:
    mine, other = (sealed("", Route(name, "main", "m")) for name in ("zai", "kimi"))
    assert model_said(
        {"text": "a", "thought": True, "thoughtSignature": mine},
        {"text": "b", "thought": True, "thoughtSignature": other},
    ) == (ThinkingPart("a", "zai", None, "m"), ThinkingPart("b", "kimi", None, "m"))


def test_of_a_key_in_both_ways_the_one_in_camel_case_counts() -> None:
    config = {"maxOutputTokens": 5, "max_output_tokens": 6}
    assert read(generationConfig=config).chat.max_output_tokens == 5


def test_signatures_that_nobody_sealed_are_googles_own() -> None:
    own = {"thought": True, "thoughtSignature": "skip_thought_signature_validator"}
    assert model_said({"text": "Hm"} | own, {"text": "x", "thought": True}) == (
        ThinkingPart("Hm", "google", "skip_thought_signature_validator"),
        ThinkingPart("x", "google"),
    )


def test_an_answer_that_a_stream_left_in_pieces_is_one_message() -> None:
    pieces = [{"role": "model", "parts": [{"text": text}]} for text in ("Hel", "lo", "\n\n", "you")]
    assert said({"role": "user", "parts": [{"text": "Hi"}]}, *pieces)[1:] == (
        Message.of(Role.ASSISTANT, "Hello\n\nyou"),
    )


def test_schemas_in_googles_form_become_json_schemas() -> None:
    parameters = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "nullable": True, "enum": ["a"]},
            "any_of": {"type": "ARRAY", "min_items": "2", "items": {"type": "INTEGER", "example": 3}},
            "either": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
        },
        "property_ordering": ["type"],
        "required": ["type"],
    }
    tool = read(tools=[{"functionDeclarations": [{"name": "a", "parameters": parameters}]}]).chat.tools[0]
    assert orjson.loads(tool.schema) == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["a", None]},
            "any_of": {"type": "array", "minItems": 2, "items": {"type": "integer"}},
            "either": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
        },
        "required": ["type"],
    }


def test_schemas_for_the_answer() -> None:
    by_google = read(
        generationConfig={"responseSchema": {"type": "OBJECT"}, "responseMimeType": "application/json"}
    )
    plain = read(generationConfig={"responseJsonSchema": {"type": "object"}})
    for asked in (by_google, plain):
        assert asked.chat.response_format is ResponseFormat.JSON
        assert asked.chat.answer_schema == AnswerSchema('{"type":"object"}', strict=True)


FUNCTIONS = [{"functionDeclarations": [{"name": "a"}, {"name": "b", "behavior": "NON_BLOCKING"}]}]


@pytest.mark.parametrize(
    ("calling", "choice", "names"),
    [
        ({"mode": "AUTO"}, ToolChoice(ToolUse.AUTO), ["a", "b"]),
        ({"mode": "NONE"}, ToolChoice(ToolUse.NONE), ["a", "b"]),
        ({"mode": "ANY"}, ToolChoice(ToolUse.REQUIRED), ["a", "b"]),
        ({"mode": "ANY", "allowedFunctionNames": ["b"]}, ToolChoice(ToolUse.NAMED, "b"), ["b"]),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["a"]}, ToolChoice(ToolUse.AUTO), ["a"]),
        ({}, ToolChoice(ToolUse.AUTO), ["a", "b"]),
    ],
)
def test_how_functions_are_used(calling: dict[str, Any], choice: ToolChoice, names: list[str]) -> None:
    asked = read(tools=FUNCTIONS, toolConfig={"functionCallingConfig": calling})
    assert asked.chat.tool_choice == choice
    assert [tool.name for tool in asked.chat.tools] == names
    assert asked.ignored == ("tools.behavior",)


@pytest.mark.parametrize("beside", [[{"googleSearch": {}}, *FUNCTIONS], [FUNCTIONS[0] | {"url_context": {}}]])
def test_what_google_itself_looks_up_is_left_out_beside_functions_and_said_so(beside: list[Any]) -> None:
    asked, alone = read(tools=beside), read(tools=FUNCTIONS)
    assert asked.chat.tools == alone.chat.tools
    assert len(asked.ignored) == len(alone.ignored) + 1
    assert asked.ignored[0] in ("tools.googleSearch", "tools.urlContext")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents.0.role"),
        (
            {"systemInstruction": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "x"}}]}},
            "systemInstruction.parts.0.inlineData",
        ),
        ({"tools": [{"googleSearch": {}}]}, "tools.0.googleSearch"),
        ({"tools": [{"url_context": {}}]}, "tools.0.urlContext"),
        ({"tools": [*FUNCTIONS, {"codeExecution": {}}]}, f"tools.{len(FUNCTIONS)}.codeExecution"),
        ({"tools": [{"googleSearch": {}, "functionDeclarations": []}]}, "tools.0.googleSearch"),
        ({"cachedContent": "cachedContents/x"}, "cachedContent"),
        ({"generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "generationConfig.responseModalities"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType"),
        ({"generationConfig": {"responseFormat": [{}]}}, "generationConfig.responseFormat"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "toolConfig.functionCallingConfig.mode"),
        (
            {"tools": FUNCTIONS, "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["c"]}}},
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(fields: dict[str, Any], param: str) -> None:
    assert refusal(**fields).param == param


def test_a_schema_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(1_000):
        deep = {"type": "ARRAY", "items": deep}
    declared = [{"functionDeclarations": [{"name": "a", "parameters": deep}]}]
    assert refusal(tools=declared).param == "tools.0.functionDeclarations.0.parameters"
    declared = [{"functionDeclarations": [{"name": "a", "parametersJsonSchema": deep}]}]
    assert refusal(tools=declared).param == "tools.0.functionDeclarations.0.parametersJsonSchema"


def test_counting_takes_contents_or_a_whole_request() -> None:
    assert read_count(gemini_body(), ORIGIN, model="m").chat.messages == (Message.of(Role.USER, "Hello"),)
    whole = {"generateContentRequest": {"model": "models/x"} | gemini_body(systemInstruction="Be brief.")}
    asked = read_count(whole, ORIGIN)
    assert (asked.model, len(asked.chat.messages)) == ("x", 2)
    assert orjson.loads(count_body(12)) == {"totalTokens": 12}


def test_what_the_sdk_sends_is_read() -> None:
    sent: list[httpx.Request] = []
    client = gemini_client(b'{"candidates":[]}', kind=JSON, asked=sent)
    letter = types.Schema(type=types.Type.OBJECT, properties={"c": types.Schema(type=types.Type.STRING)})
    function = types.FunctionDeclaration(name="weather", parameters=letter)
    any_call = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
    called = types.FunctionCall(name="weather", args={})
    client.models.generate_content(
        model="auto",
        contents=[
            types.UserContent(["Hi", types.Part.from_bytes(data=PNG, mime_type="image/png")]),
            types.ModelContent([types.Part(function_call=called, thought_signature=base64.b64decode(SEAL))]),
            types.UserContent(
                [types.Part.from_function_response(name="weather", response={"result": "sun"})]
            ),
        ],
        config=types.GenerateContentConfig(
            system_instruction="Be brief.",
            tools=[types.Tool(function_declarations=[function])],
            tool_config=types.ToolConfig(function_calling_config=any_call),
            response_mime_type="application/json",
            response_schema=types.Schema(type=types.Type.OBJECT),
            thinking_config=types.ThinkingConfig(
                thinking_level=types.ThinkingLevel.HIGH, include_thoughts=True
            ),
            safety_settings=[
                types.SafetySetting(
                    category=types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                    threshold=types.HarmBlockThreshold.OFF,
                )
            ],
            top_k=40,
        ),
    )
    asked = DIALECT.read(orjson.loads(sent[0].content), ORIGIN, model="auto", stream=False)
    chat = asked.chat
    assert chat.messages == (
        Message.of(Role.SYSTEM, "Be brief."),
        Message(Role.USER, (TextPart("Hi"), ImagePart("data:image/png;base64,iVBO+/++"))),
        Message(Role.ASSISTANT, (ToolCallPart("call_0", "weather", "{}", "c2ln", "google"),)),
        Message(Role.TOOL, (ToolResultPart("call_0", "sun"),)),
    )
    assert orjson.loads(chat.tools[0].schema) == {"type": "object", "properties": {"c": {"type": "string"}}}
    assert chat.tool_choice == ToolChoice(ToolUse.REQUIRED)
    assert chat.answer_schema == AnswerSchema('{"type":"object"}', strict=True)
    assert (chat.effort, chat.sampling.top_k, asked.shape) == (Effort.HIGH, 40, Shape(include_thoughts=True))
    assert [field.name for field in chat.native] == ["safetySettings"]
    assert asked.ignored == ()
