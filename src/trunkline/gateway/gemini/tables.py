"""Objects of a request as Google's API takes them: with keys in camel case or with underscores, alone where a list of
one is meant, and bytes in either alphabet of base64."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.gateway.reading import Reader

_HUMP = re.compile(r"(?<=[a-zA-Z0-9])_([a-z0-9])")
_STANDARD = str.maketrans("-_", "+/", "\r\n\t =")


def camel_name(name: str) -> str:
    """`thought_signature` as `thoughtSignature`."""
    return _HUMP.sub(lambda hump: hump[1].upper(), name)


def table_of(value: object, at: str) -> Reader:
    """A reader for what must be an object; of a key that is there in both ways the one in camel case counts."""
    reader = Reader.of(value, at) if at else Reader(value if isinstance(value, Mapping) else {})
    if not any("_" in name for name in reader.table):
        return reader
    table: dict[str, Any] = {camel_name(name): one for name, one in reader.table.items()}
    table |= {name: one for name, one in reader.table.items() if "_" not in name}
    return Reader(table, at)


def table_in(reader: Reader, key: str) -> Reader | None:
    """An object in `reader`."""
    value = reader.table.get(key)
    return None if value is None else table_of(value, reader.at(key))


def tables_in(reader: Reader, key: str) -> Iterator[Reader]:
    """A list of objects in `reader`, or one alone."""
    value = reader.table.get(key)
    values = (value,) if isinstance(value, Mapping) else reader.list(key)
    for index, one in enumerate(values):
        yield table_of(one, f"{reader.at(key)}.{index}")


def standard_base64(text: str) -> str:
    """`text` in the alphabet that every API takes, and padded."""
    plain = text.translate(_STANDARD)
    return plain + "=" * (-len(plain) % 4)
