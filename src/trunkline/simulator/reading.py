"""Reading a TOML table by hand: every wrong value becomes a `ConfigError` that names file, key and expectation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from trunkline.domain.errors import ConfigError

T = TypeVar("T")


class Table:
    """A table of a description, with where it stands. Keys are taken; `end` refuses what nobody took."""

    def __init__(self, file: str, path: str, values: object) -> None:
        self.file = file
        self.path = path
        if not isinstance(values, Mapping):
            raise ConfigError(file=file, key=path, value=values, expected="a table")
        self._values = dict(values)
        self._known: set[str] = set()

    def key(self, name: str) -> str:
        """The full key of `name`, as errors show it."""
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, expected: str, value: object = None) -> NoReturn:
        """Raise ConfigError for the value at `name`."""
        found = self._values.get(name) if value is None else value
        raise ConfigError(file=self.file, key=self.key(name), value=found, expected=expected)

    def has(self, name: str) -> bool:
        """Whether the key is there."""
        return name in self._values

    def raw(self, name: str, default: Any = None) -> Any:
        """The value as TOML gave it."""
        self._known.add(name)
        return self._values.get(name, default)

    def text(self, name: str, default: str | None = None) -> str:
        """A string; refused when missing and no default is given."""
        value = self.raw(name, default)
        if not isinstance(value, str):
            self.refuse(name, "a text")
        return value

    def word(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        """One of a set of words."""
        value = self.raw(name, default)
        words = list(allowed)
        if not isinstance(value, str) or value not in words:
            self.refuse(name, "one of " + ", ".join(words))
        return value

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.raw(name, default)
        if not isinstance(value, bool):
            self.refuse(name, "true or false")
        return value

    def number(self, name: str, default: float | None = None, least: float = 0.0) -> float:
        """A number not below `least`."""
        value = self.raw(name, default)
        if not is_number(value) or value < least:
            self.refuse(name, f"a number of at least {least:g}")
        return float(value)

    def whole(self, name: str, default: int | None = None, least: int = 0) -> int:
        """A whole number not below `least`."""
        value = self.raw(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self.refuse(name, f"a whole number of at least {least}")
        return value

    def maybe(self, name: str, read: Callable[[str], T]) -> T | None:
        """`read(name)` if the key is there, else None."""
        return read(name) if self.has(name) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings, empty by default."""
        value = self.raw(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.refuse(name, "a list of texts")
        return tuple(value)

    def table(self, name: str) -> Table:
        """A table within, empty by default."""
        return Table(self.file, self.key(name), self.raw(name, {}))

    def tables(self, name: str) -> list[Table]:
        """A list of tables, empty by default."""
        value = self.raw(name, [])
        if not isinstance(value, list):
            self.refuse(name, "a list of tables")
        return [Table(self.file, f"{self.key(name)}[{index}]", item) for index, item in enumerate(value)]

    def named(self, name: str) -> dict[str, Table]:
        """A table of tables, by their names."""
        inner = self.table(name)
        return {child: Table(self.file, inner.key(child), inner.raw(child)) for child in inner._values}

    def end(self) -> None:
        """Refuse the first key that nobody read."""
        for name in self._values:
            if name not in self._known:
                known = ", ".join(sorted(self._known))
                raise ConfigError(
                    file=self.file,
                    key=self.key(name),
                    value=self._values[name],
                    expected=f"one of the keys {known}",
                )


def is_number(value: object) -> bool:
    """An int or float of TOML; true and false are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)
