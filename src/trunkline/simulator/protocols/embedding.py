"""Embeddings as OpenAI's and Google's protocols have them: the same text has the same vector every time."""

from __future__ import annotations

import base64
import math
import random
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from trunkline.simulator.answers import prompt_key, tokens_of
from trunkline.simulator.description import Provider
from trunkline.simulator.play import Asked, Exchange, Play, Target
from trunkline.simulator.styles import Complaint, Wrong

_MOST_TEXTS = 2_048
_MOST_OF_GOOGLE = 100
_FOUR_PLACES = 1e4


def read_openai(body: Mapping[str, Any], provider: Provider) -> Asked | Complaint:
    """`POST /embeddings`."""
    given, model = body.get("input"), body.get("model")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(model, str) or not isinstance(texts, list) or len(texts) > _MOST_TEXTS:
        return Complaint(Wrong.BAD_REQUEST)
    packs = body.get("encoding_format") == "base64"
    return _asked(texts, model, body.get("dimensions"), provider, packs=packs)


def read_gemini(body: Mapping[str, Any], target: Target, provider: Provider) -> Asked | Complaint:
    """`:batchEmbedContents`: every request names the model once more."""
    requests, model = body.get("requests"), str(target.model)
    if not isinstance(requests, list) or not 0 < len(requests) <= _MOST_OF_GOOGLE:
        return Complaint(Wrong.BAD_REQUEST)
    texts, kinds = [], []
    for request in requests:
        if not isinstance(request, Mapping) or request.get("model") != f"models/{model}":
            return Complaint(Wrong.BAD_REQUEST)
        parts = (request.get("content") or {}).get("parts") or []
        texts.append("".join(str(part.get("text", "")) for part in parts))
        kinds.append(vector_kind(request.get("taskType"), request.get("title")))
    asked = _asked(texts, model, requests[0].get("outputDimensionality"), provider)
    return replace(asked, vector_kinds=tuple(kinds)) if isinstance(asked, Asked) else asked


def _asked(
    texts: Sequence[object], model: str, dimensions: object, provider: Provider, *, packs: bool = False
) -> Asked | Complaint:
    """A text is refused that is none, or longer than the model's window; and so is a model that gives no vectors."""
    found = provider.model_named(model)
    wrong_length = dimensions is not None and (not isinstance(dimensions, int) or dimensions < 1)
    if not texts or wrong_length or (found is not None and not found.dimensions):
        return Complaint(Wrong.BAD_REQUEST, model=model)
    said = [text for text in texts if isinstance(text, str) and text]
    if len(said) < len(texts):
        return Complaint(Wrong.BAD_REQUEST, model=model)
    longest = max(map(tokens_of, said))
    if found is not None and longest > found.context_tokens:
        return Complaint(Wrong.CONTEXT, model=model, amount=found.context_tokens, asked=longest)
    return Asked(
        model=model,
        stream=False,
        prompt="\n".join(said),
        input_tokens=sum(map(tokens_of, said)),
        embeds=tuple(said),
        dimensions=dimensions if isinstance(dimensions, int) else None,
        packs=packs,
    )


def play_openai(exchange: Exchange) -> Play:
    """The list of them."""
    data = []
    for index, vector in enumerate(_vectors(exchange)):
        told = base64.b64encode(vector.tobytes()).decode() if exchange.asked.packs else vector.tolist()
        data.append({"object": "embedding", "index": index, "embedding": told})
    tokens = exchange.asked.input_tokens
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": data, "model": exchange.model.id, "usage": usage}
    return Play(chunks=[orjson.dumps(body)])


def play_gemini(exchange: Exchange) -> Play:
    """The vectors, and no word of what was read."""
    body = {"embeddings": [{"values": vector.tolist()} for vector in _vectors(exchange)]}
    return Play(content_type="application/json; charset=UTF-8", chunks=[orjson.dumps(body)])


def _vectors(exchange: Exchange) -> list[array[float]]:
    model, asked = exchange.model, exchange.asked
    dimensions = asked.dimensions or model.dimensions
    kinds = asked.vector_kinds or [""] * len(asked.embeds)
    return [
        vector_of(model.id, kind + text, dimensions) for kind, text in zip(kinds, asked.embeds, strict=True)
    ]


def vector_kind(task_type: object, title: object) -> str:
    """What makes the vector of a text another one; empty where nothing does."""
    return "" if task_type is title is None else f"{task_type}\0{title}\0"


def vector_of(model: str, text: str, dimensions: int) -> array[float]:
    """The vector of `text` by `model`, of length one or nearly so."""
    rng = random.Random(prompt_key(f"{model}\0{text}"))
    values = [rng.uniform(-1, 1) for _ in range(dimensions)]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return array("f", (round(value / length * _FOUR_PLACES) / _FOUR_PLACES for value in values))
