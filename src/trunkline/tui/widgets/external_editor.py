"""Writing a message in the person's own editor."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NO_EDITOR = "no editor to write it in: set $VISUAL or $EDITOR"
_TERMINAL_SIGNALS = (signal.SIGINT,) if sys.platform == "win32" else (signal.SIGINT, signal.SIGQUIT)


class EditorError(Exception):
    """Nothing was written; the message says why."""


def editor_command(environment: Mapping[str, str]) -> tuple[str, ...]:
    """$VISUAL, else $EDITOR, as a command with its arguments. Raises EditorError."""
    wanted = environment.get("VISUAL", "").strip() or environment.get("EDITOR", "").strip()
    if not wanted:
        raise EditorError(NO_EDITOR)
    try:
        return tuple(shlex.split(wanted))
    except ValueError:
        raise EditorError(f"$VISUAL or $EDITOR is no command: {wanted}") from None


def edited(text: str, command: tuple[str, ...]) -> str:
    """`text` as it was saved in the editor, without the line break that editors put at the end. Waits for the editor,
    which has the terminal. What it left beside the file, in a folder nobody else can read, goes with it. Raises
    EditorError."""
    try:
        with tempfile.TemporaryDirectory(prefix="trunkline-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "message.md"
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            with _keys_are_the_editors():
                # The command is the person's own $VISUAL or $EDITOR.
                code = subprocess.run([*command, str(file)], check=False).returncode  # noqa: S603 - see above
            if code != 0:
                raise EditorError(f"{command[0]} ended with {code}; the message is as it was")
            return file.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    except FileNotFoundError as error:
        missing = "the file is gone" if error.filename != command[0] else "there is no such command"
        raise EditorError(f"{command[0]}: {missing}") from None
    except OSError as error:
        raise EditorError(f"{command[0]}: {(error.strerror or str(error)).lower()}") from None


@contextmanager
def _keys_are_the_editors() -> Iterator[None]:
    """ctrl-c and ctrl-\\ in the editor reach this process too, being of the same terminal; here they mean nothing then.
    A handler, not `SIG_IGN`, which the editor would inherit."""
    before = {number: signal.signal(number, lambda *_: None) for number in _TERMINAL_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
