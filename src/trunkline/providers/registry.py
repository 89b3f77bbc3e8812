"""The wire protocols there are, by name; each is loaded when it is first asked for."""

from __future__ import annotations

from trunkline.domain.messages import EmbeddingAsk
from trunkline.domain.routes import ProviderSpec
from trunkline.providers.protocol import WireProtocol

NAMES = ("openai", "anthropic", "gemini")
_MOST_TEXTS = {"openai": 2_048, "gemini": 100}
"""Of one call for embeddings. OpenAI: API reference, November 2026. Google: its refusal `at most 100 requests can be in
one batch` (weaviate #11277, May 2026)."""


def protocol_named(name: str) -> WireProtocol:
    """The protocol of that name. Raises ValueError naming the known ones."""
    if name == "openai":
        from trunkline.providers.openai.wire import OPENAI

        return OPENAI
    if name == "anthropic":
        from trunkline.providers.anthropic.wire import ANTHROPIC

        return ANTHROPIC
    if name == "gemini":
        from trunkline.providers.gemini.wire import GEMINI

        return GEMINI
    raise ValueError(f"{name!r} is no protocol; known: {', '.join(NAMES)}")


def embeddings_in(name: str, asked: EmbeddingAsk) -> WireProtocol:
    """How `asked` is asked for in the protocol of that name. Raises ValueError where that has no embeddings; the
    configuration takes no model there that gives any."""
    if name == "openai":
        from trunkline.providers.openai.embeddings import OpenAIEmbeddings

        return OpenAIEmbeddings(asked)
    if name == "gemini":
        from trunkline.providers.gemini.embeddings import GeminiEmbeddings

        return GeminiEmbeddings(asked)
    raise ValueError(f"{name!r} has no embeddings")


def most_texts(provider: ProviderSpec) -> int:
    """How many texts one call for embeddings may have there."""
    return provider.accepts.texts_per_call or _MOST_TEXTS[provider.protocol]
