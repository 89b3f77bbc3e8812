"""Summaries that stand for a conversation which grew too long: asked for by an item at the end of a request, carried by
its client in an item of their own. OpenAI encrypts what is in it; here it is what whoever answered has written, and any
model can go on with it."""

from __future__ import annotations

from trunkline.domain.routes import Route
from trunkline.gateway.left_out import refused
from trunkline.gateway.reading import Reader
from trunkline.gateway.sealing import sealed, unsealed

TRIGGER = "compaction_trigger"
SUMMARIES = ("compaction", "context_compaction", "compaction_summary")
"""The item, and what it was and is called besides."""

_FIELDS = ("type", "id", "encrypted_content")
SUMMARY_FIELDS = {TRIGGER: ("type", "id"), **dict.fromkeys(SUMMARIES, _FIELDS)}

SUMMARISE = (
    "This conversation is too long to go on as it is. Write a summary of it for whoever carries on with the work and "
    "will see nothing else of what was said: what the user wants, and how; what was done and found, with the names "
    "of files, the commands and the figures that matter; what was decided, and why; what is unfinished, and what "
    "comes next. Answer with the summary alone, and call no tool."
)
_GOES_BEFORE = "What was said before is not shown any more. This summary stands for it:\n\n"
_OURS = Route("trunkline", "", "summary")
_NOT_OURS = "only who shortened this conversation can read what became of it: begin another one"


def closed_summary(text: str) -> str:
    """What the client keeps of a summary."""
    return sealed(text, _OURS)


def summary_told(item: Reader) -> str:
    """A summary that comes back, in words. Raises UnreadableError for one that was not made here."""
    found = unsealed(item.text("encrypted_content") or "")
    if found is None or found[:2] != (_OURS.provider, _OURS.model):
        raise refused(item, "encrypted_content", _NOT_OURS)
    return _GOES_BEFORE + found[2]


def is_wanted(reader: Reader) -> bool:
    """Whether a request is for a summary: its last item says so."""
    items = reader.table.get("input")
    last = items[-1] if isinstance(items, list) and items else None
    return isinstance(last, dict) and last.get("type") == TRIGGER
