"""JSON as providers send it, and careful reading of single values in it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import orjson

# orjson writes 254 levels; a text that opens fewer has no more, whatever it holds.
_SURELY_WRITABLE = 240


def loads(data: bytes) -> Any:
    """The value in `data`. Strict and fast first; then leniently, for invalid UTF-8, NaN and lone surrogates.
    Raises ValueError where it is no JSON at all."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data.decode("utf-8", "replace"))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def dumps(value: dict[str, Any]) -> bytes:
    """`value` as JSON; lone surrogates, which UTF-8 cannot carry, become question marks."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_encodable(value))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list) else value


def json_text(value: object) -> str:
    """`value`, read from JSON by `loads`, as JSON text again; nothing where it is nested too deeply for that."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        try:
            return json.dumps(value)
        except (ValueError, RecursionError):
            return ""


def object_in(text: str) -> dict[str, Any] | None:
    """The object that `text` is in JSON; None where it is none, or none that can be written again."""
    try:
        value = value_in(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def value_in(text: str) -> Any:
    """What `text` is in JSON. Raises ValueError where it is none, or nested too deeply to be written again within a
    request."""
    value = orjson.loads(text)
    if text.count("{") + text.count("[") > _SURELY_WRITABLE:
        try:
            orjson.dumps([[[[[[[[value]]]]]]]])
        except TypeError as error:
            raise ValueError("nested too deeply") from error
    return value


def json_fields(texts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """An object of the (name, JSON text) pairs; one whose JSON does not read is left out."""
    fields: dict[str, Any] = {}
    for name, text in texts:
        try:
            fields[name] = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
    return fields


def loads_or_none(data: bytes) -> Any:
    """The value in `data`, None where it is no JSON."""
    try:
        return loads(data)
    except ValueError:
        return None


def mapping(value: object) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """`value` if it is text, the digits of a whole number, else nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def count(value: object) -> int | None:
    """`value` as a count of things, None where it is none (negative, fractional, not a number)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if isinstance(value, float) and math.isfinite(value) and value >= 0 and value == int(value):
        return int(value)
    return None
