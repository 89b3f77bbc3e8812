"""A JSON schema in the subset that Anthropic's structured outputs take, as its own SDK (2.11.0, `transform_schema`)
makes it: every object is closed, what is not supported is told in the description instead of being enforced."""

from __future__ import annotations

from typing import Any

from trunkline.providers.values.jsontext import json_text

_MOST_LEVELS = 60
_DEFINITIONS = ("$defs", "definitions")
_FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
)
_TYPES = frozenset(["object", "array", "string", "integer", "number", "boolean", "null"])
_KEPT = ("type", "enum", "const", "$ref", "description", "title", "required")


class _UnfitError(Exception):
    """The subset has no words for this schema."""


def fitted_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """`schema` in that subset; None where it would become another: an object of any fields, one that holds itself, a
    schema without a type, one nested too deeply."""
    try:
        _check_references(schema)
        return _fitted(schema, 0)
    except _UnfitError:
        return None


def _fitted(schema: object, level: int) -> dict[str, Any]:
    if not isinstance(schema, dict) or level > _MOST_LEVELS:
        raise _UnfitError
    rest = {name: value for name, value in schema.items() if name != "$schema"}
    fitted: dict[str, Any] = {name: rest.pop(name) for name in _KEPT if name in rest}
    for name in _DEFINITIONS:
        if name in rest:
            fitted[name] = _each(rest.pop(name), level)
    if "$ref" in fitted:
        return {name: fitted[name] for name in ("$ref", *_DEFINITIONS) if name in fitted}
    for name, told in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
        if isinstance(rest.get(name), list):
            fitted[told] = [_fitted(one, level + 1) for one in rest.pop(name)]
    kind = fitted.get("type")
    if isinstance(kind, list):
        outside = {name: fitted[name] for name in ("description", "title", *_DEFINITIONS) if name in fitted}
        if "enum" in schema:
            return outside | {"enum": schema["enum"]}
        each = {name: value for name, value in schema.items() if name not in outside}
        return outside | {"anyOf": [_fitted({**each, "type": one}, level + 1) for one in kind]}
    if kind not in _TYPES and not any(name in fitted for name in ("enum", "const", "anyOf", "allOf")):
        raise _UnfitError
    if kind == "object":
        fitted |= _closed(rest, level)
    if kind == "array" and "items" in rest:
        fitted["items"] = _fitted(rest.pop("items"), level + 1)
    if kind == "array" and rest.get("minItems") in (0, 1):
        fitted["minItems"] = rest.pop("minItems")
    if kind == "string" and rest.get("format") in _FORMATS:
        fitted["format"] = rest.pop("format")
    if rest:
        told = "{" + ", ".join(f"{name}: {json_text(value)}" for name, value in rest.items()) + "}"
        before = fitted.get("description")
        fitted["description"] = f"{before}\n\n{told}" if before else told
    return fitted


def _closed(rest: dict[str, Any], level: int) -> dict[str, Any]:
    """The fields of an object, taken from `rest`. One that may hold any field cannot be closed."""
    others, properties = rest.pop("additionalProperties", None), rest.pop("properties", None)
    if isinstance(others, dict) or "patternProperties" in rest or not (properties or others is False):
        raise _UnfitError
    return {"properties": _each(properties or {}, level), "additionalProperties": False}


def _each(schemas: object, level: int) -> dict[str, Any]:
    if not isinstance(schemas, dict):
        raise _UnfitError
    return {name: _fitted(one, level + 1) for name, one in schemas.items()}


def _check_references(schema: dict[str, Any]) -> None:
    """Every reference is to a definition of the schema itself, and none leads back to where it stands."""
    definitions: dict[str, Any] = {}
    for place in _DEFINITIONS:
        table = schema.get(place)
        definitions |= (
            {f"#/{place}/{name}": one for name, one in table.items()} if isinstance(table, dict) else {}
        )
    leads_to = {name: _references(one, 0) for name, one in definitions.items()}
    for name in _references({key: one for key, one in schema.items() if key not in _DEFINITIONS}, 0):
        if name not in definitions:
            raise _UnfitError
    done: set[str] = set()
    for name in definitions:
        _follow(name, leads_to, (), done)


def _follow(name: str, leads_to: dict[str, set[str]], path: tuple[str, ...], done: set[str]) -> None:
    if name in path or name not in leads_to or len(path) > _MOST_LEVELS:
        raise _UnfitError
    if name not in done:
        for after in leads_to[name]:
            _follow(after, leads_to, (*path, name), done)
        done.add(name)


def _references(value: object, level: int) -> set[str]:
    if level > 2 * _MOST_LEVELS:
        raise _UnfitError
    if isinstance(value, list):
        return {name for one in value for name in _references(one, level + 1)}
    if not isinstance(value, dict):
        return set()
    own = {str(value["$ref"])} if isinstance(value.get("$ref"), str) else set()
    return own.union(*(_references(one, level + 1) for one in value.values()))
