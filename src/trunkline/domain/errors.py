"""The few exceptions that leave a room. A failing provider is not one of them: that is a `Fault`, a value."""

from __future__ import annotations

from pathlib import Path


class TrunklineError(Exception):
    """Base of every exception that Trunkline raises on purpose; its text is fit to be shown to a user."""


class ConfigError(TrunklineError):
    """A value in the user's configuration cannot be used.

    Names the file, the key within it, the value found, what was expected and what to do about it.
    """

    def __init__(
        self,
        *,
        file: Path | str,
        key: str,
        value: object,
        expected: str,
        remedy: str = "",
        line: int | None = None,
    ) -> None:
        self.file = str(file)
        self.key = key
        self.value = value
        self.expected = expected
        self.remedy = remedy
        self.line = line
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else self.file
        key = f" {self.key}:" if self.key else ""
        value = "" if self.value is None else f" {self.value!r} is not usable,"
        remedy = f". {self.remedy}" if self.remedy else ""
        return f"{where}:{key}{value} expected {self.expected}{remedy}"


class StoreError(TrunklineError):
    """The store cannot be opened, read or written; says which file and what to do."""


class EngineClosedError(TrunklineError):
    """The engine was asked for something after it was closed."""


class UnknownRequestError(TrunklineError):
    """No request has that id, or none that this can be said of."""
