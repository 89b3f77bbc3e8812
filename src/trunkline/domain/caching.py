"""How long a provider's cache holds what it was sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptCache:
    """A prompt of at least `least_tokens` stays readable for `warm_ms` after it was used last; 0: nothing is kept.

    Where nothing is said of a provider these are the shortest life and the commonest least length that any states
    (reference/provider-facts.md §10.4), so that a cache is rather thought cold that is warm."""

    warm_ms: int = 300_000
    least_tokens: int = 1_024
