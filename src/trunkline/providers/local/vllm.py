"""vLLM: `/version`, which many programs have, and `/v1/models`, whose entries say `max_model_len` and who owns them.

What they give no entry says, but newer versions have only the paths that their models serve (`build_app` of
vllm/entrypoints/openai/api_server.py).
"""

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
    says_ranks,
    says_vectors,
    serving,
    tokens,
    version_of,
    wants_key,
)

NAME = "vLLM"
# What a GET of a path is told that takes a POST, and of one that is not there.
_THERE, _ABSENT = 405, 404


def look(known: Known) -> Look:
    """See `look.Look`."""
    (version_reply,) = yield (get("/version"),)
    version = version_of(body_of(version_reply))
    if not version:
        return not_there(version_reply, NAME)
    (reply,) = yield (get("/v1/models"),)
    if wants_key(reply):
        return Seen(ServerState.LOCKED, f"what listens may be {NAME} {version}; it wants a key", version)
    listed = entries(body_of(reply), "data")
    if not any(entry.get("owned_by") == "vllm" or "max_model_len" in entry for entry in listed):
        return not_there(reply, NAME)
    windows = {model_id(entry.get("id")): tokens(entry.get("max_model_len")) for entry in listed}
    chats, embeds = yield get("/v1/chat/completions"), get("/v1/embeddings")
    only_vectors = _is(embeds, _THERE) and _is(chats, _ABSENT)
    models = []
    for entry in listed:
        name = model_id(entry.get("id"))
        vectors = only_vectors or (_is(embeds, _THERE) and says_vectors(name))
        if name and not says_ranks(name) and (vectors or gives_text(name)):
            models.append(_model(name, entry, windows, vectors=vectors))
    return serving(NAME, version, models)


def _is(reply: Reply, status: int) -> bool:
    return not isinstance(reply, Fault) and reply.status == status


def _model(name: str, entry: dict[str, Any], windows: dict[str, int | None], *, vectors: bool) -> FoundModel:
    """An adapter has the window of the model that it is made for. Tools depend on how the server was started, which
    it does not say."""
    window = windows[name] or windows.get(model_id(entry.get("parent")))
    return FoundModel(
        ListedModel(name, loaded_context_tokens=window),
        window_tokens=window or LEAST_WINDOW_TOKENS,
        window_source=WindowSource.LOADED if window else WindowSource.ASSUMED,
        capabilities=(Capability.EMBEDDINGS if vectors else Capability.JSON,),
    )
