"""Scores of models as shares of the best of their column: only within one column do scores compare."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.config.files import KeyPath, Layer, dotted, layer_of
from trunkline.config.problems import problem
from trunkline.config.schema import ProvidersFile

# A score so many times the catalogue's best, or under such a share of it, is hardly of the catalogue's column.
_MOST_TIMES = 1.5
_LEAST_SHARE = 0.05

Shares = dict[tuple[str, str], float]


def quality_shares(file: ProvidersFile, layers: Sequence[Layer]) -> tuple[Shares, list[str]]:
    """The share 0..1 of each scored model by provider and id, and what should be said about scores. A model that is
    switched off still has its place in the column. Raises ConfigError for a score that cannot be of its column."""
    shares: Shares = {}
    column: dict[tuple[str, str], tuple[float, bool]] = {}
    for provider, table in file.providers.items():
        for id_, model in table.models.items():
            path = _path(provider, id_)
            if model.quality is None:
                continue
            if model.quality_best is None:
                column[provider, id_] = model.quality, layer_of(layers, path).user
            elif model.quality > model.quality_best:
                raise problem(layers, path, expected=f"at most quality_best ({model.quality_best:g})")
            else:
                shares[provider, id_] = model.quality / model.quality_best
    shipped = max((score for score, is_own in column.values() if not is_own), default=0.0)
    best = max((score for score, _ in column.values()), default=0.0)
    notes = []
    for (provider, id_), (score, is_own) in column.items():
        path = _path(provider, id_)
        if is_own and shipped and score > _MOST_TIMES * shipped:
            raise problem(
                layers,
                path,
                expected=f"a score in the catalogue's column, where the best is {shipped:g}",
                remedy="Say what is the best score of another column: quality_best = …",
            )
        if is_own and score < _LEAST_SHARE * best:
            notes.append(
                f"{dotted(path)}: {score:g} is {score / best:.0%} of the best in the catalogue's column ({best:g}); "
                "for a score of another column say its best too: quality_best"
            )
        if best:
            shares[provider, id_] = score / best
    return shares, notes


def _path(provider: str, model: str) -> KeyPath:
    return ("providers", provider, "models", model, "quality")
