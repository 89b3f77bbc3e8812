"""Reading JSON that a client sent: every value is checked where it is taken, and a wrong one is named by its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trunkline.gateway.dialect import UnreadableError

Table = Mapping[str, Any]

_MOST_WHOLE = 2**63 - 1

_KINDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
}


class Reader:
    """A JSON object and where it stands in the request. Every getter raises UnreadableError for a value of another
    kind; null is as good as nothing."""

    __slots__ = ("_at", "table")

    def __init__(self, table: Table, at: str = "") -> None:
        self.table = table
        self._at = at

    @classmethod
    def of(cls, value: object, at: str) -> Reader:
        """A reader for what must be an object."""
        if not isinstance(value, Mapping):
            raise UnreadableError(f"{at} must be an object", at)
        return cls(value, at)

    def at(self, key: str) -> str:
        """The path of a field."""
        return f"{self._at}.{key}" if self._at else key

    def wrong(self, key: str, expected: str) -> UnreadableError:
        """The error that says what was expected of a field."""
        return UnreadableError(f"{self.at(key)} must be {expected}", self.at(key))

    def has(self, key: str) -> bool:
        """Whether the field says anything."""
        return self.table.get(key) is not None

    def text(self, key: str) -> str | None:
        """Text."""
        value = self._of(key, str)
        return None if value is None else str(value)

    def needed_text(self, key: str) -> str:
        """Text that must be there, and not empty."""
        value = self.text(key)
        if not value:
            raise self.wrong(key, "text")
        return value

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self._of(key, bool)
        return None if value is None else bool(value)

    def whole(self, key: str, *, least: int | None = None) -> int | None:
        """A whole number, no less than `least`, of at most 64 bits."""
        value = self.table.get(key)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and abs(value) > _MOST_WHOLE:
            raise self.wrong(key, "a whole number of at most 64 bits")
        if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
            raise self.wrong(key, "a whole number" if least is None else f"a whole number from {least} on")
        return value

    def number(self, key: str, *, least: float, most: float) -> float | None:
        """A number between two others, these included."""
        value = self.table.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(key, f"a number from {least:g} to {most:g}")
        return float(value)

    def word(self, key: str, known: Sequence[str]) -> str | None:
        """One of these words."""
        value = self.text(key)
        if value is not None and value not in known:
            raise self.wrong(key, f"one of {', '.join(known)}")
        return value

    def object(self, key: str) -> Reader | None:
        """An object."""
        value = self._of(key, dict)
        return None if value is None else Reader(value, self.at(key))

    def list(self, key: str) -> Sequence[Any]:
        """A list; empty where there is none."""
        value = self._of(key, list)
        return () if value is None else value

    def objects(self, key: str) -> Iterator[Reader]:
        """A list of objects; empty where there is none."""
        for index, value in enumerate(self.list(key)):
            yield Reader.of(value, f"{self.at(key)}.{index}")

    def texts(self, key: str) -> tuple[str, ...]:
        """Text, or a list of texts."""
        value = self.table.get(key)
        if value is None:
            return ()
        values = (value,) if isinstance(value, str) else value
        if not isinstance(values, list | tuple) or not all(isinstance(one, str) for one in values):
            raise self.wrong(key, "text or a list of texts")
        return tuple(values)

    def text_values(self, key: str) -> dict[str, str]:
        """The texts and numbers of an object, as text by lower-case name: metadata, of which nothing else is read."""
        found = self.object(key)
        if found is None:
            return {}
        return {
            str(name).lower(): str(value)
            for name, value in found.table.items()
            if isinstance(value, str | int | float) and not isinstance(value, bool)
        }

    def _of(self, key: str, kind: type) -> Any:
        value = self.table.get(key)
        if value is not None and not isinstance(value, kind):
            raise self.wrong(key, _KINDS[kind])
        return value
