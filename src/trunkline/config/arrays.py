"""Lists in TOML text: a new order or a new entry leaves lines and comments of the others as they are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from typing import Any


def new_array(values: Sequence[object]) -> Any:
    """A list as this program writes one: texts on one line, tables a line each."""
    import tomlkit

    array = tomlkit.array()
    for value in values:
        array.append(_inline(value))
    return array.multiline(len(values) > 1 and all(isinstance(value, dict) for value in values))


def rearranged(old: Any, values: Sequence[object]) -> Any:
    """`values` in the layout of the `old` tomlkit array: on lines of their own if it had such, each entry that stays
    with the comments that stood by it."""
    import tomlkit

    raw = old.as_string()
    if "\n" not in raw:
        return new_array(values)
    lines = raw[1:-1].split("\n")
    indent = next((line[: len(line) - len(line.lstrip())] for line in lines[1:] if line.strip()), "  ")
    said = _comments(lines)
    text = ["["]
    for value in values:
        above, beside = said.pop(repr(value), ((), ""))
        text += [f"{indent}{comment}" for comment in above]
        text.append(f"{indent}{tomlkit.item(_inline(value)).as_string()},{beside}")
    text += [f"{indent}{comment}" for comment in said.pop("", ((), ""))[0]]
    return tomlkit.parse("x = " + "\n".join([*text, "]"]))["x"]


def _inline(value: object) -> Any:
    import tomlkit

    if not isinstance(value, dict):
        return value
    table = tomlkit.inline_table()
    table.update(
        {name: new_array(inner) if isinstance(inner, list) else inner for name, inner in value.items()}
    )
    return table


def _comments(lines: Sequence[str]) -> dict[str, tuple[tuple[str, ...], str]]:
    """By entry: the comment lines above it and the comment beside it; under no name those below the last entry."""
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    above: list[str] = []
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("#"):
            above.append(stripped)
            continue
        for entries, comment in _readings(line):
            if len(entries) == 1:
                found[repr(entries[0])] = (tuple(above), f" {comment}" if comment else "")
                above = []
            break
    found[""] = (tuple(above), "")
    return found


def _readings(line: str) -> Iterator[tuple[list[object], str]]:
    """The line as entries and a comment: first the reading that cuts it at the earliest # outside of a text."""
    ends = [at for at, character in enumerate(line) if character == "#"]
    for end in (*ends, len(line)):
        try:
            entries = tomllib.loads(f"x = [{line[:end]}\n]")["x"]
        except tomllib.TOMLDecodeError:
            continue
        yield entries, line[end:].rstrip()
