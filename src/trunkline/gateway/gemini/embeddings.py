"""`…:embedContent` and `…:batchEmbedContents`: what is asked of them and how their answers look."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from trunkline.domain.messages import ChatRequest, EmbeddingAsk
from trunkline.domain.money import Usage
from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import Asked, UnreadableError
from trunkline.gateway.embeddings import MOST_DIMENSIONS, MOST_INPUTS
from trunkline.gateway.gemini.tables import table_in, table_of, tables_in
from trunkline.gateway.left_out import LeftOut, refused
from trunkline.gateway.reading import Reader
from trunkline.providers.vectors import unpacked

_READ = frozenset({"model", "content", "taskType", "title", "outputDimensionality", "embedContentConfig"})
_CONFIG = ("taskType", "title", "outputDimensionality")
# Of Google's enterprise platform: without them the vectors would come, and be others.
_MATTERS = ("autoTruncate", "mimeType", "documentOcr", "audioTrackExtraction")
_UNSPECIFIED = "TASK_TYPE_UNSPECIFIED"
_ENUM_WORD = re.compile(r"[A-Z][A-Z_]{0,63}", re.ASCII)
_PREFIX = "models/"


def read_embeddings(body: Mapping[str, Any], origin: Origin, *, model: str | None, one: bool) -> Asked:
    """What `body` asks of the `model` of its path: the vector of `one` content, or those of a list of requests; the
    shape of the answer is which of them. Raises UnreadableError for what is wrong, for what is not text, and where the
    requests of a list want vectors of different kinds."""
    reader, left_out = table_of(body, ""), LeftOut()
    if one:
        requests = [reader]
    else:
        requests = list(tables_in(reader, "requests"))
        left_out.add_unknown(reader, ("requests", "model", "models", "labels"))
    if not 0 < len(requests) <= MOST_INPUTS:
        raise reader.wrong("requests", f"a list of 1 to {MOST_INPUTS} requests")
    named = (model or reader.needed_text("model")).removeprefix(_PREFIX)
    wishes = [_wishes(request, named, left_out) for request in requests]
    kinds = {(wish.task_type, wish.dimensions) for wish in wishes}
    if len(kinds) > 1:
        message = "taskType and outputDimensionality must be the same in all of them: vectors of one kind are had here"
        raise UnreadableError(f"requests: {message}", "requests")
    texts = tuple(wish.inputs[0] for wish in wishes)
    titles = tuple(wish.titles[0] for wish in wishes)
    ((task_type, dimensions),) = kinds
    ask = EmbeddingAsk(texts, dimensions, task_type, titles if any(titles) else ())
    return Asked(
        ChatRequest((), origin, stream=False, embeds=ask),
        named,
        reader.texts("models"),
        reader.text_values("labels"),
        ignored=left_out.names(),
        shape=one,
    )


def embeddings_body(one: bool, model: str, vectors: Sequence[bytes], usage: Usage) -> bytes:
    """The answer, of packed `vectors`: `one` or a list. What was read is told where somebody counted it, as the API
    itself does it."""
    told = [{"values": unpacked(vector)} for vector in vectors]
    body: dict[str, Any] = {"embedding": told[0]} if one else {"embeddings": told}
    if usage.input_tokens is not None and not usage.estimated:
        counted = usage.input_tokens
        body["usageMetadata"] = {"promptTokenCount": counted, "totalTokenCount": counted}
    return orjson.dumps(body)


def _wishes(request: Reader, model: str, left_out: LeftOut) -> EmbeddingAsk:
    """One request: its text, its title, and which vector is wanted of it."""
    said = request.text("model")
    if said is not None and said.removeprefix(_PREFIX) != model:
        raise request.wrong("model", f"the model of the path, {model}")
    config = table_in(request, "embedContentConfig") or Reader({}, request.at("embedContentConfig"))
    for reader in (request, config):
        for name in _MATTERS:
            if reader.has(name):
                raise refused(
                    reader, name, "nobody is told this here, and without it the vectors would be others"
                )
    left_out.add_unknown(request, (*_READ, "models", "labels"))
    left_out.add_unknown(config, _CONFIG, "embedContentConfig.")
    task, title, length = ((request if request.has(name) else config) for name in _CONFIG)
    dimensions = length.whole("outputDimensionality", least=1)
    if dimensions is not None and dimensions > MOST_DIMENSIONS:
        raise length.wrong("outputDimensionality", f"a whole number up to {MOST_DIMENSIONS}")
    return EmbeddingAsk((_text(request),), dimensions, _task_type(task), (title.text("title") or None,))


def _task_type(reader: Reader) -> str | None:
    word = (reader.text("taskType") or _UNSPECIFIED).upper()
    if not _ENUM_WORD.fullmatch(word):
        raise reader.wrong("taskType", "a word like RETRIEVAL_QUERY")
    return None if word == _UNSPECIFIED else word


def _text(request: Reader) -> str:
    """The text of a content. One of several parts is refused: how the API makes them one it does not say."""
    content = table_in(request, "content") or Reader({}, request.at("content"))
    parts = list(tables_in(content, "parts"))
    if len(parts) > 1:
        raise refused(
            content, "parts", "one text for each vector: put them into one, or into contents of their own"
        )
    if parts and not parts[0].has("text") and any(parts[0].has(name) for name in parts[0].table):
        raise refused(content, "parts", "vectors of texts alone can be had here")
    if not parts:
        raise content.wrong("parts", "a list with a text")
    return parts[0].needed_text("text")
