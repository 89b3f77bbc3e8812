"""llama.cpp's server: `/props` says what it is and what each slot may hold, `/v1/models` what it is called.

As a router it lists models that it loads when they are asked; those are asked about without loading them.
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
    serving,
    tokens,
    wants_key,
)
from trunkline.providers.values.jsontext import mapping, text_of

NAME = "llama.cpp"
_LOADING = re.compile(r"loading model", re.IGNORECASE)
_CONTEXT_OPTIONS = ("-c", "--ctx-size")


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
        if (name := model_id(entry.get("id"))) and gives_text(name)
    }
    if props.get("role") != "router":
        models = [_model(name, entry, props) for name, entry in list(listed.items())[:1]]
        return serving(NAME, _build(props), models)
    awake = [name for name, entry in listed.items() if _status(entry) == "loaded"]
    described: dict[str, dict[str, Any]] = {}
    if awake:
        replies = yield tuple(get(f"/props?model={quote(name, safe='')}&autoload=false") for name in awake)
        described = {name: body_of(one) for name, one in zip(awake, replies, strict=True)}
    models = [_model(name, entry, described.get(name, {})) for name, entry in listed.items()]
    return serving(NAME, _build(props), models)


def _is_loading(reply: Reply) -> bool:
    told = mapping(body_of(reply, status=503).get("error")).get("message")
    return _LOADING.search(text_of(told)) is not None


def _signed(reply: Reply) -> bool:
    return not isinstance(reply, Fault) and "llama.cpp" in reply.headers.get("server", "")


def _build(props: dict[str, Any]) -> str:
    return provider_sentence(text_of(props.get("build_info")), longest=40)


def _status(entry: dict[str, Any]) -> str:
    return text_of(mapping(entry.get("status")).get("value"))


def _model(name: str, entry: dict[str, Any], props: dict[str, Any]) -> FoundModel:
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
        capabilities=_capabilities(props),
    )


def _given(entry: dict[str, Any]) -> int | None:
    """The window on a router's command line for a model that sleeps; 0 there means the model's own."""
    arguments = mapping(entry.get("status")).get("args")
    words = [one for one in arguments if isinstance(one, str)] if isinstance(arguments, list) else []
    for option, value in pairwise(words):
        if option in _CONTEXT_OPTIONS and value.isascii() and value.isdigit() and len(value) < 10:
            return tokens(int(value))
    return None


def _capabilities(props: dict[str, Any]) -> tuple[Capability, ...]:
    caps = mapping(props.get("chat_template_caps"))
    tools = caps.get("supports_tools") is True or "chat_template_tool_use" in props
    images = mapping(props.get("modalities")).get("vision") is True
    return (
        *((Capability.TOOLS,) if tools else ()),
        *((Capability.IMAGES,) if images else ()),
        Capability.JSON,
    )
