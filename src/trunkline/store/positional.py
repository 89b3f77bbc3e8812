"""Dataclasses as JSON arrays of their fields and back: a quarter of the size of named fields, and of the time.

What is written so is read only by a version whose classes have the same fields: `shape` tells.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

T = TypeVar("T")
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_NON_STR_KEYS
_PLAIN = (str, int, float, bool, type(None))


def encode(value: object) -> bytes:
    """`value` (dataclasses, enums, tuples, sets, mappings by text, numbers, text) as JSON. Raises TypeError for
    anything else, a `Secret` above all."""
    return orjson.dumps(value, default=_parts, option=_OPTIONS)


def decode(data: object, wanted: Any) -> Any:
    """A value of type `wanted` from what its JSON was read as. Raises ValueError, LookupError or TypeError where that
    does not fit."""
    return _reader(wanted)(data)


def shape(*wanted: type) -> str:
    """A mark that changes whenever a class that values of these types are made of has other fields."""
    seen: dict[type, None] = {}
    for one in wanted:
        _collect(one, seen)
    text = "\n".join(f"{one.__name__} {' '.join(_names(one))}" for one in seen)
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _parts(value: object) -> object:
    hashable: Any = type(value)
    return _parts_of(hashable)(value)


@cache
def _parts_of(of: type) -> Callable[[Any], object]:
    """What makes JSON's own kinds of a value of that class."""
    if issubclass(of, frozenset):
        return sorted
    if issubclass(of, Mapping):
        return dict
    if not is_dataclass(of):
        raise TypeError(f"{of.__name__} is not kept")
    return _getter(of)


@cache
def _names(of: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(of) if field.init)


@cache
def _getter(of: type) -> Callable[[object], object]:
    names = _names(of)
    if len(names) == 1:
        only = attrgetter(*names)
        return lambda value: (only(value),)
    return attrgetter(*names)


def _is_union(wanted: Any) -> bool:
    return get_origin(wanted) in (Union, types.UnionType)


def _collect(wanted: Any, seen: dict[type, None]) -> None:
    if is_dataclass(wanted) and isinstance(wanted, type):
        if wanted not in seen:
            seen[wanted] = None
            hints = get_type_hints(wanted)
            for name in _names(wanted):
                _collect(hints[name], seen)
    else:
        for one in get_args(wanted):
            _collect(one, seen)


@cache
def _reader(wanted: Any) -> Callable[[Any], Any]:
    """What makes a value of type `wanted` of its JSON."""
    origin, args = get_origin(wanted), get_args(wanted)
    if _is_union(wanted):
        return _union(args)
    if origin is tuple:
        return _tuple(args)
    if origin is frozenset:
        item = _reader(args[0])
        return lambda data: frozenset(item(one) for one in data)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, inner = _reader(args[0]), _reader(args[1])
        return lambda data: {key(name): inner(one) for name, one in data.items()}
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted
    if wanted in _PLAIN:
        return lambda data: data
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _dataclass(wanted)
    raise TypeError(f"{wanted} is not kept")


def _union(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Of plain values any; else one type or nothing."""
    if all(one in _PLAIN for one in args):
        return lambda data: data
    (only,) = (one for one in args if one is not type(None))
    read = _reader(only)
    return lambda data: None if data is None else read(data)


def _tuple(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(args) == 2 and args[1] is Ellipsis:
        item = _reader(args[0])
        return lambda data: tuple(item(one) for one in data)
    items = [_reader(one) for one in args]
    return lambda data: tuple(read(one) for read, one in zip(items, data, strict=True))


def _dataclass(wanted: type) -> Callable[[Any], Any]:
    hints = get_type_hints(wanted)
    readers = [_reader(hints[name]) for name in _names(wanted)]
    named = _names(wanted)

    def read(data: Any) -> Any:
        return wanted(**{name: one(part) for name, one, part in zip(named, readers, data, strict=True)})

    return read
