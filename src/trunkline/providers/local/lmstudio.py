"""LM Studio: `/api/v0/models` says windows, kinds and states; its `/v1/models` has no window at all
(lmstudio-bug-tracker issue 2139). `/api/v1/models` says the same in newer versions."""

from __future__ import annotations

from typing import Any

from trunkline.domain.checks import ListedModel
from trunkline.domain.faults import Fault
from trunkline.domain.found import FoundModel, Seen, ServerState, WindowSource
from trunkline.domain.routes import Capability
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

NAME = "LM Studio"
_KINDS = ("llm", "vlm", "embeddings")
_VECTOR_PREFIX = "text-embedding-"
_UNKNOWN_PATH = "unexpected endpoint or method"


def look(known: Known) -> Look:
    """See `look.Look`."""
    (reply,) = yield (get("/api/v0/models"),)
    if wants_key(reply) and _names_itself(reply):
        return Seen(ServerState.LOCKED, f"{NAME} wants a key")
    body = body_of(reply)
    if isinstance(body.get("data"), list) and _is_native(body):
        return serving(NAME, "", [_native(entry) for entry in entries(body, "data") if _answers(entry, "id")])
    if _UNKNOWN_PATH not in text_of(body.get("error")).lower():
        return not_there(reply, NAME)
    newer_reply, plain_reply = yield get("/api/v1/models"), get("/v1/models")
    newer = body_of(newer_reply)
    if isinstance(newer.get("models"), list):
        found = [_newer(entry) for entry in entries(newer, "models") if _answers(entry, "key")]
        return serving(NAME, "", found)
    plain = entries(body_of(plain_reply), "data")
    return serving(NAME, "", [_plain(entry) for entry in plain if _answers(entry, "id")])


def _names_itself(reply: Reply) -> bool:
    return not isinstance(reply, Fault) and b"LM Studio" in reply.body[:4_096]


def _is_native(body: dict[str, Any]) -> bool:
    """Any list of models could stand here: its entries must be of LM Studio's kinds."""
    listed = entries(body, "data")
    return all(text_of(entry.get("type")) in _KINDS for entry in listed) and body.get("object") == "list"


def _answers(entry: dict[str, Any], name: str) -> bool:
    """Whether it gives text, or vectors where it says so itself."""
    if not model_id(entry.get(name)):
        return False
    return _embeds(entry) or gives_text(text_of(entry[name]))


def _embeds(entry: dict[str, Any]) -> bool:
    """By its kind; in a list without kinds by its name, which the program makes so: `text-embedding-bge-m3`."""
    kind = text_of(entry.get("type"))
    return kind.startswith("embedding") or (not kind and text_of(entry.get("id")).startswith(_VECTOR_PREFIX))


def _native(entry: dict[str, Any]) -> FoundModel:
    told = entry.get("capabilities")
    tools = isinstance(told, list) and "tool_use" in told
    loaded = tokens(entry.get("loaded_context_length")) if entry.get("state") == "loaded" else None
    trained = tokens(entry.get("max_context_length"))
    images = entry.get("type") == "vlm"
    return _found(text_of(entry["id"]), trained, loaded, tools=tools, images=images, embeds=_embeds(entry))


def _newer(entry: dict[str, Any]) -> FoundModel:
    instances = entries(entry, "loaded_instances")
    windows = [tokens(mapping(one.get("config")).get("context_length")) for one in instances]
    loaded = min((window for window in windows if window is not None), default=None)
    told = mapping(entry.get("capabilities"))
    return _found(
        text_of(entry["key"]),
        tokens(entry.get("max_context_length")),
        loaded,
        tools=told.get("trained_for_tool_use") is True,
        images=told.get("vision") is True,
        embeds=_embeds(entry),
    )


def _plain(entry: dict[str, Any]) -> FoundModel:
    return _found(text_of(entry["id"]), None, None, tools=False, images=False, embeds=_embeds(entry))


def _found(
    name: str, trained: int | None, loaded: int | None, *, tools: bool, images: bool, embeds: bool = False
) -> FoundModel:
    """A model that is not loaded is loaded by the first request; LM Studio then refuses a prompt too long for the
    window it chose, aloud, so that what the model was made for may be tried. JSON mode it has none of: it takes a
    schema or nothing."""
    if loaded is not None:
        window, source = loaded, WindowSource.LOADED
    elif trained is not None:
        window, source = trained, WindowSource.TRAINED
    else:
        window, source = LEAST_WINDOW_TOKENS, WindowSource.ASSUMED
    return FoundModel(
        ListedModel(name, context_tokens=trained, loaded_context_tokens=loaded),
        window_tokens=window,
        window_source=source,
        capabilities=(Capability.EMBEDDINGS,)
        if embeds
        else (
            *((Capability.TOOLS,) if tools else ()),
            *((Capability.IMAGES,) if images else ()),
        ),
    )
