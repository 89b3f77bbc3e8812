"""Files sent along with a message: inside its text, so that every provider can read them; and how a message names
them. Pure.

`@notes.md` at the start of a word names a file, `@"my notes.md"` one with blanks in its name, `@@notes.md` is the
text `@notes.md`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len

from trunkline.tui import format as fmt
from trunkline.tui.suggestions import Suggestion, Suggestions, rank

_BLOCK_START = re.compile(r'\n\n<file path="([^"\n]*)" lines="([0-9]{1,7})">\n')
_BLOCK_END = "\n</file>"

_WORD_START = r"""(?<![^\s(\[{<"'])"""
_MENTION = re.compile(_WORD_START + r"""(@{1,2})(?:"([^"\n]+)"|([^\s"@][^\s"]*))""")
_BEING_TYPED = re.compile(_WORD_START + r"""@("?)((?<=")[^"\n]*|(?<!")(?:[^\s"@][^\s"]*)?)$""")
_AFTER_A_NAME = ".,;:!?)]}>'"
_PATHS = ("./", "../", "/", "~/")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file as it was read: its size in bytes and the estimate of its tokens. `name` is how the message names
    it; its file name where nothing else is said."""

    path: Path
    text: str
    size_bytes: int
    tokens: int
    name: str = ""


def with_attachments(text: str, attachments: Sequence[Attachment]) -> str:
    """The message as it is sent: the text, then each file in a block of its own. The block says how many lines it has,
    so that no file can end it early."""
    blocks = []
    for one in attachments:
        name = fmt.one_line(one.name or one.path.name).replace('"', "'")
        lines = one.text.count("\n") + 1
        blocks.append(f'\n\n<file path="{name}" lines="{lines}">\n{one.text}{_BLOCK_END}')
    return "".join((text, *blocks))


def without_attachments(sent: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The text of a sent message, and (name, characters) of each file that went with it."""
    for first in _BLOCK_START.finditer(sent):
        blocks = _blocks_to_the_end(sent, first.start())
        if blocks:
            return sent[: first.start()], tuple((one.name, one.length) for one in blocks)
    return sent, ()


def files_kept(blocks: str, sent: str) -> tuple[int, ...]:
    """Which of the files in `blocks`, as `with_attachments` wrote them, do not go with the message `sent` anyway."""
    again = {name for name, _ in without_attachments(sent)[1]}
    return tuple(at for at, one in enumerate(_blocks_to_the_end(blocks, 0)) if one.name not in again)


def only_files(blocks: str, kept: Sequence[int]) -> str:
    """Those of the `blocks`."""
    found = _blocks_to_the_end(blocks, 0)
    return "".join(blocks[found[at].start : found[at].end] for at in kept)


@dataclass(frozen=True, slots=True)
class _Block:
    """A file in a sent message: its name, how many characters it has, and where its block begins and ends."""

    name: str
    length: int
    start: int
    end: int


def _blocks_to_the_end(sent: str, at: int) -> tuple[_Block, ...]:
    """The files of the blocks from `at` on; none where something else follows."""
    files = []
    while at < len(sent):
        start = _BLOCK_START.match(sent, at)
        if start is None:
            return ()
        end = start.end() - 1
        for _ in range(int(start[2])):
            end = sent.find("\n", end + 1)
            if end < 0:
                return ()
        if not sent.startswith(_BLOCK_END, end):
            return ()
        files.append(_Block(start[1], end - start.end(), at, end + len(_BLOCK_END)))
        at = end + len(_BLOCK_END)
    return tuple(files)


_BEGUN = ' <file path="'


def title_without_files(title: str) -> str:
    """A title that was made of the beginning of a sent message, without the beginning of its files."""
    return title.partition(_BEGUN)[0]


@dataclass(frozen=True, slots=True)
class Mention:
    """`@name` in a text, at `start` to `end`. `is_escaped`: written `@@name`."""

    start: int
    end: int
    name: str
    is_quoted: bool = False
    is_escaped: bool = False

    @property
    def is_path(self) -> bool:
        """It says where the file is, and so can mean nothing but a file."""
        return self.name.startswith(_PATHS)

    @property
    def names(self) -> tuple[str, ...]:
        """What may be the file's name: with, then without the marks that end a sentence."""
        bare = self.name if self.is_quoted else self.name.rstrip(_AFTER_A_NAME)
        return tuple(dict.fromkeys(name for name in (self.name, bare) if name))


def mentions(text: str) -> tuple[Mention, ...]:
    """Every word of a text that may name a file."""
    return tuple(
        Mention(found.start(), found.end(), found[2] or found[3], bool(found[2]), found[1] == "@@")
        for found in (_MENTION.finditer(text) if "@" in text else ())
    )


@dataclass(frozen=True, slots=True)
class PathTyped:
    """A file's name under the cursor, in columns `start` to `end`: `folder` as written (with its slash, or empty), and
    the `leaf` in it as far as it is there."""

    start: int
    end: int
    folder: str
    leaf: str

    @property
    def wants_hidden(self) -> bool:
        """Names beginning with a full stop are asked for."""
        return self.leaf.startswith(".")


def path_typed(line: str, column: int) -> PathTyped | None:
    """The file's name that is being typed at `column`."""
    found = _BEING_TYPED.search(line[:column])
    if found is None:
        return None
    rest = line[column:]
    after = re.match(r'[^"\n]*"?' if found[1] else r"[^\s\"]*", rest)
    cut = found[2].rfind("/") + 1
    return PathTyped(found.start(), column + (after.end() if after else 0), found[2][:cut], found[2][cut:])


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder holds."""

    name: str
    is_folder: bool


def suggest_paths(typed: PathTyped, line: str, entries: Sequence[Entry]) -> Suggestions | None:
    """The entries of the folder that fit what is typed. Enter takes one only where its name begins so: `@word` may be
    no file at all."""
    offered = [(_insert(typed.folder, one), one.name + "/" * one.is_folder, "") for one in entries]
    items: tuple[Suggestion, ...] = rank(typed.leaf, offered)
    if not items:
        return None
    begins = items[0].label.lower().startswith(typed.leaf.lower())
    eager = begins and bool(typed.leaf or typed.folder)
    return Suggestions(typed.start, typed.end, line[typed.start : typed.end], items, eager)


def _insert(folder: str, entry: Entry) -> str:
    name = folder + entry.name + "/" * entry.is_folder
    if " " not in name:
        return f"@{name}" if entry.is_folder else f"@{name} "
    return f'@"{name}' if entry.is_folder else f'@"{name}" '


def bytes_text(size: int) -> str:
    """`812 B`, `3.1 kB`, `1.2 MB`."""
    if size < 1_000:
        return f"{size} B"
    if size < 999_950:
        return f"{size / 1_000:.1f} kB"
    return f"{size / 1_000_000:.1f} MB"


def attached_rows(attachments: Sequence[Attachment], width: int, most: int) -> tuple[str, ...]:
    """`▤ notes.md 3.1 kB ≈800 tok` for each, several to a row of `width` cells; what does not fit in `most` rows is
    summed up in the last."""
    texts = [_attached(one.name or one.path.name, one.size_bytes, one.tokens, width) for one in attachments]
    rows = _packed(texts, width)
    if len(rows) <= most:
        return rows
    for shown in range(len(texts) - 1, -1, -1):
        rest = attachments[shown:]
        size, tokens = sum(one.size_bytes for one in rest), sum(one.tokens for one in rest)
        more = f"and {len(rest)} more" if shown else f"{len(rest)} files"
        rows = _packed([*texts[:shown], _attached(more, size, tokens, width)], width)
        if len(rows) <= most:
            return rows
    return rows[:most]


def _attached(name: str, size: int, tokens: int, width: int) -> str:
    figures = f" {bytes_text(size)} ≈{fmt.compact(tokens)} tok"
    name = fmt.one_line(name)
    return "▤ " + fmt.fit(name, max(8, width - 2 - len(figures))).rstrip() + figures


def _packed(texts: Sequence[str], width: int) -> tuple[str, ...]:
    rows: list[str] = []
    for text in texts:
        if rows and cell_len(rows[-1]) + 2 + cell_len(text) <= width:
            rows[-1] += "  " + text
        else:
            rows.append(text)
    return tuple(rows)
