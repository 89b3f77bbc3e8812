"""`POST /v1/embeddings`: what is asked of it and how its answer looks. OpenAI's shape is everybody's."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from trunkline.domain.messages import ChatRequest, EmbeddingAsk
from trunkline.domain.money import Usage
from trunkline.domain.routes import Catalogue
from trunkline.domain.tasks import Origin
from trunkline.gateway.dialect import Asked, Problem, ProblemKind, UnreadableError
from trunkline.gateway.left_out import LeftOut, refused
from trunkline.gateway.naming import Named, NotNamedError
from trunkline.gateway.reading import Reader
from trunkline.providers.vectors import unpacked

MOST_INPUTS = 2_048
"""In one request, as at OpenAI (API reference, November 2026): a provider that takes fewer says so itself."""
MOST_DIMENSIONS = 65_536

_FORMATS = ("float", "base64")
_READ = frozenset({"model", "models", "input", "dimensions", "encoding_format", "metadata"})
# What some providers know beside OpenAI's fields: without it the vectors would come, and be others.
_MATTERS = (
    "input_type",
    "task",
    "task_type",
    "prompt_name",
    "instruction",
    "truncate",
    "truncate_prompt_tokens",
)


def read_embeddings(body: Mapping[str, Any], origin: Origin) -> Asked:
    """What is asked; the shape of the answer is its `encoding_format`. Raises UnreadableError for a field that is
    wrong, or without which the vectors would be others, for too many texts, and for tokens in place of texts: what they
    stand for only one model knows."""
    reader, left_out = Reader(body), LeftOut()
    for name in _MATTERS:
        if reader.has(name):
            raise refused(
                reader, name, "nobody is told this here, and without it the vectors would be others"
            )
    left_out.add_unknown(reader, _READ)
    dimensions = reader.whole("dimensions", least=1)
    if dimensions is not None and dimensions > MOST_DIMENSIONS:
        raise reader.wrong("dimensions", f"a whole number up to {MOST_DIMENSIONS}")
    ask = EmbeddingAsk(_inputs(reader), dimensions)
    return Asked(
        ChatRequest((), origin, stream=False, embeds=ask),
        reader.needed_text("model"),
        reader.texts("models"),
        reader.text_values("metadata"),
        ignored=left_out.names(),
        shape=reader.word("encoding_format", _FORMATS) or _FORMATS[0],
    )


def _inputs(reader: Reader) -> tuple[str, ...]:
    given = reader.table.get("input")
    if isinstance(given, list) and any(isinstance(one, int | list) for one in given):
        raise UnreadableError(
            "input must be text or a list of texts; tokens mean something else to every model (LangChain sends texts "
            "with check_embedding_ctx_length=False)",
            "input",
        )
    texts = reader.texts("input")
    if not texts or not all(texts):
        raise reader.wrong("input", "text or a list of texts, none of them empty")
    if len(texts) > MOST_INPUTS:
        raise UnreadableError(
            f"input has {len(texts)} texts, {MOST_INPUTS} are the most of one request", "input"
        )
    return texts


def checked(named: Named, model: str, catalogue: Catalogue) -> Named:
    """`named`, where it names models that give embeddings, some or all. Raises NotNamedError where `model` is a way to
    choose, or a provider: vectors of different models cannot be compared, so that nobody is chosen here."""
    selectors = [found for name in named.models if (found := catalogue.select(name)) is not None]
    if not selectors or any(one.model is None for one in selectors):
        message = f"{model!r} names no model; embeddings are made by the model that is named, and by no other"
        raise NotNamedError(Problem(ProblemKind.BAD_REQUEST, message, "model_not_named", "model"))
    models = [model for provider in catalogue.providers for model in provider.models if model.embeds]
    if not any(one.covers(model.provider, model.id) for one in selectors for model in models):
        message = f"{model!r} gives answers and no embeddings"
        if models:
            message += f"; {', '.join(sorted({model.id for model in models})[:5])} can be asked for them"
        raise NotNamedError(Problem(ProblemKind.BAD_REQUEST, message, "model_not_supported", "model"))
    return named


def embeddings_body(encoding: str, model: str, vectors: Sequence[bytes], usage: Usage) -> bytes:
    """The answer, of packed `vectors`; base64 is of the same bytes. `estimated` is there where nobody counted."""
    base64_wanted = encoding == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(one).decode() if base64_wanted else unpacked(one),
        }
        for index, one in enumerate(vectors)
    ]
    tokens = usage.input_tokens or 0
    told: dict[str, Any] = {"prompt_tokens": tokens, "total_tokens": tokens}
    if usage.estimated:
        told["estimated"] = True
    return orjson.dumps({"object": "list", "data": data, "model": model, "usage": told})
