"""What the keys do to a draft. Pure: each gives another draft, or the sentence why nothing was done."""

from __future__ import annotations

from trunkline.config.shape import Kind
from trunkline.tui.screens.preferences.draft import Draft, inserted, moved, without
from trunkline.tui.screens.preferences.items import Item, ItemKind
from trunkline.tui.screens.preferences.values import shown, stepped

Outcome = Draft | str


def step(draft: Draft, item: Item, steps: int) -> Outcome:
    """More or less, the next choice, the switch turned."""
    if item.kind is not ItemKind.SETTING:
        return "There is nothing to turn here."
    setting = draft.settings[item.name]
    value = stepped(setting, draft.value(item.name), steps)
    if value is None:
        if setting.kind in (Kind.WHOLE, Kind.NUMBER):
            return f"It ends at {shown(draft.value(item.name))}."
        return "Enter changes this one."
    return draft.with_value(item.name, value)


def move_entry(draft: Draft, item: Item, steps: int) -> Outcome:
    """An entry further down or up its list."""
    if item.kind is not ItemKind.ENTRY:
        return "This moves the entry of a list: open a list with enter and put the cursor on one."
    entries = moved(draft.entries(item.name), item.index, steps)
    if entries is None:
        return "It is the last one." if steps > 0 else "It is the first one."
    return draft.with_value(item.name, list(entries))


def take_out(draft: Draft, item: Item) -> Outcome:
    """An entry out of its list, or a setting back to its default."""
    if item.kind is ItemKind.ENTRY:
        return draft.with_value(item.name, list(without(draft.entries(item.name), item.index)))
    if item.kind is not ItemKind.SETTING:
        return "Put the cursor on a setting: this sets it back to its default."
    if draft.is_default(item.name):
        return f"{item.name} is at its default already."
    return draft.with_default(item.name)


def put_entry(draft: Draft, item: Item, entry: object) -> Outcome:
    """Another entry in place of the one under the cursor, or at the end of the list."""
    entries = draft.entries(item.name)
    if item.kind is ItemKind.ENTRY:
        if entry == entries[item.index]:
            return draft
        rest = without(entries, item.index)
        return draft.with_value(item.name, list(inserted(rest, item.index, entry)))
    if entry in entries:
        return f"{shown(entry)} is in the list already."
    return draft.with_value(item.name, [*entries, entry])


def undo(draft: Draft) -> Outcome:
    """The last change taken back."""
    return draft.without_last() if draft.steps else "There is nothing unsaved to take back."
