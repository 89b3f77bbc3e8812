"""Long texts in pieces that are the same again when the text has grown at its end, so that only the last is counted."""

from __future__ import annotations

import re
from collections.abc import Iterator

PIECE_CHARS = 4_096
_LEAST_CHARS = PIECE_CHARS // 2
# Where tokens of these vocabularies never reach across: before a line that begins with a letter or digit, else before a
# word's own space.
_LINE = re.compile(r"\n(?=\w)")
_SPACE = re.compile(r"(?<=\w) (?=[^\W\d_])")


def pieces(text: str) -> Iterator[str]:
    """`text` cut where it hardly matters for its tokens, each piece at most 4,096 characters long."""
    start = 0
    while len(text) - start > PIECE_CHARS:
        end = _cut(text, start)
        yield text[start:end]
        start = end
    yield text[start:]


def _cut(text: str, start: int) -> int:
    end = start + PIECE_CHARS
    last = 0
    for found in _LINE.finditer(text, start + _LEAST_CHARS, end):
        last = found.end()
    if last:
        return last
    for found in _SPACE.finditer(text, start + _LEAST_CHARS, end):
        last = found.start()
    return last or end
