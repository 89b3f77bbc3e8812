"""What a real terminal sends and is sent: alt with a figure, letters only, to the shell and back."""

from __future__ import annotations

import os
import pty
import re
import shutil
import sys
from pathlib import Path

import pytest
from tests.tui.test_process import CHILD, drain, read_until, start, wait_exit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?<>=$]*[A-Za-z]|[\]P_][^\x1b\x07]*(?:\x07|\x1b\\)|[()#].|.)")


def text_of(raw: str) -> str:
    """What was written without the sequences that say where and how."""
    return SEQUENCE.sub("", raw)


@pytest.mark.parametrize(
    ("environment", "signs"),
    [
        ({"TERM": "screen"}, True),
        ({"TERM": "linux"}, False),
        ({"LC_ALL": "C"}, False),
        ({"PYTHONIOENCODING": "ascii"}, False),
    ],
)
def test_alt_with_a_figure_goes_to_a_panel_and_a_terminal_without_signs_is_sent_letters_only(
    tmp_path: Path, environment: dict[str, str], signs: bool
) -> None:
    pid, master = start(tmp_path / "closed", **environment)
    seen = read_until(master, "$1.84")
    os.write(master, b"\x1b3")
    seen += read_until(master, "agent-7")
    os.write(master, b"\x1b1")
    seen += read_until(master, "anthropic")
    os.write(master, b"\x11")
    drain(master)
    assert wait_exit(pid) == 0
    os.close(master)
    if not signs:
        assert text_of(seen).isascii(), sorted(set(re.findall(r"[^\x00-\x7f]", seen)))


def test_alt_acts_from_within_the_editor_and_writes_nothing(tmp_path: Path) -> None:
    pid, master = start(tmp_path / "closed")
    read_until(master, "$1.84")
    os.write(master, b"ab\x1bs")
    read_until(master, "Send everything down one route")
    os.write(master, b"\x1b")
    read_until(master, "Nothing said yet")
    os.write(master, b"cd")
    read_until(master, "abcd")
    os.write(master, b"\x1b3")
    read_until(master, "agent-7")
    os.write(master, b"\x1b1")
    read_until(master, "anthropic")
    os.write(master, b"\x11")
    drain(master)
    assert wait_exit(pid) == 0
    os.close(master)


def test_to_the_shell_and_back_draws_everything_again(tmp_path: Path) -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("needs a shell with job control")
    child = tmp_path / "child.py"
    child.write_text(CHILD.format(marker=str(tmp_path / "closed"), busy=False))
    script = f'set -m; "{sys.executable}" "{child}"; echo "in the shell"; fg; echo "left with $?"'
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "PYTHONPATH": str(Path.cwd())})
        os.execv(shell, [shell, "-c", script])  # noqa: S606
    read_until(master, "$1.84")
    os.write(master, b"\x1b1")  # out of the editor, where ctrl-z is undo
    read_until(master, "anthropic")
    os.write(master, b"\x1a")
    read_until(master, "in the shell")
    read_until(master, "$1.84")
    os.write(master, b"\x11")
    read_until(master, "left with 0")
    assert wait_exit(pid) == 0
    os.close(master)
