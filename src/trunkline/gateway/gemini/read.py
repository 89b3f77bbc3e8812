"""A request of generateContent, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Effort,
    NativeField,
    ResponseFormat,
    Sampling,
)
from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import Asked, Carried
from trunkline.gateway.effort import effort_of
from trunkline.gateway.gemini.contents import read_contents
from trunkline.gateway.gemini.schema import json_schema
from trunkline.gateway.gemini.tables import table_in, table_of
from trunkline.gateway.gemini.tools import read_tools
from trunkline.gateway.left_out import LeftOut, packed, refused
from trunkline.gateway.reading import Reader

PROTOCOL = "gemini"
_NATIVE = ("safetySettings", "serviceTier")
_KNOWN = (
    "model",
    "models",
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "labels",
    *_NATIVE,
)
_KNOWN_CONFIG = (
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "stopSequences",
    "seed",
    "frequencyPenalty",
    "presencePenalty",
    "candidateCount",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "thinkingConfig",
)
_JSON = "application/json"
_PLAIN = "text/plain"
_EFFORTS = {
    "THINKING_LEVEL_UNSPECIFIED": None,
    "MINIMAL": Effort.MINIMAL,
    "LOW": Effort.LOW,
    "MEDIUM": Effort.MEDIUM,
    "HIGH": Effort.HIGH,
    "XHIGH": Effort.MAX,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What the writers of an answer need to know of its request: whether the client wants to see thoughts."""

    include_thoughts: bool = False


def read(body: Mapping[str, Any], origin: Origin, *, model: str | None, stream: bool | None) -> Asked:
    """What `body` asks of `model`. Raises UnreadableError."""
    reader = table_of(body, "")
    left_out = LeftOut()
    if reader.has("cachedContent"):
        raise refused(
            reader, "cachedContent", "what is cached at Google cannot be reached from here: send it"
        )
    config = table_in(reader, "generationConfig") or Reader({}, "generationConfig")
    _refuse_other_answers(config)
    thinking = table_in(config, "thinkingConfig") or Reader({}, config.at("thinkingConfig"))
    schema = _answer_schema(config)
    models = reader.texts("models")
    if model is None:
        model = reader.text("model") or (models[0] if models else None) or reader.needed_text("model")
    model = model.removeprefix("models/")
    tools, choice = read_tools(reader, left_out)
    chat = ChatRequest(
        messages=read_contents(reader),
        origin=origin,
        max_output_tokens=config.whole("maxOutputTokens", least=1),
        temperature=config.number("temperature", least=0, most=2),
        stop=config.texts("stopSequences"),
        tools=tools,
        tool_choice=choice,
        response_format=_response_format(config, schema),
        answer_schema=schema,
        sampling=_sampling(config),
        effort=_effort(thinking),
        native=tuple(
            NativeField(PROTOCOL, name, packed(reader.table[name], name))
            for name in _NATIVE
            if reader.has(name)
        ),
        stream=bool(stream),
    )
    left_out.add_unknown(reader, _KNOWN)
    left_out.add_unknown(config, _KNOWN_CONFIG, "generationConfig.")
    return Asked(
        chat,
        model,
        fallbacks=tuple(name for name in models if name != model),
        said=reader.text_values("labels"),
        ignored=left_out.names(),
        shape=Shape(bool(thinking.flag("includeThoughts"))),
        # Gemini CLI (0.61) asks for thoughts, shows them and leaves them out of what it sends back.
        carried=Carried(calls=True),
    )


def _refuse_other_answers(config: Reader) -> None:
    """Raises UnreadableError where more than one answer is wanted, or one that is not text."""
    if (config.whole("candidateCount", least=1) or 1) > 1:
        raise refused(config, "candidateCount", "one answer at a time is all that can be had here")
    if any(
        kind.upper() not in ("TEXT", "MODALITY_UNSPECIFIED") for kind in config.texts("responseModalities")
    ):
        raise refused(config, "responseModalities", "answers are text here")
    if config.has("responseFormat"):
        raise refused(config, "responseFormat", "say it by responseMimeType and responseJsonSchema")


def _answer_schema(config: Reader) -> AnswerSchema | None:
    """The schema of the answer, in Google's form or as plain JSON schema. The API holds a model to it."""
    plain = config.object("responseJsonSchema")
    if plain is not None:
        return AnswerSchema(packed(plain.table, config.at("responseJsonSchema")), strict=True)
    schema = config.object("responseSchema")
    if schema is None:
        return None
    at = config.at("responseSchema")
    return AnswerSchema(packed(json_schema(schema.table, at), at), strict=True)


def _response_format(config: Reader, schema: AnswerSchema | None) -> ResponseFormat:
    kind = config.text("responseMimeType") or (_PLAIN if schema is None else _JSON)
    if kind not in (_JSON, _PLAIN):
        raise config.wrong("responseMimeType", f"{_JSON} or {_PLAIN}")
    return ResponseFormat.JSON if kind == _JSON or schema is not None else ResponseFormat.TEXT


def _sampling(config: Reader) -> Sampling:
    return Sampling(
        top_p=config.number("topP", least=0, most=1),
        top_k=config.whole("topK", least=0),
        seed=config.whole("seed"),
        frequency_penalty=config.number("frequencyPenalty", least=-2, most=2),
        presence_penalty=config.number("presencePenalty", least=-2, most=2),
    )


def _effort(thinking: Reader) -> Effort | None:
    level = thinking.text("thinkingLevel")
    if level is not None:
        if level.upper() not in _EFFORTS:
            raise thinking.wrong("thinkingLevel", "MINIMAL, LOW, MEDIUM or HIGH")
        return _EFFORTS[level.upper()]
    budget_tokens = thinking.whole("thinkingBudget", least=-1)
    return None if budget_tokens is None else effort_of(budget_tokens)
