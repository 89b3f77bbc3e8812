"""Money as integer pico-dollars: USD per million tokens times 10**6 is pico-dollars per token, exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

PICO_PER_USD = 10**12


def pico_per_token(usd_per_million: Decimal | float | int | str) -> int:
    """A price in USD per million tokens as integer pico-dollars per token."""
    return int((Decimal(str(usd_per_million)) * 1_000_000).to_integral_value())


def pico_from_usd(usd: Decimal | float | int | str) -> int:
    """An amount in USD as integer pico-dollars."""
    return int((Decimal(str(usd)) * PICO_PER_USD).to_integral_value())


def usd(pico: int | None) -> float | None:
    """Pico-dollars as USD for JSON and screens; unknown stays unknown."""
    return None if pico is None else pico / PICO_PER_USD


@dataclass(frozen=True, slots=True)
class MoneySum:
    """A sum of costs of which some may be unknown; an unknown cost is never counted as zero."""

    pico: int = 0
    unknown: int = 0

    def plus(self, cost_pico: int | None) -> MoneySum:
        """This sum with one more cost."""
        if cost_pico is None:
            return MoneySum(self.pico, self.unknown + 1)
        return MoneySum(self.pico + cost_pico, self.unknown)

    @classmethod
    def of(cls, costs_pico: Iterable[int | None]) -> MoneySum:
        """The sum of `costs_pico`."""
        total = cls()
        for cost_pico in costs_pico:
            total = total.plus(cost_pico)
        return total


@dataclass(frozen=True, slots=True)
class Price:
    """Pico-dollars per token; None where nobody has said."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    written: int | None = None

    @property
    def is_free(self) -> bool:
        """Known to cost nothing."""
        return self.input == 0 and self.output == 0

    def cost_pico(
        self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0, written_tokens: int = 0
    ) -> int | None:
        """Cost of a call. `cached_tokens` and `written_tokens` are parts of `input_tokens`; a missing cached or
        written price is taken as the input price. None when the input or output price is unknown."""
        if self.input is None or self.output is None:
            return None
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.written is None else self.written
        fresh_tokens = max(0, input_tokens - cached_tokens - written_tokens)
        return (
            fresh_tokens * self.input
            + cached_tokens * cached
            + written_tokens * written
            + output_tokens * self.output
        )


FREE = Price(input=0, output=0, cached=0, written=0)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call in one shape (`output_tokens` includes reasoning; `input_tokens` includes cached and
    written). None is unknown. `cost_pico` is set only where the provider itself states a cost."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    written_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_pico: int | None = None
    estimated: bool = False

    def cost_at(self, price: Price) -> int | None:
        """The provider's own figure where there is one, else the cost at `price`; None when unknown."""
        if self.cost_pico is not None:
            return self.cost_pico
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return price.cost_pico(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_tokens=self.cached_tokens or 0,
            written_tokens=self.written_tokens or 0,
        )
