"""vLLM: `/version`, which many programs have, and `/v1/models`, whose entries say `max_model_len` and who owns them."""

from __future__ import annotations

from typing import Any

from trunkline.domain.checks import ListedModel
from trunkline.domain.found import FoundModel, Seen, ServerState, WindowSource
from trunkline.domain.routes import Capability
from trunkline.providers.local.look import (
    LEAST_WINDOW_TOKENS,
    Known,
    Look,
    body_of,
    entries,
    get,
    gives_text,
    model_id,
    not_there,
    serving,
    tokens,
    version_of,
    wants_key,
)

NAME = "vLLM"


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
    models = [
        _model(name, entry, windows)
        for entry in listed
        if (name := model_id(entry.get("id"))) and gives_text(name)
    ]
    return serving(NAME, version, models)


def _model(name: str, entry: dict[str, Any], windows: dict[str, int | None]) -> FoundModel:
    """An adapter has the window of the model that it is made for. Tools depend on how the server was started, which
    it does not say."""
    window = windows[name] or windows.get(model_id(entry.get("parent")))
    return FoundModel(
        ListedModel(name, loaded_context_tokens=window),
        window_tokens=window or LEAST_WINDOW_TOKENS,
        window_source=WindowSource.LOADED if window else WindowSource.ASSUMED,
        capabilities=(Capability.JSON,),
    )
