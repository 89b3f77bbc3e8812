"""The same as `test_brute_force` where everything is there at once: many accounts, limits, prices and a warm cache.
What hypothesis makes is mostly small, and errors of a bound show only where many routes compete."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.routing.test_brute_force import Brute
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.decisions import Decision
from trunkline.routing import compile_policy, decide

PROVIDERS, MODELS, ACCOUNTS = "pqrst", "mnok", ("a", "a1", "a10")
PRICES = [None, [0, 0], [1, 2], [1, 2, 0.1], [1.1, 2, 0.1, 1.3], [0.1, 0.5, 0.01], [3, 15, 0.3, 3.75]]


def full_case(draw: random.Random) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A configuration, a request and a state, as plain data."""
    providers = {
        provider: {
            "accounts": [
                {"id": one, "billing": draw.choice(["credits"] * 4 + ["free", "subscription"])}
                for one in ACCOUNTS
            ],
            "models": {
                model: {
                    "context": draw.choice([4_000, 128_000]),
                    "price": draw.choice(PRICES),
                    "quality": draw.choice([None, 0.3, 0.5, 0.9]),
                    "preference": draw.choice([0, 50, 50, 80]),
                    "least_cached": draw.choice([500, 4_096]),
                }
                for model in MODELS
            },
        }
        for provider in PROVIDERS
    }
    preferences = {
        "tasks": {
            "coding": {
                "prefer": draw.sample(["p", "q/m", "r/a1", "s/a/n"], draw.randrange(3)),
                "stated": draw.random() < 0.3,
                "floor": draw.choice([0.0, 0.4]),
            }
        },
        "tiers": {tier: draw.choice([{}, {"ceiling": 1}]) for tier in ("t1", "t2", "t3")},
        "rules": {
            "cheap_simple": draw.random() < 0.3,
            "prefer_free": draw.random() < 0.3,
            "preserve_context": False,
        },
    }
    accounts = {
        f"{provider}/{account}": {
            "health": draw.choice([100, 80]),
            "limits": [
                {
                    "metric": draw.choice(["requests", "total_tokens"]),
                    "window": draw.choice(["day", "session:5h", "5h", "balance"]),
                    "amount": 100_000,
                    "used": draw.choice([0, 40_000, 80_000, 97_000]),
                    "model": draw.choice([None, None, "m"]),
                    "resets_in_s": draw.choice([None, 600, 9_000]),
                    "forecast": draw.choice([None, [0, 1], [2_000, 0.9], [30_000, 0.6], [30_000, 0.4]]),
                }
                for _ in range(draw.randrange(3))
            ],
        }
        for provider in PROVIDERS
        for account in ACCOUNTS
    }
    routes = [f"{p}/{a}/{m}" for p in PROVIDERS for a in ACCOUNTS for m in MODELS]
    state = {
        "mode": draw.choice(["balanced", "balanced", "health_first", "cost_first", "quality_first"]),
        "accounts": accounts,
        "routes": {route: {"success": draw.choice([1.0, 0.5])} for route in draw.sample(routes, 12)},
        "quality": {
            f"coding/{tier}": {model: draw.choice([[9, 0], [0, 9]]) for model in MODELS[:2]}
            for tier in ("t1", "t2")
        },
        "off_peak": draw.random() < 0.3,
        "conversation": {"route": draw.choice(routes), "warm_s": 60, "cached": draw.choice([900, 1_900])},
    }
    ask = {"tier": draw.choice(["t1", "t2"]), "input": 2_000, "output": draw.choice([10, 500])}
    return {"providers": providers, "preferences": preferences}, ask, state


@pytest.mark.parametrize("seed", range(24))
def test_ranking_is_that_of_looking_at_every_route(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.routing.decision._CHUNK", 4)
    monkeypatch.setattr("trunkline.routing.decision.LONGEST_RANKING", 6)
    data, asked, known = full_case(random.Random(seed))
    config = build_config(data)
    ask, state = build_ask(config, asked), build_state(config, known)
    brute = Brute(config, ask, state)
    keys = {route: key for key, route in brute.all_keys()}
    expected = brute.ranking()[:6]

    decision = decide(ask, compile_policy(config), state)

    assert isinstance(decision, Decision)
    found = [keys[one.route.provider, one.route.account, one.route.model] for one in decision.ranking]
    # The pool may give the first to another account of the same model.
    assert [key[:3] for key in found[1:]] == [key[:3] for key, _ in expected[1:]]
    assert [key[3] for key in found[1:]] == pytest.approx([key[3] for key, _ in expected[1:]])
    assert [one.score for one in decision.ranking] == pytest.approx([-key[3] for key in found])
