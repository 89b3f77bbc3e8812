"""One explanation, from the figures of a decision that routing really makes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.clock import START_MS
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.decisions import DEAR, DEAR_AND_WEAK, FAVOURED, WEAK, Decision, NoRoute, Ranked, Terms
from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.routing import (
    Inputs,
    compile_policy,
    decide,
    decide_again,
    differences,
    explained,
    likely_words,
    standing_words,
)
from trunkline.routing.explanation import CostParts

CONFIG = build_config(
    {
        "providers": {
            "a": {"models": {"m": {"price": [1, 2], "quality": 0.6}}},
            "b": {"models": {"m": {"price": [3, 9], "quality": 0.6}}},
            "c": {"models": {"m": {"price": [1, 2], "quality": 0.6, "context": 10}}},
        }
    }
)
ASK = build_ask(CONFIG, {"type": "coding", "input_tokens": 1_000, "output_tokens": 500})
STATE = build_state(CONFIG, {})
TASK = Task("coding", 0.5, 0.4, Tier.T2, 10, 10, Priority.MEDIUM)
ROUTE = Route("a", "b", "m")


def decision() -> Decision:
    made = decide(ASK, compile_policy(CONFIG), STATE)
    assert isinstance(made, Decision)
    return made


def test_the_runner_up_says_what_it_would_have_cost_and_how_much_more() -> None:
    made = decision()
    told = explained(ASK.task, made, START_MS)
    assert told.runner_up is not None
    assert told.runner_up.ranked is made.ranking[1]
    own, other = made.ranking[0].cost_pico, made.ranking[1].cost_pico
    assert own is not None
    assert other is not None
    assert told.runner_up.more_pico == other - own > 0
    assert told.runner_up.behind == pytest.approx(made.ranking[0].score - made.ranking[1].score)
    assert sum(getattr(told.cost, part) for part in CostParts.__slots__) == own
    assert sum(getattr(told.runner_up.parts, part) for part in CostParts.__slots__) == other
    labels = dict(told.reasons)
    assert labels["why"].startswith("cost: cheaper than b/")
    assert labels["next"].startswith(f"{made.ranking[1].route.id} for $0.00")
    assert labels["next"].endswith(" more")
    assert labels["costs"] == "$0.0010 input, $0.0010 output"


def test_only_beside_cached_input_is_there_other_input() -> None:
    cent = PICO_PER_USD // 100
    assert CostParts(0, cent, cent, 0).words == "$0.010 input, $0.010 output"
    assert CostParts(cent, cent, 0, 0).words == "$0.010 input from the cache, $0.010 other input"


def test_every_rejection_has_its_sentence() -> None:
    told = explained(ASK.task, decision(), START_MS)
    ((rejection, why),) = told.rejected
    assert rejection.route.startswith("c/")
    assert "its window of 10 tokens is too small" in why


def test_a_route_that_the_asker_left_out_is_told_as_their_wish() -> None:
    ask = build_ask(CONFIG, {"avoid": ["a/main/m"]})
    talk = build_state(CONFIG, {"conversation": {"route": "a/main/m", "tokens": 20_000}})
    made = decide(ask, compile_policy(CONFIG), talk)
    assert isinstance(made, Decision)
    told = explained(ask.task, made, START_MS)
    assert dict(told.reasons)["moved"] == "from a/main/m as you left it out"
    assert "you left out a/main/m" in " ".join(why for _, why in told.rejected)


def test_where_nobody_can_serve_it_says_so() -> None:
    told = explained(TASK, NoRoute((), START_MS + 3_600_000), START_MS)
    assert told.decision is None
    assert told.ranking == ()
    assert dict(told.reasons) == {"why": "nobody can answer this now; again in 60 min"}


def test_the_sums_of_staying_are_told() -> None:
    cent = PICO_PER_USD // 100
    facts = (
        ("weighed", "b/main/m"),
        ("stay_pico", 3 * cent),
        ("move_pico", 5 * cent),
        ("saving_pico", -2 * cent),
        ("cold_pico", cent),
        ("turns_left", 2.6),
        ("cached_tokens", 12_000),
    )
    told = explained(TASK, replace(decision(), facts=facts), START_MS)
    assert told.weighed is not None
    assert (told.weighed.saving_pico, told.weighed.turns_left) == (-2 * cent, 2.6)
    assert dict(told.reasons)["weighed"] == (
        "staying costs $0.030 over the next ~4 turns with 12,000 tokens cached, b/main/m $0.050, "
        "$0.010 of it for a cold cache"
    )


def test_a_rule_is_named_and_said() -> None:
    for rule in (
        "prefer_free",
        "cheap_simple",
        "cost_first",
        "near_budget",
        "off_peak_dearer",
        "simple_to_cheap",
    ):
        said = dict(explained(TASK, replace(decision(), rule=rule), START_MS).reasons)["rule"]
        assert said.startswith(f"{rule}: ")
        assert len(said) > len(rule) + 10


def test_what_put_a_route_before_or_behind_others_is_said() -> None:
    by_rule = replace(decision(), route=ROUTE, rule="cheap_simple")

    def standing(order: int = 1, behind: int = 1, made: Decision = by_rule, cost_pico: int | None = 7) -> str:
        return standing_words(Ranked(ROUTE, 0.5, Terms(), cost_pico, order, behind), made)

    assert standing() == ""
    assert standing(order=0, behind=FAVOURED) == "on your list"
    assert standing(order=2) == "almost used up"
    assert standing(order=3, behind=FAVOURED) == "not listed by its provider"
    assert standing(behind=FAVOURED) == "put first by the rule"
    assert standing(behind=FAVOURED, made=replace(by_rule, rule=None)) == ""
    assert standing(behind=FAVOURED, made=replace(by_rule, route=Route("b", "b", "m"))) == ""
    assert standing(behind=DEAR) == "above the price ceiling"
    assert standing(behind=DEAR, cost_pico=None) == "price not known, taken for above the ceiling"
    assert standing(behind=WEAK) == "below the quality floor"
    assert standing(behind=DEAR_AND_WEAK) == "above the price ceiling, below the quality floor"


def unknown_terms(**state: object) -> dict[str, list[str]]:
    """Of each provider the terms that are not known."""
    models = {
        "told": {"price": [1, 2], "quality": 0.6, "tokens_per_s": 50},
        "untold": {"price": [9, 9]},
        "unpriced": {"quality": 0.5, "first_token_ms": 300},
    }
    config = build_config({"providers": {name: {"models": {"m": model}} for name, model in models.items()}})
    ask = build_ask(config, {"type": "coding", "input_tokens": 1_000, "output_tokens": 500})
    made = decide(ask, compile_policy(config), build_state(config, state))
    return {
        one.route.provider: [name for name in Terms.__slots__ if getattr(one.terms, name) is None]
        for one in made.ranking
    }


def test_a_term_of_which_nothing_is_known_is_no_figure_though_it_counts() -> None:
    assert unknown_terms() == {"told": [], "untold": ["quality", "speed"], "unpriced": ["cost"]}
    measured = {"untold/main/m": {"first_token_ms": 200}}
    liked = {"coding/t2": {"m": [1, 0]}}
    assert unknown_terms(routes=measured, quality=liked)["untold"] == []


def test_who_is_better_than_a_model_of_unknown_quality_is_not_told_as_known() -> None:
    models = {"a": {"price": [1, 2], "quality": 0.6}, "b": {"price": [1, 2]}}
    config = build_config({"providers": {name: {"models": {"m": model}} for name, model in models.items()}})
    ask = build_ask(config, {"type": "coding", "input_tokens": 1_000, "output_tokens": 500})
    made = decide(ask, compile_policy(config), build_state(config, {}))
    assert isinstance(made, Decision)
    says = dict(explained(ask.task, made, START_MS).reasons)["why"]
    assert says == "quality: better at this than b/main/m, as far as is known: the other's quality is not"


def test_of_an_unknown_price_no_parts_are_told() -> None:
    config = build_config({"providers": {"a": {"models": {"m": {}}}, "b": {"models": {"m": {}}}}})
    ask = build_ask(config, {"type": "coding", "input_tokens": 1_000, "output_tokens": 500})
    told = explained(ask.task, decide(ask, compile_policy(config), build_state(config, {})), START_MS)
    assert told.cost is None
    assert told.runner_up is not None
    assert told.runner_up.parts is None
    assert told.ranking[0].cost_pico is None


def test_other_likely_types_are_named_and_nothing_is_rounded_up_to_certainty() -> None:
    likely = (("coding", 0.62), ("audit", 0.2), ("reasoning", 0.1), ("simple", 0.06), ("creative", 0.05))
    assert likely_words(replace(TASK, likely=likely)) == "62% sure, else audit 20%, reasoning 10%, simple 6%"
    assert likely_words(replace(TASK, type_confidence=0.999)) == "99% sure"
    assert likely_words(replace(TASK, type_confidence=1.0)) == "100% sure"


def test_a_decision_made_again_is_the_same_and_one_of_other_inputs_names_every_figure() -> None:
    made, inputs = decision(), Inputs(ASK, STATE, CONFIG)
    assert differences(made, decide_again(inputs)) == ()
    other = replace(ASK, task=replace(ASK.task, output_tokens=501))
    found = {
        one.where: (one.then, one.now) for one in differences(made, decide_again(replace(inputs, ask=other)))
    }
    assert "ranking[0].cost_pico" in found
    assert "confidence" in found
    assert all(then != now for then, now in found.values())
    nobody = NoRoute((), None)
    (only,) = differences(made, nobody)
    assert (only.where, only.then, only.now) == ("route", made.route.id, "nobody")
    moved = replace(made, route=made.ranking[1].route)
    assert [one.where for one in differences(made, moved)] == ["route"]


def test_the_smallest_difference_of_a_score_counts() -> None:
    made = decision()
    first = made.ranking[0]
    nudged = replace(made, ranking=(replace(first, score=first.score + 2**-53), *made.ranking[1:]))
    (one,) = differences(made, nudged)
    assert one.where == "ranking[0].score"
    assert one.then != one.now
