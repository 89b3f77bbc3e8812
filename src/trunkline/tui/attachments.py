"""Files sent along with a message: inside its text, so that every provider can read them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_OPEN, _CLOSE = "<file path=", "</file>"
_BLOCK = re.compile(r'\n*<file path="([^"\n]*)">\n(.*?)\n</file>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file as it was read: its size in bytes and the estimate of its tokens."""

    path: Path
    text: str
    size_bytes: int
    tokens: int


def with_attachments(text: str, attachments: Sequence[Attachment]) -> str:
    """The message as it is sent: the text, then each file in a block of its own."""
    blocks = [f'{_OPEN}"{one.path.name}">\n{one.text}\n{_CLOSE}' for one in attachments]
    return "\n\n".join((text, *blocks))


def without_attachments(sent: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The text of a sent message, and (name, characters) of each file that went with it."""
    names = tuple((found[1], len(found[2])) for found in _BLOCK.finditer(sent))
    return _BLOCK.sub("", sent) if names else sent, names
