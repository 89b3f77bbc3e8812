"""What stands in the list of preferences, line by line: sections, groups, settings, and the entries of lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trunkline.config.sections import TITLES
from trunkline.config.settings import Setting
from trunkline.config.shape import Kind
from trunkline.tui.fuzzy import best
from trunkline.tui.screens.preferences.draft import Draft

MOST_FOUND = 200
FOLDED_SECTIONS = ("keymap", "providers")


class ItemKind(StrEnum):
    """What a line of the list is."""

    SECTION = "section"
    GROUP = "group"
    SETTING = "setting"
    ENTRY = "entry"
    ADD = "add"


@dataclass(frozen=True, slots=True)
class Item:
    """A line. `name` is the section's or group's id, else the setting's key; `entry` a text of its list and `index`
    the place of it; `label` is what the line is called; `section` the section it stands in."""

    kind: ItemKind
    name: str
    label: str
    depth: int
    section: str
    index: int = -1
    entry: str = ""

    @property
    def row_key(self) -> str:
        """Finds the line again; an entry keeps it when it is moved."""
        return f"{self.kind}:{self.name}" + (f":{self.entry}" if self.kind is ItemKind.ENTRY else "")


def sections_of(draft: Draft) -> tuple[str, ...]:
    """The sections that have settings, in the order in which they are shown."""
    present = {setting.section for setting in draft.settings.values()}
    return (*(name for name in TITLES if name in present), *sorted(present - TITLES.keys()))


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
        inside = by_section[section]
        lines.append(Item(ItemKind.SECTION, section, inside[0].title, 0, section))
        if section in opened:
            lines += _grouped(draft, inside, opened)
    return tuple(lines)


def _found(draft: Draft, opened: frozenset[str], query: str) -> Iterable[Item]:
    """What people look for most goes before the inner settings of providers."""
    everything = draft.settings.values()
    for known in (
        [one for one in everything if one.section not in FOLDED_SECTIONS],
        [one for one in everything if one.section in FOLDED_SECTIONS],
    ):
        for hit in best(query, [f"{one.key} {one.help}" for one in known], MOST_FOUND):
            yield from _setting(draft, known[hit.index], known[hit.index].key, 0, opened)


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
        yield Item(ItemKind.GROUP, name, group, 1, inside[0].section)
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
        yield Item(ItemKind.GROUP, name, table, 2, inside[0].section)
        if name in opened:
            for setting in inside:
                yield from _setting(draft, setting, short_name(setting).removeprefix(f"{table}."), 3, opened)


def _table_of(setting: Setting) -> str:
    if setting.section != "providers":
        return ""
    return short_name(setting).rpartition(".")[0]


def short_name(setting: Setting) -> str:
    """The key without what the headings above say already."""
    start = f"{setting.section}." + (f"{setting.group}." if setting.group else "")
    return setting.key.removeprefix(start).removeprefix("weights.")


def _setting(
    draft: Draft, setting: Setting, label: str, depth: int, opened: frozenset[str]
) -> Iterable[Item]:
    yield Item(ItemKind.SETTING, setting.key, label, depth, setting.section)
    if setting.kind is not Kind.LIST or setting.key not in opened:
        return
    for index, entry in enumerate(draft.entries(setting.key)):
        yield Item(ItemKind.ENTRY, setting.key, f"{index + 1}", depth + 1, setting.section, index, entry)
    yield Item(ItemKind.ADD, setting.key, "+", depth + 1, setting.section)


def path_to(draft: Draft, key: str) -> frozenset[str]:
    """What must be unfolded for a setting to be seen."""
    setting = draft.settings.get(key)
    if setting is None:
        return frozenset()
    group = f"{setting.section}.{setting.group}"
    table = _table_of(setting)
    return frozenset({setting.section, group, f"{group}.{table}" if table else group})
