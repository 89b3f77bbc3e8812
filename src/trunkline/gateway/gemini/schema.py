"""Google's schemas, a part of OpenAPI's, as JSON schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.gemini.tables import camel_name

_DEEPEST = 60
_ONE = ("items", "additionalProperties", "not")
_SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "defs", "definitions", "patternProperties")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_NOT_JSON_SCHEMA = ("nullable", "propertyOrdering", "example")
_RENAMED = {"defs": "$defs", "ref": "$ref"}
_NO_TYPE = "type_unspecified"


def json_schema(schema: Mapping[str, Any], at: str, *, depth: int = 0) -> dict[str, Any]:
    """`schema` with types in lower case, counts as numbers, `nullable` as a type or a value of its own, and without
    what JSON schema does not know. Raises UnreadableError where it is nested too deeply."""
    if depth > _DEEPEST:
        raise UnreadableError(f"{at} is nested too deeply", at)
    converted: dict[str, Any] = {}
    for name, value in schema.items():
        key = camel_name(name) if "_" in name else name
        if value is None or key in _NOT_JSON_SCHEMA:
            continue
        converted[_RENAMED.get(key, key)] = _value(key, value, at, depth)
    if converted.get("type") == _NO_TYPE:
        del converted["type"]
    return _nullable(converted) if schema.get("nullable") is True else converted


def _value(key: str, value: Any, at: str, depth: int) -> Any:
    if key == "type":
        return _types(value)
    if key in _COUNTS and isinstance(value, str) and value.isdecimal():
        return int(value)
    if key in _ONE and isinstance(value, Mapping):
        return json_schema(value, at, depth=depth + 1)
    if key in _SEVERAL and isinstance(value, list):
        return [json_schema(one, at, depth=depth + 1) if isinstance(one, Mapping) else one for one in value]
    if key in _NAMED and isinstance(value, Mapping):
        return {
            name: json_schema(one, at, depth=depth + 1) if isinstance(one, Mapping) else one
            for name, one in value.items()
        }
    return value


def _types(value: Any) -> Any:
    if isinstance(value, list):
        return [_types(one) for one in value if isinstance(one, str)]
    return value.lower() if isinstance(value, str) else value


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema`, or null."""
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    return schema
