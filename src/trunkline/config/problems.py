"""What is wrong with a file, in one sentence: pydantic's findings and our own as `ConfigError`."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from trunkline.config.fields import PlainKeyError
from trunkline.config.files import KeyPath, Layer, dotted, layer_of, leaves, line_of, value_at
from trunkline.config.keys import PLAIN_KEY_EXPECTED, looks_like_key
from trunkline.domain.errors import ConfigError
from trunkline.domain.text import redact

_SECRET_NAMES = {
    "api_key", "apikey", "api-key", "token", "secret", "password", "auth", "authorization", "bearer",
    "access_token", "secret_key", "x-api-key", "credential", "credentials",
}  # fmt: skip
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "list_type": "a list in [brackets]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def problem(
    layers: Sequence[Layer], path: KeyPath, *, expected: str, remedy: str = "", show: bool = True
) -> ConfigError:
    """The error for the value at `path` of the merged `layers`. The value is redacted, and left out unless
    `show`."""
    layer = layer_of(layers, path)
    found, value = value_at(layer.data, path)
    shown: object = None
    if found and show:
        shown = redact(value) if isinstance(value, str) else value
        if isinstance(value, (dict, list)):
            shown = None
    return ConfigError(
        file=layer.path,
        key=dotted(path),
        value=shown,
        expected=expected,
        remedy=remedy,
        line=line_of(layer, path),
    )


def refuse_plain_keys(layers: Sequence[Layer]) -> None:
    """Raise ConfigError where a file holds what has the form of a key, or a setting meant to hold one."""
    for layer in layers:
        if not layer.user:
            continue
        for path, value in leaves(layer.data):
            named = any(isinstance(part, str) and part.lower() in _SECRET_NAMES for part in path)
            looks = isinstance(value, str) and looks_like_key(value)
            if looks or named or any(isinstance(part, str) and looks_like_key(part) for part in path):
                raise plain_key([layer], path)


def plain_key(layers: Sequence[Layer], path: KeyPath) -> ConfigError:
    """The refusal of a key written out; the key is not repeated."""
    provider = (
        path[1] if len(path) > 1 and path[0] == "providers" and isinstance(path[1], str) else "provider"
    )
    variable = "".join(c if c.isalnum() and c.isascii() else "_" for c in provider.upper()) + "_API_KEY"
    if looks_like_key(provider):
        variable = "PROVIDER_API_KEY"
    return problem(
        layers,
        path,
        expected=PLAIN_KEY_EXPECTED,
        remedy=(
            f'Put the key into an environment variable ({variable}=…) and write key = "env:{variable}" for the '
            "account. What stood here may have been read by others: replace it at the provider"
        ),
        show=False,
    )


def from_validation(error: ValidationError, layers: Sequence[Layer], root: type[BaseModel]) -> ConfigError:
    """The first finding of pydantic as our own error; a misspelt name goes before the missing one."""
    findings = error.errors(include_url=False)
    first = min(findings, key=lambda finding: finding["type"] != "extra_forbidden")
    path: KeyPath = tuple(part for part in first["loc"] if part != "[key]")
    kind, context = first["type"], first.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(layers, path, root)
    if kind == "missing":
        described = description_at(root, path)
        return problem(layers, path, expected=f"a value ({described})", remedy="Add it.")
    if isinstance(context.get("error"), PlainKeyError):
        if path and path[-1] == "key":
            return plain_key(layers, path)
        return problem(layers, path, expected=str(context["error"]), show=False)
    expected, remedy = expectation(kind, context, first["msg"], first["input"])
    return problem(layers, path, expected=expected, remedy=remedy)


def unknown_key(layers: Sequence[Layer], path: KeyPath, root: type[BaseModel]) -> ConfigError:
    """The error for a setting that does not exist; its value is not shown."""
    known = known_names(root, path[:-1])
    where = dotted(path[:-1])
    return problem(
        layers,
        path,
        expected=f"a setting of {where}" if where else "a setting",
        remedy=suggestion(str(path[-1]), known) or (f"Known here: {', '.join(known)}" if known else ""),
        show=False,
    )


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """`Did you mean …?` with the nearest of `known`, or nothing."""
    near = difflib.get_close_matches(wrong.lower(), {name.lower(): name for name in known}, n=2, cutoff=0.6)
    by_lower = {name.lower(): name for name in known}
    return f"Did you mean {' or '.join(repr(by_lower[name]) for name in near)}?" if near else ""


def expectation(kind: str, context: dict[str, Any], message: str, given: object) -> tuple[str, str]:
    """What a finding of pydantic says was expected, and what to do."""
    if kind in ("enum", "literal_error"):
        choices = str(context.get("expected", ""))
        names = [part.strip().strip("'") for part in choices.replace(" or ", ", ").split(",")]
        return f"one of {', '.join(names)}", suggestion(given, names) if isinstance(given, str) else ""
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"a number of {words} {context.get(name)}", ""
    if kind == "value_error":
        return str(context.get("error", message)), ""
    return _TYPES.get(kind, message), ""


def model_at(root: type[BaseModel], path: KeyPath) -> Any:
    """The type that the schema has at `path`: a model, a plain type, or None where there is nothing."""
    here: Any = root
    for part in path:
        here = plain_type(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            if field is None:
                return None
            here = field.annotation
        else:
            arguments = typing.get_args(here)
            if typing.get_origin(here) is dict:
                here = arguments[1]
            elif typing.get_origin(here) is list and isinstance(part, int):
                here = arguments[0]
            else:
                return None
    return plain_type(here)


def known_names(root: type[BaseModel], path: KeyPath) -> list[str]:
    """The settings that the schema has in the table at `path`."""
    here = model_at(root, path)
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def description_at(root: type[BaseModel], path: KeyPath) -> str:
    """The help text of the field at `path`."""
    owner = model_at(root, path[:-1])
    if isinstance(owner, type) and issubclass(owner, BaseModel) and str(path[-1]) in owner.model_fields:
        return owner.model_fields[str(path[-1])].description or ""
    return ""


def plain_type(annotation: Any) -> Any:
    """`annotation` without what pydantic or optionality adds."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
        else:
            return annotation
