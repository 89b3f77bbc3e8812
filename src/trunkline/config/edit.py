"""Editing the text of a TOML file with its comments and order kept, and writing it whole."""

from __future__ import annotations

import os
import secrets
import tomllib
from pathlib import Path
from typing import Any

from trunkline.config.arrays import new_array, rearranged
from trunkline.config.files import KeyPath, dotted, value_at
from trunkline.domain.errors import ConfigError

_BY_HAND = "Change it in an editor, then look at it again."


def edited(text: str, path: KeyPath, value: Any) -> str:
    """`text` with the value at `path` set, or taken out where `value` is None, together with tables that are then
    empty. Raises ConfigError where something in the way is no table."""
    data = tomllib.loads(text)
    expected = _filled(_with(data, path, value))
    if expected == _filled(data):
        return text
    document = _parsed(text)
    if value is None:
        _take_out(document, path)
    else:
        _put(_opened(document, path), path[-1], value)
    return _checked(text, _dumped(document), expected, path)


def added(text: str, path: KeyPath, table: dict[str, Any]) -> str:
    """`text` with `table` (its values of None left out) at the end of the list of tables at `path`."""
    table = {name: value for name, value in table.items() if value is not None}
    data = tomllib.loads(text)
    there = value_at(data, path)[1]
    expected = _filled(_with(data, path, [*(there if isinstance(there, list) else []), table]))
    document = _parsed(text)
    _append(_opened(document, path, headed=False), path[-1], table)
    return _checked(text, _dumped(document), expected, path)


def _append(owner: Any, name: str | int, table: dict[str, Any]) -> None:
    import tomlkit
    from tomlkit.items import AoT, Array

    there = owner.get(name)
    if isinstance(there, Array):
        owner[name] = rearranged(there, [*there.unwrap(), table])
    elif isinstance(there, AoT):
        there.append(_new_table(table, inline=False))
    else:
        owner[name] = tomlkit.aot()
        owner[name].append(_new_table(table, inline=False))


def _parsed(text: str) -> Any:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise _unfit((), f"TOML that can be edited ({error})") from None


def _dumped(document: Any) -> str:
    import tomlkit

    return str(tomlkit.dumps(document))


def _checked(before: str, after: str, expected: dict[str, Any], path: KeyPath) -> str:
    """`after` in the line endings of `before` and without blank lines that are nobody's. The editing of a text is only
    believed if it reads as it should."""
    after = after.replace("\r\n", "\n")
    if not before.startswith("\n"):
        after = after.lstrip("\n")
    after = after.rstrip("\n") + "\n" if after.strip() else ""
    if "\r\n" in before:
        after = after.replace("\n", "\r\n")
    try:
        if _filled(tomllib.loads(after)) == expected:
            return after
    except tomllib.TOMLDecodeError:
        pass
    raise _unfit(path, "a place in the file where it can be changed without touching anything else")


def _with(data: dict[str, Any], path: KeyPath, value: Any) -> dict[str, Any]:
    """`data` with the value at `path` set or taken out, as the edited text has to read."""
    name, rest = path[0], path[1:]
    inner = data.get(str(name))
    if rest and isinstance(rest[0], int) and isinstance(inner, list):
        if entries := _with_entry(inner, rest[0], rest[1:], value):
            return {**data, str(name): entries}
        return {key: other for key, other in data.items() if key != name}
    if rest:
        if inner is not None and not isinstance(inner, dict):
            raise _unfit(path, f"{dotted(path[:1])} to be a table")
        if inner is None and value is None:
            return data
        return {**data, str(name): _with(inner or {}, rest, value)}
    if value is not None:
        return {**data, str(name): value}
    return {key: other for key, other in data.items() if key != name}


def _with_entry(entries: list[Any], at: int, rest: KeyPath, value: Any) -> list[Any]:
    changed = [_with(entries[at], rest, value)] if rest else [value] if value is not None else []
    return [*entries[:at], *changed, *entries[at + 1 :]]


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """`data` without tables in which nothing is."""
    found = {key: _filled(value) if isinstance(value, dict) else value for key, value in data.items()}
    return {key: value for key, value in found.items() if value != {}}


def _opened(document: Any, path: KeyPath, *, headed: bool = True) -> Any:
    """The table that holds the last part of `path`, made where it is not there; with a [header] of its own unless its
    first part will be a table that has one."""
    import tomlkit
    from tomlkit.items import InlineTable

    here = document
    for index, part in enumerate(path[:-1]):
        if isinstance(part, str) and part not in here:
            outer = index + 2 < len(path) or not headed
            inline = isinstance(here, InlineTable)
            here[part] = tomlkit.inline_table() if inline else tomlkit.table(is_super_table=outer)
        here = here[part]
    return here


def _put(table: Any, name: str | int, value: Any) -> None:
    """Set one value; of a table that is there only what differs, of a list that is there with its layout."""
    from tomlkit.items import AoT, Array, InlineTable

    there = table[name] if isinstance(name, int) else table.get(name)
    if isinstance(value, dict):
        if isinstance(there, dict):
            for gone in [key for key in there if key not in value]:
                del there[gone]
            for key, inner in value.items():
                if key not in there or there[key] != inner:
                    _put(there, key, inner)
            return
        table[name] = _new_table(value, inline=isinstance(table, InlineTable))
    elif isinstance(there, AoT) and all(isinstance(one, dict) for one in value):
        _refill(there, value)
    elif isinstance(value, (list, tuple)):
        table[name] = rearranged(there, value) if isinstance(there, Array) else new_array(value)
    else:
        table[name] = value


def _refill(tables: Any, values: list[dict[str, Any]]) -> None:
    """Make `[[tables]]` read as `values`, with those at the same place changed as little as may be."""
    while len(tables) > len(values):
        del tables[len(tables) - 1]
    for at, value in enumerate(values):
        if at < len(tables):
            _put(tables, at, value)
        else:
            tables.append(_new_table(value, inline=False))


def _new_table(values: dict[str, Any], *, inline: bool) -> Any:
    import tomlkit

    table: Any = tomlkit.inline_table() if inline else tomlkit.table()
    # What has a [header] of its own has to stand after what has none.
    for name, value in sorted(values.items(), key=lambda pair: isinstance(pair[1], dict)):
        _put(table, name, value)
    return table


def _take_out(document: Any, path: KeyPath) -> None:
    """Remove what is at `path`, then the tables around it that have nothing more in them, not even a comment."""
    tables = [document]
    for part in path[:-1]:
        tables.append(tables[-1][part])
    del tables[-1][path[-1]]
    for outer, table, part in reversed(list(zip(tables, tables[1:], path, strict=False))):
        if len(table) or "#" in table.as_string():
            return
        del outer[part]


def _unfit(path: KeyPath, expected: str) -> ConfigError:
    return ConfigError(file="config", key=dotted(path), value=None, expected=expected, remedy=_BY_HAND)


def write_private(file: Path, text: str) -> None:
    """Write `file` at once and whole, readable by its owner only; a symbolic link stays one."""
    target = file.resolve()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(file, error) from None


def cannot_write(file: Path, error: OSError) -> ConfigError:
    """What is said where a file cannot be written or removed."""
    return ConfigError(
        file=file,
        key="",
        value=None,
        expected=f"a file that can be written ({(error.strerror or 'it cannot').lower()})",
        remedy="Check the permissions of the folder.",
    )
