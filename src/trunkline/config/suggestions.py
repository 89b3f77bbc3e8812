"""What is known to fit where a setting takes names: selectors of the catalogue, modes, task types."""

from __future__ import annotations

import typing
from typing import Any

from trunkline.config.files import KeyPath
from trunkline.config.load import Loaded
from trunkline.config.names import EMERGENCY_WORDS
from trunkline.config.problems import plain_type
from trunkline.config.shape import choices_of
from trunkline.domain.routes import Catalogue


def selectors(catalogue: Catalogue) -> tuple[str, ...]:
    """Everything that a list may name, the shorter before the longer: providers, then `provider/model` and
    `provider/account` of those that have accounts first, then whole routes are left to be typed."""
    usable = [p for p in catalogue.providers if any(a.enabled and a.has_key for a in p.accounts)]
    rest = [p for p in catalogue.providers if p not in usable]
    ordered = [*usable, *rest]
    names = [provider.id for provider in ordered]
    names += [f"{provider.id}/{model.id}" for provider in ordered for model in provider.models]
    names += [f"{provider.id}/{account.id}" for provider in ordered for account in provider.accounts]
    return tuple(names)


def is_selector(path: KeyPath) -> bool:
    """Whether the setting at `path` names providers, accounts or models."""
    return (
        path[0] in ("default", "lists")
        or (path[0] in ("tasks", "tiers", "roles") and path[-1] in ("prefer", "emergency"))
        or (path[0] == "aliases" and path[-1] == "models")
    )


class Suggestions:
    """Of one configuration; the catalogue is gone through once, when first asked."""

    def __init__(self, loaded: Loaded, merged: dict[str, Any]) -> None:
        self._loaded = loaded
        self._merged = merged
        self._selectors: tuple[str, ...] | None = None

    def closed(self, path: KeyPath) -> tuple[str, ...]:
        """The words that the setting takes, where the files and not the schema say which."""
        return self._names("modes") if path == ("mode",) else ()

    def of(self, path: KeyPath, annotation: Any) -> tuple[str, ...]:
        """What may be written there, as far as it is known."""
        if is_selector(path):
            if self._selectors is None:
                self._selectors = selectors(self._loaded.config.catalogue)
            return (*EMERGENCY_WORDS, *self._selectors) if path[-1] == "emergency" else self._selectors
        if path[0] == "roles" and path[-1] == "tasks":
            return self._names("tasks")
        plain = plain_type(annotation)
        return choices_of(typing.get_args(plain)[0]) if typing.get_origin(plain) in (list, tuple) else ()

    def _names(self, table: str) -> tuple[str, ...]:
        found = self._merged.get(table)
        return tuple(found) if isinstance(found, dict) else ()
