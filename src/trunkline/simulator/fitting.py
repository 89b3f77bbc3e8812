"""A value that fits a JSON schema, made of nothing but the schema: the same every time, for answers and arguments.

What is not understood (patterns, conditions) is not kept to. A schema that holds itself ends where it may.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_FULL_LEVELS = 6
_MOST_LEVELS = 40
_WORD = "simulated"
_BY_FORMAT = {
    "date": "2026-11-20",
    "time": "12:00:00Z",
    "date-time": "2026-11-20T12:00:00Z",
    "duration": "PT1M",
    "email": "sim@example.org",
    "hostname": "example.org",
    "uri": "https://example.org/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def fitting(schema: object) -> Any:
    """A value that fits `schema`."""
    root = schema if isinstance(schema, Mapping) else {}
    return _value(root, root, 0)


def _value(schema: object, root: Schema, level: int) -> Any:
    """One that fits a part of `root`; the deeper it is, the less is in it."""
    if not isinstance(schema, Mapping) or level > _MOST_LEVELS:
        return None
    if isinstance(schema.get("$ref"), str):
        return _value(_pointed(root, schema["$ref"]), root, level + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "oneOf"):
        if schema.get(name):
            return _value({**_without(schema, name), **_least(schema[name])}, root, level + 1)
    if schema.get("allOf"):
        whole = _without(schema, "allOf")
        for part in schema["allOf"]:
            whole = _joined(whole, part if isinstance(part, Mapping) else {})
        return _value(whole, root, level + 1)
    return _of_type(schema, root, level)


def _of_type(schema: Schema, root: Schema, level: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    # Google's own subset writes its types in capitals.
    kind = str(kind or ("object" if "properties" in schema else "string")).lower()
    match kind:
        case "object":
            return _object(schema, root, level)
        case "array":
            fewest = int(schema.get("minItems", 0 if level > _FULL_LEVELS else 1))
            return [_value(schema.get("items", {}), root, level + 1) for _ in range(fewest)]
        case "integer":
            return int(_number(schema, 1))
        case "number":
            return _number(schema, 0.5)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _text(schema)


def _object(schema: Schema, root: Schema, level: int) -> dict[str, Any]:
    properties: Schema = schema.get("properties") or {}
    needed = schema.get("required") or []
    names = [name for name in properties if level <= _FULL_LEVELS or name in needed]
    names += [name for name in needed if name not in properties]
    return {name: _value(properties.get(name, {}), root, level + 1) for name in names}


def _number(schema: Schema, step: float) -> float:
    """The least that is allowed, else the most, else 1."""
    if "minimum" in schema:
        return float(schema["minimum"])
    if isinstance(schema.get("exclusiveMinimum"), int | float):
        return float(schema["exclusiveMinimum"]) + step
    return min(1.0, float(schema["maximum"])) if "maximum" in schema else 1.0


def _text(schema: Schema) -> str:
    text = _BY_FORMAT.get(str(schema.get("format")), _WORD)
    fewest, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    return (text * (fewest // len(text) + 1) if len(text) < fewest else text)[
        : most if most is not None else None
    ]


def _pointed(root: Schema, pointer: str) -> object:
    found: Any = root
    for name in pointer.removeprefix("#").split("/")[1:]:
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def _least(choices: Any) -> Schema:
    """The first that is no null."""
    tables = [one for one in choices if isinstance(one, Mapping)]
    return next((one for one in tables if one.get("type") != "null"), tables[0] if tables else {})


def _without(schema: Schema, name: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != name}


def _joined(one: Schema, other: Schema) -> dict[str, Any]:
    joined = {**one, **other}
    joined["properties"] = {**(one.get("properties") or {}), **(other.get("properties") or {})}
    joined["required"] = [*(one.get("required") or []), *(other.get("required") or [])]
    return joined
