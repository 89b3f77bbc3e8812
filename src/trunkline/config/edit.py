"""Changing one setting in the user's own file, with its comments and order kept."""

from __future__ import annotations

import difflib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trunkline.config.check import read_value
from trunkline.config.files import KeyPath, dotted, read_layer
from trunkline.config.load import Loaded, load
from trunkline.config.problems import model_at
from trunkline.config.settings import half_of, key_path
from trunkline.domain.errors import ConfigError


def set_value(loaded: Loaded, environ: Mapping[str, str], key: str, value_text: str | None) -> str:
    """Set `key` (dotted) in the user's file to `value_text`, a TOML value; text needs no quotes, a list may be
    written `a, b`. None takes the setting out, so that the shipped value holds again. The whole configuration is
    tried before anything is written. Returns the change as a unified diff, empty when there is none. Raises
    ConfigError for an unknown key, a value that cannot be used, or a file that cannot be written."""
    path = key_path(loaded, key)
    half = half_of(loaded, path)
    file = half.user.path
    before = read_layer(file, user=True).text
    value = None if value_text is None else read_value(value_text, model_at(half.root, path))
    after = edited(before, path, value)
    if after == before:
        return ""
    base = loaded.providers_layers[0]
    load(
        loaded.places,
        environ,
        base_providers=base.path,
        base_providers_text=base.text,
        user_text={file: after},
    )
    write_private(file, after)
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), str(file), str(file)
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def edited(text: str, path: KeyPath, value: Any) -> str:
    """`text` with the value at `path` set, or taken out where `value` is None."""
    import tomlkit
    from tomlkit.items import InlineTable, Table

    document = tomlkit.parse(text)
    here: Any = document
    for index, part in enumerate(path[:-1]):
        if part not in here:
            if value is None:
                return text
            inline = isinstance(here, InlineTable)
            # Only the innermost table gets a [header] of its own.
            super_table = index + 2 < len(path)
            here[part] = tomlkit.inline_table() if inline else tomlkit.table(is_super_table=super_table)
        here = here[part]
        if not isinstance(here, (dict, Table, InlineTable)):
            raise ConfigError(
                file="config",
                key=dotted(path),
                value=None,
                expected=f"{dotted(path[: index + 1])} to be a table",
            )
    name = path[-1]
    if value is not None:
        here[name] = value
    elif name in here:
        del here[name]
    return tomlkit.dumps(document)


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
        raise ConfigError(
            file=file,
            key="",
            value=None,
            expected=f"a file that can be written ({(error.strerror or 'it cannot').lower()})",
            remedy="Check the permissions of the folder.",
        ) from None
