"""A conversation as a file: Markdown for people, JSON for programs. Pure but for `write_free`."""

from __future__ import annotations

import contextlib
import json
import os
import re
from datetime import datetime, tzinfo
from pathlib import Path

from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.text import strip_controls
from trunkline.tui.conversation import Conversation, Turn
from trunkline.tui.receipt_line import receipt_line, verdict

FORMATS = ("md", "json")
_LONGEST_STEM = 48


def to_markdown(conversation: Conversation, zone: tzinfo | None) -> str:
    """Headings for who speaks; messages and files stand in fences longer than any they hold, answers as they came with
    every fence closed."""
    lines = [f"# {_escaped(conversation.title) or 'Conversation'}", ""]
    settings = conversation.settings
    if settings.system:
        lines += ["## System", "", fenced(settings.system), ""]
    for number, turn in enumerate(conversation.turns, 1):
        when = f" · {_moment(turn.at_ms, zone)}" if turn.at_ms is not None else ""
        lines += [
            f"## {number} · You{when}",
            "",
            fenced(turn.sent),
            "",
            f"## {number} · {_answerer(turn)}",
            "",
        ]
        lines += [_closed(strip_controls(turn.answer)) if turn.answer else "*No answer kept.*", ""]
        said = verdict(turn.receipt) if turn.receipt is not None else None
        if said is not None:
            lines += [f"> {said.text}", ""]
        elif turn.answer and turn.whole is False:
            lines += ["> The answer is not whole.", ""]
        if turn.receipt is not None:
            lines += [f"*{_escaped(receipt_line(turn.receipt))}*", ""]
    return "\n".join(lines)


def to_json(conversation: Conversation, zone: tzinfo | None) -> str:
    """Everything that is known of each turn; unknown is null. Times are ISO 8601, money is US dollars."""
    settings = conversation.settings
    whole = {
        "conversation_id": conversation.id,
        "title": conversation.title,
        "system": settings.system,
        "route": settings.route,
        "task_type": settings.task_type,
        "turns": [_turn_values(turn, zone) for turn in conversation.turns],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _turn_values(turn: Turn, zone: tzinfo | None) -> dict[str, object]:
    return {
        "turn_id": turn.id,
        "at": None if turn.at_ms is None else _moment(turn.at_ms, zone),
        "asked": turn.sent,
        "answer": turn.answer or None,
        "complete": turn.whole if turn.answer else None,
        "request_id": turn.request_id,
        "receipt": _receipt_values(turn),
    }


def _receipt_values(turn: Turn) -> dict[str, object] | None:
    receipt = turn.receipt
    if receipt is None:
        return None
    return {
        "route": receipt.route.id if receipt.route is not None else None,
        "served_model": receipt.served_model,
        "outcome": receipt.outcome.value,
        "finish": receipt.finish.value if receipt.finish is not None else None,
        "task_type": receipt.task.type,
        "reason": receipt.decision.reason.value if receipt.decision is not None else None,
        "attempts": len(receipt.attempts),
        "total_ms": receipt.total_ms,
        "first_token_ms": receipt.first_token_ms,
        "input_tokens": receipt.usage.input_tokens,
        "output_tokens": receipt.usage.output_tokens,
        "tokens_estimated": receipt.usage.estimated,
        "cost_usd": None if receipt.cost_pico is None else receipt.cost_pico / PICO_PER_USD,
        "fault": receipt.fault.message if receipt.fault is not None else None,
    }


def fenced(text: str) -> str:
    """`text` in a fence that nothing inside it can close."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    mark = "`" * (longest + 1)
    return f"{mark}text\n{strip_controls(text)}\n{mark}"


def _closed(answer: str) -> str:
    """An answer with its last fence closed, where it was cut inside one."""
    mark = ""
    for line in answer.split("\n"):
        found = re.match(r"^ {0,3}(`{3,}|~{3,})(.*)$", line)
        if found is None:
            continue
        if not mark:
            mark = found[1]
        elif found[1].startswith(mark) and not found[2].strip():
            mark = ""
    return f"{answer}\n{mark}" if mark else answer


def _answerer(turn: Turn) -> str:
    route = turn.receipt.route if turn.receipt is not None else None
    return "Answer" if route is None else _escaped(f"{route.provider}/{route.account} · {route.model}")


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text)


def _moment(at_ms: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=zone).astimezone(zone).isoformat(timespec="seconds")


# -- files --------------------------------------------------------------------------------------------------------


def file_stem(text: str, otherwise: str) -> str:
    """Letters and digits of `text` as the beginning of a file's name; `otherwise` where it has none."""
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-_")[:_LONGEST_STEM].rstrip("-_") or otherwise


def write_free(wanted: Path, text: str) -> tuple[Path, int]:
    """Write `text` to that path, with a number before the suffix where it is taken; gives the whole path and the size
    in bytes. Readable by its owner alone. Blocks; raises OSError, and leaves no half of a file."""
    whole = text.encode("utf-8", errors="replace")
    path = wanted = wanted.expanduser()
    for number in range(2, 1_000):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
            continue
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(whole)
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return path.resolve(), len(whole)
    raise FileExistsError(f"there are too many files like {wanted.name}")


def export_path(folder: Path, wanted: str, title: str) -> Path:
    """Where an export goes: `wanted` is a format or a file's name, whose suffix says the format; nothing: Markdown."""
    if wanted in ("", *FORMATS):
        return folder / f"{file_stem(title, 'conversation')}.{wanted or FORMATS[0]}"
    path = Path(wanted).expanduser()
    if path.suffix.removeprefix(".") not in FORMATS:
        path = path.with_name(f"{path.name}.{FORMATS[0]}")
    return folder / path
