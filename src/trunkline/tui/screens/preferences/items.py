"""What stands in the list of preferences, line by line: sections, groups, settings, and the entries of lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trunkline.config.sections import TITLES
from trunkline.config.settings import Setting
from trunkline.config.shape import Kind
from trunkline.tui.fuzzy import best
from trunkline.tui.screens.preferences.account_settings import ACCOUNTS, ACCOUNTS_TITLE
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.screens.preferences.known_settings import key_id
from trunkline.tui.screens.preferences.values import shown

MOST_FOUND = 200
WORTH_SHOWING = 0.6  # of the best hit's score; below it stand letters found here and there
FOLDED_SECTIONS = ("keymap", "providers")
_SECTIONS = (*(name for name in TITLES if name != "providers"), ACCOUNTS, "providers")


class ItemKind(StrEnum):
    """What a line of the list is."""

    SECTION = "section"
    GROUP = "group"
    SETTING = "setting"
    ENTRY = "entry"
    ADD = "add"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Item:
    """A line; NEW adds an account. `name` is the section's or group's id, else the setting's key; `entry` a text of its
    list and `index` the place of it; `label` is what the line is called; `section` the section it stands in; `inside`
    the keys of the settings under a heading, folded or not."""

    kind: ItemKind
    name: str
    label: str
    depth: int
    section: str
    index: int = -1
    entry: str = ""
    inside: tuple[str, ...] = ()

    @property
    def row_key(self) -> str:
        """Finds the line again; an entry keeps it when it is moved."""
        return f"{self.kind}:{self.name}" + (f":{self.entry}" if self.kind is ItemKind.ENTRY else "")


def sections_of(draft: Draft) -> tuple[str, ...]:
    """The sections that have settings, in the order in which they are shown."""
    present = {setting.section for setting in draft.settings.values()}
    present |= {ACCOUNTS} if present else set()
    return tuple(name for name in _SECTIONS if name in present)


def title_of(draft: Draft, section: str) -> str:
    """A section as its heading calls it."""
    if section == ACCOUNTS:
        return ACCOUNTS_TITLE
    return next((one.title for one in draft.settings.values() if one.section == section), section)


def open_at_first(draft: Draft) -> frozenset[str]:
    """What is unfolded when the screen opens: the sections but the longest, and the mode in force."""
    mode = draft.value("mode") if "mode" in draft.settings else None
    return frozenset(name for name in sections_of(draft) if name not in FOLDED_SECTIONS) | {f"modes.{mode}"}


def items(draft: Draft, opened: frozenset[str], query: str = "") -> tuple[Item, ...]:
    """The lines: everything that is unfolded, or the settings that the query finds, best first."""
    if query.strip():
        return tuple(_found(draft, opened, query))
    by_section: dict[str, list[Setting]] = {}
    for setting in draft.settings.values():
        by_section.setdefault(setting.section, []).append(setting)
    lines: list[Item] = []
    for section in sections_of(draft):
        inside = by_section.get(section, [])
        keys = tuple(setting.key for setting in inside)
        lines.append(Item(ItemKind.SECTION, section, title_of(draft, section), 0, section, inside=keys))
        if section in opened:
            lines += _grouped(draft, inside, opened)
        if section in opened and section == ACCOUNTS:
            lines.append(Item(ItemKind.NEW, ACCOUNTS, "+", 1, ACCOUNTS))
    return tuple(lines)


def _found(draft: Draft, opened: frozenset[str], query: str) -> Iterable[Item]:
    """Keys by their letters, then helps by their words; the inner settings of providers after all others."""
    known = list(draft.settings.values())
    hits = best(query, [one.key for one in known], MOST_FOUND)
    found = [known[hit.index] for hit in hits if hit.score >= hits[0].score * WORTH_SHOWING]
    keys, words = {one.key for one in found}, query.lower().split()
    found += [one for one in known if one.key not in keys and _says(one, words)]
    for setting in sorted(found, key=lambda one: one.section in FOLDED_SECTIONS)[:MOST_FOUND]:
        yield from _setting(draft, setting, setting.key.removeprefix(f"{ACCOUNTS}."), 0, opened)


def _says(setting: Setting, words: Sequence[str]) -> bool:
    text = f"{setting.title} {setting.help}".lower()
    return all(word in text for word in words)


def _group(name: str, label: str, depth: int, inside: Sequence[Setting]) -> Item:
    keys = tuple(setting.key for setting in inside)
    return Item(ItemKind.GROUP, name, label, depth, inside[0].section, inside=keys)


def _grouped(draft: Draft, settings: Sequence[Setting], opened: frozenset[str]) -> Iterable[Item]:
    groups: dict[str, list[Setting]] = {}
    for setting in settings:
        groups.setdefault(setting.group, []).append(setting)
    for group, inside in groups.items():
        if not group:
            for setting in inside:
                yield from _setting(draft, setting, short_name(setting), 1, opened)
            continue
        name = f"{inside[0].section}.{group}"
        yield _group(name, group, 1, inside)
        if name in opened:
            yield from _inside_group(draft, name, inside, opened)


def _inside_group(
    draft: Draft, group: str, settings: Sequence[Setting], opened: frozenset[str]
) -> Iterable[Item]:
    """A provider has tables of its own, which fold again."""
    tables: dict[str, list[Setting]] = {}
    for setting in settings:
        table = _table_of(setting)
        if table:
            tables.setdefault(table, []).append(setting)
        else:
            yield from _setting(draft, setting, short_name(setting), 2, opened)
    for table, inside in tables.items():
        name = f"{group}.{table}"
        yield _group(name, table, 2, inside)
        if name in opened:
            for setting in inside:
                yield from _setting(draft, setting, short_name(setting).removeprefix(f"{table}."), 3, opened)


def _table_of(setting: Setting) -> str:
    if setting.section != "providers":
        return ""
    return short_name(setting).rpartition(".")[0]


def short_name(setting: Setting) -> str:
    """The key without what the headings above say already."""
    action = key_id(setting)
    if action is not None:
        return action
    start = f"{setting.section}." + (f"{setting.group}." if setting.group else "")
    return setting.key.removeprefix(start).removeprefix("weights.")


def _setting(
    draft: Draft, setting: Setting, label: str, depth: int, opened: frozenset[str]
) -> Iterable[Item]:
    yield Item(ItemKind.SETTING, setting.key, label, depth, setting.section)
    if setting.kind is not Kind.LIST or setting.key not in opened:
        return
    for index, entry in enumerate(draft.entries(setting.key)):
        text = shown(entry)
        yield Item(ItemKind.ENTRY, setting.key, f"{index + 1}", depth + 1, setting.section, index, text)
    yield Item(ItemKind.ADD, setting.key, "+", depth + 1, setting.section)


def path_to(draft: Draft, key: str) -> frozenset[str]:
    """What must be unfolded for a setting to be seen."""
    setting = draft.settings.get(key)
    if setting is None:
        return frozenset()
    group = f"{setting.section}.{setting.group}"
    table = _table_of(setting)
    return frozenset({setting.section, group, f"{group}.{table}" if table else group})
