"""The task model: a linear one over hashed features, read from a file of the package and run in plain Python.

The file (little-endian): the magic `TKM1`; the counts of types T, of word features W and of sign features S as
uint32; the temperature as float32; per table (words, then signs) its keys (CRC-32 of the names) as uint32 in
ascending order, a scale per column as float32, and a row of T + 1 int8 per key (one per type, then complexity);
last the T + 1 intercepts as float32. Types stand in the order of `TASK_TYPES`.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple
from zlib import crc32

from trunkline.analysis.features import Features
from trunkline.domain.tasks import TASK_TYPES

MAGIC = b"TKM1"
_HEADER = struct.Struct("<4sIIIf")
_COLUMNS = len(TASK_TYPES) + 1
# A weight of -128..127 is kept as a byte of 0..255: bytes are summed several times as fast as signed numbers.
_SHIFT: Final = 128
_SHIFTED: Final = bytes((byte + _SHIFT) % 256 for byte in range(256))


class Judgement(NamedTuple):
    """Probabilities in the order of `TASK_TYPES`, and complexity 0..1."""

    probabilities: tuple[float, ...]
    complexity: float


@dataclass(frozen=True, slots=True)
class Table:
    """Weights of one kind of features: `rows` says where in `weights` a feature's row begins, a byte for each column,
    which is the weight in units of that of `scales`, plus 128. Rows lie together, so that one is one look into memory.
    """

    rows: dict[int, int]
    weights: bytes
    scales: tuple[float, ...]

    def sums(self, names: Sequence[str]) -> list[float]:
        """The sum of the weights of `names`, none of which has a line break, per column; unknown features weigh
        nothing."""
        keys = map(crc32, "\n".join(names).encode("utf-8", "replace").split(b"\n")) if names else ()
        weights = self.weights
        together = b"".join(
            [weights[at : at + _COLUMNS] for at in map(self.rows.get, keys) if at is not None]
        )
        shift = _SHIFT * (len(together) // _COLUMNS)
        return [scale * (sum(together[column::_COLUMNS]) - shift) for column, scale in enumerate(self.scales)]


@dataclass(frozen=True, slots=True)
class TaskModel:
    """A trained model."""

    words: Table
    signs: Table
    intercepts: tuple[float, ...]
    temperature: float

    def judge(self, features: Features) -> Judgement:
        """What a text with these features asks."""
        words, signs = self.words.sums(features.words), self.signs.sums(features.signs)
        totals = [
            start + features.scale * word + sign
            for start, word, sign in zip(self.intercepts, words, signs, strict=True)
        ]
        logits = [total / self.temperature for total in totals[:-1]]
        top = max(logits)
        raised = [math.exp(logit - top) for logit in logits]
        whole = sum(raised)
        return Judgement(tuple(value / whole for value in raised), min(1.0, max(0.0, totals[-1])))


def read_model(data: bytes) -> TaskModel:
    """The model in a file's bytes. Raises ValueError where they are not those of a model for today's types."""
    magic, types, words, signs, temperature = _HEADER.unpack_from(data)
    if magic != MAGIC or types + 1 != _COLUMNS:
        raise ValueError("not a task model for these task types")
    at = _HEADER.size
    tables = []
    for count in (words, signs):
        keys, at = _array("I", data, at, count)
        scales, at = _array("f", data, at, _COLUMNS)
        weights = data[at : at + count * _COLUMNS].translate(_SHIFTED)
        at += len(weights)
        starts = range(0, count * _COLUMNS, _COLUMNS)
        tables.append(Table(dict(zip(keys, starts, strict=True)), weights, tuple(scales)))
    intercepts, at = _array("f", data, at, _COLUMNS)
    if at != len(data):
        raise ValueError("a task model of another length than it says")
    return TaskModel(tables[0], tables[1], tuple(intercepts), temperature)


def _array(code: str, data: bytes, at: int, count: int) -> tuple[array[int], int]:
    values: array[int] = array(code)
    end = at + count * values.itemsize
    values.frombytes(data[at:end])
    if sys.byteorder == "big":
        values.byteswap()
    return values, end


@cache
def shipped_model() -> TaskModel:
    """The model of this package; read at the first judgement."""
    return read_model(files("trunkline.analysis").joinpath("task_model.bin").read_bytes())
