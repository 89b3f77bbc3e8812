from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from tests.support import deck_world as world
from tests.support.clock import START_MS

from trunkline.domain.chats import ConversationSettings
from trunkline.domain.receipts import Outcome
from trunkline.tui.conversation import Conversation, Turn
from trunkline.tui.export import export_path, fenced, file_stem, to_json, to_markdown, write_free

START = datetime.fromtimestamp(START_MS / 1000, UTC)


def conversation(*turns: Turn) -> Conversation:
    settings = ConversationSettings("Be brief.\n```\n# not a heading", "zai/main", "coding")
    return Conversation("C1", list(turns), settings)


def turn(answer: str = "An answer.", **changes: object) -> Turn:
    values: dict[str, object] = {
        "id": "T1",
        "asked": "merge *two* lists",
        "answer": answer,
        "whole": True,
        "request_id": "R1",
        "receipt": world.receipt("R1"),
        "at_ms": START_MS,
    }
    return Turn(**(values | changes))  # type: ignore[arg-type]


def headings(text: str) -> list[str]:
    tokens = MarkdownIt().parse(text)
    return [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]


@pytest.mark.parametrize(
    "answer",
    [
        "plain",
        "```python\nx = 1\n```",
        "cut in a fence\n```\nnever closed",
        "~~~~\n```\nboth\n",
        "````\n```\ninner\n```\n",
    ],
)
def test_markdown_survives_every_fence(answer: str) -> None:
    text = to_markdown(conversation(turn(answer), turn("Second.")), UTC)
    when = START.isoformat(timespec="seconds")
    assert headings(text) == [
        "merge \\*two\\* lists",
        "System",
        f"1 · You · {when}",
        "1 · google/google-2 · gemini-3.8-flash",
        f"2 · You · {when}",
        "2 · google/google-2 · gemini-3.8-flash",
    ]
    assert answer in text
    assert text.count("412 ms · 1,204→380 tok · $0.0023") == 2


def test_what_is_not_whole_or_not_there_is_said() -> None:
    stopped = world.receipt("R1", outcome=Outcome.CANCELLED, complete=False)
    text = to_markdown(
        conversation(
            turn(receipt=stopped), turn("", receipt=None, whole=None), turn("Half", receipt=None, whole=False)
        ),
        UTC,
    )
    assert "> ■ stopped by you; the answer is not whole" in text
    assert "*No answer kept.*" in text
    assert "> The answer is not whole." in text


def test_json_says_what_is_known_and_null_for_the_rest() -> None:
    whole = json.loads(
        to_json(conversation(turn(), turn("", receipt=None, whole=None, request_id=None)), UTC)
    )
    assert (whole["system"], whole["route"], whole["task_type"]) == (
        "Be brief.\n```\n# not a heading",
        "zai/main",
        "coding",
    )
    first, second = whole["turns"]
    assert first["answer"] == "An answer."
    assert first["complete"] is True
    receipt = first["receipt"]
    assert receipt["route"] == "google/google-2/gemini-3.8-flash"
    assert (receipt["input_tokens"], receipt["output_tokens"], receipt["cost_usd"]) == (1204, 380, 0.0023)
    assert (second["answer"], second["complete"], second["receipt"]) == (None, None, None)


def test_a_fence_is_longer_than_any_inside_it() -> None:
    assert fenced("a\n`````\nb").splitlines()[0] == "``````text"
    assert fenced("plain\x1b[31m") == "```text\nplain\n```"


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("Merge two lists!", "merge-two-lists"),
        ("../../etc/passwd", "etc-passwd"),
        ("日本語", "日本語"),
        ("??", "chat"),
        ("x" * 99, "x" * 48),
    ],
)
def test_names_of_files_are_made_of_letters(text: str, stem: str) -> None:
    assert file_stem(text, "chat") == stem


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("", "folder/a-title.md"),
        ("json", "folder/a-title.json"),
        ("mine.json", "folder/mine.json"),
        ("mine", "folder/mine.md"),
        ("v1.2", "folder/v1.2.md"),
        ("/elsewhere/mine.md", "/elsewhere/mine.md"),
    ],
)
def test_where_an_export_goes(wanted: str, path: str) -> None:
    assert export_path(Path("folder"), wanted, "A title") == Path(path)


def test_a_file_is_never_overwritten_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first, size = write_free(tmp_path / "a.md", "é")
    second, _ = write_free(tmp_path / "a.md", "two")
    assert (first.name, size, second.name) == ("a.md", 2, "a-2.md")
    assert first.read_text(encoding="utf-8") == "é"
    assert first.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError, match="No such file"):
        write_free(tmp_path / "nowhere" / "a.md", "x")
