"""The deck on terminals without lines and signs: what is drawn is put into ASCII where it leaves for the screen.

One table for everything, so that no widget needs to know. Only what is seen changes: texts are kept, copied and saved
as they are, and letters of any script stay letters as long as the terminal's encoding has them.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_STATES = ("●◐◔○✕", "Oo.-X")
_ARROWS = ("→←↑↓↪↻▸▶▾◂▲▼⇄", "><^v~@>>v<^v@")
_MARKS = ("·–—…≈×•◆■▤⚠✂✎✓✔◷∅⏸", "---~~x**#=!/e++%0=")
_QUOTES = ("“”„‘’\u00a0\u202f", '"""\'\'  ')
_THIN_BLOCKS = ("▁▔▏▎▍▕░▒\u2800", ".-||||:% ")
_HORIZONTAL = "─━┄┅┈┉╌╍═╴╶╸╺╼╾"
_VERTICAL = "│┃┆┇┊┋╎╏║╵╷╹╻╽╿"


def _table() -> dict[int, str]:
    table = dict.fromkeys(range(0x2500, 0x2580), "+")  # lines: those that are not straight are corners
    table |= dict.fromkeys(map(ord, _HORIZONTAL), "-") | dict.fromkeys(map(ord, _VERTICAL), "|")
    table |= dict.fromkeys(range(0x2580, 0x25A0), "#")  # blocks
    table |= dict.fromkeys(range(0x2800, 0x2900), ":")  # dots of a plot
    for signs, plain in (_STATES, _ARROWS, _MARKS, _QUOTES, _THIN_BLOCKS):
        table |= {ord(sign): one * cell_len(sign) for sign, one in zip(signs, plain, strict=True)}
    return table


class _Translation(dict[int, str]):
    """For `str.translate`: the table, and question marks for what `encoding` cannot write, as wide as that was."""

    def __init__(self, encoding: str) -> None:
        super().__init__(_table())
        self._encoding = encoding

    def __missing__(self, code: int) -> str:
        character = chr(code)
        try:
            character.encode(self._encoding)
        except UnicodeEncodeError:
            character = "?" * cell_len(character)
        self[code] = character
        return character


class PlainSigns(LineFilter):
    """Draws with letters, dashes and full stops only."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._translation = _Translation(encoding)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(self.plain(segment.text), *segment[1:])
            for segment in segments
        ]

    def plain(self, text: str) -> str:
        """`text` as this terminal can show it, in as many cells."""
        return text.translate(self._translation)


def has_only_ascii(environment: Mapping[str, str], encoding: str) -> bool:
    """Whether a terminal of this environment, written to in `encoding`, lacks lines and signs."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "")
    _, dot, charset = locale.partition(".")
    return (
        environment.get("TERM") == "linux"  # its font has lines, and hardly a sign
        or locale in ("C", "POSIX")
        or (bool(dot) and not charset.lower().startswith("utf"))
        or not _is_utf(encoding)
    )


def _is_utf(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name.startswith("utf")
    except LookupError:
        return False
