"""Figures about predictions: accuracy, F1, calibration, coverage, areas under curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_auc_score

from trunkline.analysis.training.data import Row
from trunkline.domain.tasks import SIMPLE, TASK_TYPES

# No family counts for more than so many rows of one type.
_CAP = 150

_Array = Any  # numpy has no place in the environment that checks types


@dataclass(frozen=True, slots=True)
class Outcome:
    """Predictions of held-out rows: `totals` are logits and complexity, T + 1 columns."""

    rows: Sequence[Row]
    totals: _Array
    temperature: float = 1.0

    @property
    def shares(self) -> _Array:
        """Probabilities, one row each."""
        logits = self.totals[:, :-1] / self.temperature
        raised = np.exp(logits - logits.max(1, keepdims=True))
        return raised / raised.sum(1, keepdims=True)

    @property
    def truth(self) -> _Array:
        """The position of each row's type in TASK_TYPES."""
        return np.array([TASK_TYPES.index(row.type) for row in self.rows])

    @property
    def weights(self) -> _Array:
        """What each row counts in the figures."""
        groups = Counter((row.family, row.type) for row in self.rows)
        return np.array([min(1.0, _CAP / groups[row.family, row.type]) for row in self.rows])


def temperature_of(outcome: Outcome) -> float:
    """The temperature with the least log loss."""

    def loss(temperature: float) -> float:
        shares = Outcome(outcome.rows, outcome.totals, temperature).shares
        right = shares[np.arange(len(shares)), outcome.truth]
        return float(-(outcome.weights * np.log(right + 1e-9)).sum())

    return float(minimize_scalar(loss, bounds=(0.3, 4.0), method="bounded").x)


def accuracy(outcome: Outcome) -> float:
    """The share of rows whose likeliest type is right."""
    right = outcome.shares.argmax(1) == outcome.truth
    return float((right * outcome.weights).sum() / outcome.weights.sum())


def macro_f1(outcome: Outcome) -> float:
    """The mean F1 of the types that occur."""
    scores = [score for _, score in f1_by_type(outcome)]
    return float(np.mean(scores))


def f1_by_type(outcome: Outcome) -> list[tuple[str, float]]:
    """F1 of each type that occurs."""
    said, truth, weights = outcome.shares.argmax(1), outcome.truth, outcome.weights
    found = []
    for at, kind in enumerate(TASK_TYPES):
        if (truth == at).any():
            hit = (weights * ((said == at) & (truth == at))).sum()
            both = (weights * (said == at)).sum() + (weights * (truth == at)).sum()
            found.append((kind, float(2 * hit / both)))
    return found


def simple_against_rest(outcome: Outcome, least: float) -> tuple[float, float]:
    """Shares of the non-simple and of the simple rows that are called simple with at least that probability."""
    at = TASK_TYPES.index(SIMPLE)
    shares, truth, weights = outcome.shares, outcome.truth, outcome.weights
    said = (shares.argmax(1) == at) & (shares[:, at] >= least)
    rest = truth != at
    return (
        float((weights * said * rest).sum() / (weights * rest).sum()),
        float((weights * said * ~rest).sum() / (weights * ~rest).sum()),
    )


def coverage(outcome: Outcome, least: float) -> tuple[float, float]:
    """The share of rows with at least that confidence, and how many of those are right."""
    shares, weights = outcome.shares, outcome.weights
    sure = shares.max(1) >= least
    right = shares.argmax(1) == outcome.truth
    whole = (weights * sure).sum()
    return float(whole / weights.sum()), float((weights * sure * right).sum() / max(whole, 1e-9))


def sure_from(outcome: Outcome, right: float) -> float:
    """The least confidence from which on that share of rows is right; 1 where there is none."""
    shares, weights = outcome.shares, outcome.weights
    order = np.argsort(-shares.max(1), kind="stable")
    hits = np.cumsum(((shares.argmax(1) == outcome.truth) * weights)[order]) / np.cumsum(weights[order])
    enough = np.nonzero(hits >= right)[0]
    return float(shares.max(1)[order][enough[-1]]) if len(enough) else 1.0


def reliability(outcome: Outcome, bins: int = 10) -> tuple[list[tuple[float, float, float]], float]:
    """Per bin of confidence (mean confidence, share right, share of rows), and the expected calibration error."""
    shares, weights = outcome.shares, outcome.weights
    sure, right = shares.max(1), shares.argmax(1) == outcome.truth
    found, error = [], 0.0
    for at in range(bins):
        inside = weights * ((sure > at / bins) & (sure <= (at + 1) / bins))
        whole = inside.sum()
        if whole > 0:
            mean, hit = float((inside * sure).sum() / whole), float((inside * right).sum() / whole)
            found.append((mean, hit, float(whole / weights.sum())))
            error += found[-1][2] * abs(mean - hit)
    return found, error


def complexity_areas(outcome: Outcome) -> dict[str, float]:
    """Areas under the curve of complexity: labelled complex (> 0.65) and simple (< 0.3) against the others, and,
    within sources that say it per row, harder against easier rows."""
    said = outcome.totals[:, -1]
    labelled = np.array([row.difficulty for row in outcome.rows])
    areas = {
        "complex": float(roc_auc_score(labelled > 0.65, said)),
        "simple": float(roc_auc_score(labelled < 0.3, -said)),
    }
    families = sorted({row.family for row in outcome.rows if row.per_row})
    for family in families:
        inside = np.array([row.family == family for row in outcome.rows])
        hard = labelled[inside] > np.median(labelled[inside])
        if 0 < hard.sum() < len(hard):
            areas[f"harder half of {family}"] = float(roc_auc_score(hard, said[inside]))
    return areas
