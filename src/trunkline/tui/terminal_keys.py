"""Alt with a figure, a sign or enter, as terminals without the kitty keyboard protocol send it.

Textual reads escape followed by a figure as what a Mac writes with option and that figure (`alt-1` would type `¡`),
and drops the alt of signs and of enter. What begins longer sequences (`[`, `O`, `]` …) stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

_NAMES = {"\r": "enter", ",": "comma", ".": "full_stop", "/": "slash", "-": "minus", "=": "equals_sign"}
_NAMES["!"] = "exclamation_mark"
_NAMES |= {figure: figure for figure in "1234567890"}


@dataclass(frozen=True, slots=True)
class _Key:
    """Stands where Textual's table has one of its `Keys`; only this attribute is read."""

    value: str


def teach_alt_keys() -> None:
    """Let Textual's parser know these sequences."""
    from textual import _ansi_sequences

    table: dict[str, object] = getattr(_ansi_sequences, "ANSI_SEQUENCES_KEYS", {})
    for character, name in _NAMES.items():
        table[f"\x1b{character}"] = (_Key(f"alt+{name}"),)
