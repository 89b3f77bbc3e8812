"""`GET /v1/models` in each protocol's shape: the ways to choose first, then everything that can be asked by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from trunkline.domain.routes import Capability, ModelSpec
from trunkline.engine.generation import Generation
from trunkline.gateway.naming import Names
from trunkline.gateway.paths import Protocol

_OWNER = "trunkline"
_NEVER_S = 0
_GEMINI_METHODS = ["generateContent", "streamGenerateContent", "countTokens"]
_GEMINI_VECTORS = ["embedContent", "batchEmbedContents"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A name that may be asked for. The figures are those of the model; of a way to choose they are the largest that
    any of its models has."""

    name: str
    title: str
    owner: str
    context_tokens: int
    output_tokens: int | None
    thinks: bool
    embeds: bool = False


def listed(generation: Generation, names: Names, permitted: Sequence[str]) -> tuple[Listed, ...]:
    """All names of a configuration that a client may use to whom only `permitted` are open (empty: all)."""
    own = {alias.name for alias in generation.config.preferences.aliases}
    models = _models(generation, permitted)
    answering = [model for model in models if not model.embeds]
    widest = max((model.context_tokens for model in answering), default=0)
    longest = max((model.max_output_tokens or 0 for model in answering), default=0) or None
    thinks = any(Capability.THINKING in model.capabilities for model in answering)
    ways = tuple(
        Listed(name, _title(name, name in own), _OWNER, widest, longest, thinks) for name in names.listed()
    )
    return ways + tuple(
        Listed(
            f"{model.provider}/{model.id}",
            model.id,
            model.provider,
            model.context_tokens,
            model.max_output_tokens,
            Capability.THINKING in model.capabilities,
            model.embeds,
        )
        for model in models
    )


def _models(generation: Generation, permitted: Sequence[str]) -> tuple[ModelSpec, ...]:
    """The models that somebody who can be asked serves."""
    catalogue = generation.config.catalogue
    selectors = [found for name in permitted if (found := catalogue.select(name)) is not None]
    return tuple(
        model
        for provider in catalogue.providers
        if any(account.enabled and account.has_key for account in provider.accounts)
        for model in provider.models
        if not permitted or any(one.covers(model.provider, model.id) for one in selectors)
    )


def _title(name: str, is_alias: bool) -> str:
    if is_alias:
        return f"Trunkline: your alias {name}"
    return "Trunkline chooses" if name == "auto" else f"Trunkline chooses for {name}"


# -- shapes ---------------------------------------------------------------------------------------------------------


def listing(found: Sequence[Listed], protocol: Protocol) -> bytes:
    """The list as a client of `protocol` expects it; who gives vectors only is not for those of Anthropic's, which has
    no place to ask for them."""
    if protocol is Protocol.ANTHROPIC:
        found = [one for one in found if not one.embeds]
        data = [_anthropic(one) for one in found]
        ends = {"first_id": found[0].name, "last_id": found[-1].name} if found else {}
        return orjson.dumps({"data": data, "has_more": False, "first_id": None, "last_id": None} | ends)
    if protocol in (Protocol.GEMINI, Protocol.GEMINI_ARRAY):
        return orjson.dumps({"models": [_gemini(one) for one in found]})
    return orjson.dumps({"object": "list", "data": [_openai(one) for one in found]})


def single(one: Listed, protocol: Protocol) -> bytes:
    """One model in the shape of `protocol`."""
    shape = {Protocol.ANTHROPIC: _anthropic, Protocol.GEMINI: _gemini}.get(protocol, _openai)
    return orjson.dumps(shape(one))


def _openai(one: Listed) -> dict[str, Any]:
    return {
        "id": one.name,
        "object": "model",
        "created": _NEVER_S,
        "owned_by": one.owner,
        "context_length": one.context_tokens or None,
        "max_output_tokens": one.output_tokens,
    }


def _anthropic(one: Listed) -> dict[str, Any]:
    return {
        "type": "model",
        "id": one.name,
        "display_name": one.title,
        "created_at": datetime.fromtimestamp(_NEVER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "max_input_tokens": one.context_tokens or None,
        "max_tokens": one.output_tokens,
    }


def _gemini(one: Listed) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "name": f"models/{one.name}",
        "displayName": one.title,
        "supportedGenerationMethods": _GEMINI_VECTORS if one.embeds else _GEMINI_METHODS,
        "thinking": one.thinks,
    }
    if one.context_tokens:
        shape["inputTokenLimit"] = one.context_tokens
    if one.output_tokens is not None:
        shape["outputTokenLimit"] = one.output_tokens
    return shape
