"""What one request is expected to cost on each route. Money is in pico-dollars.

The cost term is the expected cash of this request on that route (DESIGN §4.3), by `turn_cost`: input at the cached
price as far as the conversation's own account still holds it, cold everywhere else; output as estimated; the input
once more as often as the route fails. So the prompt cache speaks for a conversation's route by as much as it saves, a
cheap route that fails often is not cheap, and what is free stays free whatever fails."""

from __future__ import annotations

from trunkline.domain.caching import PromptCache
from trunkline.domain.money import Price
from trunkline.domain.routes import Route
from trunkline.domain.state import RoutingState
from trunkline.routing.policy import CompiledPolicy, ModelRow
from trunkline.routing.turn_cost import FREE_TURN, TurnCost, fresh_price, turn_cost

_USUAL_CACHE = PromptCache()


class RequestCosts:
    """Of a request of so many tokens, `usual_tokens` of input where a model has no count of its own. `reference_pico`
    is what it costs on the user's default model, cold. `warm_row` is that of the conversation's route while its prompt
    cache holds something, with its account: None where nothing is held."""

    def __init__(
        self, usual_tokens: int, output_tokens: int, policy: CompiledPolicy, state: RoutingState
    ) -> None:
        self._usual_tokens, self._output_tokens = usual_tokens, output_tokens
        self._now_ms = state.now_ms
        self._cached_tokens = 0
        self._warm_route: Route | None = None
        self.warm_row: ModelRow | None = None
        reference = self._turn(policy.reference_price, usual_tokens) or FREE_TURN
        self.reference_pico = reference.pico
        self._dearest = (self._at_dearest(policy.prices) if policy.prices else None) or reference
        conversation = state.conversation
        if (
            conversation is not None
            and conversation.cached_tokens
            and state.now_ms < conversation.cache_warm_until_ms
        ):
            self._warm_route = conversation.route
            self._cached_tokens = conversation.cached_tokens
            self.warm_row = policy.row_by_model.get((conversation.route.provider, conversation.route.model))

    def cold(self, row: ModelRow, input_tokens: int) -> int:
        """Of a row whose price varies or is unknown, with an empty cache and no fault."""
        found = self._turn(row.price, input_tokens, row.cache)
        return (self._dearest if found is None else found).pico

    def least(self, row: ModelRow, input_tokens: int, cold_pico: int) -> int:
        """What no account of `warm_row` can be cheaper than, `cold_pico` being its cost when cold."""
        found = self._turn(row.price, input_tokens, row.cache, self._warm_route)
        return cold_pico if found is None else min(cold_pico, found.pico)

    def expected(
        self, row: ModelRow, route: Route, input_tokens: int, success_share: float | None
    ) -> TurnCost:
        """Of one route that costs cash; of an unknown price as much as at the dearest that is known."""
        found = self._turn(row.price, input_tokens, row.cache, route, success_share)
        if found is not None:
            return found
        if success_share is None or success_share >= 1.0:
            return self._dearest
        return self._dearest._replace(retry=int((1.0 - success_share) * self._dearest.fresh))

    def _turn(
        self,
        price: Price,
        input_tokens: int,
        cache: PromptCache = _USUAL_CACHE,
        route: Route | None = None,
        success_share: float | None = None,
    ) -> TurnCost | None:
        return turn_cost(
            price,
            input_tokens=input_tokens,
            output_tokens=self._output_tokens,
            at_ms=self._now_ms,
            cached_tokens=self._cached_tokens if route is not None else 0,
            cold=route is None or route != self._warm_route,
            success_share=success_share,
            cache=cache,
        )

    def _at_dearest(self, prices: tuple[Price, ...]) -> TurnCost | None:
        """At the dearest known prices of input and of output; None where there are none."""
        flat = [price.at(self._usual_tokens, self._now_ms) for price in prices]
        inputs = [fresh_price(price, self._usual_tokens) for price in flat if price.input is not None]
        outputs = [price.output for price in flat if price.output is not None]
        if not inputs or not outputs:
            return None
        return self._turn(Price(max(inputs), max(outputs)), self._usual_tokens)
