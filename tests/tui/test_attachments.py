"""Files named in a message: how they are named, read, sent and shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trunkline.tui.attachments import (
    Attachment,
    Entry,
    attached_rows,
    bytes_text,
    files_kept,
    mentions,
    only_files,
    path_typed,
    suggest_paths,
    title_without_files,
    with_attachments,
    without_attachments,
)
from trunkline.tui.files import MOST_BYTES, MOST_ENTRIES, FileReader


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("see @notes.md.", ["notes.md."]),
        ("@a (@b) '@c'", ["a", "b)", "c'"]),
        ('read @"my notes.md" now', ["my notes.md"]),
        ("write to bob@example.org", []),
        ("a @ b", []),
        ("@@@x", []),
        ("@~/x @./y @/z", ["~/x", "./y", "/z"]),
    ],
)
def test_words_that_may_name_a_file(text: str, names: list[str]) -> None:
    assert [one.name for one in mentions(text)] == names


@pytest.mark.parametrize(
    "text", ["", "hello", 'hello\n\n<file path="x" lines="1">\nno end', "ends in\n</file>"]
)
@pytest.mark.parametrize(
    "content", ["", "one line", "two\nlines\n", "</file>\n\n</file>", '<file path="y" lines="1">\n']
)
def test_what_is_sent_can_be_taken_apart_again(text: str, content: str) -> None:
    files = (Attachment(Path("/tmp/a.md"), content, 3, 1), Attachment(Path("b"), content, 3, 1, name="src/b"))
    sent = with_attachments(text, files)
    assert sent.startswith(text)
    assert sent.count(content) >= 2
    assert without_attachments(sent) == (text, (("a.md", len(content)), ("src/b", len(content))))


def test_a_message_without_files_is_sent_as_it_is() -> None:
    assert with_attachments("hello", ()) == "hello"
    assert without_attachments("hello") == ("hello", ())


def test_a_name_cannot_leave_its_place() -> None:
    sent = with_attachments("x", (Attachment(Path('a"\n>b'), "t", 1, 1),))
    assert without_attachments(sent) == ("x", (("a' >b", 1),))


def test_named_files_are_read_and_everything_else_is_text(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("some notes " * 40)
    (tmp_path / "my notes.md").write_text("x")
    (tmp_path / "src").mkdir()
    text = 'ask @bob about @notes.md, @"my notes.md", @src and @./notes.md; mail bob@notes.md'
    reading = FileReader(tmp_path).read(text)
    assert [(one.name, one.size_bytes) for one in reading.attachments] == [
        ("notes.md", 440),
        ("my notes.md", 1),
    ]
    assert 60 < reading.attachments[0].tokens < 160
    assert reading.problems == ()
    assert reading.sent == text


def test_an_escaped_name_is_sent_as_text_and_other_pairs_stay(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    reading = FileReader(tmp_path).read("@@a @@./none @@count = 0")
    assert reading.attachments == ()
    assert reading.problems == ()
    assert reading.sent == "@a @./none @@count = 0"


def big(path: Path) -> None:
    path.write_bytes(b"a" * (MOST_BYTES + 1))


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("./missing", None, "./missing: there is no such file"),
        ("/missing/at/all", None, "/missing/at/all: there is no such file"),
        ("./folder", lambda path: path.mkdir(), "is a folder"),
        ("big", big, "has 1.0 MB; at most 1.0 MB"),
        ("binary", lambda path: path.write_bytes(b"\x7fELF\0\0"), "is not text"),
        ("latin", lambda path: path.write_bytes(b"caf\xe9 au lait"), "is not text"),
        ("./pipe", lambda path: os.mkfifo(path), "is no plain file"),
    ],
)
def test_what_cannot_be_sent_is_told(tmp_path: Path, name: str, make: object, said: str) -> None:
    if make is not None:
        make(tmp_path / name)  # type: ignore[operator]
    reading = FileReader(tmp_path).read(f"see @{name}")
    assert reading.attachments == ()
    assert [said in problem.text for problem in reading.problems] == [True]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0)
    assert "cannot be read" in FileReader(tmp_path).read("@secret").problems[0].text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_of_any_mark_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a").write_bytes("größer 大".encode(encoding))
    assert FileReader(tmp_path).read("@a").attachments[0].text == "größer 大"


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    os.utime(file, ns=(1, 1))
    reader = FileReader(tmp_path)
    assert reader.read("@a").attachments[0].text == "one"
    file.write_text("two")
    os.utime(file, ns=(1, 1))
    assert reader.read("@a").attachments[0].text == "one"
    os.utime(file, ns=(2, 2))
    assert reader.read("@a").attachments[0].text == "two"


@pytest.mark.parametrize(
    ("line", "column", "typed"),
    [
        ("@", 1, (0, 1, "", "")),
        ("see @no and", 7, (4, 7, "", "no")),
        ("see @notes.md", 6, (4, 13, "", "n")),
        ("@src/tui/co", 11, (0, 11, "src/tui/", "co")),
        ("@~/x", 4, (0, 4, "~/", "x")),
        ('@"my no', 7, (0, 7, "", "my no")),
        ('@"my no" x', 5, (0, 8, "", "my ")),
        ("see no", 6, None),
        ("bob@exa", 7, None),
        ("@@no", 4, None),
        ("@no ", 4, None),
    ],
)
def test_the_name_under_the_cursor(line: str, column: int, typed: tuple[object, ...] | None) -> None:
    found = path_typed(line, column)
    assert (None if found is None else (found.start, found.end, found.folder, found.leaf)) == typed


def suggested(line: str, *entries: Entry) -> tuple[list[str], bool]:
    typed = path_typed(line, len(line))
    assert typed is not None
    found = suggest_paths(typed, line, entries)
    return ([], False) if found is None else ([item.insert for item in found.items], found.eager)


def test_what_a_folder_offers() -> None:
    entries = (
        Entry("my docs", True),
        Entry("src", True),
        Entry("my notes.md", False),
        Entry("notes.md", False),
    )
    assert suggested("@", *entries) == (['@"my docs/', "@src/", '@"my notes.md" ', "@notes.md "], False)
    assert suggested("@no", *entries) == (["@notes.md ", '@"my notes.md" '], True)
    assert suggested("@a/s", *entries)[0][0] == "@a/src/"
    assert suggested("@ntm", *entries)[1] is False, "enter must not take what was not spelled so"
    assert suggested("@zzz", *entries) == ([], False)


def test_folders_are_listed_first_hidden_ones_only_when_asked_and_never_all_of_too_many(
    tmp_path: Path,
) -> None:
    for name in ("b.md", ".hidden", "A.md", 'quo"te', "tab\tname"):
        (tmp_path / name).write_text("")
    (tmp_path / "z").mkdir()
    reader = FileReader(tmp_path)
    assert [one.name for one in reader.entries("", hidden=False)] == ["z", "A.md", "b.md"]
    assert [one.name for one in reader.entries("", hidden=True)] == [".hidden"]
    assert reader.entries("none/", hidden=False) == ()
    assert reader.entries(f"{tmp_path}/", hidden=True) == (Entry(".hidden", False),)
    for number in range(MOST_ENTRIES + 5):
        (tmp_path / "z" / str(number)).touch()
    assert len(reader.entries("z/", hidden=False)) == MOST_ENTRIES


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (3_100, "3.1 kB"), (999_960, "1.0 MB"), (1_250_000, "1.2 MB")],
)
def test_sizes(size: int, text: str) -> None:
    assert bytes_text(size) == text


def test_what_is_attached_is_shown_with_size_and_tokens() -> None:
    def file(name: str) -> Attachment:
        return Attachment(Path(name), "", 3_100, 800)

    assert attached_rows((), 60, 2) == ()
    assert attached_rows((file("notes.md"),), 60, 1) == ("▤ notes.md 3.1 kB ≈800 tok",)
    two = attached_rows((file("notes.md"), file("b.md")), 60, 1)
    assert two == ("▤ notes.md 3.1 kB ≈800 tok  ▤ b.md 3.1 kB ≈800 tok",)
    many = attached_rows([file(f"file-{n}.md") for n in range(9)], 60, 2)
    assert many == (
        "▤ file-0.md 3.1 kB ≈800 tok  ▤ file-1.md 3.1 kB ≈800 tok",
        "▤ file-2.md 3.1 kB ≈800 tok  ▤ and 6 more 18.6 kB ≈4.8k tok",
    )
    assert attached_rows((file("x" * 90),), 40, 1) == ("▤ " + "x" * 21 + "… 3.1 kB ≈800 tok",)


def test_files_that_go_with_a_message_anyway_are_not_kept_twice() -> None:
    notes, plan = (
        Attachment(Path(name), text, 3, 1) for name, text in (("notes.md", "a\nb"), ("plan.md", "c"))
    )
    blocks = with_attachments("", [notes, plan])
    again = with_attachments("rewritten @notes.md", [notes])
    assert files_kept(blocks, again) == (1,)
    assert only_files(blocks, (1,)) == with_attachments("", [plan])
    assert files_kept(blocks, "rewritten") == (0, 1)
    assert files_kept("", again) == ()


def test_a_title_ends_where_the_files_begin() -> None:
    assert title_without_files('Look at this <file path="notes.md" li…') == "Look at this"
    assert title_without_files("Look at this") == "Look at this"
