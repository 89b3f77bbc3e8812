"""What one request costs at list price, where that varies or is not known too. Money is in pico-dollars."""

from __future__ import annotations

from trunkline.domain.money import Price
from trunkline.routing.policy import CompiledPolicy, ModelRow


class RequestCosts:
    """Of a request of so many tokens at `now_ms`. `reference_pico` is what it costs on the user's default model."""

    def __init__(self, input_tokens: int, output_tokens: int, policy: CompiledPolicy, now_ms: int) -> None:
        self._input_tokens, self._output_tokens = input_tokens, output_tokens
        self._now_ms = now_ms
        self.reference_pico = self._at(policy.reference_price, input_tokens) or 0
        self._dearest_pico = self._dearest(policy.prices) if policy.prices else self.reference_pico

    def of(self, row: ModelRow, input_tokens: int) -> int:
        """Of a row whose price varies or is unknown, and that counts so many input tokens."""
        known = self._at(row.varying, input_tokens) if row.varying is not None else None
        return self._dearest_pico if known is None else known

    def _at(self, price: Price, input_tokens: int) -> int | None:
        """At this price, now; None where that is not known."""
        flat = price.at(input_tokens, self._now_ms)
        return flat.cost_pico(input_tokens=input_tokens, output_tokens=self._output_tokens)

    def _dearest(self, prices: tuple[Price, ...]) -> int:
        """What it costs where the price is unknown: as much as at the dearest known prices of input and output; where
        there are none, as much as on the default model."""
        flat = [price.at(self._input_tokens, self._now_ms) for price in prices]
        inputs = [price.input for price in flat if price.input is not None]
        outputs = [price.output for price in flat if price.output is not None]
        if not inputs or not outputs:
            return self.reference_pico
        return self._at(Price(max(inputs), max(outputs)), self._input_tokens) or 0
