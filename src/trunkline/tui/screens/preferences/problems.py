"""Which setting a refusal of the configuration is about, and what is wrong with a value that is being typed. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trunkline.config.account_edits import check_account
from trunkline.config.check import check_value
from trunkline.config.files import KeyPath, overlay, parse_dotted
from trunkline.config.load import Loaded
from trunkline.config.settings import Setting
from trunkline.config.shape import Kind
from trunkline.domain.errors import ConfigError
from trunkline.tui.screens.preferences.account_settings import ACCOUNTS, field_of_account
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.screens.preferences.values import UnusableText, read_typed


def key_of_problem(draft: Draft, error: ConfigError) -> str | None:
    """The setting that an error names: itself, the list of an entry, or the nearest table's changed one."""
    if not error.key:
        return None
    found = [
        key for key in draft.settings if error.key == key or error.key.startswith((f"{key}.", f"{key}["))
    ]
    if found:
        return max(found, key=len)
    inside = [
        key
        for key in draft.changes
        if key.startswith(f"{error.key}.") or _is_of_account(draft.settings[key], error.key)
    ]
    return inside[0] if inside else None


def _is_of_account(setting: Setting, key: str) -> bool:
    """Whether a key of providers.toml is within the accounts of the provider that the setting's account is of."""
    provider, _, _ = setting.group.partition("/")
    return field_of_account(setting) is not None and key.startswith(
        (f"providers.{provider}.accounts", setting.group)
    )


def sentence_of(error: ConfigError) -> str:
    """What was expected and what to do, without where."""
    return f"expected {error.expected}" + (f". {error.remedy}" if error.remedy else "")


def with_unsaved(loaded: Loaded, draft: Draft) -> Loaded:
    """The configuration as if the unsaved preferences stood in the user's file, so that a value is checked beside
    them."""
    shipped, user = loaded.preferences_layers
    data = user.data
    for key, value in draft.changes.items():
        path = parse_dotted(key)
        if value is not None and path and draft.settings[key].section not in (ACCOUNTS, "providers"):
            data = overlay(data, _nested(path, value))
    return replace(loaded, preferences_layers=(shipped, replace(user, data=data)))


def _nested(path: KeyPath, value: object) -> dict[str, Any]:
    head, *rest = path
    return {str(head): _nested(tuple(rest), value) if rest else value}


def refusal_of_text(loaded: Loaded, setting: Setting, text: str) -> str | None:
    """Why what was typed cannot be the value of a setting; None where it can."""
    try:
        value = read_typed(setting, text)
    except UnusableText as reason:
        return f"expected {reason}"
    return None if value is None else refusal_of_value(loaded, setting, value)


def refusal_of_value(loaded: Loaded, setting: Setting, value: object) -> str | None:
    """Why a setting cannot have a value; None where it can. Checks of the whole configuration come later."""
    field = field_of_account(setting)
    if field is not None:
        return check_account(field, value)
    return check_value(loaded, setting.key, [value] if setting.kind is Kind.LIST else value)
