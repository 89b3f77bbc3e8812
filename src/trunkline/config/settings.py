"""Every setting there is, described from the schema: for `config get` and the preferences screen."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from trunkline.config.files import KeyPath, Layer, Lines, dotted, overlay, parse_dotted, value_at
from trunkline.config.load import Loaded
from trunkline.config.preferences_schema import PreferencesFile
from trunkline.config.problems import description_at, known_names, model_at, plain_type, suggestion
from trunkline.config.schema import ProvidersFile
from trunkline.config.sections import section_of
from trunkline.config.shape import Bounds, Kind, bounds_of, choices_of, kind_of, type_name
from trunkline.config.suggestions import Suggestions
from trunkline.domain.errors import ConfigError
from trunkline.domain.text import redact

PROVIDERS = "providers"
KEYMAP = "keymap"


class SourceKind(enum.StrEnum):
    """Where a value comes from; the environment goes before the user's file, this before the shipped one."""

    SHIPPED = "shipped"
    USER = "user"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the value that holds comes from: `line` of the user's file, or the `variable` of the environment, which
    then puts `forced` in place of what the files say."""

    kind: SourceKind
    line: int | None = None
    variable: str = ""
    forced: object = None

    def __str__(self) -> str:
        if self.kind is SourceKind.ENVIRONMENT:
            return f"environment {self.variable}"
        if self.kind is SourceKind.SHIPPED:
            return "shipped"
        return "your file" if self.line is None else f"your file, line {self.line}"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it stands. Values are plain TOML values, None where nothing is set.

    `type` says in words what it takes; `kind`, `choices` (where only these words are taken), `suggestions` (what is
    known to fit, where anything else may fit too; of a list: its entries) and `bounds` say it for an editor. `current`
    is what the files say and an edit changes; `source.forced` holds in its place where a variable of the environment
    says so. `stated`: the user's own `file` sets it. `required`: there has to be a value and the shipped files have
    none, so it cannot be taken out. `section` and `title` group settings; `group` names the table within the section,
    as a task type or a provider.
    """

    key: str
    type: str
    choices: tuple[str, ...]
    default: object
    current: object
    stated: bool
    file: str
    help: str
    kind: Kind = Kind.TEXT
    section: str = ""
    title: str = ""
    group: str = ""
    bounds: Bounds = field(default_factory=Bounds)
    suggestions: tuple[str, ...] = field(default=(), repr=False)
    required: bool = False
    source: Source = Source(SourceKind.SHIPPED)

    @property
    def is_list(self) -> bool:
        """Whether it is an ordered list of texts."""
        return self.kind is Kind.LIST


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
    """Every preference, and every setting of every provider, its models and accounts left out. Tens of milliseconds."""
    preferences = Half(PreferencesFile, loaded.preferences_layers)
    providers = Half(ProvidersFile, loaded.providers_layers)
    found = _Describer(loaded, preferences).all_but(())
    return found + _Describer(loaded, providers).all_but(("models", "accounts", "retired"))


def get_value(loaded: Loaded, key: str) -> Setting:
    """The setting called `key` (dotted, as TOML writes it); a table's value is the whole table. Raises ConfigError
    with the nearest names when there is none."""
    path = key_path(loaded, key)
    half = half_of(loaded, path)
    if path[0] == PROVIDERS and len(path) > 1 and not value_at(half.merged(), path[:2])[0]:
        raise _unknown(key, suggestion(str(path[1]), half.merged()[PROVIDERS]))
    return _Describer(loaded, half).describe(path)


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
    """`key` as a path; the id of a known model and that of an action need no quotes."""
    head, _, rest = key.partition(".")
    if head == KEYMAP and rest and '"' not in rest:
        return (KEYMAP, rest)
    if head == PROVIDERS and ".models." in rest:
        for model in (m for provider in loaded.config.catalogue.providers for m in provider.models):
            start = f"{PROVIDERS}.{model.provider}.models.{model.id}"
            if key == start or key.startswith(f"{start}."):
                inner = parse_dotted(key[len(start) + 1 :])
                return (PROVIDERS, model.provider, "models", model.id, *inner)
    return parse_dotted(key)


class _Describer:
    """Describes the settings of one file; what many of them need is worked out once."""

    def __init__(self, loaded: Loaded, half: Half) -> None:
        self._loaded = loaded
        self._half = half
        self._merged = half.merged()
        self._suggestions = Suggestions(loaded, self._merged)
        self._lines: Lines | None = None
        self._forced = {one.target: one for one in loaded.config.preferences.overrides}

    def all_but(self, skip: tuple[str, ...]) -> list[Setting]:
        """Every setting of the file whose last part is none of `skip`."""
        return [self.describe(path) for path in self._paths() if path[-1] not in skip]

    def describe(self, path: KeyPath) -> Setting:
        half = self._half
        default = _default_of(half.root, path)
        shipped, value = value_at(half.shipped, path)
        if shipped:
            default = value
        set_, current = value_at(self._merged, path)
        annotation = model_at(half.root, path)
        kind = kind_of(annotation)
        open_choices = self._suggestions.closed(path)
        choices = open_choices or choices_of(annotation)
        stated = value_at(half.user.data, path)[0]
        section, title, group = section_of(path)
        return Setting(
            key=dotted(path),
            type="one of " + ", ".join(choices) if open_choices else type_name(annotation),
            choices=choices,
            default=default,
            current=current if set_ else default,
            stated=stated,
            file=str(half.user.path),
            help=_help(half.root, path),
            kind=Kind.CHOICE if choices else kind,
            section=section,
            title=title,
            group=group,
            bounds=bounds_of(half.root, path) if kind in (Kind.WHOLE, Kind.NUMBER) else Bounds(),
            suggestions=self._suggestions.of(path, annotation),
            required=not shipped and _is_required(half.root, path),
            source=self._source(path, stated),
        )

    def _source(self, path: KeyPath, stated: bool) -> Source:
        if path[0] in ("tasks", "tiers", "roles") and path[-1] == "prefer" and path[1] in self._forced:
            forced = self._forced[str(path[1])]
            return Source(SourceKind.ENVIRONMENT, variable=forced.variable, forced=[forced.selector])
        if path[0] == PROVIDERS and path[-1] == "base_url" and len(path) == 3:
            variable = self._address_variable(str(path[1]))
            if variable:
                provider = self._loaded.config.catalogue.provider(str(path[1]))
                forced_url = provider.base_url if provider is not None else None
                return Source(SourceKind.ENVIRONMENT, variable=variable, forced=forced_url)
        if not stated:
            return Source(SourceKind.SHIPPED)
        if self._lines is None:
            self._lines = Lines(self._half.user.text)
        return Source(SourceKind.USER, line=self._lines.of(path))

    def _address_variable(self, provider: str) -> str:
        """The variable that is set and overrides the provider's address."""
        known = next((one for one in self._loaded.variables if one.provider == provider), None)
        if known is None or not known.address or not known.address_set:
            return ""
        return known.address

    def _paths(self) -> Iterator[KeyPath]:
        return _leaves(self._half.root, (), self._merged)


def _leaves(annotation: Any, path: KeyPath, merged: dict[str, Any]) -> Iterator[KeyPath]:
    plain = plain_type(annotation)
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        for name, about in plain.model_fields.items():
            yield from _leaves(about.annotation, (*path, name), merged)
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


def _help(root: type[BaseModel], path: KeyPath) -> str:
    """The field's own text; an entry of a table of free names has that of the table."""
    if not path:
        return ""
    return (description_at(root, path) or description_at(root, path[:-1])).replace("{name}", str(path[-1]))


def _default_of(root: type[BaseModel], path: KeyPath) -> object:
    owner = model_at(root, path[:-1])
    about = owner.model_fields.get(str(path[-1])) if _is_table(owner) else None
    return _plain(None if about is None or about.default is PydanticUndefined else about.default)


def _is_required(root: type[BaseModel], path: KeyPath) -> bool:
    owner = model_at(root, path[:-1])
    return _is_table(owner) and owner.model_fields[str(path[-1])].is_required()


def _plain(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else value
