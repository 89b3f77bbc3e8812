"""Load the configuration: shipped files, the user's laid over them, the environment; all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from trunkline.config.catalogue import compile_catalogue
from trunkline.config.files import Layer, overlay, read_layer
from trunkline.config.found import read_found, with_found
from trunkline.config.keys import KeyRing
from trunkline.config.pasted import without_pasted
from trunkline.config.places import Places, shipped_preferences_file, shipped_providers_file
from trunkline.config.policy import compile_preferences
from trunkline.config.preferences_schema import PreferencesFile
from trunkline.config.problems import from_validation, refuse_plain_keys
from trunkline.config.schema import ProvidersFile
from trunkline.domain.found import FoundServer
from trunkline.domain.preferences import Config, Preferences
from trunkline.domain.routes import Catalogue

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class KeyVariables:
    """Which variables give a provider its keys and its address, and whether the one of the address is set; `wants_key`
    is False for local servers."""

    provider: str
    keys: tuple[str, ...]
    address: str | None
    wants_key: bool
    address_set: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """A whole configuration. `sources` are the files that were read or would be, shipped ones first. `notes` are
    sentences for the user. `layers` are the files as read: providers (shipped, user), preferences (shipped,
    user). `found` are the local servers whose models are in it, and those looked for in vain."""

    config: Config
    keys: KeyRing = field(repr=False)
    places: Places
    sources: tuple[Path, ...]
    notes: tuple[str, ...]
    variables: tuple[KeyVariables, ...] = field(repr=False)
    providers_layers: tuple[Layer, ...] = field(repr=False)
    preferences_layers: tuple[Layer, ...] = field(repr=False)
    found: tuple[FoundServer, ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True)
class MissingKey:
    """What a provider without a usable account lacks: one of `variables` to be set. `adds` are the models that it
    would bring. `local`: a server on this machine, which `variables` switches on."""

    provider: str
    variables: tuple[str, ...]
    adds: tuple[str, ...]
    local: bool
    base_url: str


def load(
    places: Places,
    environ: Mapping[str, str],
    *,
    base_providers: Path | None = None,
    base_providers_text: str | None = None,
    user_text: Mapping[Path, str] | None = None,
    found: Sequence[FoundServer] | None = None,
) -> Loaded:
    """Load everything. `base_providers` (a file) or `base_providers_text` stands in for the shipped catalogue;
    `user_text` stands in for the user's files of those paths, to try an edit; `found` for the local servers found
    last. Raises ConfigError for anything that cannot be used."""
    tried = user_text or {}
    other_base = base_providers is not None or base_providers_text is not None
    base = base_providers or shipped_providers_file()
    providers_layers = (
        read_layer(base, user=False, text=base_providers_text),
        read_layer(places.providers_file, user=True, text=tried.get(places.providers_file)),
    )
    preferences_layers = (
        read_layer(shipped_preferences_file(), user=False),
        read_layer(places.preferences_file, user=True, text=tried.get(places.preferences_file)),
    )
    providers = _validated(ProvidersFile, providers_layers)
    environ, pasted_notes = without_pasted(environ, providers.providers)
    keys = KeyRing(environ)
    preferences = _validated(PreferencesFile, preferences_layers)
    stated, notes = compile_catalogue(providers, providers_layers, environ, keys)
    servers = read_found(places.found_file) if found is None else tuple(found)
    catalogue, found_notes = with_found(stated, servers, providers_layers)
    compiled, more_notes = compile_preferences(
        preferences, catalogue, preferences_layers, environ, shipped_must_fit=not other_base
    )
    return Loaded(
        config=hashed(catalogue, compiled),
        keys=keys,
        places=places,
        sources=tuple(layer.path for layer in (*providers_layers, *preferences_layers)),
        notes=(*pasted_notes, *notes, *found_notes, *more_notes),
        variables=tuple(
            KeyVariables(
                name,
                tuple(table.key_env),
                table.base_url_env,
                table.key != "none",
                bool(table.base_url_env and environ.get(table.base_url_env, "").strip()),
            )
            for name, table in providers.providers.items()
        ),
        providers_layers=providers_layers,
        preferences_layers=preferences_layers,
        found=servers,
    )


def hashed(catalogue: Catalogue, preferences: Preferences) -> Config:
    """A configuration named by what is in it."""
    content = repr((catalogue, preferences)).encode()
    return Config(hashlib.blake2b(content, digest_size=8).hexdigest(), catalogue, preferences)


def _validated(root: type[T], layers: tuple[Layer, ...]) -> T:
    refuse_plain_keys(layers)
    merged: dict[str, object] = {}
    for layer in layers:
        merged = overlay(merged, layer.data)
    try:
        return root.model_validate(merged)
    except ValidationError as error:
        raise from_validation(error, layers, root) from None


def missing_keys(loaded: Loaded) -> tuple[MissingKey, ...]:
    """Providers that nobody can ask yet, and which variables would change that."""
    missing: list[MissingKey] = []
    for variables in loaded.variables:
        provider = loaded.config.catalogue.provider(variables.provider)
        if provider is None or any(account.enabled and account.has_key for account in provider.accounts):
            continue
        needed = variables.keys if variables.wants_key else tuple(filter(None, (variables.address,)))
        missing.append(
            MissingKey(
                provider.id,
                needed,
                tuple(model.id for model in provider.models),
                not variables.wants_key,
                provider.base_url,
            )
        )
    return tuple(missing)


def substitute_port(text: str, port: int) -> str:
    """The demo's catalogue with `{port}` filled in."""
    return text.replace("{port}", str(port))
