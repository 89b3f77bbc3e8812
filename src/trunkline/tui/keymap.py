"""The keys in force: the registry with the user's own keys laid over it. Pure.

A key of the user's that cannot be used is left out and told in a sentence; it never stops the deck.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations

from textual.binding import Binding
from textual.keys import Keys, key_to_character

from trunkline.tui.key_specs import KeySpec, Scope
from trunkline.tui.keys import KEYS, unbound

UNBOUND = "none"

# From the focused widget outwards: a key of one of these hides the same key of those after it.
CHAINS: tuple[tuple[Scope, ...], ...] = (
    (Scope.LISTS, Scope.ACCOUNTS, Scope.DECK, Scope.ANYWHERE),
    (Scope.LATENCY, Scope.DECK, Scope.ANYWHERE),
    (Scope.LISTS, Scope.LOG, Scope.DECK, Scope.ANYWHERE),
    (Scope.CHAT, Scope.WAITING, Scope.DECK, Scope.ANYWHERE),
    (Scope.EDITOR, Scope.WAITING, Scope.DECK, Scope.ANYWHERE),
    (Scope.FIELD, Scope.DECK, Scope.ANYWHERE),
    (Scope.LISTS, Scope.RECEIPT, Scope.DETAIL, Scope.ANYWHERE),
    (Scope.LISTS, Scope.CONVERSATIONS, Scope.DETAIL, Scope.ANYWHERE),
    (Scope.LISTS, Scope.QUEUE, Scope.DETAIL, Scope.ANYWHERE),
    (Scope.LISTS, Scope.GATEWAY, Scope.DETAIL, Scope.ANYWHERE),
    (Scope.LISTS, Scope.PREFERENCES, Scope.DETAIL, Scope.ANYWHERE),
    (Scope.LISTS, Scope.HELP, Scope.DETAIL, Scope.ANYWHERE),
)
_MEETING = frozenset(frozenset(pair) for chain in CHAINS for pair in combinations(chain, 2)) | {
    frozenset((scope,)) for scope in Scope
}

# Without these nobody could leave a screen, the deck, or find the rest.
_NEVER_UNBOUND = frozenset({"back", "quit", "palette", "detail.close", "picker.close", "send"})

_COMBINATION = re.compile(r"((?:(?:ctrl|alt|shift|super|hyper|meta)[+-])*)(.+)", re.IGNORECASE | re.DOTALL)
_ALIASES = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
    "page_up": "pageup",
    "page_down": "pagedown",
    "del": "delete",
    "ins": "insert",
    "bksp": "backspace",
    "spacebar": "space",
}
_KNOWN = {key.value for key in Keys if "+" not in key.value and key.value.isalnum()}
_KNOWN |= {"comma", "plus", "minus", "slash", "backslash", "underscore", "at"}
_ARRIVES_AS = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+h": "backspace",
    "ctrl+left_square_bracket": "escape",
    "alt+b": "ctrl+left",
    "alt+f": "ctrl+right",
}
_PREFIXES = {"ctrl+a": "screen", "ctrl+b": "tmux"}


@dataclass(frozen=True)
class KeyTable:
    """Keys in force, in the registry's order, and what is wrong with the user's own, in sentences."""

    specs: tuple[KeySpec, ...] = KEYS
    problems: tuple[str, ...] = ()
    changed: frozenset[str] = field(default=frozenset())

    def of(self, *scopes: Scope) -> tuple[KeySpec, ...]:
        """The keys of these scopes, scope after scope."""
        return tuple(spec for scope in scopes for spec in self.specs if spec.scope is scope)

    def named(self, spec_id: str) -> KeySpec:
        """The one of this id."""
        return self._by_id[spec_id]

    def find(self, spec_id: str | None) -> KeySpec | None:
        """The one of this id, if there is one."""
        return self._by_id.get(spec_id or "")

    def actions_by_key(self, scope: Scope) -> Mapping[str, str]:
        """Textual key name to action, for a widget that takes its keys itself."""
        return self._actions[scope]

    def textual_keymap(self) -> dict[str, str]:
        """What `App.set_keymap` wants: only what differs from the registry."""
        return {
            spec.id: ",".join(spec.keys) or unbound(spec.id) for spec in self.specs if spec.id in self.changed
        }

    @cached_property
    def _by_id(self) -> dict[str, KeySpec]:
        return {spec.id: spec for spec in self.specs}

    @cached_property
    def _actions(self) -> dict[Scope, dict[str, str]]:
        return {scope: {key: spec.action for spec in self.of(scope) for key in spec.keys} for scope in Scope}


DEFAULT_KEYS = KeyTable()


def keys_in_force(node: object) -> KeyTable:
    """The table of the application that a widget or screen belongs to; the registry as it is where that has none."""
    table = getattr(getattr(node, "app", None), "key_table", None)
    return table if isinstance(table, KeyTable) else DEFAULT_KEYS


def key_table(overrides: Iterable[tuple[str, str]]) -> KeyTable:
    """The registry with `overrides` (binding id to keys, comma separated, `none` for no key) laid over it."""
    problems: list[str] = []
    wanted: dict[str, tuple[str, ...]] = {}
    by_id = {spec.id: spec for spec in KEYS}
    for spec_id, text in overrides:
        spec = by_id.get(spec_id)
        if spec is None:
            problems.append(f"keymap: nothing is called {spec_id}. {_nearest(spec_id, by_id)}".rstrip())
            continue
        keys, problem = _read(spec, text)
        if problem:
            problems.append(f"keymap.{spec_id}: {problem}")
        else:
            wanted[spec_id] = keys
    problems += _drop_conflicts(wanted)
    problems += _warnings(wanted)
    specs = tuple(
        replace(spec, keys=wanted[spec.id], shown="") if spec.id in wanted else spec for spec in KEYS
    )
    changed = frozenset(spec_id for spec_id, keys in wanted.items() if keys != by_id[spec_id].keys)
    return KeyTable(specs, tuple(problems), changed)


def _nearest(wrong: str, known: Iterable[str]) -> str:
    from trunkline.config.problems import suggestion  # imports more than a first paint should wait for

    return suggestion(wrong, known)


def normal_key(written: str) -> str | None:
    """Textual's name of a key as a person writes it (`?`, `ctrl-x`, `Esc`, `alt+P`); None where there is none."""
    if written == ",":  # between two keys to Textual
        return "comma"
    if written.isprintable() and len(written) == 1 and not written.isspace():
        return next(iter(Binding.make_bindings([Binding(written, "")]))).key
    found = _COMBINATION.fullmatch(written)
    if found is None:
        return None
    modifiers = set(re.split(r"[+-]", found[1].lower())) - {""}
    base = _base_key(found[2])
    if base is None:
        return None
    if len(base) == 1 and base.isupper() and modifiers:
        base = base.lower()
        if "ctrl" not in modifiers:
            modifiers.add("shift")
    if modifiers == {"shift"} and len(base) == 1 and base.isalpha():
        return base.upper()
    return "+".join([*sorted(modifiers), base])


def _base_key(written: str) -> str | None:
    if len(written) == 1:
        return normal_key(written)
    name = _ALIASES.get(written.lower(), written.lower())
    return name if name in _KNOWN or key_to_character(name) is not None else None


def _read(spec: KeySpec, text: str) -> tuple[tuple[str, ...], str]:
    """The keys that `text` asks for, or what is wrong with it."""
    if not spec.action:
        return (), "this key cannot be another."
    if text.strip().lower() in (UNBOUND, ""):
        if spec.id in _NEVER_UNBOUND:
            return (), "it can be moved to another key, not left without one."
        return (), ""
    keys: list[str] = []
    for written in text.split(","):
        key = normal_key(written.strip())
        if key is None:
            return (), f"there is no key {written.strip()!r}; a comma is written `comma`."
        if key in _ARRIVES_AS:
            return (), f"{key} reaches a program as {_ARRIVES_AS[key]}."
        if spec.scope in (Scope.EDITOR, Scope.ANYWHERE, Scope.FIELD, Scope.PICKER) and _types_text(key):
            return (), f"{written.strip()!r} is needed to write; use it with ctrl or alt, or a function key."
        keys.append(key)
    return tuple(dict.fromkeys(keys)), ""


def _types_text(key: str) -> bool:
    character = key_to_character(key)
    return "+" not in key and (
        key in ("plus", "minus", "slash") or (character is not None and character.isprintable())
    )


def _drop_conflicts(wanted: dict[str, tuple[str, ...]]) -> list[str]:
    """Take out of `wanted` what would hide another key, the last one first, until nothing does."""
    problems: list[str] = []
    while True:
        found = next(
            (
                (spec, other)
                for spec in reversed([spec for spec in KEYS if spec.id in wanted])
                if (other := _hidden_by(spec, wanted)) is not None
            ),
            None,
        )
        if found is None:
            return problems
        spec, other = found
        keys = ", ".join(wanted.pop(spec.id))
        problems.append(f"keymap.{spec.id}: {keys} is taken by {other.id} ({other.description}).")


def _hidden_by(spec: KeySpec, wanted: Mapping[str, tuple[str, ...]]) -> KeySpec | None:
    """A key of another meaning where `spec` acts, unless the registry itself has it so."""
    mine = set(wanted[spec.id])
    for other in KEYS:
        if other is spec or frozenset((spec.scope, other.scope)) not in _MEETING:
            continue
        shared = mine & set(wanted.get(other.id, other.keys))
        if shared - (set(spec.keys) & set(other.keys)):
            return other
    return None


def _warnings(wanted: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [
        f"keymap.{spec_id}: {key} is where {_PREFIXES[key]} listens; inside it, press it twice."
        for spec_id, keys in wanted.items()
        for key in keys
        if key in _PREFIXES
    ]
