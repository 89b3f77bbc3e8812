"""Files of labelled prompts, line by line: what `trunkline evaluate` reads."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

import orjson

# A prompt is a few thousand characters; a line of this length is none, and is not read into memory whole.
_LONGEST_LINE = 4_000_000


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A prompt with its task type."""

    id: str
    text: str
    source: str
    task_type: str


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A prompt with the quality (0..1) and cost (USD) of a weak and a strong model."""

    id: str
    text: str
    source: str
    weak_quality: float
    strong_quality: float
    weak_usd: float
    strong_usd: float


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no such prompt, and why."""

    number: int
    why: str


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The lines of a file, unpacked where its first bytes say that it is gzip. Raises OSError."""
    with path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        if not packed:
            yield plain
            return
        with gzip.open(plain) as unpacked:
            yield unpacked  # type: ignore[misc]  # a GzipFile reads lines as an IO[bytes] does


def rows(lines: IO[bytes]) -> Iterator[LabelledRow | ValueRow | BadLine]:
    """Every line that is not empty. Raises OSError and EOFError where a packed file is damaged."""
    for number in count(1):
        line = lines.readline(_LONGEST_LINE)
        if not line:
            return
        if len(line) == _LONGEST_LINE:
            while line and not line.endswith(b"\n"):
                line = lines.readline(_LONGEST_LINE)
            yield BadLine(number, "longer than any prompt")
        elif line.strip():
            yield _row(number, line)


def _row(number: int, line: bytes) -> LabelledRow | ValueRow | BadLine:
    try:
        return _read(number, orjson.loads(line))
    except orjson.JSONDecodeError:
        return BadLine(number, "not JSON")
    except KeyError as error:
        return BadLine(number, f"without {error.args[0]}")
    except (TypeError, ValueError, AttributeError):
        return BadLine(number, "not a prompt with its label")


def _read(number: int, fields: dict[str, Any]) -> LabelledRow | ValueRow:
    text, prompt_id = fields["text"], str(fields.get("id", number))
    source = str(fields.get("source", "unnamed"))
    if not isinstance(text, str):
        raise TypeError("text")
    if "models" not in fields:
        label = fields["task_type"]
        if not isinstance(label, str) or not label:
            raise TypeError("task_type")
        return LabelledRow(prompt_id, text, source, label)
    weak, strong = fields["models"][fields["weak"]], fields["models"][fields["strong"]]
    figures = (weak["quality"], strong["quality"], weak["cost_usd"], strong["cost_usd"])
    return ValueRow(prompt_id, text, source, *map(float, figures))
