"""llama.cpp's server: `/props` says what it is and what each slot may hold, `/v1/models` what it is called.

As a router it lists models that it loads when they are asked; those are asked about without loading them.

Started with `--embeddings` it gives vectors and nothing else. It does not say so, but a request for vectors of nothing,
which costs nothing, is refused with 501 by a server that has none, and else for what it lacks (`handle_embeddings_impl`
of tools/server/server-context.cpp); a router's list has the command lines.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from trunkline.domain.checks import ListedModel
from trunkline.domain.faults import Fault
from trunkline.domain.found import FoundModel, Seen, ServerState, WindowSource
from trunkline.domain.routes import Capability
from trunkline.domain.text import provider_sentence
from trunkline.providers.local.look import (
    LEAST_WINDOW_TOKENS,
    Known,
    Look,
    Reply,
    body_of,
    entries,
    get,
    gives_text,
    model_id,
    not_there,
    post,
    says_ranks,
    serving,
    tokens,
    wants_key,
)
from trunkline.providers.values.jsontext import mapping, text_of

NAME = "llama.cpp"
_LOADING = re.compile(r"loading model", re.IGNORECASE)
_CONTEXT_OPTIONS = ("-c", "--ctx-size")
_VECTOR_OPTIONS = ("--embedding", "--embeddings")
_NO_INPUT = '"input"'


def look(known: Known) -> Look:
    """See `look.Look`."""
    (reply,) = yield (get("/props"),)
    if _is_loading(reply):
        return Seen(ServerState.LOADING, f"{NAME} is loading its model")
    if wants_key(reply) and _signed(reply):
        return Seen(ServerState.LOCKED, f"{NAME} wants a key")
    props = body_of(reply)
    settings = mapping(props.get("default_generation_settings"))
    if "n_ctx" not in settings or not ("total_slots" in props or "chat_template" in props or "role" in props):
        return not_there(reply, NAME)
    (models_reply,) = yield (get("/v1/models"),)
    listed = {
        name: entry
        for entry in entries(body_of(models_reply), "data")
        if (name := model_id(entry.get("id"))) and not says_ranks(name)
    }
    if props.get("role") != "router":
        alone = list(listed.items())[:1]
        if props.get("is_sleeping") is True:  # whatever is asked of it would wake it up
            vectors = any(_gave_vectors(known, name) for name, _ in alone)
        else:
            (refusal,) = yield (post("/v1/embeddings", b"{}"),)
            vectors = _lacks_input(refusal)
        found = (_model(name, entry, props, vectors=vectors) for name, entry in alone)
        return serving(NAME, _build(props), [model for model in found if model is not None])
    awake = [name for name, entry in listed.items() if _status(entry) == "loaded"]
    described: dict[str, dict[str, Any]] = {}
    if awake:
        replies = yield tuple(get(f"/props?model={quote(name, safe='')}&autoload=false") for name in awake)
        described = {name: body_of(one) for name, one in zip(awake, replies, strict=True)}
    found = (
        _model(
            name, entry, described.get(name, {}), vectors=not set(_VECTOR_OPTIONS).isdisjoint(_words(entry))
        )
        for name, entry in listed.items()
    )
    return serving(NAME, _build(props), [model for model in found if model is not None])


def _is_loading(reply: Reply) -> bool:
    told = mapping(body_of(reply, status=503).get("error")).get("message")
    return _LOADING.search(text_of(told)) is not None


def _signed(reply: Reply) -> bool:
    return not isinstance(reply, Fault) and "llama.cpp" in reply.headers.get("server", "")


def _build(props: dict[str, Any]) -> str:
    return provider_sentence(text_of(props.get("build_info")), longest=40)


def _status(entry: dict[str, Any]) -> str:
    return text_of(mapping(entry.get("status")).get("value"))


def _lacks_input(reply: Reply) -> bool:
    """Whether vectors were refused because of what nothing was said."""
    said = text_of(mapping(body_of(reply, status=400).get("error")).get("message"))
    return said.startswith(_NO_INPUT)


def _gave_vectors(known: Known, name: str) -> bool:
    before = known.models.get(name)
    return before is not None and Capability.EMBEDDINGS in before.capabilities


def _model(name: str, entry: dict[str, Any], props: dict[str, Any], *, vectors: bool) -> FoundModel | None:
    """None where it gives nothing."""
    if not vectors and not gives_text(name):
        return None
    slot = tokens(mapping(props.get("default_generation_settings")).get("n_ctx"))
    trained = tokens(mapping(entry.get("meta")).get("n_ctx_train"))
    given = _given(entry)
    if slot is not None:
        window, source = slot, WindowSource.LOADED
    elif given is not None:
        window, source = given, WindowSource.SET
    else:
        window, source = min(trained or LEAST_WINDOW_TOKENS, LEAST_WINDOW_TOKENS), WindowSource.ASSUMED
    return FoundModel(
        ListedModel(name, context_tokens=trained, loaded_context_tokens=slot),
        window_tokens=window,
        window_source=source,
        capabilities=(Capability.EMBEDDINGS,) if vectors else _capabilities(props),
    )


def _given(entry: dict[str, Any]) -> int | None:
    """The window on a router's command line for a model that sleeps; 0 there means the model's own."""
    for option, value in pairwise(_words(entry)):
        if option in _CONTEXT_OPTIONS and value.isascii() and value.isdigit() and len(value) < 10:
            return tokens(int(value))
    return None


def _words(entry: dict[str, Any]) -> list[str]:
    """A router's command line for a model."""
    arguments = mapping(entry.get("status")).get("args")
    return [one for one in arguments if isinstance(one, str)] if isinstance(arguments, list) else []


def _capabilities(props: dict[str, Any]) -> tuple[Capability, ...]:
    caps = mapping(props.get("chat_template_caps"))
    tools = caps.get("supports_tools") is True or "chat_template_tool_use" in props
    images = mapping(props.get("modalities")).get("vision") is True
    return (
        *((Capability.TOOLS,) if tools else ()),
        *((Capability.IMAGES,) if images else ()),
        Capability.JSON,
    )
