"""What of a request is read by nobody, and what is kept of it as JSON text."""

from __future__ import annotations

import re
from collections.abc import Collection

import orjson

from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.reading import Reader

_PLAIN_NAME = re.compile(r"[\w.\-]{1,64}", re.ASCII)
_MOST_NAMES = 30


class LeftOut:
    """The names of fields that are read by nobody, each once."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """One more. A name that is no plain word is not repeated, since it may end in a header or a log."""
        if len(self._names) < _MOST_NAMES:
            self._names[name if _PLAIN_NAME.fullmatch(name) else "(a field with another name)"] = None

    def add_unknown(self, reader: Reader, known: Collection[str], under: str = "") -> None:
        """Every field of `reader` that says something and is not `known`, its name after `under`."""
        for name in reader.table:
            if name not in known and reader.has(name):
                self.add(f"{under}{name}")

    def names(self) -> tuple[str, ...]:
        """All of them, in the order in which they were met."""
        return tuple(self._names)


def packed(value: object, at: str) -> str:
    """`value`, read from JSON, as JSON text again. Raises UnreadableError for what is nested too deeply or holds
    numbers too large to be sent on."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, RecursionError) as error:
        raise UnreadableError(f"{at} is nested too deeply or holds a value that JSON cannot", at) from error


def refused(reader: Reader, key: str, why: str) -> UnreadableError:
    """The error for a field that asks for what cannot be had here."""
    return UnreadableError(f"{reader.at(key)}: {why}", reader.at(key))
