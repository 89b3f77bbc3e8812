"""Changing several settings at once in the user's own files: planned, shown, saved, and taken back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trunkline.config.edit import edited, write_private
from trunkline.config.files import read_layer
from trunkline.config.load import Loaded, load
from trunkline.config.places import Places
from trunkline.config.settings import half_of, key_path
from trunkline.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Edit:
    """`key` (dotted) set to a plain TOML value; None takes it out of the user's file, so that the shipped value holds
    again."""

    key: str
    value: object | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Edits that were tried and can be saved: the whole new text of each file that changes, what it was before, and
    the change as a unified diff (empty where nothing changes)."""

    texts: Mapping[Path, str]
    before: Mapping[Path, str]
    diff: str


class ConfigDesk:
    """Reads, tries, writes and takes back. Every method blocks on files and may take half a second: call it on a
    thread."""

    def __init__(
        self, places: Places, environ: Mapping[str, str], *, base_providers_text: str | None = None
    ) -> None:
        self.places = places
        self._environ = environ
        self._base_providers_text = base_providers_text
        self._saved: list[Plan] = []

    def read(self) -> Loaded:
        """The configuration as the files have it now. Raises ConfigError."""
        return load(self.places, self._environ, base_providers_text=self._base_providers_text)

    def plan(self, loaded: Loaded, edits: Sequence[Edit]) -> Plan:
        """Try `edits` on the user's files as they are now. Raises ConfigError naming file, key and what was expected;
        nothing is written."""
        before: dict[Path, str] = {}
        texts: dict[Path, str] = {}
        for edit in edits:
            path = key_path(loaded, edit.key)
            file = half_of(loaded, path).user.path
            if file not in texts:
                before[file] = texts[file] = read_layer(file, user=True).text
            texts[file] = edited(texts[file], path, edit.value)
        texts = {file: text for file, text in texts.items() if text != before[file]}
        load(self.places, self._environ, base_providers_text=self._base_providers_text, user_text=texts)
        return Plan(texts, {file: before[file] for file in texts}, _diff(before, texts))

    def save(self, plan: Plan) -> None:
        """Write the files of a plan. Raises ConfigError where one cannot be written, or was changed by somebody else
        since it was planned."""
        for file, text in plan.before.items():
            if read_layer(file, user=True).text != text:
                raise ConfigError(
                    file=file,
                    key="",
                    value=None,
                    expected="the file as it was when this change was planned",
                    remedy="Somebody else changed it meanwhile: look at it again and make your change anew.",
                )
        for file, text in plan.texts.items():
            write_private(file, text)
        if plan.texts:
            self._saved.append(plan)

    def undo(self) -> Plan | None:
        """Put back what the last `save` changed; gives what was undone, None where there is nothing. Raises
        ConfigError as `save`."""
        if not self._saved:
            return None
        last = self._saved[-1]
        back = Plan(last.before, last.texts, _diff(last.texts, last.before))
        self.save(back)
        del self._saved[-2:]
        return back


def _diff(before: Mapping[Path, str], after: Mapping[Path, str]) -> str:
    lines = [
        line if line.endswith("\n") else f"{line}\n"
        for file, text in after.items()
        for line in difflib.unified_diff(
            before[file].splitlines(keepends=True), text.splitlines(keepends=True), str(file), str(file)
        )
    ]
    return "".join(lines)
