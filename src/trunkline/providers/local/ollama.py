"""Ollama's own API: `/api/version`, `/api/tags`, `/api/ps`, and `/api/show` for each model not seen before.

The window that counts is the one a model was loaded with: through `/v1` Ollama cuts a longer prompt without saying so
(ollama/ollama issue 5902), and gives 4k where it has little memory, whatever the model was made for.
"""

from __future__ import annotations

import json
import re
from typing import Any

from trunkline.domain.checks import ListedModel
from trunkline.domain.found import FoundModel, WindowSource
from trunkline.domain.routes import Capability
from trunkline.providers.local.look import (
    LEAST_WINDOW_TOKENS,
    Known,
    Look,
    body_of,
    entries,
    get,
    model_id,
    not_there,
    post,
    serving,
    tokens,
    version_of,
)
from trunkline.providers.values.jsontext import mapping, text_of

NAME = "Ollama"
_NUM_CTX = re.compile(r"^\s*num_ctx\s+\"?(\d{1,9})\b", re.MULTILINE)
_CAPABILITIES = {
    "tools": Capability.TOOLS,
    "vision": Capability.IMAGES,
    "thinking": Capability.THINKING,
}


def look(known: Known) -> Look:
    """See `look.Look`."""
    (version_reply,) = yield (get("/api/version"),)
    version = version_of(body_of(version_reply))
    if not version:
        return not_there(version_reply, NAME)
    tags_reply, ps_reply = yield get("/api/tags"), get("/api/ps")
    tags = body_of(tags_reply)
    if not isinstance(tags.get("models"), list):
        return not_there(tags_reply, NAME)
    listed = {name: entry for entry in entries(tags, "models") if (name := _name(entry))}
    loaded = {
        _name(entry): tokens(entry.get("context_length")) for entry in entries(body_of(ps_reply), "models")
    }
    passed_over = [one for one in known.passed_over if _revision(listed.get(one[0], {})) == one[1]]
    skipped = {name for name, _ in passed_over}
    fresh = [name for name in listed if name not in skipped and not _is_known(name, listed[name], known)]
    shown: dict[str, dict[str, Any]] = {}
    if fresh:
        requests = tuple(post("/api/show", json.dumps({"model": name}).encode()) for name in fresh)
        replies = yield requests
        shown = {name: body_of(reply) for name, reply in zip(fresh, replies, strict=True)}
    models = []
    for name, entry in listed.items():
        if name in skipped:
            continue
        if name in shown and not (_gives_text(shown[name]) or _gives_vectors(shown[name])):
            passed_over.append((name, _revision(entry)))
            continue
        models.append(_model(name, entry, shown.get(name), loaded.get(name), known))
    return serving(NAME, version, models, passed_over)


def _name(entry: dict[str, Any]) -> str:
    return model_id(entry.get("model")) or model_id(entry.get("name"))


def _revision(entry: dict[str, Any]) -> str:
    return text_of(entry.get("digest"))[:80] or text_of(entry.get("modified_at"))[:80]


def _is_known(name: str, entry: dict[str, Any], known: Known) -> bool:
    before = known.models.get(name)
    return before is not None and bool(before.revision) and before.revision == _revision(entry)


def _gives_text(shown: dict[str, Any]) -> bool:
    capabilities = shown.get("capabilities")
    if isinstance(capabilities, list) and capabilities:
        return "completion" in capabilities
    return "bert" not in _architecture(shown)


def _gives_vectors(shown: dict[str, Any]) -> bool:
    capabilities = shown.get("capabilities")
    if isinstance(capabilities, list) and capabilities:
        return "embedding" in capabilities
    return "bert" in _architecture(shown)


def _architecture(shown: dict[str, Any]) -> str:
    return text_of(mapping(shown.get("model_info")).get("general.architecture"))


def _model(
    name: str, entry: dict[str, Any], shown: dict[str, Any] | None, loaded: int | None, known: Known
) -> FoundModel:
    before = known.models.get(name) if shown is None else None
    if before is not None:
        trained, set_tokens, capabilities = (
            before.listed.context_tokens,
            before.set_tokens,
            before.capabilities,
        )
    else:
        told = shown or {}
        trained, set_tokens, capabilities = _trained(told), _set_tokens(told), _capabilities(told)
    if "remote_host" in entry or "remote_model" in entry:
        # Served elsewhere through this machine: no memory of ours bounds it.
        window, source = trained or LEAST_WINDOW_TOKENS, WindowSource.TRAINED
    else:
        window, source = _window(loaded, set_tokens, before, known.environment_tokens)
    remembered = before.listed.loaded_context_tokens if before is not None else None
    return FoundModel(
        ListedModel(name, context_tokens=trained, loaded_context_tokens=loaded or remembered),
        window_tokens=min(window, trained or window),
        window_source=source,
        capabilities=capabilities,
        revision=_revision(entry),
        set_tokens=set_tokens,
    )


def _window(
    loaded: int | None, set_tokens: int | None, before: FoundModel | None, environment: int | None
) -> tuple[int, WindowSource]:
    remembered = before.listed.loaded_context_tokens if before is not None else None
    if loaded is not None:
        return loaded, WindowSource.LOADED
    if set_tokens is not None:
        return set_tokens, WindowSource.SET
    if environment is not None:
        return environment, WindowSource.ENVIRONMENT
    if remembered is not None:
        return remembered, WindowSource.LOADED
    return LEAST_WINDOW_TOKENS, WindowSource.ASSUMED


def _trained(shown: dict[str, Any]) -> int | None:
    info = mapping(shown.get("model_info"))
    exact = tokens(info.get(f"{_architecture(shown)}.context_length"))
    if exact is not None:
        return exact
    endings = (tokens(value) for key, value in info.items() if key.endswith(".context_length"))
    return next((found for found in endings if found is not None), None)


def _set_tokens(shown: dict[str, Any]) -> int | None:
    found = _NUM_CTX.search(text_of(shown.get("parameters")))
    return tokens(int(found[1])) if found else None


def _capabilities(shown: dict[str, Any]) -> tuple[Capability, ...]:
    if shown and not _gives_text(shown):
        return (Capability.EMBEDDINGS,)
    told = shown.get("capabilities")
    if isinstance(told, list):
        named = [_CAPABILITIES[one] for one in told if isinstance(one, str) and one in _CAPABILITIES]
    else:
        named = [Capability.TOOLS] if ".Tools" in text_of(shown.get("template")) else []
    return (*dict.fromkeys(named), Capability.JSON)
