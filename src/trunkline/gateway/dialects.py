"""The dialect of each protocol, and how its clients have a request counted or ask for vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from trunkline.domain.money import Usage
from trunkline.domain.tasks import Origin
from trunkline.gateway.anthropic.count import count_body as anthropic_count_body
from trunkline.gateway.anthropic.count import read_count as read_anthropic_count
from trunkline.gateway.anthropic.dialect import AnthropicDialect
from trunkline.gateway.dialect import Asked, Dialect
from trunkline.gateway.embeddings import embeddings_body, read_embeddings
from trunkline.gateway.gemini.count import count_body as gemini_count_body
from trunkline.gateway.gemini.count import read_count as read_gemini_count
from trunkline.gateway.gemini.dialect import GeminiDialect
from trunkline.gateway.gemini.embeddings import embeddings_body as gemini_embeddings_body
from trunkline.gateway.gemini.embeddings import read_embeddings as read_gemini_embeddings
from trunkline.gateway.openai.dialect import OpenAIDialect
from trunkline.gateway.paths import Protocol, Target
from trunkline.gateway.responses.dialect import ResponsesDialect


@cache
def dialect_of(protocol: Protocol) -> Dialect:
    """Dialects hold nothing: one of each is enough."""
    match protocol:
        case Protocol.OPENAI:
            return OpenAIDialect()
        case Protocol.RESPONSES:
            return ResponsesDialect()
        case Protocol.ANTHROPIC:
            return AnthropicDialect()
        case Protocol.GEMINI:
            return GeminiDialect()
        case Protocol.GEMINI_ARRAY:
            return GeminiDialect(array=True)


class Counting(NamedTuple):
    """`read` takes body, origin and the path's model, if it names one; `body` writes the number of tokens."""

    read: Callable[[Mapping[str, Any], Origin, str | None], Asked]
    body: Callable[[int], bytes]


def counting_of(protocol: Protocol) -> Counting:
    """How tokens are counted for clients of Anthropic's and Gemini's protocols."""
    if protocol is Protocol.ANTHROPIC:
        return Counting(lambda body, origin, _: read_anthropic_count(body, origin), anthropic_count_body)
    return Counting(
        lambda body, origin, model: read_gemini_count(body, origin, model=model), gemini_count_body
    )


class Embedding(NamedTuple):
    """`read` takes body and origin; `body` writes the vectors, packed, with what was used: it takes the shape of what
    was read, and the model that gave them."""

    read: Callable[[Mapping[str, Any], Origin], Asked]
    body: Callable[[Any, str, Sequence[bytes], Usage], bytes]


def embedding_of(target: Target) -> Embedding:
    """How vectors are asked for by clients of Gemini's protocol, and in OpenAI's shape, which is everybody else's."""
    if target.protocol is not Protocol.GEMINI:
        return Embedding(read_embeddings, embeddings_body)
    return Embedding(
        lambda body, origin: read_gemini_embeddings(body, origin, model=target.name, one=target.one),
        gemini_embeddings_body,
    )
