"""Money as integer pico-dollars: USD per million tokens times 10**6 is pico-dollars per token, exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
class PriceBand:
    """Pico-dollars per token of a call with more than `above_input_tokens` of input, all of its tokens."""

    above_input_tokens: int
    input: int
    output: int
    cached: int | None = None
    written: int | None = None


@dataclass(frozen=True, slots=True)
class PeakHours:
    """Hours of the week, UTC, in which a provider charges more: on `weekdays` (0 is Monday), from minute
    `from_minute` of the day until before `until_minute`."""

    weekdays: tuple[int, ...]
    from_minute: int
    until_minute: int

    def holds_at(self, at_ms: int) -> bool:
        """Whether wall time `at_ms` is in them."""
        days, minute = divmod(at_ms // 60_000, 1440)
        # 1970-01-01 was a Thursday.
        return (days + 3) % 7 in self.weekdays and self.from_minute <= minute < self.until_minute


@dataclass(frozen=True, slots=True)
class Price:
    """Pico-dollars per token; None where nobody has said. `bands` are for long inputs, in ascending order; in the
    hours of `peaks` everything is `peak_percent` of the price."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    written: int | None = None
    bands: tuple[PriceBand, ...] = ()
    peaks: tuple[PeakHours, ...] = ()
    peak_percent: int = 100

    @property
    def is_flat(self) -> bool:
        """The same for every call at every hour."""
        return not self.bands and not self.peaks

    def at(self, input_tokens: int, at_ms: int) -> Price:
        """The flat price of a call of so much input at wall time `at_ms`."""
        if self.is_flat:
            return self
        prices = (self.input, self.output, self.cached, self.written)
        for band in self.bands:
            if input_tokens > band.above_input_tokens:
                prices = (band.input, band.output, band.cached, band.written)
        in_peak = any(hours.holds_at(at_ms) for hours in self.peaks)
        percent = self.peak_percent if in_peak else 100
        input_, output, cached, written = (None if one is None else one * percent // 100 for one in prices)
        return Price(input_, output, cached, written)

    def at_least(self) -> Price:
        """The least that it can be: reading from the cache is free where nobody has said what it costs."""
        if self.is_free or None not in (self.cached, *(band.cached for band in self.bands)):
            return self
        bands = tuple(replace(band, cached=band.cached or 0) for band in self.bands)
        return replace(self, cached=self.cached or 0, bands=bands)

    @property
    def is_free(self) -> bool:
        """Known to cost nothing, however long the call."""
        return self.input == self.output == 0 and all(band.input == band.output == 0 for band in self.bands)

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
        """The provider's own figure where there is one, else the cost at `price`, a flat one; None when unknown."""
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
