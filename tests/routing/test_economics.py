"""A conversation moves to save only where it does save, and never to and fro."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clock import START_MS
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.caching import PromptCache
from trunkline.domain.decisions import Decision
from trunkline.domain.money import Price
from trunkline.routing import compile_policy, decide
from trunkline.routing.economics import (
    MARGIN,
    MOST_TURNS,
    Comparison,
    Outlook,
    Side,
    compare,
    expected_pico,
)

CACHE = PromptCache()


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """A price whose cached input costs at most what plain input does, and written input at least that."""
    plain = draw(st.integers(0, 5_000_000))
    cached = draw(st.integers(0, plain))
    written = draw(st.none() | st.integers(plain, 2 * plain))
    return Price(plain, draw(st.integers(0, 20_000_000)), cached, written)


outlooks = st.builds(
    Outlook,
    at_ms=st.just(START_MS),
    output_tokens=st.integers(0, 8_000),
    turn_tokens=st.integers(0, 8_000),
    turns_left=st.integers(0, 8).map(float),
)
inputs = st.integers(6_000, 200_000)


def played(price: Price, outlook: Outlook, first_input: int, cached: int) -> int:
    """What the turns cost one after the other, as they would be billed."""
    total = 0
    for turn in range(1 + int(outlook.turns_left)):
        tokens = first_input + turn * outlook.turn_tokens
        billed = price.cost_pico(
            input_tokens=tokens,
            output_tokens=outlook.output_tokens,
            cached_tokens=cached,
            written_tokens=tokens - cached,
        )
        assert billed is not None
        total += billed
        cached = tokens
    return total


@given(own=prices(), other=prices(), outlook=outlooks, tokens=inputs, warm=st.floats(0, 1))
@settings(max_examples=80)
def test_a_move_is_never_at_a_loss_over_the_turns_that_are_expected(
    own: Price, other: Price, outlook: Outlook, tokens: int, warm: float
) -> None:
    held = int(warm * tokens)
    stay_pico = expected_pico(Side(own, CACHE, tokens, held), outlook)
    assert stay_pico == played(own, outlook, tokens, held)
    sums = compare(stay_pico, held, Side(other, CACHE, tokens), outlook)
    assert sums is not None
    assert sums.move_pico == played(other, outlook, tokens, 0)
    if sums.pays:
        assert played(other, outlook, tokens, 0) <= (1 - MARGIN) * played(own, outlook, tokens, held)
        assert sums.saving_pico > 0


def usd(price: Price) -> list[float]:
    written = price.input if price.written is None else price.written
    return [figure / 1_000_000 for figure in (price.input, price.output, price.cached, written)]  # type: ignore[operator]  # all are known


turns = st.lists(
    st.tuples(
        st.integers(0, 20_000), st.integers(10, 8_000), st.floats(0, 30), st.sampled_from((0, 60, 900))
    ),
    min_size=2,
    max_size=8,
)


def routes_taken(
    given_prices: list[Price], said: list[tuple[int, int, float, int]], *, remembers: bool
) -> list[str]:
    """The models that answer a conversation: each turn has new tokens, an answer, turns that are expected, and the
    seconds since the one before."""
    config = build_config(
        {
            "providers": {
                f"p{n}": {"models": {"m": {"price": usd(price), "quality": 0.8, "context": 1_000_000}}}
                for n, price in enumerate(given_prices)
            },
            "preferences": {},
        }
    )
    policy = compile_policy(config)
    state = build_state(
        config, {"conversation": {"route": "p0/main/m", "tokens": 30_000, "cached": 30_000, "warm_s": 1}}
    )
    talk = state.conversation
    assert talk is not None
    taken = ["p0"]
    for new_tokens, output, turns_left, pause_s in said:
        now = replace(talk, turns_left=turns_left, pause_ms=1_000 * pause_s)
        now = replace(now, cache_warm_until_ms=START_MS + (CACHE.warm_ms - 1_000 * pause_s))
        ask = build_ask(config, {"input": talk.tokens + new_tokens, "output": output})
        decision = decide(ask, policy, replace(state, conversation=now))
        assert isinstance(decision, Decision)
        left = talk.left
        if dict(decision.facts).get("moved_because") == "saving":
            assert decision.route.provider != taken[-1]
            left = (*left, (talk.route.provider, talk.route.model)) if remembers else ()
        tokens = ask.task.input_tokens + output
        talk = replace(
            talk,
            route=decision.route,
            tokens=tokens,
            cached_tokens=ask.task.input_tokens,
            turn_tokens=tokens - talk.tokens,
            turns=talk.turns + 1,
            left=left,
        )
        if decision.route.provider != taken[-1]:
            taken.append(decision.route.provider)
    return taken


@given(given_prices=st.lists(prices(), min_size=2, max_size=3), said=turns)
@settings(max_examples=40, deadline=None)
def test_whatever_a_conversation_is_like_it_never_returns_to_where_it_left_to_save(
    given_prices: list[Price], said: list[tuple[int, int, float, int]]
) -> None:
    taken = routes_taken(given_prices, said, remembers=True)
    assert len(taken) == len(set(taken)), taken


@given(
    given_prices=st.lists(prices(), min_size=2, max_size=2),
    new_tokens=st.integers(0, 5_000),
    output=st.integers(10, 4_000),
    turns_left=st.integers(1, 8),
)
@settings(max_examples=40, deadline=None)
def test_even_without_that_memory_two_routes_do_not_alternate_while_turns_are_alike(
    given_prices: list[Price], new_tokens: int, output: int, turns_left: int
) -> None:
    said = [(new_tokens, output, float(left), 10) for left in range(turns_left, -1, -1)]
    assert len(routes_taken(given_prices, said, remembers=False)) <= 2


def test_it_moves_at_the_margin_and_not_before() -> None:
    at_margin = Comparison(1_000, 800, 0, 3.0)
    assert at_margin.pays
    assert not replace(at_margin, move_pico=801).pays
    assert not Comparison(0, 0, 0, 3.0).pays
    assert Comparison(10, 0, 0, 0.0).pays


def test_of_a_fraction_of_a_turn_a_fraction_counts_and_of_very_many_only_some() -> None:
    side = Side(Price(1, 0, 0), CACHE, 10_000, 10_000)
    outlook = Outlook(START_MS, 0, 100, 1.5)
    assert expected_pico(side, outlook) == 100 + 50
    endless = expected_pico(side, replace(outlook, turns_left=1e9))
    assert endless == expected_pico(side, replace(outlook, turns_left=float(MOST_TURNS))) == 100 * MOST_TURNS
    assert outlook.grown(10_000) == 10_200


@pytest.mark.parametrize(
    ("cache", "pause_ms", "share", "second"),
    [
        (PromptCache(60_000, 1_000), 59_999, 1.0, 1_000),
        (PromptCache(60_000, 1_000), 60_000, 1.0, 11_000),
        (PromptCache(60_000, 1_000), 0, 0.5, 6_000),
        (PromptCache(60_000, 10_001), 0, 1.0, 11_000),
        (PromptCache(0, 1_000), 0, 1.0, 11_000),
    ],
    ids=["lives", "is dead by then", "holds half", "too short", "keeps nothing"],
)
def test_a_later_turn_reads_what_the_cache_still_holds(
    cache: PromptCache, pause_ms: int, share: float, second: int
) -> None:
    outlook = Outlook(START_MS, 0, 1_000, 1.0, pause_ms, share)
    assert expected_pico(Side(Price(1, 0, 0), cache, 10_000), outlook) == 10_000 + second


def test_no_sum_is_made_of_a_price_that_is_not_known() -> None:
    outlook = Outlook(START_MS, 0, 1_000, 1.0)
    assert expected_pico(Side(Price(), CACHE, 10_000), outlook) is None
    assert compare(0, 0, Side(Price(1), CACHE, 10_000), outlook) is None
    assert expected_pico(Side(Price(), CACHE, 10_000, cash_free=True), outlook) == 0
