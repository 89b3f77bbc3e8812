"""The keys of a screen of its own, on one line."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from textual.content import Content

from trunkline.tui.keymap import KeyTable


def hint_line(
    table: KeyTable, spec_ids: Iterable[str], width: int, dim: Collection[str] = frozenset()
) -> Content:
    """The hints of these keys as far as there is room, the first ones first; those of `dim` have nothing to act on."""
    pieces: list[tuple[str, str]] = []
    room = width - 1
    for spec in (table.named(one) for one in dict.fromkeys(spec_ids)):
        needed = len(spec.first_label) + len(spec.hint) + 3
        if spec.keys and needed <= room:
            room -= needed
            key, word = ("$text-disabled",) * 2 if spec.id in dim else ("bold $text-accent", "$text-muted")
            pieces += [(f" {spec.first_label}", key), (f" {spec.hint} ", word)]
    return Content.assemble(*pieces)
