"""ctrl-g: the deck hands its pseudo-terminal to $EDITOR and takes it back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.tui.test_process import drain, read_until, start, wait_exit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

EDITOR = """#!/bin/sh
trap '' INT
echo "$1" > {seen}
echo EDITOR-IS-OPEN
read line
cat "$1" > {seen}.before
printf 'edited %s\\n' "$line" > "$1"
exit {code}
"""


@pytest.mark.parametrize(("code", "shown"), [(0, "edited by-hand"), (3, "ended with 3")])
def test_the_editor_has_the_terminal_and_the_deck_gets_it_back(tmp_path: Path, code: int, shown: str) -> None:
    editor, seen = tmp_path / "editor", tmp_path / "seen"
    editor.write_text(EDITOR.format(seen=seen, code=code))
    editor.chmod(0o700)
    pid, master = start(tmp_path / "closed", VISUAL="", EDITOR=str(editor))
    read_until(master, "$1.84")
    os.write(master, b"draft\x07")
    read_until(master, "EDITOR-IS-OPEN")
    os.write(master, b"\x03")  # the editor's, not the deck's
    read_until(master, "^C")
    os.write(master, b"by-hand\n")
    read_until(master, shown)
    assert (tmp_path / "seen.before").read_text() == "draft"
    assert not Path(seen.read_text().strip()).parent.exists()
    os.write(master, b"\x11")
    drain(master)
    assert wait_exit(pid) == 0
    assert (tmp_path / "closed").read_text() == "closed"
    os.close(master)
