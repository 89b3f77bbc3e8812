"""Which part of a text asks: agents put rules, tools and memory before the request that they pass on."""

from __future__ import annotations

import re

# A text at least so long before the mark is taken for boilerplate; what follows must have so many characters.
_BEFORE, _AFTER = 60, 4

_MARK = re.compile(
    r"(?:^|\n)[ \t]*(?:#{1,4} *|\*\*|<|\[)?(?:(?:the|your|new|current|latest|user'?s?|human)[ _]?)*"
    r"(?:task|request|message|question|instructions?|prompt|user|human|goal|ticket)(?:\*\*:?|[>:\]]+|(?=\n))[ \t]*\n?",
    re.IGNORECASE,
)


def asking_part(text: str) -> str:
    """What follows the last mark such as "User:", "## Task" or "<user_request>"; the whole where there is none."""
    at = None
    for mark in _MARK.finditer(text):
        if mark.start() >= _BEFORE and len(text) - mark.end() >= _AFTER:
            at = mark.end()
    return text if at is None else text[at:]
