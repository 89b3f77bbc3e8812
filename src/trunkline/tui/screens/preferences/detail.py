"""The setting under the cursor in full, as lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.config.settings import Setting, SourceKind
from trunkline.config.shape import Kind
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.lines import Line, labelled, paragraph
from trunkline.tui.screens.preferences.account_settings import account_of_group, field_of_account
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.screens.preferences.items import Item, ItemKind
from trunkline.tui.screens.preferences.rows import origin, weight_shares, weight_text
from trunkline.tui.screens.preferences.values import bounds_text, sentence, shown, shown_of

_ABOUT_SECTION = {
    "modes": "A mode is a pair of the two axes and the weights of the score's terms.",
    "lists": "Ordered lists that hold while an axis stands where their name says.",
    "tasks": "Who is asked for each type of task, and how it is treated.",
    "keymap": "Every key of the deck. Enter takes a new one, keys that are taken are refused.",
    "accounts": "Your accounts. One that a variable made is written into your file with its first change.",
    "providers": "How each provider is asked. What it may take of you stands with its accounts.",
}

_ABOUT_NEW = "Asks for a provider, a name of yours for the account, and where its key is. n does the same."


def detail_lines(draft: Draft, item: Item | None, width: int, *, compact: bool) -> tuple[Line, ...]:
    """What there is to say of the line under the cursor; `compact` where there are only a few lines for it."""
    if item is None or width < 1:
        return ()
    if item.kind is ItemKind.SECTION:
        return _of_section(draft, item, width)
    if item.kind is ItemKind.NEW:
        return (_title("Add an account"), *paragraph(_ABOUT_NEW, width))
    if item.kind is ItemKind.GROUP and account_of_group(item.name) is not None:
        return (_title(item.label), *_of_account(draft, item, width))
    if item.kind is ItemKind.GROUP:
        return (_title(item.name), *_weights(draft, f"{item.name}.weights.", "", width))
    setting = draft.settings.get(item.name)
    if setting is None:
        return ()
    lines = [_title(setting.key), *paragraph(sentence(setting.help), width)]
    if setting.key in draft.problems:
        lines += paragraph(f"✕ {draft.problems[setting.key]}", width, Tone.BAD)
    lines += _compact(draft, setting, width) if compact else _in_full(draft, setting, width)
    return tuple(lines)


def _of_account(draft: Draft, item: Item, width: int) -> Iterator[Line]:
    """An account field by field, its limits one by one."""
    for key in item.inside:
        setting, value = draft.settings[key], draft.value(key)
        name = key.rpartition(".")[2]
        if setting.kind is Kind.LIST:
            entries = draft.entries(key)
            yield from labelled(name, "; ".join(shown(one) for one in entries) or "none", width)
        elif value is not None:
            yield from labelled(name, shown_of(setting, value), width)


def _title(text: str) -> Line:
    return Line((Cell(fmt.one_line(text), Tone.ACCENT),))


def _of_section(draft: Draft, item: Item, width: int) -> tuple[Line, ...]:
    own = sum(1 for key in item.inside if draft.settings[key].stated)
    counts = f"{len(item.inside)} settings, {own} of them set in your file"
    about = paragraph(_ABOUT_SECTION.get(item.section, ""), width)
    return (_title(item.label), *about, *paragraph(counts, width, Tone.DIM))


def _compact(draft: Draft, setting: Setting, width: int) -> tuple[Line, ...]:
    changed = draft.is_changed(setting.key)
    was = f", was {shown_of(setting, setting.current)}" if changed else ""
    parts = (
        f"{shown_of(setting, draft.value(setting.key))}{was}",
        "" if setting.required else f"default {_default(setting)}",
        origin(setting, changed=changed),
        _takes(setting),
    )
    return (*_forced(setting, width), *paragraph(" · ".join(filter(None, parts)), width, Tone.DIM))


def _in_full(draft: Draft, setting: Setting, width: int) -> tuple[Line, ...]:
    changed = draft.is_changed(setting.key)
    lines: list[Line] = [Line()]
    lines += _forced(setting, width)
    if setting.kind is not Kind.LIST:
        lines += labelled(
            "value", shown_of(setting, draft.value(setting.key)), width, Tone.WARN if changed else Tone.PLAIN
        )
    if changed:
        lines += labelled("was", shown_of(setting, setting.current), width)
    if not setting.required:
        lines += labelled("default", _default(setting), width, Tone.DIM)
    lines += labelled("from", "unsaved" if changed else str(setting.source), width, Tone.DIM)
    lines += labelled("takes", _takes(setting), width, Tone.DIM)
    if setting.stated:
        lines += labelled("file", setting.file, width, Tone.DIM)
    if setting.kind is Kind.LIST:
        lines.append(Line())
        lines += _entries(draft.entries(setting.key))
    mode, found, _ = setting.key.partition(".weights.")
    if found:
        lines += (Line(), *_weights(draft, f"{mode}.weights.", setting.key, width))
    return tuple(lines)


def _forced(setting: Setting, width: int) -> tuple[Line, ...]:
    if setting.source.kind is not SourceKind.ENVIRONMENT:
        return ()
    text = f"{setting.source.variable} of the environment puts {shown(setting.source.forced)} in its place."
    return paragraph(text, width, Tone.WARN)


def _default(setting: Setting) -> str:
    if field_of_account(setting) is not None and setting.default is None:
        return "the provider's"
    return shown_of(setting, setting.default)


def _takes(setting: Setting) -> str:
    return " · ".join(filter(None, (setting.type, bounds_text(setting))))


def _entries(entries: tuple[object, ...]) -> tuple[Line, ...]:
    if not entries:
        return (Line((Cell("The list is empty.", Tone.DIM),)),)
    return tuple(
        Line((Cell(f"{number:>3}  ", Tone.DIM), Cell(shown(entry))))
        for number, entry in enumerate(entries, 1)
    )


def _weights(draft: Draft, start: str, current: str, width: int) -> tuple[Line, ...]:
    """All weights of a mode beside each other."""
    shares = weight_shares(draft)
    return tuple(
        Line(
            (
                Cell(f"{key.removeprefix(start):<12}", Tone.ACCENT if key == current else Tone.DIM),
                Cell(
                    fmt.fit(weight_text(draft.value(key), share), max(0, width - 12)),
                    Tone.WARN if draft.is_changed(key) else Tone.PLAIN,
                ),
            )
        )
        for key, share in shares.items()
        if key.startswith(start)
    )
