"""Lists in TOML text: a new order or a new entry leaves lines and comments of the others as they are."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class _Line:
    """One entry as it stood: the comment lines above it, and the line itself with its comma and comment."""

    above: tuple[str, ...]
    text: str


def new_array(values: Sequence[object]) -> Any:
    """A list as this program writes one: texts on one line, several tables a line each."""
    if len(values) > 1 and all(isinstance(value, dict) for value in values):
        return _parsed("\n".join(["[", *(f"  {_text(value)}," for value in values), "]"]))
    return _parsed(f"[{', '.join(map(_text, values))}]")


def rearranged(old: Any, values: Sequence[object]) -> Any:
    """`values` in the layout of the `old` tomlkit array: on lines of their own if it had such, each entry that stays
    as it was written, with the comments that stood by it."""
    raw = old.as_string()
    if "\n" not in raw:
        return new_array(values)
    lines = raw[1:-1].split("\n")
    indent = next((line[: len(line) - len(line.lstrip())] for line in lines[1:] if line.strip()), "  ")
    known, below = _read(lines)
    text = ["["]
    for value in values:
        line = known.pop(repr(value), None) or _Line((), f"{_text(value)},")
        text += [f"{indent}{part}" for part in (*line.above, line.text)]
    text += [f"{indent}{comment}" for comment in below]
    closing = lines[-1] if not lines[-1].strip() else ""
    return _parsed("\n".join([*text, f"{closing}]"]))


def _parsed(text: str) -> Any:
    import tomlkit

    return tomlkit.parse(f"x = {text}\n")["x"]


def _text(value: object) -> str:
    import tomlkit

    if isinstance(value, dict):
        pairs = (f"{tomlkit.key(name).as_string()} = {_text(inner)}" for name, inner in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    return tomlkit.item(value).as_string()


def _read(lines: Sequence[str]) -> tuple[dict[str, _Line], tuple[str, ...]]:
    """The lines that hold one entry each, by that entry, and the comments below the last."""
    found: dict[str, _Line] = {}
    above: list[str] = []
    for line in lines:
        if line.strip().startswith("#"):
            above.append(line.strip())
            continue
        entries, end = _entries(line)
        if len(entries) == 1:
            written = line[:end].rstrip()
            comma = "" if written.endswith(",") else ","
            found[repr(entries[0])] = _Line(
                tuple(above), f"{written.strip()}{comma}{line[len(written) :].rstrip()}"
            )
        if entries:
            above = []
    return found, tuple(above)


def _entries(line: str) -> tuple[list[object], int]:
    """What stands on a line, and where its comment begins: at the first # outside of a text."""
    for end in (*(at for at, character in enumerate(line) if character == "#"), len(line)):
        try:
            return tomllib.loads(f"x = [{line[:end]}\n]")["x"], end
        except tomllib.TOMLDecodeError:
            continue
    return [], len(line)
