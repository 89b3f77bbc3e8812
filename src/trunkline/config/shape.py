"""What the schema says of one setting: what kind of value, which words, between which bounds."""

from __future__ import annotations

import enum
import functools
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.fields import FieldInfo

from trunkline.config.files import KeyPath
from trunkline.config.problems import model_at, plain_type

# As `fields.Table` has it, for values that stand alone.
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


class Kind(enum.StrEnum):
    """What a setting takes, for whoever must draw it: a switch, a number, a text, one of some words, an ordered list of
    texts, or something with parts (a table, a list of tables)."""

    SWITCH = "switch"
    WHOLE = "whole"
    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    LIST = "list"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which values a number lies, both included, and by how much a key may change it; None where nothing is
    said."""

    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None


def kind_of(annotation: Any) -> Kind:
    """The kind of value that a field of this type takes."""
    plain = plain_type(annotation)
    if choices_of(plain):
        return Kind.CHOICE
    if typing.get_origin(plain) in (list, tuple):
        return Kind.TABLE if kind_of(typing.get_args(plain)[0]) is Kind.TABLE else Kind.LIST
    kinds = {bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT}
    return kinds.get(plain, Kind.TABLE)


def type_name(annotation: Any) -> str:
    """What a field takes, in words."""
    plain = plain_type(annotation)
    if typing.get_origin(plain) in (list, tuple):
        return f"list of {_several(typing.get_args(plain)[0])}"
    if choices_of(plain):
        return "one of " + ", ".join(choices_of(plain))
    return _WORDS.get(plain, "table")


def _several(annotation: Any) -> str:
    inner = type_name(annotation)
    return "tables" if inner == "table" else inner.removeprefix("one of ")


def choices_of(annotation: Any) -> tuple[str, ...]:
    """The words that a field takes, where it takes only some."""
    plain = plain_type(annotation)
    if typing.get_origin(plain) is typing.Literal:
        return tuple(str(choice) for choice in typing.get_args(plain))
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return tuple(str(member.value) for member in plain)
    return ()


def bounds_of(root: type[BaseModel], path: KeyPath) -> Bounds:
    """The bounds of the number at `path`. A counted number without a step of its own goes by one."""
    found: dict[str, float] = {}
    for one in _metadata(full_type(root, path)):
        for name, attribute in (("minimum", "ge"), ("maximum", "le"), ("step", "by")):
            value = getattr(one, attribute, None)
            if value is not None:
                found[name] = value
    if kind_of(model_at(root, path)) is Kind.WHOLE:
        found.setdefault("step", 1)
    return Bounds(**found)


def full_type(root: type[BaseModel], path: KeyPath) -> Any:
    """The type at `path` with everything that pydantic checks of it."""
    owner = model_at(root, path[:-1])
    if isinstance(owner, type) and issubclass(owner, BaseModel):
        field = owner.model_fields[str(path[-1])]
        return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    arguments = typing.get_args(owner)
    return arguments[1] if typing.get_origin(owner) is dict else arguments[0]


def _metadata(annotation: Any) -> Iterator[object]:
    """What stands beside the plain type, an optional one's included."""
    if typing.get_origin(annotation) is Annotated:
        inner, *beside = typing.get_args(annotation)
        yield from _metadata(inner)
        for one in beside:
            yield from one.metadata if isinstance(one, FieldInfo) else (one,)
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for inner in typing.get_args(annotation):
            yield from _metadata(inner)


@functools.lru_cache(maxsize=512)
def _checker(owner: Any, name: str) -> TypeAdapter[Any]:
    annotation = full_type(owner, (name,)) if isinstance(owner, type) else typing.get_args(owner)[1]
    plain = plain_type(annotation)
    config = None if isinstance(plain, type) and issubclass(plain, BaseModel) else _STRICT
    return TypeAdapter(annotation, config=config)


def checker(root: type[BaseModel], path: KeyPath) -> TypeAdapter[Any]:
    """Checks one value as the whole file's check would; made once for each field."""
    owner = model_at(root, path[:-1])
    return _checker(owner, str(path[-1]) if isinstance(owner, type) else "")
