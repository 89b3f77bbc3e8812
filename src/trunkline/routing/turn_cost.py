"""The expected cash of one turn at one price: the figures behind the cost term and behind staying or moving. Pure."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.domain.caching import PromptCache
from trunkline.domain.money import Price

_USUAL_CACHE = PromptCache()


class TurnCost(NamedTuple):
    """Expected pico-dollars of one turn, by what they are paid for: input read from the prompt cache, the rest of the
    input, output, and input that is paid once more where a call fails."""

    cached: int
    fresh: int
    output: int
    retry: int

    @property
    def pico(self) -> int:
        """All of it."""
        return self.cached + self.fresh + self.output + self.retry


FREE_TURN = TurnCost(0, 0, 0, 0)


def turn_cost(
    price: Price,
    *,
    input_tokens: int,
    output_tokens: int,
    at_ms: int,
    cached_tokens: int = 0,
    cold: bool = True,
    success_share: float | None = None,
    cache: PromptCache = _USUAL_CACHE,
) -> TurnCost | None:
    """What a turn of so many tokens should cost at wall time `at_ms`; None where the price is not known.

    Where the cache is not `cold` it holds the first `cached_tokens` of the input, which are read at the cached price.
    The rest is new to it and is paid at the price of writing, where the provider has one (Anthropic, and OpenAI from
    5.6 on, take 1.25 times the input price) and the prompt is long enough for its `cache`; else at the input price. A
    conversation that moves pays all of its input so, which is what a switch costs.

    Of a route of which the share s of the last attempts succeeded (None: nothing is known against it), a call fails
    with probability 1 − s. Then the input was sent for nothing, at the prices above, and the answer is bought
    elsewhere; so (1 − s) × input is added. Output is paid once: what fails gives none, or little. Further failures in
    a row are left out: they would need another route's share, and the term may not depend on other candidates."""
    flat = price.at(input_tokens, at_ms)
    if flat.input is None or flat.output is None:
        return None
    held = 0 if cold else min(cached_tokens, input_tokens)
    cached_pico = held * (flat.input if flat.cached is None else flat.cached)
    fresh_pico = (input_tokens - held) * fresh_price(flat, input_tokens, cache)
    retry_pico = 0
    if success_share is not None and success_share < 1.0:
        retry_pico = int((1.0 - success_share) * (cached_pico + fresh_pico))
    return TurnCost(cached_pico, fresh_pico, output_tokens * flat.output, retry_pico)


def fresh_price(flat: Price, input_tokens: int, cache: PromptCache = _USUAL_CACHE) -> int:
    """Of a token that the cache does not hold, at a flat price that is known, in a call of so much input."""
    if flat.written is not None and input_tokens >= cache.least_tokens:
        return flat.written
    return flat.input or 0
