"""What is given up unseen is given up by a bound. One that promises too little drops a route that belongs into the
ranking, so each case has a route whose bound is all that keeps it there: without its own cache it would be the last of
fourteen, and twelve are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.decisions import Decision
from trunkline.domain.routes import Route
from trunkline.routing import compile_policy, decide
from trunkline.routing.decision import _CHUNK, LONGEST_RANKING

WARM = Route("p", "b", "warm")
# For 3,000 tokens in, 2,900 of them held by the cache, and 100 out: 690 millionths of a dollar, and 6,200 cold.
READ_FROM_CACHE = [2, 2, 0.1]
BY_COST = {"cheap_simple": True, "prefer_free": False, "preserve_context": False}
BY_SCORE = {"cheap_simple": False, "prefer_free": False, "preserve_context": False}


def fourteen(prices: list[list[float]], rules: dict[str, bool]) -> dict[str, Any]:
    models = {f"m{number:02}": {"price": price} for number, price in enumerate(prices)}
    return {
        "providers": {
            "p": {"accounts": ["a", "b"], "models": {**models, "warm": {"price": READ_FROM_CACHE}}}
        },
        "preferences": {"rules": rules},
    }


@pytest.mark.parametrize("rules", [BY_COST, BY_SCORE], ids=["by_cost", "by_score"])
@pytest.mark.parametrize(
    ("prices", "place"),
    [
        ([[1 + number / 100, 2] for number in range(13)], 0),
        ([[0.1 + number / 200, 0.5] for number in range(11)] + [[1, 2], [1.5, 2]], LONGEST_RANKING - 1),
    ],
    ids=["first", "twelfth"],
)
def test_a_route_that_its_cache_makes_cheap_is_in_the_ranking(
    prices: list[list[float]], place: int, rules: dict[str, bool]
) -> None:
    config = build_config(fourteen(prices, rules))
    known = {"conversation": {"route": WARM.id, "tokens": 9_000, "warm_s": 60, "cached": 2_900}}
    ask = build_ask(config, {"tier": "t1", "input": 3_000, "output": 100})
    policy, state = compile_policy(config), build_state(config, known)

    short = decide(ask, policy, state)
    whole = decide(replace(ask, exhaustive=True), policy, state)

    assert isinstance(short, Decision)
    assert isinstance(whole, Decision)
    assert [one.route for one in short.ranking].index(WARM) == place
    assert short.ranking == whole.ranking


def test_a_route_beyond_those_looked_at_first_is_found() -> None:
    """Those looked at first are preferred a little, and their account has a fifth less left than that of the next."""
    preferred = {f"m{number:02}": {"price": [0, 0], "preference": 50} for number in range(_CHUNK)}
    config = build_config(
        {
            "providers": {
                "p": {"models": preferred},
                "q": {"models": {"idle": {"price": [0, 0], "preference": 40}}},
            },
            "preferences": {"rules": BY_SCORE},
        }
    )
    known = {"accounts": {"p/main": {"limits": [["requests", "balance", 1_000, 200]]}}}

    decision = decide(build_ask(config, {}), compile_policy(config), build_state(config, known))

    assert isinstance(decision, Decision)
    assert decision.route == Route("q", "main", "idle")


def test_a_model_is_ranked_on_the_account_with_most_of_its_own_allowance() -> None:
    models = {"first": {"price": [1, 2], "preference": 50}, "second": {"price": [1, 2], "preference": 40}}
    config = build_config(
        {"providers": {"p": {"accounts": ["a", "b"], "models": models}}, "preferences": {"rules": BY_SCORE}}
    )
    of_second = {"metric": "requests", "window": "balance", "amount": 100, "model": "second"}
    known = {
        "accounts": {
            f"p/{account}": {"limits": [{**of_second, "used": used}]}
            for account, used in (("a", 5), ("b", 3))
        }
    }

    decision = decide(build_ask(config, {}), compile_policy(config), build_state(config, known))

    assert isinstance(decision, Decision)
    assert [one.route.model for one in decision.ranking] == ["first", "second"]
    assert decision.ranking[1].route.account == "b"
