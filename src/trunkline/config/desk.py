"""Changing several settings at once in the user's own files: planned, shown, saved, and taken back."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trunkline.config.check import read_value
from trunkline.config.edit import cannot_write, edited, write_private
from trunkline.config.files import parse_toml, read_layer
from trunkline.config.load import Loaded, load
from trunkline.config.places import Places
from trunkline.config.problems import model_at
from trunkline.config.settings import half_of, key_path
from trunkline.domain.errors import ConfigError

_BYTE_ORDER_MARK = "\ufeff"
_NEW_FILE = "# What differs from the {name} that ships; `trunkline config get` lists every setting.\n"


@dataclass(frozen=True, slots=True)
class Edit:
    """`key` (dotted) set to a plain TOML value; None takes it out of the user's file, so that the shipped value holds
    again."""

    key: str
    value: object | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Edits that were tried and can be saved: the whole new text of each file that changes, what it was before, and
    the change as a unified diff (empty where nothing changes). `absent` are files that are not there before, `gone`
    those that will not be there after."""

    texts: Mapping[Path, str]
    before: Mapping[Path, str]
    diff: str
    absent: frozenset[Path] = frozenset()
    gone: frozenset[Path] = frozenset()


class TextEdit:
    """An edit of a file's text that is more than one key set to a value."""

    def file(self, loaded: Loaded) -> Path:
        """The user's file that it changes."""
        raise NotImplementedError

    def apply(self, loaded: Loaded, text: str) -> str:
        """The file's `text` after it. Raises ConfigError where it cannot be."""
        raise NotImplementedError


class ConfigDesk:
    """Reads, tries, writes and takes back. Every method blocks on files and may take half a second: call it on a
    thread. What was saved can be taken back as long as the desk lives."""

    def __init__(
        self, places: Places, environ: Mapping[str, str], *, base_providers_text: str | None = None
    ) -> None:
        self.places = places
        self._environ = environ
        self._base_providers_text = base_providers_text
        self._saved: list[Plan] = []
        self._writing = threading.Lock()

    @property
    def saved(self) -> tuple[Plan, ...]:
        """What was saved and not taken back, the latest last."""
        return tuple(self._saved)

    def read(self) -> Loaded:
        """The configuration as the files have it now. Raises ConfigError."""
        return self.load()

    def load(self, user_text: Mapping[Path, str] | None = None) -> Loaded:
        """The configuration, with `user_text` in place of the user's files of those paths. Raises ConfigError."""
        base = self._base_providers_text
        return load(self.places, self._environ, base_providers_text=base, user_text=user_text)

    def read_past_errors(self) -> Loaded:
        """As `read`; where the user's files cannot be used, the configuration without them, so that an edit can still
        name its setting and mend them. Raises ConfigError where even that is of no use."""
        try:
            return self.read()
        except ConfigError:
            return self.load({self.places.providers_file: "", self.places.preferences_file: ""})

    def plan(self, loaded: Loaded, edits: Sequence[Edit | TextEdit]) -> Plan:
        """Try `edits`, one after the other, on the user's files as they are now. Raises ConfigError naming file, key
        and what was expected; nothing is written."""
        before: dict[Path, str] = {}
        texts: dict[Path, str] = {}
        for edit in edits:
            file, apply = _applied(loaded, edit)
            if file not in texts:
                before[file] = read_layer(file, user=True).text
                texts[file] = before[file] if file.exists() else _NEW_FILE.format(name=file.name)
            texts[file] = _named(file, partial(apply, texts[file]))
        texts = {f: text for f, text in texts.items() if parse_toml(text, f) != parse_toml(before[f], f)}
        if not texts:
            return Plan({}, {}, "")
        before = {file: before[file] for file in texts}
        self.load(texts)
        absent = frozenset(file for file in texts if not file.exists())
        return Plan(texts, before, _diff(before, texts), absent)

    def save(self, plan: Plan) -> None:
        """Write the files of a plan, all or none. Raises ConfigError where one cannot be written, or was changed by
        somebody else since it was planned."""
        with self._writing:
            self._write(plan)
            if plan.texts:
                self._saved.append(plan)

    def undo(self) -> Plan | None:
        """Put back what the last `save` changed; gives what was undone, None where there is nothing. Raises
        ConfigError as `save`."""
        with self._writing:
            if not self._saved:
                return None
            last = self._saved[-1]
            back = reversed_plan(last)
            self._write(back)
            self._saved.pop()
            return back

    def _write(self, plan: Plan) -> None:
        for file, text in plan.before.items():
            if read_layer(file, user=True).text != text:
                raise ConfigError(
                    file=file,
                    key="",
                    value=None,
                    expected="the file as it was when this change was planned",
                    remedy="Somebody else changed it meanwhile: look at it again and make your change anew.",
                )
        written: list[Path] = []
        try:
            for file, text in plan.texts.items():
                _write_one(file, text, gone=file in plan.gone)
                written.append(file)
        except ConfigError:
            for file in written:
                _write_one(file, plan.before[file], gone=file in plan.absent)
            raise


def reversed_plan(plan: Plan) -> Plan:
    """What takes a saved plan back."""
    return Plan(plan.before, plan.texts, _diff(plan.texts, plan.before), plan.gone, plan.absent)


def set_value(loaded: Loaded, environ: Mapping[str, str], key: str, value_text: str | None) -> str:
    """Set `key` (dotted) in the user's file to `value_text`, a TOML value; text needs no quotes, a list may be
    written `a, b`. None takes the setting out, so that the shipped value holds again. The whole configuration is
    tried before anything is written. Returns the change as a unified diff, empty when there is none. Raises
    ConfigError for an unknown key, a value that cannot be used, or a file that cannot be written."""
    path = key_path(loaded, key)
    value = None if value_text is None else read_value(value_text, model_at(half_of(loaded, path).root, path))
    desk = ConfigDesk(loaded.places, environ, base_providers_text=loaded.providers_layers[0].text)
    plan = desk.plan(loaded, [Edit(key, value)])
    desk.save(plan)
    return plan.diff


def _applied(loaded: Loaded, edit: Edit | TextEdit) -> tuple[Path, Callable[[str], str]]:
    """The file that `edit` changes, and how."""
    if isinstance(edit, TextEdit):
        return edit.file(loaded), lambda text: edit.apply(loaded, text)
    path = key_path(loaded, edit.key)
    return half_of(loaded, path).user.path, lambda text: edited(text, path, edit.value)


def _named(file: Path, run: Callable[[], str]) -> str:
    """What `run` gives; a complaint about the text names the file."""
    try:
        return run()
    except ConfigError as error:
        if error.file != "config":
            raise
        raise ConfigError(
            file=file, key=error.key, value=error.value, expected=error.expected, remedy=error.remedy
        ) from None


def _write_one(file: Path, text: str, *, gone: bool) -> None:
    if not gone:
        write_private(file, _mark_of(file) + text)
        return
    try:
        file.resolve().unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(file, error) from None


def _mark_of(file: Path) -> str:
    """The byte order mark that a file begins with, if it does."""
    try:
        with file.open("rb") as stream:
            return _BYTE_ORDER_MARK if stream.read(3) == _BYTE_ORDER_MARK.encode() else ""
    except OSError:
        return ""


def _diff(before: Mapping[Path, str], after: Mapping[Path, str]) -> str:
    lines = [
        line if line.endswith("\n") else f"{line}\n"
        for file, text in after.items()
        for line in difflib.unified_diff(
            before[file].splitlines(keepends=True), text.splitlines(keepends=True), str(file), str(file)
        )
    ]
    return "".join(lines)
