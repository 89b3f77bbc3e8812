"""Reading the files that a message names. Blocks: for a thread."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from trunkline.analysis import estimate_tokens
from trunkline.tui.attachments import Attachment, Entry, Mention, bytes_text, mentions

MOST_BYTES = 1_000_000
MOST_ENTRIES = 1_000
MOST_MENTIONS = 100
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A named file that cannot be sent, and why in a sentence."""

    mention: Mention
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text becomes with the files that it names: `sent` has `@` for the `@@` that keeps a name from being a
    file. With problems it must not be sent."""

    text: str
    sent: str
    attachments: tuple[Attachment, ...] = ()
    problems: tuple[FileProblem, ...] = ()


_Stamp = tuple[int, int]


class FileReader:
    """Reads the files named in a text, relative to `folder`; one that has not changed since the last time is not read
    again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[Path, tuple[_Stamp, Attachment | str]] = {}

    def read(self, text: str) -> Reading:
        """Read what `text` names, now. A word that is no existing file is only text, unless it is written as a path."""
        attached: dict[Path, Attachment] = {}
        problems: list[FileProblem] = []
        escaped: list[Mention] = []
        known: dict[Path, tuple[_Stamp, Attachment | str]] = {}
        for mention in mentions(text)[:MOST_MENTIONS]:
            found = self._find(mention)
            if found is None:
                continue
            if mention.is_escaped:
                escaped.append(mention)
                continue
            name, path, status = found
            content = status if isinstance(status, str) else self._content(path, status, known)
            if isinstance(content, str):
                problems.append(FileProblem(mention, f"{name}: {content}"))
            else:
                attached.setdefault(path, replace(content, name=name))
        self._known = known
        return Reading(text, _unescaped(text, escaped), tuple(attached.values()), tuple(problems))

    def entries(self, folder: str, *, hidden: bool) -> tuple[Entry, ...]:
        """What is in a folder as a message would write it, folders first; at most 1,000, and only what can be typed.
        Nothing where it cannot be read."""
        try:
            with os.scandir(self.path_of(folder)) as found:
                wanted = (
                    one for one in found if one.name.startswith(".") == hidden and one.name.isprintable()
                )
                listed = [Entry(one.name, one.is_dir()) for one in islice(wanted, MOST_ENTRIES)]
        except (OSError, RuntimeError, ValueError):
            return ()
        usable = (one for one in listed if '"' not in one.name)
        return tuple(sorted(usable, key=lambda one: (not one.is_folder, one.name.casefold())))

    def path_of(self, name: str) -> Path:
        """Where a name leads. Raises RuntimeError where there is no home folder to lead to."""
        return self.folder / Path(name).expanduser()

    def _find(self, mention: Mention) -> tuple[str, Path, os.stat_result | str] | None:
        """The name that is there, its path and status; of a path that is not there, why; None for mere text."""
        missing = "there is no such file"
        for name in mention.names:
            try:
                path = self.path_of(name)
                status = path.stat()
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    missing = _cannot(error)
                continue
            except (RuntimeError, ValueError):
                continue
            if stat.S_ISREG(status.st_mode) or mention.is_path:
                return name, path, status
        return (mention.names[-1], Path(mention.names[-1]), missing) if mention.is_path else None

    def _content(
        self, path: Path, status: os.stat_result, known: dict[Path, tuple[_Stamp, Attachment | str]]
    ) -> Attachment | str:
        stamp = (status.st_mtime_ns, status.st_size)
        before = self._known.get(path)
        content = before[1] if before is not None and before[0] == stamp else _read(path, status)
        known[path] = (stamp, content)
        return content


def _unescaped(text: str, escaped: Sequence[Mention]) -> str:
    for mention in reversed(escaped):
        text = text[: mention.start] + text[mention.start + 1 :]
    return text


def _read(path: Path, status: os.stat_result) -> Attachment | str:
    """The file's text, or why it cannot be sent."""
    if stat.S_ISDIR(status.st_mode):
        return "is a folder; name a file in it"
    if not stat.S_ISREG(status.st_mode):
        return "is no plain file"
    if status.st_size > MOST_BYTES:
        return f"has {bytes_text(status.st_size)}; at most {bytes_text(MOST_BYTES)} can be sent"
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        return _cannot(error)
    if len(data) > MOST_BYTES:
        return f"has more than {bytes_text(MOST_BYTES)}, the most that can be sent"
    text = _decoded(data)
    return "is not text" if text is None else Attachment(path, text, len(data), estimate_tokens(text))


def _cannot(error: OSError) -> str:
    return f"cannot be read ({(error.strerror or 'no reason given').lower()})"


def _decoded(data: bytes) -> str | None:
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
