"""What reported usage has taught of how providers count, kept for all processes and at hand for decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trunkline.analysis.correction import Correction, factors_of, observed
from trunkline.domain.counting import Counted, TokenFactors, Tokenizer
from trunkline.domain.routes import Route
from trunkline.store.corrections import CorrectionKey, Seen, add_seen

if TYPE_CHECKING:
    from trunkline.store.store import Store


class Corrections:
    """Of all models, as known in this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: Mapping[CorrectionKey, Correction] = {}
        self._factors: dict[float, TokenFactors] = {}

    def restore(self, kept: Mapping[CorrectionKey, Correction]) -> None:
        """Know from now on what the store holds, and what of this process is not in it yet."""
        known = {**self._known, **kept}
        for key, ours in self._known.items():
            if (ours.as_of_ms, ours.weight) > (known[key].as_of_ms, known[key].weight):
                known[key] = ours
        if known != self._known:
            self._known = known
            self._factors.clear()

    def learn(self, route: Route, counted: Counted, reported_tokens: int | None, now_ms: int) -> None:
        """A whole prompt that we counted so was answered, and its provider reports so many input tokens for it."""
        found = observed(counted.tokens, reported_tokens)
        if found is None:
            return
        ratio, weight = found
        seen = Seen(route.provider, route.model, counted.tokenizer, ratio, weight, now_ms)
        self._store.post(lambda connection: add_seen(connection, seen))
        key = (seen.provider, seen.model, seen.tokenizer)
        correction = self._known.get(key, Correction()).seen(ratio, weight, now_ms)
        self._known = {**self._known, key: correction}
        self._factors = {
            margin: _with(factors, key, factors_of(correction, margin).upper)
            for margin, factors in self._factors.items()
        }

    def factors(self, margin: float) -> TokenFactors:
        """The upper ends, `margin` being that while nothing is known. The same object while they are the same: what is
        kept of decisions says only what has changed."""
        factors = self._factors.get(margin)
        if factors is None:
            by_model: dict[tuple[str, str], dict[Tokenizer, float]] = {}
            for (provider, model, tokenizer), correction in self._known.items():
                of_model = by_model.setdefault((provider, model), {})
                of_model[tokenizer] = factors_of(correction, margin).upper
            factors = self._factors[margin] = by_model
        return factors


def _with(factors: TokenFactors, key: CorrectionKey, upper: float) -> TokenFactors:
    """`factors` with one of them, those of other models being the same objects; itself where that is what it says."""
    provider, model, tokenizer = key
    of_model = factors.get((provider, model), {})
    if of_model.get(tokenizer) == upper:
        return factors
    return {**factors, (provider, model): {**of_model, tokenizer: upper}}
