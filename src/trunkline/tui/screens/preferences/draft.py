"""Settings with changes that are not saved yet. Pure: each change gives another draft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from trunkline.config.settings import Setting


class _Untouched(Enum):
    """That a setting has no unsaved change, as None is one: the value is taken out of the user's file."""

    UNTOUCHED = "untouched"


UNTOUCHED = _Untouched.UNTOUCHED


@dataclass(frozen=True, slots=True)
class Step:
    """One change that can be taken back: what the unsaved change of `key` was before."""

    key: str
    before: object


@dataclass(frozen=True, slots=True)
class Draft:
    """`settings` as the files have them, by key; `changes` are new values by key, None for back to the shipped one.
    `problems` are sentences about values that cannot be saved, by key."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    changes: Mapping[str, object] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    # -- what it says ---------------------------------------------------------------------------------------

    def value(self, key: str) -> object:
        """The value as it would be saved."""
        setting = self.settings[key]
        change = self.changes.get(key, UNTOUCHED)
        if change is UNTOUCHED:
            return setting.current
        return setting.default if change is None else change

    def entries(self, key: str) -> tuple[object, ...]:
        """The entries of a list: texts, or the limits of an account."""
        value = self.value(key)
        return tuple(value) if isinstance(value, list) else ()

    def is_changed(self, key: str) -> bool:
        """Whether there is something unsaved."""
        return key in self.changes

    def is_default(self, key: str) -> bool:
        """Whether the user's file would say nothing of it."""
        change = self.changes.get(key, UNTOUCHED)
        return change is None or (change is UNTOUCHED and not self.settings[key].stated)

    # -- what becomes of it ---------------------------------------------------------------------------------

    def with_value(self, key: str, value: object) -> Draft:
        """The same with another value. One that the files have already is no change."""
        setting = self.settings[key]
        if value is None:
            return self.with_default(key)
        return self._changed(key, UNTOUCHED if _same(value, setting.current) else value)

    def with_default(self, key: str) -> Draft:
        """The same with the shipped value: nothing of it in the user's file."""
        return self._changed(key, None if self.settings[key].stated else UNTOUCHED)

    def without_last(self) -> Draft:
        """The same without the last change."""
        if not self.steps:
            return self
        last = self.steps[-1]
        return replace(
            self,
            changes=self._changes_with(last.key, last.before),
            steps=self.steps[:-1],
            problems=_without(self.problems, last.key),
        )

    def with_problems(self, problems: Mapping[str, str]) -> Draft:
        """The same with other findings."""
        return self if problems == self.problems else replace(self, problems=problems)

    def on(self, settings: Iterable[Setting]) -> Draft:
        """The changes kept, on files that were read again; those that the files have by now are none any more."""
        by_key = {setting.key: setting for setting in settings}
        kept = {
            key: value
            for key, value in self.changes.items()
            if key in by_key
            and not (not by_key[key].stated if value is None else _same(value, by_key[key].current))
        }
        return Draft(by_key, kept, tuple(step for step in self.steps if step.key in kept))

    def _changed(self, key: str, change: object) -> Draft:
        before = self.changes.get(key, UNTOUCHED)
        if before is change or (
            before is not UNTOUCHED and change is not UNTOUCHED and _same(before, change)
        ):
            return self
        return replace(
            self,
            changes=self._changes_with(key, change),
            steps=(*self.steps, Step(key, before)),
            problems=_without(self.problems, key),
        )

    def _changes_with(self, key: str, change: object) -> dict[str, object]:
        changes = {name: value for name, value in self.changes.items() if name != key}
        if change is not UNTOUCHED:
            changes[key] = change
        return changes


def _same(one: object, other: object) -> bool:
    """Equal, and not one a switch and the other a number."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _without(problems: Mapping[str, str], key: str) -> dict[str, str]:
    return {name: text for name, text in problems.items() if name != key}


Entries = tuple[object, ...]

# -- lists ------------------------------------------------------------------------------------------------------


def moved(entries: Entries, index: int, step: int) -> Entries | None:
    """The entries with one of them moved; None where it stands at the end already."""
    target = index + step
    if not (0 <= index < len(entries) and 0 <= target < len(entries)):
        return None
    rest = [*entries[:index], *entries[index + 1 :]]
    rest.insert(target, entries[index])
    return tuple(rest)


def without(entries: Entries, index: int) -> Entries:
    """The entries without one of them."""
    return (*entries[:index], *entries[index + 1 :])


def inserted(entries: Entries, index: int, entry: object) -> Entries:
    """The entries with another one before `index`; one that is there already only moves."""
    rest = tuple(one for one in entries if one != entry)
    at = index - sum(1 for one in entries[:index] if one == entry)
    return (*rest[:at], entry, *rest[at:])
