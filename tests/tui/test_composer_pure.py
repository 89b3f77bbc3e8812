"""What the composer shows, as tables: gauge, estimate, the list's window; and what the deck remembers."""

from __future__ import annotations

import dataclasses
import stat
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.clock import START_MS

from trunkline.domain.decisions import NoRoute
from trunkline.domain.queue import HeldFor
from trunkline.engine.api import Preview
from trunkline.engine.holds import Hold
from trunkline.tui.cells import Tone
from trunkline.tui.memory import DeckMemory
from trunkline.tui.suggestions import Suggestion
from trunkline.tui.widgets.completions import row_text, window_start
from trunkline.tui.widgets.context_gauge import context_gauge, estimate_line
from trunkline.tui.widgets.external_editor import EditorError, edited, editor_command


def preview(used: int = 12_345, window: int | None = 128_000) -> Preview:
    task = dataclasses.replace(world.TASK, input_tokens=used)
    return Preview(task, world.decision(), window)


@pytest.mark.parametrize(
    ("used", "window", "text", "tone"),
    [
        (12_345, 128_000, "12,345 / 128,000 tokens, 9.6 %", Tone.DIM),
        (0, 128_000, "0 / 128,000 tokens, 0 %", Tone.DIM),
        (3, 1_048_576, "3 / 1,048,576 tokens, <0.1 %", Tone.DIM),
        (102_400, 128_000, "102,400 / 128,000 tokens, 80.0 %", Tone.DIM),
        (102_401, 128_000, "⚠ 102,401 / 128,000 tokens, 80.0 %", Tone.WARN),
        (127_999, 128_000, "⚠ 127,999 / 128,000 tokens, 99.9 %", Tone.WARN),
        (256_000, 128_000, "⚠ 256,000 / 128,000 tokens, 200 %", Tone.WARN),
        (12_345, None, "12,345 / – tokens", Tone.DIM),
        (12_345, 0, "12,345 / – tokens", Tone.DIM),
    ],
)
def test_how_full_the_window_would_be(used: int, window: int | None, text: str, tone: Tone) -> None:
    gauge = context_gauge(preview(used, window), 80)
    assert (gauge.text, gauge.tone) == (text, tone)


@pytest.mark.parametrize(
    ("width", "text"), [(30, "12,345 / 128,000 tokens, 9.6 %"), (29, "12.3k / 128k, 9.6 %"), (8, "9.6 %")]
)
def test_the_gauge_in_little_room(width: int, text: str) -> None:
    assert context_gauge(preview(), width).text == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "≈12.3k tok · coding t2 → google/google-2 · gemini-3.8-flash ≈ $0.0023"),
        (68, "≈12.3k tok → google/google-2 · gemini-3.8-flash ≈ $0.0023"),
        (50, "→ google/google-2 · gemini-3.8-flash ≈ $0.0023"),
        (40, "≈12.3k tok → google/google-2 ≈ $0.0023"),
        (30, "→ google/google-2 ≈ $0.0023"),
        (5, "→ google/google-2 ≈ $0.0023"),
    ],
)
def test_what_the_estimate_leaves_out_first(width: int, text: str) -> None:
    assert estimate_line(preview(), width, START_MS, UTC).text == text


def test_an_estimate_without_a_route_says_so_first() -> None:
    nobody = Preview(world.TASK, NoRoute(()), None)
    assert estimate_line(nobody, 80, START_MS, UTC).text == "≈1.2k tok · coding t2 · nobody can serve"
    assert estimate_line(nobody, 20, START_MS, UTC).text == "nobody can serve"


def test_what_would_hold_a_message_back_is_told_before_who_would_answer() -> None:
    held = replace(preview(), held=Hold(HeldFor.PAUSE, "paused: only what is critical goes"))
    line = estimate_line(held, 90, START_MS, UTC)
    assert line.text.startswith("◷ waits first: paused: only what is critical goes · then →")
    assert line.tone is Tone.WARN
    assert estimate_line(held, 20, START_MS, UTC).text == "◷ waits first: paused: only what is critical goes"


@pytest.mark.parametrize(
    ("chosen", "rows", "total", "start", "expected"),
    [(0, 4, 9, 0, 0), (3, 4, 9, 0, 0), (4, 4, 9, 0, 1), (8, 4, 9, 1, 5), (2, 4, 9, 5, 2), (0, 4, 2, 3, 0)],
)
def test_the_window_moves_no_further_than_it_must(
    chosen: int, rows: int, total: int, start: int, expected: int
) -> None:
    assert window_start(chosen, rows, total, start) == expected


@pytest.mark.parametrize("label", ["/task", "[red]x[/red]", "大" * 40])
def test_a_line_of_the_list_fills_its_width(label: str) -> None:
    line = row_text(Suggestion("x", label, "help " * 40, (0, 1)), 12, 50, chosen=True)
    assert cell_len(line.plain) == 50
    assert line.plain.startswith(f"▸ {label[:4]}")


# -- what the deck remembers --------------------------------------------------------------------------------


def test_two_decks_share_one_memory(tmp_path: Path) -> None:
    file = tmp_path / "deck.json"
    one, other = DeckMemory(file), DeckMemory(file)
    for deck, text in ((one, "first"), (other, "second"), (other, "third"), (one, "fourth"), (one, "fourth")):
        deck.add("history", text, 3)
        deck.flush()
    one.keep("layout", ("narrow",))
    one.keep("layout", ("wide",))
    one.flush()
    again = DeckMemory(file)
    assert again.strings("history") == ("second", "third", "fourth")
    assert again.strings("layout") == ("wide",)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_last_word_stands_whichever_thread_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "deck.json"
    memory = DeckMemory(file)
    for turn in range(50):
        memory.keep("layout", (f"turn {turn}",))
    memory.flush()
    assert DeckMemory(file).strings("layout") == ("turn 49",)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"history": [1, "x"]}', '{"history": "x"}'])
def test_a_broken_memory_counts_as_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "deck.json"
    file.write_text(content)
    memory = DeckMemory(file)
    memory.add("history", "new", 9)
    memory.flush()
    assert memory.strings("history")[-1] == "new"
    assert DeckMemory(file).strings("history")[-1] == "new"


# -- the person's own editor --------------------------------------------------------------------------------


def script(folder: Path, body: str) -> tuple[str, ...]:
    file = folder / "editor"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o700)
    return (str(file),)


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({"EDITOR": "vi"}, ("vi",)),
        ({"EDITOR": "vi", "VISUAL": "code --wait"}, ("code", "--wait")),
        ({"EDITOR": "'my editor' -f", "VISUAL": " "}, ("my editor", "-f")),
    ],
)
def test_which_editor_is_meant(environment: dict[str, str], command: tuple[str, ...]) -> None:
    assert editor_command(environment) == command


@pytest.mark.parametrize("environment", [{}, {"EDITOR": ""}, {"EDITOR": "'unclosed"}])
def test_no_editor_is_told(environment: dict[str, str]) -> None:
    with pytest.raises(EditorError, match=r"\$EDITOR"):
        editor_command(environment)


def test_what_is_saved_in_the_editor_comes_back_and_the_file_is_gone(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    body = f'ls -l "$1" > {seen}; echo "$1" >> {seen}; cat "$1" >> {seen}; printf "new\\ntext\\n" > "$1"; touch "$1~"'
    assert edited("old", script(tmp_path, body)) == "new\ntext"
    listing, path, text = seen.read_text().split("\n")
    assert listing.startswith("-rw-------")
    assert path.endswith(".md")
    assert text == "old"
    assert not Path(path).parent.exists()


def test_a_failing_editor_leaves_the_message_and_no_file(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with pytest.raises(EditorError, match="ended with 3"):
        edited("old", script(tmp_path, f'echo "$1" > {seen}; exit 3'))
    assert not Path(seen.read_text().strip()).parent.exists()


@pytest.mark.parametrize(
    ("command", "said"), [("no-such-editor", "no such command"), ("/", "permission denied")]
)
def test_an_editor_that_cannot_start_is_told(command: str, said: str) -> None:
    with pytest.raises(EditorError, match=said):
        edited("old", (command,))


def test_an_editor_that_takes_the_file_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(EditorError, match="the file is gone"):
        edited("old", script(tmp_path, 'rm "$1"'))
