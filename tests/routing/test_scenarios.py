"""Decisions as data: `tests/scenarios/*.toml`, each a state, a request and the decision that DESIGN requires."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import START_MS
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.decisions import Decision, NoRoute, RejectionCode
from trunkline.domain.money import usd
from trunkline.domain.routes import PoolStrategy
from trunkline.routing import compile_policy, decide, reason_sentence, rejection_sentence, short_reason

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
_PARTS = ("providers", "preferences", "ask", "state")


def overlay(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on `under`; tables of a whole thing (a model, a task, a rule set) are replaced, not mixed."""
    merged = dict(under)
    for key, value in over.items():
        mixes = isinstance(value, dict) and key in merged and key not in ("rules", "weights")
        leaf = isinstance(value, dict) and not any(isinstance(part, dict) for part in value.values())
        inner = merged.get(key)
        whole = (
            leaf and isinstance(inner, dict) and not any(isinstance(part, dict) for part in inner.values())
        )
        merged[key] = overlay(merged[key], value) if mixes and not whole else value
    return merged


def load() -> list[Any]:
    found = []
    for file in sorted(SCENARIOS.glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        shared = {part: data.get(part, {}) for part in _PARTS}
        for scenario in data["scenario"]:
            own = {part: scenario.get(part, {}) for part in _PARTS}
            parts = {part: overlay(shared[part], own[part]) for part in _PARTS}
            case = {**parts, "expect": scenario["expect"], "proves": scenario["proves"]}
            found.append(pytest.param(case, id=f"{file.stem}: {scenario['name']}"))
    return found


@pytest.mark.parametrize("case", load())
def test_decision(case: dict[str, Any]) -> None:
    expect, proves = dict(case["expect"]), case["proves"]
    config = build_config(case)
    state = build_state(config, case["state"])
    decision = decide(build_ask(config, case["ask"]), compile_policy(config), state)

    rejected = sorted([one.route, one.code.value] for one in decision.rejected)
    if "rejected" in expect:
        assert rejected == sorted(expect.pop("rejected")), proves
    sentences = {one.route: rejection_sentence(one, state.now_ms) for one in decision.rejected}
    for route, sentence in expect.pop("why", {}).items():
        assert sentences[route] == f"{route}: {sentence}", proves
    for rejection in decision.rejected:
        assert "None" not in rejection_sentence(rejection, state.now_ms)
    if expect.pop("none", False):
        assert isinstance(decision, NoRoute), proves
        reset_at_ms = decision.earliest_reset_at_ms
        reset_in_s = None if reset_at_ms is None else (reset_at_ms - START_MS) / 1000
        assert reset_in_s == expect.pop("earliest_reset_in_s", None), proves
    else:
        assert isinstance(decision, Decision), [rejection_sentence(r, START_MS) for r in decision.rejected]
        assert decision.rule == expect.pop("rule", None), proves
        assert decision.stayed == expect.pop("stayed", decision.stayed), proves
        assert "None" not in reason_sentence(decision, config.catalogue)
        _check(decision, expect, proves)
    assert not expect, f"the scenario expects what nobody checks: {expect}"


def _check(decision: Decision, expect: dict[str, Any], proves: str) -> None:
    ranking = [ranked.route.id for ranked in decision.ranking]
    costs = {ranked.route.id: usd(ranked.cost_pico) for ranked in decision.ranking}
    assert ranking[0] == decision.route.id
    assert decision.route.id == expect.pop("route", decision.route.id), (proves, short_reason(decision))
    assert decision.reason.value == expect.pop("reason", decision.reason.value), (proves, decision.facts)
    assert ranking == expect.pop("order", ranking), proves
    assert short_reason(decision) == expect.pop("says", short_reason(decision)), proves
    assert costs[decision.route.id] == expect.pop("cost_usd", costs[decision.route.id]), proves
    assert dict(decision.facts).get("moved_because") == expect.pop("moved", None), proves
    facts = dict(decision.facts)
    for name, value in expect.pop("facts", {}).items():
        assert facts.get(name) == value, (proves, facts)
    behind = {ranked.route.id: ranked.behind for ranked in decision.ranking}
    for route, step in expect.pop("behind", {}).items():
        assert behind[route] == step, (proves, behind)
    for route in expect.pop("unknown_cost", []):
        assert costs[route] is None, proves
    for route, cost_usd in expect.pop("costs", {}).items():
        assert costs[route] == cost_usd, proves


def test_every_code_and_strategy_has_a_scenario() -> None:
    cases = [param.values[0] for param in load()]
    codes = {code for case in cases for _, code in case["expect"].get("rejected", [])}
    assert codes == {code.value for code in RejectionCode}
    pools = {provider.get("pool", "round_robin") for case in cases for provider in case["providers"].values()}
    assert pools == {strategy.value for strategy in PoolStrategy}
