"""Which keys do something on the line under the cursor. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from trunkline.config.shape import Kind
from trunkline.tui.keymap import KeyTable
from trunkline.tui.screens.preferences.account_settings import ACCOUNTS
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.screens.preferences.items import Item, ItemKind

Hint = tuple[str, str]
_SAVE, _SEARCH, _BACK = (
    ("preferences.save", "save"),
    ("preferences.search", "search"),
    ("detail.close", "back"),
)


def hint_ids(draft: Draft, item: Item | None) -> tuple[Hint, ...]:
    """(key id, word) in the order of use here: saving comes early where something is unsaved. Two ids joined by `+`
    share a word."""
    own = _of_item(draft, item)
    return (*own[:2], _SAVE, *own[2:], _SEARCH, _BACK) if draft.changes else (*own, _SEARCH, _SAVE, _BACK)


def _of_item(draft: Draft, item: Item | None) -> tuple[Hint, ...]:
    undo: tuple[Hint, ...] = (("preferences.undo", "undo"),) if draft.steps else ()
    if item is None:
        return undo
    if item.kind is ItemKind.NEW:
        return (("preferences.edit", "add"), *undo)
    if item.kind in (ItemKind.SECTION, ItemKind.GROUP):
        return (("preferences.edit", "fold"), *_of_accounts(item), *undo)
    if item.kind is ItemKind.ENTRY:
        return (
            ("preferences.down+preferences.up", "move"),
            ("preferences.edit", "replace"),
            ("preferences.default", "remove"),
            *undo,
        )
    if item.kind is ItemKind.ADD:
        return (("preferences.edit", "add"), *undo)
    setting = draft.settings[item.name]
    has_choices = bool(setting.choices) or (setting.kind is Kind.TEXT and bool(setting.suggestions))
    kind = Kind.CHOICE if has_choices else setting.kind
    hints: list[Hint] = [("preferences.edit", _EDIT_WORDS.get(kind, "change"))]
    if kind in _STEP_WORDS:
        hints.append(("preferences.less+preferences.more", _STEP_WORDS[kind]))
    if not draft.is_default(item.name):
        hints.append(("preferences.default", "default"))
    return (*hints, *undo)


def _of_accounts(item: Item) -> tuple[Hint, ...]:
    if item.section != ACCOUNTS:
        return ()
    remove = (("preferences.default", "remove"),) if item.kind is ItemKind.GROUP else ()
    return (*remove, ("preferences.new", "add an account"))


_STEP_WORDS = {Kind.WHOLE: "less, more", Kind.NUMBER: "less, more", Kind.CHOICE: "other"}
_EDIT_WORDS = {Kind.SWITCH: "switch", Kind.LIST: "entries", Kind.CHOICE: "choose"}


def hint_line(hints: Sequence[Hint], keys: KeyTable, width: int) -> Content:
    """The hints that fit, as a line."""
    pieces: list[tuple[str, str] | str] = []
    room = width - 1
    for ids, word in hints:
        label = "/".join(keys.named(one).first_label for one in ids.split("+"))
        needed = len(label) + len(word) + 3
        if needed > room:
            continue  # a shorter one may fit
        room -= needed
        pieces += [" ", (label, "bold $text-accent"), " ", (word, "$text-muted"), " "]
    return Content.assemble(*pieces)
