"""Values of single settings, from text and as one types: what was expected, without a load of everything."""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from trunkline.config.fields import PlainKeyError
from trunkline.config.files import KeyPath, leaves
from trunkline.config.keys import PLAIN_KEY_EXPECTED, looks_like_key
from trunkline.config.load import Loaded
from trunkline.config.names import EMERGENCY_WORDS
from trunkline.config.problems import expectation, model_at, suggestion
from trunkline.config.settings import half_of, key_path
from trunkline.config.shape import checker, choices_of
from trunkline.config.suggestions import is_selector, selectors


def read_value(text: str, annotation: Any) -> Any:
    """`text` as a TOML value of the kind that the schema wants; words need no quotes, a list may be written `a, b`."""
    is_list = typing.get_origin(annotation) in (list, tuple)
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    if is_list and not isinstance(value, list):
        return [part.strip().strip("\"'") for part in text.split(",") if part.strip()]
    if (annotation is str or choices_of(annotation)) and not isinstance(value, str):
        return text.strip()
    return value


def typed_value(loaded: Loaded, key: str, text: str) -> Any:
    """`text` as the setting called `key` takes it. Raises ConfigError for an unknown key."""
    path = key_path(loaded, key)
    return read_value(text, model_at(half_of(loaded, path).root, path))


def check_value(loaded: Loaded, key: str, value: object) -> str | None:
    """What was expected of the setting called `key`, where `value` (as TOML has it, or as text that is being typed)
    cannot be used; None where it can. A few checks that need the whole configuration are left to `ConfigDesk.plan`.
    Cheap enough for every keystroke. Never repeats the value. Raises ConfigError for an unknown key."""
    path = key_path(loaded, key)
    half = half_of(loaded, path)
    if isinstance(value, str):
        value = read_value(value, model_at(half.root, path))
    return _of_schema(half.root, path, value) or _of_names(loaded, path, value, half.merged())


def check_field(root: type[BaseModel], path: KeyPath, value: object) -> str | None:
    """What the schema expects at `path` of `root`, where `value` (as TOML has it, or as text) is something else."""
    if isinstance(value, str):
        value = read_value(value, model_at(root, path))
    return _of_schema(root, path, value)


def _of_schema(root: type[BaseModel], path: KeyPath, value: object) -> str | None:
    if any(isinstance(leaf, str) and looks_like_key(leaf) for _, leaf in leaves(value)):
        return _sentence(PLAIN_KEY_EXPECTED, 'An environment variable holds it; here stands "env:NAME".')
    try:
        checker(root, path).validate_python(value)
    except ValidationError as error:
        return _of_findings(error)
    return None


def _of_findings(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    context = first.get("ctx", {})
    if isinstance(context.get("error"), PlainKeyError):
        return _sentence(str(context["error"]))
    expected, remedy = expectation(first["type"], context, first["msg"], first["input"])
    inside = f" as entry {first['loc'][0] + 1}" if first["loc"] and isinstance(first["loc"][0], int) else ""
    return _sentence(f"{expected}{inside}", remedy)


def _of_names(loaded: Loaded, path: KeyPath, value: object, merged: dict[str, Any]) -> str | None:
    """What names have to be there for: modes, task types, and everything that the catalogue has."""
    if path == ("mode",):
        return _one_of(value, list(merged["modes"]))
    if path[0] == "roles" and path[-1] == "tasks" and isinstance(value, list):
        wrong = (_one_of(one, list(merged["tasks"])) for one in value)
        return next((sentence for sentence in wrong if sentence), None)
    if is_selector(path):
        entries = value if isinstance(value, list) else [value]
        words = EMERGENCY_WORDS if path[-1] == "emergency" else ()
        return _of_selectors(loaded, [one for one in entries if isinstance(one, str) and one not in words])
    if path[0] == "thresholds" and path[-1] in ("tier_simple_below", "tier_complex_above"):
        return _in_order(merged.get("thresholds", {}), str(path[-1]), value)
    return None


def _one_of(value: object, names: Sequence[str]) -> str | None:
    if value in names:
        return None
    return _sentence(f"one of {', '.join(names)}", suggestion(str(value), names))


def _of_selectors(loaded: Loaded, texts: Sequence[str]) -> str | None:
    catalogue = loaded.config.catalogue
    for text in texts:
        if catalogue.select(text) is None:
            near = suggestion(text, selectors(catalogue))
            return _sentence("a provider, provider/model, provider/account or a model that exists", near)
    return None


def _in_order(thresholds: dict[str, Any], name: str, value: object) -> str | None:
    both = {"tier_simple_below": 0.3, "tier_complex_above": 0.7} | thresholds | {name: value}
    if both["tier_simple_below"] <= both["tier_complex_above"]:
        return None
    side = "at most tier_complex_above" if name == "tier_simple_below" else "at least tier_simple_below"
    other = "tier_complex_above" if name == "tier_simple_below" else "tier_simple_below"
    return _sentence(f"a number of {side} ({both[other]})")


def _sentence(expected: str, remedy: str = "") -> str:
    return f"expected {expected}. {remedy}" if remedy else f"expected {expected}"
