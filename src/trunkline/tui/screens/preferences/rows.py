"""The lines of the preferences as rows of cells. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.config.settings import Setting, SourceKind
from trunkline.config.shape import Kind
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Column, Row, Tone
from trunkline.tui.screens.preferences.account_settings import account_of_group
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.screens.preferences.items import Item, ItemKind, sections_of, title_of
from trunkline.tui.screens.preferences.values import shown, shown_of

COLUMNS = (
    Column("", 1),
    Column("setting", 26, flex=1),
    Column("value", 24, flex=3),
    Column("from", 14, drop=1),
)
SECTION_COLUMNS = (Column("", 1), Column("sections", 14, flex=1), Column("", 4, right=True))
CHANGED, REFUSED = "●", "✕"
_INDENT = "  "
_BAR_CELLS = 10


def rows(draft: Draft, lines: Sequence[Item], opened: frozenset[str]) -> tuple[Row, ...]:
    """A row for each line."""
    shares = weight_shares(draft)
    return tuple(_row(draft, item, opened, shares) for item in lines)


def section_rows(draft: Draft, current: str | None) -> tuple[Row, ...]:
    """A row for each section: a sign at the one where the cursor is, and how much in it is unsaved."""
    changed: dict[str, int] = {}
    for key, setting in draft.settings.items():
        if draft.is_changed(key):
            changed[setting.section] = changed.get(setting.section, 0) + 1
    return tuple(
        Row(
            section,
            (
                Cell("▸" if section == current else " ", Tone.ACCENT),
                Cell(title_of(draft, section), Tone.ACCENT if section == current else Tone.PLAIN),
                Cell(f"{CHANGED} {changed[section]}" if section in changed else "", Tone.WARN),
            ),
        )
        for section in sections_of(draft)
    )


def weight_shares(draft: Draft) -> Mapping[str, float | None]:
    """Key of each weight to its share of the sum of its mode; None where the sum is nothing."""
    sums: dict[str, float] = {}
    weights: dict[str, tuple[str, float]] = {}
    for key in draft.settings:
        mode, found, _ = key.partition(".weights.")
        value = draft.value(key) if found else None
        if isinstance(value, (int, float)):
            weights[key] = mode, float(value)
            sums[mode] = sums.get(mode, 0.0) + float(value)
    return {key: value / sums[mode] if sums[mode] > 0 else None for key, (mode, value) in weights.items()}


def weight_text(value: object, share: float | None) -> str:
    """A weight with its share of the sum as a bar."""
    if share is None:
        return shown(value)
    text = f"{value:.2f}" if isinstance(value, (int, float)) else shown(value)
    return f"{text:<5} {fmt.bar(share, _BAR_CELLS)} {fmt.percent(share):>5}"


def _row(draft: Draft, item: Item, opened: frozenset[str], shares: Mapping[str, float | None]) -> Row:
    indent = _INDENT * item.depth
    match item.kind:
        case ItemKind.SECTION:
            title = Cell(f"{_fold(item.name in opened)} {item.label}", Tone.ACCENT)
            return Row(item.row_key, (_mark(draft, item.inside), title))
        case ItemKind.GROUP:
            name = Cell(f"{indent}{_fold(item.name in opened)} {fmt.one_line(item.label)}")
            return Row(
                item.row_key,
                (_mark(draft, item.inside), name, Cell(group_summary(draft, item), Tone.DIM), Cell("")),
            )
        case ItemKind.SETTING:
            return _setting_row(draft, item, opened, shares)
        case ItemKind.ENTRY:
            number = Cell(f"{indent}{item.label:>2}", Tone.DIM)
            return Row(item.row_key, (Cell(" "), number, Cell(fmt.one_line(item.entry)), Cell("")))
        case ItemKind.ADD:
            plus = Cell(f"{indent} {item.label}", Tone.DIM)
            return Row(item.row_key, (Cell(" "), plus, Cell("add an entry", Tone.DIM), Cell("")))
        case ItemKind.NEW:
            plus = Cell(f"{indent}{item.label} add an account", Tone.DIM)
            return Row(item.row_key, (Cell(" "), plus, Cell(""), Cell("")))


def _setting_row(draft: Draft, item: Item, opened: frozenset[str], shares: Mapping[str, float | None]) -> Row:
    setting = draft.settings[item.name]
    value = draft.value(item.name)
    changed = draft.is_changed(item.name)
    is_list = setting.kind is Kind.LIST
    sign = f"{_fold(item.name in opened)} " if is_list else ""
    if item.name in shares:
        text = weight_text(value, shares[item.name])
    elif is_list and isinstance(value, list) and len(value) > 1:
        text = f"{len(value)}: {shown(value)}"
    else:
        text = shown_of(setting, value)
    tone = Tone.WARN if changed else Tone.PLAIN if setting.stated else Tone.DIM
    if item.name in draft.problems:
        tone = Tone.BAD
    return Row(
        item.row_key,
        (
            _mark(draft, (item.name,)),
            Cell(f"{_INDENT * item.depth}{sign}{fmt.one_line(item.label)}"),
            Cell(text, tone),
            Cell(origin(setting, changed=changed), Tone.WARN if changed else Tone.DIM),
        ),
    )


def origin(setting: Setting, *, changed: bool) -> str:
    """Where the value comes from, in a word or two."""
    if changed:
        return "unsaved"
    source = setting.source
    if source.kind is SourceKind.ENVIRONMENT:
        return source.variable
    if source.kind is SourceKind.USER:
        return "yours" if source.line is None else f"yours, line {source.line}"
    return "not set" if setting.current is None else "shipped"


def group_summary(draft: Draft, item: Item) -> str:
    """The first values of a folded group, in a line; of an account where its key is, and how many limits it has."""
    if account_of_group(item.name) is not None:
        return _account_summary(draft, item.name)
    parts = [shown(draft.value(key)) for key in item.inside if _says_much(draft, key)]
    return " · ".join(parts[:3])


def _account_summary(draft: Draft, group: str) -> str:
    limits = len(draft.entries(f"{group}.limits"))
    counted = f"{limits or 'no'} limit{'' if limits == 1 else 's'}"
    off = () if draft.value(f"{group}.enabled") else ("off",)
    return " · ".join((*off, shown(draft.value(f"{group}.key")), counted))


def _says_much(draft: Draft, key: str) -> bool:
    setting = draft.settings[key]
    return setting.kind in (Kind.CHOICE, Kind.LIST, Kind.WHOLE) and draft.value(key) not in (None, [])


def _fold(is_open: bool) -> str:
    return "▾" if is_open else "▸"


def _mark(draft: Draft, keys: Sequence[str]) -> Cell:
    """Says that something here is unsaved, or cannot be saved."""
    if any(key in draft.problems for key in keys):
        return Cell(REFUSED, Tone.BAD)
    return Cell(CHANGED, Tone.WARN) if any(draft.is_changed(key) for key in keys) else Cell(" ")
