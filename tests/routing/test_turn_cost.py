"""What one turn should cost: cached, written and plain input, output, and the risk of paying twice."""

from __future__ import annotations

import pytest

from trunkline.domain.money import Price, PriceBand
from trunkline.routing.turn_cost import FREE_TURN, TurnCost, turn_cost

CHARGES_WRITES = Price(input=100, output=500, cached=10, written=125)


def test_a_warm_turn_reads_what_is_held_and_writes_the_rest() -> None:
    found = turn_cost(
        CHARGES_WRITES, input_tokens=10_000, output_tokens=100, at_ms=0, cached_tokens=8_000, cold=False
    )
    assert found == TurnCost(cached=80_000, fresh=250_000, output=50_000, retry=0)
    assert found.pico == 380_000


def test_a_cold_turn_pays_all_of_it_whatever_was_held_elsewhere() -> None:
    found = turn_cost(CHARGES_WRITES, input_tokens=10_000, output_tokens=0, at_ms=0, cached_tokens=8_000)
    assert found == TurnCost(0, 1_250_000, 0, 0)


@pytest.mark.parametrize(("tokens", "pico"), [(1_023, 102_300), (1_024, 128_000)])
def test_a_prompt_too_short_to_be_kept_is_not_written(tokens: int, pico: int) -> None:
    cost = turn_cost(CHARGES_WRITES, input_tokens=tokens, output_tokens=0, at_ms=0)
    assert cost is not None
    assert cost.pico == pico


def test_a_price_without_cache_prices_is_the_same_warm_and_cold() -> None:
    plain = Price(input=100, output=500)
    asked = {"input_tokens": 5_000, "output_tokens": 10, "at_ms": 0, "cached_tokens": 4_000}
    warm, cold = turn_cost(plain, **asked, cold=False), turn_cost(plain, **asked, cold=True)
    assert warm is not None
    assert cold is not None
    assert warm.pico == cold.pico == 505_000


@pytest.mark.parametrize(("share", "retry"), [(None, 0), (1.0, 0), (0.75, 25_000), (0.0, 100_000)])
def test_a_route_that_fails_pays_its_input_again_as_often_as_it_fails(
    share: float | None, retry: int
) -> None:
    found = turn_cost(Price(100, 500), input_tokens=1_000, output_tokens=50, at_ms=0, success_share=share)
    assert found == TurnCost(0, 100_000, 25_000, retry)


def test_the_band_is_that_of_the_whole_input_though_most_of_it_is_held() -> None:
    banded = Price(100, 500, 10, bands=(PriceBand(1_500, 200, 900, 20),))
    found = turn_cost(banded, input_tokens=2_000, output_tokens=1, at_ms=0, cached_tokens=1_900, cold=False)
    assert found == TurnCost(38_000, 20_000, 900, 0)


def test_what_is_held_is_no_more_than_what_is_sent() -> None:
    found = turn_cost(
        CHARGES_WRITES, input_tokens=2_000, output_tokens=0, at_ms=0, cached_tokens=9_000, cold=False
    )
    assert found == TurnCost(20_000, 0, 0, 0)


def test_unknown_is_not_free_and_free_is_nothing() -> None:
    assert turn_cost(Price(100), input_tokens=1, output_tokens=1, at_ms=0) is None
    assert (
        turn_cost(Price(0, 0), input_tokens=9_999, output_tokens=9, at_ms=0, success_share=0.1) == FREE_TURN
    )
