"""Reads, on threads, the files that the text in the editor names and the folders it is about to name one of."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from trunkline.tui.attachments import Attachment, Entry, PathTyped, mentions
from trunkline.tui.files import FileReader, Reading

MOST_FOLDERS = 20


@dataclass
class FilesRead(Message):
    """Reading number `serial` is done."""

    serial: int
    reading: Reading


@dataclass
class FolderListed(Message):
    """What is in a folder, as a message would write it."""

    folder: str
    hidden: bool
    entries: tuple[Entry, ...]


class Attaching:
    """`post` is called on the threads. They are daemons: a file system that does not answer must not keep the deck from
    ending, nor the person from sending a message that names no file there."""

    def __init__(self, folder: Path, post: Callable[[Message], object]) -> None:
        self._reader = FileReader(folder)
        self._post = post
        self._serial = 0
        self._names: tuple[str, ...] = ()
        self._reading: Reading | None = None
        self._folders: dict[tuple[str, bool], tuple[Entry, ...] | None] = {}

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """What would go along, as far as it is read."""
        return () if self._reading is None else self._reading.attachments

    @property
    def is_listing(self) -> bool:
        """A folder is wanted and not known yet."""
        return None in self._folders.values()

    def look(self, text: str) -> bool:
        """The text is this now. Reads what it names if that has changed; says whether something is no longer named."""
        names = tuple(one.name for one in mentions(text))
        if names == self._names:
            return False
        self._names = names
        if names:
            self.read(text)
            return False
        self._serial += 1
        had = self._reading is not None
        self._reading = None
        return had

    def read(self, text: str) -> int:
        """Read what `text` names, as it is now; gives the number of the reading."""
        self._serial += 1
        serial = self._serial
        self._start(lambda: FilesRead(serial, self._reader.read(text)))
        return serial

    def take(self, message: FilesRead) -> bool:
        """Whether that reading is the latest, and so counts."""
        if message.serial != self._serial:
            return False
        self._reading = message.reading
        return True

    def entries(self, typed: PathTyped) -> tuple[Entry, ...]:
        """What the folder holds; nothing until it is listed, which `FolderListed` tells."""
        key = (typed.folder, typed.wants_hidden)
        if key not in self._folders:
            if len(self._folders) >= MOST_FOLDERS:
                self._folders.clear()
            self._folders[key] = None
            self._start(lambda: FolderListed(*key, self._reader.entries(key[0], hidden=key[1])))
        return self._folders[key] or ()

    def listed(self, message: FolderListed) -> None:
        """A folder is known now."""
        self._folders[message.folder, message.hidden] = message.entries

    def forget_folders(self) -> None:
        """Nothing is being named any more: list them anew the next time."""
        self._folders.clear()

    def _start(self, work: Callable[[], Message]) -> None:
        def run() -> None:
            done = work()
            with contextlib.suppress(RuntimeError):  # the deck has ended meanwhile
                self._post(done)

        threading.Thread(target=run, name="attaching", daemon=True).start()
