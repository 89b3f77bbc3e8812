"""Answers and conversations on their way out of the chat: to the terminal's clipboard, to files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path

from textual.notifications import SeverityLevel
from textual.widget import Widget

from trunkline.tui import format as fmt
from trunkline.tui.attachments import bytes_text
from trunkline.tui.conversation import Conversation, Turn
from trunkline.tui.export import export_path, file_stem, to_json, to_markdown, write_free

# What the more careful terminals take at most in one OSC 52 sequence, before base64.
MOST_CLIPBOARD_BYTES = 74_994


class ChatFiles:
    """Claims no more than was done: a clipboard is offered a text, a file is named once it is written."""

    def __init__(self, widget: Widget, folder: Path | None, zone: tzinfo | None) -> None:
        self._widget = widget
        self._folder = folder
        self._zone = zone

    def copy_answer(self, turn: Turn) -> None:
        """Offer an answer to the terminal's clipboard."""
        if not turn.answer:
            self._refuse("there is no answer to copy")
            return
        self._widget.app.copy_to_clipboard(turn.answer)
        size = len(turn.answer.encode())
        doubt = "; many terminals take less than that" if size > MOST_CLIPBOARD_BYTES else ""
        self._tell(
            f"offered to the terminal's clipboard (OSC 52): {bytes_text(size)}{doubt}; w writes a file",
            seconds=6,
        )

    def save_answer(self, turn: Turn) -> None:
        """Write an answer to a file of its own."""
        if not turn.answer:
            self._refuse("there is no answer to write")
            return
        answer = turn.answer
        self._write(self._base / f"answer-{file_stem(turn.asked[:200], 'chat')}.md", lambda: answer + "\n")

    def export(self, conversation: Conversation, wanted: str) -> None:
        """Write a whole conversation to a file."""
        if not conversation.turns:
            self._refuse("nothing is said in this conversation yet")
            return
        path = export_path(self._base, wanted, conversation.title)
        copy = replace(conversation, turns=[replace(turn) for turn in conversation.turns])
        make = to_json if path.suffix == ".json" else to_markdown
        self._write(path, lambda: make(copy, self._zone))

    @property
    def _base(self) -> Path:
        return self._folder or Path()

    def _write(self, path: Path, make: Callable[[], str]) -> None:
        self._widget.run_worker(self._written(path, make), group="files", exit_on_error=False)

    async def _written(self, path: Path, make: Callable[[], str]) -> None:
        try:
            written, size = await asyncio.to_thread(lambda: write_free(path, make()))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            self._tell(f"not written: {path}: {why}", severe=True, seconds=10)
        else:
            self._tell(f"written: {written.name} · {bytes_text(size)}, in {written.parent}", seconds=8)

    def _refuse(self, why: str) -> None:
        self._widget.app.notify(why, severity="warning", timeout=4, markup=False)

    def _tell(self, text: str, *, severe: bool = False, seconds: float) -> None:
        severity: SeverityLevel = "error" if severe else "information"
        self._widget.app.notify(fmt.one_line(text), severity=severity, timeout=seconds, markup=False)
