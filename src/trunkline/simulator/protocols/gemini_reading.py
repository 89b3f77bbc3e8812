"""Reading a generateContent request with the checks that Google's API makes. Names may come in camel or snake case."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from trunkline.simulator.answers import tokens_of
from trunkline.simulator.conversation import Turn, Unpaired, gist, names, unpaired
from trunkline.simulator.description import Provider
from trunkline.simulator.play import Asked, Call, Target, ToolResult
from trunkline.simulator.signing import call_content, is_signed
from trunkline.simulator.styles import Complaint, Wrong

Body = Mapping[str, Any]

_FIELDS = names(
    "model contents systemInstruction generationConfig safetySettings tools toolConfig cachedContent labels store "
    "serviceTier generateContentRequest"
)
_CONFIG = names(
    "maxOutputTokens temperature topP topK stopSequences responseMimeType responseSchema responseJsonSchema "
    "responseFormat thinkingConfig candidateCount seed presencePenalty frequencyPenalty responseLogprobs logprobs "
    "responseModalities speechConfig mediaResolution imageConfig enableEnhancedCivicAnswers"
)
_SCHEMA_UNKNOWN = ("$schema", "additionalProperties", "oneOf", "allOf", "const", "patternProperties")
_SNAKE = re.compile(r"_([a-z])")
_NO_SIGNATURE = "skip_thought_signature_validator"
_DUMMIES = (
    _NO_SIGNATURE,
    base64.b64encode(_NO_SIGNATURE.encode()).decode(),
    "context_engineering_is_the_way_to_go",
)
_HIGHEST_TEMPERATURE = 2

STRICT = frozenset(
    {
        "budget_only",
        "level_only",
        "no_json_with_tools",
        "no_images",
        "no_images_in_results",
        "penalties",
        "unsigned",
    }
)
SIGNED_TEXT = "text"


class _RefusedError(Exception):
    """The request is refused with this sentence."""

    def __init__(self, said: str, field: str | None = None) -> None:
        super().__init__(said)
        self.field = field


def read(body: Body, target: Target, provider: Provider) -> Asked | Complaint:
    """What is asked, or what is wrong with it."""
    try:
        return _read(camel(body.get("generateContentRequest") or body), target, provider)
    except _RefusedError as bad:
        return Complaint(Wrong.BAD_REQUEST, said=str(bad), param=bad.field)


def camel(table: Body) -> dict[str, Any]:
    """`table` with its own keys in camel case."""
    return {_SNAKE.sub(lambda found: found[1].upper(), name): value for name, value in table.items()}


def _read(body: dict[str, Any], target: Target, provider: Provider) -> Asked:
    model, contents = str(target.model), body.get("contents")
    words = provider.strictness(model)
    _known(body, _FIELDS, "")
    if not isinstance(contents, list) or not contents:
        raise _RefusedError("* GenerateContentRequest.contents: contents is not specified\n", "contents")
    config = camel(body.get("generationConfig") or {})
    _known(config, _CONFIG, " at 'generation_config'")
    thinking = _thinking_config(config, words)
    declared = [camel(tool).get("functionDeclarations") or [] for tool in body.get("tools") or ()]
    functions = [camel(function) for group in declared for function in group]
    for index, function in enumerate(functions):
        _check_schema(function.get("parameters"), f"tools[0].function_declarations[{index}].parameters")
    is_json = config.get("responseMimeType") == "application/json"
    if is_json and functions and "no_json_with_tools" in words:
        raise _RefusedError("Function calling with a response mime type: 'application/json' is unsupported")
    if "penalties" not in words and ("presencePenalty" in config or "frequencyPenalty" in config):
        raise _RefusedError(f"Penalty is not enabled for models/{model}")
    if ("responseJsonSchema" in config or "responseSchema" in config) and not is_json:
        raise _RefusedError("A response schema is only taken with response_mime_type 'application/json'")
    reader = _Contents(
        provider.id, signed="unsigned" not in words, images_in_results="no_images_in_results" not in words
    )
    turns = [reader.turn(index, camel(content)) for index, content in enumerate(contents)]
    if "no_images" in words and any(turn.images for turn in turns):
        raise _RefusedError("Image input modality is not enabled for this model")
    alone = unpaired(turns)
    if alone is not None:
        raise _RefusedError(_unpaired(alone))
    system = "\n".join(
        str(part.get("text", "")) for part in _parts(camel(body.get("systemInstruction") or {}))
    )
    names = tuple(str(function.get("name")) for function in functions)
    mode, must_call = _calling(body, names)
    return gist(
        [Turn("system", system), *turns] if system else turns,
        model=model,
        stream=target.stream is True,
        as_array=target.as_array,
        thinks=_thinks(thinking),
        shows_thinking=thinking.get("includeThoughts") is True,
        tools_tokens=tokens_of(orjson.dumps(functions).decode()) if functions else 0,
        max_output_tokens=config.get("maxOutputTokens"),
        json_answer=is_json,
        tools=() if mode == "NONE" else names,
        schemas={
            str(one.get("name")): one.get("parametersJsonSchema") or one.get("parameters")
            for one in functions
        },
        must_call=must_call,
        answer_schema=config.get("responseJsonSchema") or config.get("responseSchema"),
    )


def _calling(body: Body, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The mode of function calling, and the functions of which one must be called."""
    config = camel(camel(body.get("toolConfig") or {}).get("functionCallingConfig") or {})
    mode, allowed = str(config.get("mode") or "AUTO").upper(), config.get("allowedFunctionNames") or ()
    if mode == "ANY" and not names:
        raise _RefusedError("Function calling config is set without function_declarations.", "tool_config")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise _RefusedError(
            "Allowed function names should only be set when mode is ANY or VALIDATED.", "tool_config"
        )
    unknown = next((name for name in allowed if name not in names), None)
    if unknown is not None:
        said = f"Allowed function name {unknown} is not in the function declarations."
        raise _RefusedError(said, "tool_config")
    return mode, (tuple(allowed) or names) if mode == "ANY" else ()


def _known(table: Body, names: frozenset[str], where: str) -> None:
    extra = next((name for name in table if name not in names), None)
    if extra is not None:
        raise _RefusedError(
            f'Invalid JSON payload received. Unknown name "{extra}"{where}: Cannot find field.', extra
        )


def _thinking_config(config: Body, words: frozenset[str]) -> dict[str, Any]:
    temperature = config.get("temperature")
    if temperature is not None and not 0 <= temperature <= _HIGHEST_TEMPERATURE:
        raise _RefusedError(
            f"Unable to submit request because it has a temperature value of {temperature}", "temperature"
        )
    thinking = camel(config.get("thinkingConfig") or {})
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise _RefusedError("You can only set only one of thinking budget and thinking level.")
    if "thinkingLevel" in thinking and "budget_only" in words:
        raise _RefusedError("Thinking level is not supported for this model.")
    if "thinkingBudget" in thinking and "level_only" in words:
        raise _RefusedError("Thinking budget is not supported for this model.")
    return thinking


def _thinks(thinking: Body) -> bool | None:
    if "thinkingLevel" in thinking:
        return True
    budget = thinking.get("thinkingBudget")
    return None if budget is None else budget != 0


def _check_schema(schema: Any, path: str) -> None:
    """`parameters` is Google's own subset of JSON schema; `parametersJsonSchema` would take any."""
    if not isinstance(schema, Mapping):
        return
    for name in _SCHEMA_UNKNOWN:
        if name in schema:
            raise _RefusedError(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field.",
                path,
            )
    for name, inner in (schema.get("properties") or {}).items():
        _check_schema(inner, f"{path}.properties[{name}]")
    _check_schema(schema.get("items"), f"{path}.items")


def _parts(content: Body) -> list[dict[str, Any]]:
    parts = content.get("parts") or []
    return [camel(part) for part in (parts if isinstance(parts, list) else [parts])]


def _usual_base64(text: str) -> str:
    """Bytes may come in either alphabet of base64, with padding or without; Google's own SDK sends the URL-safe one."""
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    return text + "=" * (-len(text) % 4)


class _Contents:
    """Reads contents one after the other; calls without ids are paired by their place."""

    def __init__(self, provider: str, *, signed: bool, images_in_results: bool) -> None:
        self._provider = provider
        self._images_in_results = images_in_results
        self._signed = signed
        self._waiting: list[Call] = []
        self._made = 0

    def turn(self, index: int, content: Body) -> Turn:
        """The turn that one content is."""
        role, parts = content.get("role", "user"), _parts(content)
        if role not in ("user", "model", "function"):
            raise _RefusedError("Please use a valid role: user, model.", f"contents[{index}].role")
        if not parts:
            said = f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.\n"
            raise _RefusedError(said, f"contents[{index}].parts")
        texts: list[str] = []
        thoughts: list[str] = []
        images = 0
        for at, part in enumerate(parts):
            self._check_part(part, f"contents[{index}].parts[{at}]")
            if "text" in part:
                (thoughts if part.get("thought") else texts).append(str(part["text"]))
            images += "inlineData" in part or "fileData" in part
        results_only = all("functionResponse" in part for part in parts)
        if not results_only and any("functionResponse" in part for part in parts):
            raise _RefusedError("Requests ending with a model turn are not supported.")
        calls = self._calls(parts, index)
        results = tuple(
            self._result(part["functionResponse"]) for part in parts if "functionResponse" in part
        )
        role = "assistant" if role == "model" else "user"
        return Turn(role, "".join(texts), images, calls, results, "".join(thoughts) or None)

    def _check_part(self, part: Body, path: str) -> None:
        if not any(name in part for name in _PART_DATA):
            raise _RefusedError(
                f"{path}.data: required oneof field 'data' must have one initialized field", path
            )
        inline = camel(part.get("inlineData") or {})
        if inline:
            try:
                base64.b64decode(_usual_base64(str(inline.get("data"))), validate=True)
            except binascii.Error:
                raise _RefusedError(
                    f"Invalid value at '{path}.inline_data.data' (TYPE_BYTES), Base64 decoding failed"
                ) from None
            if not str(inline.get("mimeType")).startswith(("image/", "application/pdf", "audio/", "video/")):
                raise _RefusedError(f"Unsupported MIME type: {inline.get('mimeType')}", path)
        signature = str(part.get("thoughtSignature") or "")
        if signature and signature not in _DUMMIES:
            call = part.get("functionCall")
            signed = (
                SIGNED_TEXT if call is None else call_content(str(call.get("name")), call.get("args") or {})
            )
            if not is_signed(self._provider, signed, _usual_base64(signature)):
                raise _RefusedError("Thought signature is not valid.", f"{path}.thought_signature")

    def _calls(self, parts: Sequence[Body], index: int) -> tuple[Call, ...]:
        made = [part for part in parts if "functionCall" in part]
        if made and self._signed and not made[0].get("thoughtSignature"):
            name = made[0]["functionCall"].get("name")
            raise _RefusedError(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{name}` , position {index + 1}."
            )
        calls = []
        for part in made:
            call = part["functionCall"]
            self._made += 1
            arguments = orjson.dumps(call.get("args") or {}).decode()
            calls.append(Call(str(call.get("id") or f"#{self._made}"), str(call.get("name")), arguments))
        self._waiting = calls or self._waiting
        return tuple(calls)

    def _result(self, response: Body) -> ToolResult:
        name, call_id = str(response.get("name")), response.get("id")
        if not name or not isinstance(response.get("response"), Mapping):
            raise _RefusedError(
                "GenerateContentRequest.contents.parts.function_response.name: Name cannot be empty."
            )
        paired = next(
            (c for c in self._waiting if (c.call_id == call_id if call_id else c.name == name)), None
        )
        if paired is not None:
            self._waiting = [call for call in self._waiting if call is not paired]
            if paired.name != name:
                raise _RefusedError(
                    f"Function response name {name} does not match the name of its call {paired.name}"
                )
        said = response["response"]
        text = said.get("output", said.get("result", said.get("error")))
        told = text if isinstance(text, str) else orjson.dumps(said).decode()
        images = len(response.get("parts") or ())
        if images and not self._images_in_results:
            raise _RefusedError("Multimodal function responses are not supported by this model.")
        return ToolResult(paired.call_id if paired else str(call_id or name), told, name, images)


_PART_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
)


def _unpaired(alone: Unpaired) -> str:
    if alone.is_result:
        return (
            "Please ensure that the number of function response parts is equal to the number of function call parts of "
            "the function call turn."
        )
    return (
        "Please ensure that function response turn comes immediately after a function call turn. The number of "
        "function response parts must be equal to the number of function call parts of the function call turn."
    )
