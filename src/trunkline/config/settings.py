"""Every setting there is, described from the schema: for `config get` and the preferences screen."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from trunkline.config.files import KeyPath, Layer, dotted, overlay, parse_dotted, value_at
from trunkline.config.load import Loaded
from trunkline.config.problems import known_names, model_at, plain_type, suggestion
from trunkline.config.schema import PreferencesFile, ProvidersFile
from trunkline.domain.errors import ConfigError
from trunkline.domain.text import redact

PROVIDERS = "providers"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it stands. `type` says what it takes, `choices` where only some words are. Values are plain
    TOML values, None where nothing is set. `stated` says that the user's own file sets it."""

    key: str
    type: str
    choices: tuple[str, ...]
    default: object
    current: object
    stated: bool
    file: str
    help: str


@dataclass(frozen=True, slots=True)
class Half:
    """One of the two files: its schema and layers."""

    root: type[BaseModel]
    layers: tuple[Layer, ...]

    @property
    def shipped(self) -> dict[str, Any]:
        return self.layers[0].data

    @property
    def user(self) -> Layer:
        return self.layers[-1]

    def merged(self) -> dict[str, Any]:
        return overlay(self.shipped, self.user.data)


def half_of(loaded: Loaded, path: KeyPath) -> Half:
    """The file that a key belongs to."""
    if path[0] == PROVIDERS:
        return Half(ProvidersFile, loaded.providers_layers)
    return Half(PreferencesFile, loaded.preferences_layers)


def settings(loaded: Loaded) -> list[Setting]:
    """Every preference, and every setting of every provider (its models and accounts left out)."""
    found = _describe_all(Half(PreferencesFile, loaded.preferences_layers), (), skip=())
    providers = Half(ProvidersFile, loaded.providers_layers)
    found += _describe_all(providers, (), skip=("models", "accounts", "retired"))
    return found


def get_value(loaded: Loaded, key: str) -> Setting:
    """The setting called `key` (dotted, as TOML writes it); a table's value is the whole table. Raises ConfigError
    with the nearest names when there is none."""
    path = key_path(loaded, key)
    half = half_of(loaded, path)
    merged = half.merged()
    if path[0] == PROVIDERS and not value_at(merged, path[:2])[0]:
        raise _unknown(key, suggestion(str(path[1]), merged[PROVIDERS]))
    return _describe(half, path, merged)


def key_path(loaded: Loaded, key: str) -> KeyPath:
    """`key` as a path that the schema has. Raises ConfigError with the nearest names when it has not."""
    path = _parse(loaded, key.strip())
    if path and model_at(half_of(loaded, path).root, path) is not None:
        return path
    names = [setting.key for setting in settings(loaded)]
    parent = known_names(half_of(loaded, path).root, path[:-1]) if path else []
    raise _unknown(key, suggestion(key, names) or (suggestion(str(path[-1]), parent) if parent else ""))


def _unknown(key: str, near: str) -> ConfigError:
    return ConfigError(
        file="config",
        key=redact(key),
        value=None,
        expected="the name of a setting",
        remedy=near or "`trunkline config get` lists them all.",
    )


def _parse(loaded: Loaded, key: str) -> KeyPath:
    """`key` as a path; the id of a known model needs no quotes."""
    for model in (m for provider in loaded.config.catalogue.providers for m in provider.models):
        start = f"{PROVIDERS}.{model.provider}.models.{model.id}"
        if key == start or key.startswith(f"{start}."):
            rest = parse_dotted(key[len(start) + 1 :])
            return (PROVIDERS, model.provider, "models", model.id, *rest)
    return parse_dotted(key)


def type_name(annotation: Any) -> str:
    """What a field takes, in words."""
    plain = plain_type(annotation)
    if typing.get_origin(plain) is list:
        return f"list of {type_name(typing.get_args(plain)[0])}"
    if choices_of(plain):
        return "one of " + ", ".join(choices_of(plain))
    names = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    return names.get(plain, "table")


def choices_of(annotation: Any) -> tuple[str, ...]:
    """The words that a field takes, where it takes only some."""
    plain = plain_type(annotation)
    if typing.get_origin(plain) is typing.Literal:
        return tuple(str(choice) for choice in typing.get_args(plain))
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return tuple(str(member.value) for member in plain)
    return ()


def _describe_all(half: Half, path: KeyPath, skip: tuple[str, ...]) -> list[Setting]:
    merged = half.merged()
    return [
        _describe(half, leaf, merged) for leaf in _leaves(half.root, path, merged) if leaf[-1] not in skip
    ]


def _leaves(annotation: Any, path: KeyPath, merged: dict[str, Any]) -> Iterator[KeyPath]:
    plain = plain_type(annotation)
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        for name, field in plain.model_fields.items():
            yield from _leaves(field.annotation, (*path, name), merged)
    elif typing.get_origin(plain) is dict and _is_table(typing.get_args(plain)[1]):
        present = value_at(merged, path)[1]
        if path[-1] in ("models", "retired") or not isinstance(present, dict):
            return
        for name in present:
            yield from _leaves(typing.get_args(plain)[1], (*path, name), merged)
    elif typing.get_origin(plain) is dict and path[0] == "lists":
        for choice in choices_of(typing.get_args(plain)[0]):
            yield (*path, choice)
    else:
        yield path


def _is_table(annotation: Any) -> bool:
    plain = plain_type(annotation)
    return isinstance(plain, type) and issubclass(plain, BaseModel)


def _describe(half: Half, path: KeyPath, merged: dict[str, Any]) -> Setting:
    annotation = model_at(half.root, path)
    owner = model_at(half.root, path[:-1])
    field = owner.model_fields.get(str(path[-1])) if _is_table(owner) else None
    default = _plain(None if field is None or field.default is PydanticUndefined else field.default)
    shipped, value = value_at(half.shipped, path)
    if shipped:
        default = value
    set_, current = value_at(merged, path)
    return Setting(
        key=dotted(path),
        type=type_name(annotation),
        choices=choices_of(annotation),
        default=default,
        current=current if set_ else default,
        stated=value_at(half.user.data, path)[0],
        file=str(half.user.path),
        help=(field.description if field is not None else None) or "",
    )


def _plain(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    return value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else value
