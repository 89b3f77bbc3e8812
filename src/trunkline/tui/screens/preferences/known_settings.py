"""Every setting that the screen shows: those of the schema, one for each key of the deck, and those of accounts."""

from __future__ import annotations

from dataclasses import replace

from trunkline.config.files import dotted
from trunkline.config.load import Loaded
from trunkline.config.settings import KEYMAP, Setting, get_value, settings
from trunkline.config.shape import Kind
from trunkline.tui.key_specs import KeySpec
from trunkline.tui.keymap import key_table
from trunkline.tui.keys import KEYS
from trunkline.tui.screens.preferences.account_settings import account_settings
from trunkline.tui.screens.preferences.values import KEYS_TYPE


def known_settings(loaded: Loaded) -> tuple[Setting, ...]:
    """The settings in the order of the schema; the table of keys as a setting for each action."""
    known: list[Setting] = []
    for setting in settings(loaded):
        known += _key_settings(loaded) if setting.key == KEYMAP else [setting]
    return (*known, *account_settings(loaded))


def _key_settings(loaded: Loaded) -> list[Setting]:
    return [_key_setting(loaded, spec) for spec in KEYS if spec.action]


def _key_setting(loaded: Loaded, spec: KeySpec) -> Setting:
    key = dotted((KEYMAP, spec.id))
    known = get_value(loaded, key)
    shipped = ",".join(spec.keys) or None
    return replace(
        known,
        type=KEYS_TYPE,
        kind=Kind.TEXT,
        default=shipped,
        current=known.current if known.stated else shipped,
        group=spec.scope.value,
        help=spec.description,
    )


def key_id(setting: Setting) -> str | None:
    """The id of the action whose keys the setting holds; None for any other setting."""
    if setting.section != KEYMAP:
        return None
    return setting.key.removeprefix(f"{KEYMAP}.").strip('"')


def refusal_of_keys(overrides: dict[str, str], spec_id: str, keys: tuple[str, ...]) -> str | None:
    """Why `keys` cannot be those of an action beside the other `overrides` (action to keys); None where they can."""
    wanted = ",".join(keys)
    before, after = key_table(overrides.items()), key_table((overrides | {spec_id: wanted}).items())
    new = [text for text in after.problems if text not in before.problems]
    applied = after.named(spec_id).keys == keys and all(
        after.named(other).keys == before.named(other).keys
        for other in overrides
        if other != spec_id and before.find(other)
    )
    if applied:
        return None
    return new[0].partition(": ")[2] if new else "these keys cannot be used."
