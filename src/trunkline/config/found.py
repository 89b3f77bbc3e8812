"""Model servers found on this machine, laid under the catalogue; and the file that keeps what was found.

What a person wrote of a model counts before what a server says of it, field by field.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trunkline.config.files import Layer, value_at
from trunkline.domain.found import FoundModel, FoundServer, WindowSource
from trunkline.domain.money import FREE, Price
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Catalogue,
    KeyRef,
    KeySource,
    LocalServer,
    ModelSpec,
    ProviderSpec,
)

_log = logging.getLogger(__name__)

# What was found at an address that nobody looks at any more is forgotten after a week.
_FORGOTTEN_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A local provider to be looked for at its address; `key` leads to what it may want."""

    provider: str
    program: LocalServer
    base_url: str
    key: KeyRef


def local_targets(catalogue: Catalogue, layers: Sequence[Layer]) -> tuple[LocalTarget, ...]:
    """The local servers to look for: every provider that names its program, unless the user switched it off."""
    return tuple(
        LocalTarget(provider.id, provider.quirks.local_server, provider.base_url, _key_of(provider))
        for provider in catalogue.providers
        if provider.quirks.local_server is not LocalServer.NONE and not _switched_off(provider.id, layers)
    )


def with_found(
    catalogue: Catalogue, servers: Iterable[FoundServer], layers: Sequence[Layer]
) -> tuple[Catalogue, list[str]]:
    """`catalogue` with the models of every usable server in it, asked through an account `main` where the provider has
    none; and what should be said about it."""
    usable = {(server.provider, server.base_url): server for server in servers if server.usable}
    if not usable:
        return catalogue, []
    notes: list[str] = []
    providers = []
    for provider in catalogue.providers:
        server = usable.get((provider.id, provider.base_url))
        if server is not None and not _switched_off(provider.id, layers):
            provider = _with_models(provider, server, notes)
        providers.append(provider)
    return Catalogue(tuple(providers)), notes


def with_windows(catalogue: Catalogue, windows: Mapping[tuple[str, str], int]) -> Catalogue:
    """`catalogue` with the windows of some models, by provider and model, made as small as experience says."""
    if not windows:
        return catalogue
    return Catalogue(
        tuple(
            replace(
                provider,
                models=tuple(
                    replace(model, context_tokens=min(model.context_tokens, window))
                    if (window := windows.get((provider.id, model.id))) is not None
                    else model
                    for model in provider.models
                ),
            )
            for provider in catalogue.providers
        )
    )


def _switched_off(provider: str, layers: Sequence[Layer]) -> bool:
    """Whether the user's own file says `enabled = false`; the shipped one says it of every local provider."""
    stated = (value_at(layer.data, ("providers", provider, "enabled")) for layer in layers if layer.user)
    return any(there and value is False for there, value in stated)


def _key_of(provider: ProviderSpec) -> KeyRef:
    keys = (account.key for account in provider.accounts if account.enabled and account.has_key)
    return next(keys, KeyRef(KeySource.NONE))


def _with_models(provider: ProviderSpec, server: FoundServer, notes: list[str]) -> ProviderSpec:
    stated = {model.id: model for model in provider.models}
    retired = {gone.id for gone in provider.retired}
    models = [_filled_in(model, server, notes) for model in provider.models]
    models += [
        _as_model(provider.id, one) for one in server.models if one.id not in stated and one.id not in retired
    ]
    main = AccountSpec(provider.id, "main", KeyRef(KeySource.NONE), Billing.LOCAL)
    return replace(provider, accounts=provider.accounts or (main,), models=tuple(models))


def _as_model(provider: str, found: FoundModel) -> ModelSpec:
    return ModelSpec(
        provider,
        found.id,
        found.window_tokens,
        max_output_tokens=found.listed.max_output_tokens,
        price=FREE,
        capabilities=found.capabilities,
    )


def _filled_in(model: ModelSpec, server: FoundServer, notes: list[str]) -> ModelSpec:
    """What the user wrote of a model, and what the server says where the user wrote nothing."""
    found = next((one for one in server.models if one.id == model.id), None)
    if found is None:
        return model
    if found.window_source is WindowSource.LOADED and found.window_tokens < model.context_tokens:
        notes.append(
            f"{model.provider}/{model.id}: its window is stated as {model.context_tokens:,} tokens, but the server has "
            f"loaded it with {found.window_tokens:,}"
        )
    return replace(
        model,
        max_output_tokens=model.max_output_tokens or found.listed.max_output_tokens,
        price=FREE if model.price == Price() else model.price,
        capabilities=model.capabilities or found.capabilities,
    )


# -- the file -------------------------------------------------------------------------------------------------------


def read_found(path: Path) -> tuple[FoundServer, ...]:
    """What was found last; nothing where the file is missing or is none of ours: it is only a memory."""
    try:
        data = path.read_bytes()
    except OSError:
        return ()
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(tuple[FoundServer, ...]).validate_json(data)
    except ValidationError:
        _log.info("%s holds no list of found servers; it will be written anew", path)
        return ()


def write_found(path: Path, servers: Sequence[FoundServer]) -> None:
    """Keep what was found, for the next start and for other processes. Raises OSError."""
    import orjson

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(servers, option=orjson.OPT_INDENT_2))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def newest(*found: Iterable[FoundServer], now_ms: int) -> tuple[FoundServer, ...]:
    """The latest look at each address, those of long ago forgotten."""
    latest: dict[tuple[str, str], FoundServer] = {}
    for servers in found:
        for server in servers:
            key = (server.provider, server.base_url)
            if key not in latest or server.looked_at_ms >= latest[key].looked_at_ms:
                latest[key] = server
    return tuple(one for one in latest.values() if now_ms - one.looked_at_ms < _FORGOTTEN_MS)
