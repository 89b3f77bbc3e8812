"""Reading TOML files, laying one over another, and saying where in them something stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trunkline.config.keys import looks_like_key
from trunkline.domain.errors import ConfigError
from trunkline.domain.text import redact, strip_controls

KeyPath = tuple[str | int, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLACE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class Layer:
    """One file as read. `user` says that the user wrote it; a file that does not exist is empty."""

    path: Path
    user: bool
    text: str = field(default="", repr=False)
    data: dict[str, Any] = field(default_factory=dict, repr=False)


def read_layer(path: Path, *, user: bool, text: str | None = None) -> Layer:
    """Read and parse `path` (or `text` in its stead). A missing user file is an empty layer. Raises ConfigError
    when it cannot be read, is no UTF-8 or no TOML."""
    if text is None:
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            if user:
                return Layer(path, user)
            raise ConfigError(
                file=path,
                key="",
                value=None,
                expected="the file that ships",
                remedy="Install Trunkline again.",
            ) from None
        except UnicodeDecodeError as error:
            raise ConfigError(
                file=path,
                key="",
                value=None,
                expected="text encoded as UTF-8",
                remedy="Save the file as UTF-8.",
                line=error.object[: error.start].count(b"\n") + 1,
            ) from None
        except OSError as error:
            raise ConfigError(
                file=path,
                key="",
                value=None,
                expected=f"a file that can be read ({(error.strerror or 'it cannot').lower()})",
                remedy="Check that it is a file and that you may read it.",
            ) from None
    return Layer(path, user, text, parse_toml(text, path))


def parse_toml(text: str, path: Path | str) -> dict[str, Any]:
    """Parse TOML. Raises ConfigError with the line where the syntax breaks."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        what = redact(_PLACE.sub("", message))
        if what == r"Illegal character '\n'":
            what = "a text lacks its closing quote"
        raise ConfigError(
            file=path,
            key="",
            value=None,
            expected=f"TOML ({what[:1].lower()}{what[1:]})",
            remedy='Text stands in quotes, tables in [brackets]: mode = "balanced".',
            line=int(place[1]) if place and place[1] else text.count("\n") + 1,
        ) from None


def overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid over it key by key; tables are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def leaves(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Every value that is no table or list, with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


def value_at(data: object, path: KeyPath) -> tuple[bool, object]:
    """Whether there is something at `path`, and what."""
    for part in path:
        if isinstance(data, dict):
            if part not in data:
                return False, None
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return False, None
    return True, data


def layer_of(layers: Sequence[Layer], path: KeyPath) -> Layer:
    """The file that a value of the merged configuration comes from: the topmost that says anything there, else
    the one that says something about the table around it."""
    for length in range(len(path), 0, -1):
        for layer in reversed(layers):
            if value_at(layer.data, path[:length])[0]:
                return layer
    return layers[-1]


def dotted(path: KeyPath) -> str:
    """`path` as TOML writes it; a part that looks like a key is not shown."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        shown = "•••" if looks_like_key(part) else redact(strip_controls(part))
        quoted = shown if _BARE.fullmatch(shown) else f'"{shown}"'
        text += f".{quoted}" if text else quoted
    return text


def line_of(layer: Layer, path: KeyPath) -> int | None:
    """The line on which `path`, or the nearest table around it, stands in the file."""
    return Lines(layer.text).of(path)


class Lines:
    """Where in a TOML text its keys stand; read once for many questions."""

    def __init__(self, text: str) -> None:
        self._numbers: dict[KeyPath, int] = {}
        for here, number in _keys_by_line(text):
            for length in range(1, len(here) + 1):
                self._numbers.setdefault(here[:length], number)

    def of(self, path: KeyPath) -> int | None:
        """The line on which `path`, or the nearest table around it, stands."""
        found = (self._numbers.get(path[:length]) for length in range(len(path), 0, -1))
        return next((number for number in found if number is not None), None)


def _keys_by_line(text: str) -> Iterator[tuple[KeyPath, int]]:
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            header = parse_dotted(stripped.partition("]")[0].lstrip("[").strip())
            if stripped.startswith("[["):
                counts[header] = counts.get(header, -1) + 1
                header = (*header, counts[header])
            table = header
            yield table, number
        elif "=" in stripped and not stripped.startswith("#"):
            yield (*table, *parse_dotted(stripped.partition("=")[0].strip())), number


def parse_dotted(text: str) -> KeyPath:
    """A dotted key as its parts; nothing when the text is no key."""
    try:
        data: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(data, dict):
        name = next(iter(data))
        parts.append(name)
        data = data[name]
    return tuple(parts)
