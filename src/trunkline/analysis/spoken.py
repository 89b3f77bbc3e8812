"""What of a user's message its writer wrote: agents put context of their own around it, or send it as a message of its
own beside, and their reminders would be judged for the request.

As agents were seen to send it in November 2026: Gemini CLI (`<session_context>`), Claude Code (`<system-reminder>`),
Codex (`<environment_context>`, `<user_instructions>`), OpenClaw (a message of its own between marks, a time before the
request and a line about its runtime after the first), aider (how to write down changes, after the request).
"""

from __future__ import annotations

import re

# A longer text is data, and is taken as it is; nor are more blocks taken out than anybody sends.
_LONGEST, _MOST_BLOCKS = 100_000, 32

_OPENED = re.compile(
    r"<((?:[a-z0-9]+[-_])*(?:reminder|context|environment|instructions|details|info|state|caveat|stdout|attachments?))\b[^<>]{0,200}>"
    r"|<<<BEGIN_(\w{1,60})>>>",
    re.IGNORECASE | re.ASCII,
)
_TIME = re.compile(r"\[[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d[^\]\n]{0,40}\] ")
_HOW_TO_CHANGE = re.compile(
    r"\n\n(?:To suggest changes to a file you MUST return|# \*SEARCH/REPLACE block\* Rules:|# File editing rules:)"
)
_RUNTIME = re.compile(r"\n\nRuntime: agent=[^\n]*\Z")


def spoken(text: str) -> str:
    """`text` without what an agent put around it; empty where that is all of it."""
    if len(text) > _LONGEST:
        return text
    if "</" in text or "<<<" in text:
        text = _without_blocks(text)
    if text.startswith("["):
        text = _TIME.sub("", text, count=1)
    if "\n\nRuntime: agent=" in text:
        text = _RUNTIME.sub("", text)
    how_to_change = _HOW_TO_CHANGE.search(text, 1)
    if how_to_change is not None:
        text = text[: how_to_change.start()]
    return text.strip()


def _without_blocks(text: str) -> str:
    kept: list[str] = []
    at = 0
    for _ in range(_MOST_BLOCKS):
        opened = _OPENED.search(text, at)
        if opened is None:
            break
        closing = f"</{opened[1]}>" if opened[1] else f"<<<END_{opened[2]}>>>"
        closed = text.find(closing, opened.end())
        kept.append(text[at : opened.start()])
        if closed < 0:
            kept.append(opened[0])
            at = opened.end()
        else:
            at = closed + len(closing)
    return "".join((*kept, text[at:]))
