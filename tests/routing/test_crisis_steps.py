"""What a crisis changes for one request, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.crisis import CrisisStep
from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.messages import ChatRequest, Effort, Message, ResponseFormat, Role, ToolSpec
from trunkline.domain.preferences import CrisisPolicy
from trunkline.domain.tasks import Origin, OriginKind, Priority, Task, Tier
from trunkline.routing import compile_policy, decide
from trunkline.routing.crisis_steps import held_to, is_moved, is_parked, may_shrink, shrunk_by, shrunk_output
from trunkline.routing.home import home_of, peaceful

ALL = tuple(CrisisStep)
POLICY = CrisisPolicy(output_share=0.5, least_output_tokens=100)
REQUEST = ChatRequest((Message.of(Role.USER, "yes?"),), Origin(OriginKind.GATEWAY))
CONFIG = build_config(
    {
        "providers": {
            "big": {"models": {"m": {"price": [5, 20]}}},
            "small": {"models": {"m": {"price": [0.1, 0.4]}}},
        },
        "preferences": {"default": ["big"], "default_stated": True},
    }
)


def task(kind: str = "coding", tier: Tier = Tier.T2, *, critical: bool = False) -> Task:
    return Task(kind, 0.9, 0.5, tier, 100, 50, Priority.MEDIUM, critical=critical)


@pytest.mark.parametrize(
    ("asked", "moved", "parked", "shrunk"),
    [
        (task("simple"), True, False, True),
        (task("simple", Tier.T3), True, False, True),
        (task("coding", Tier.T1), True, False, True),
        (task("coding"), False, True, True),
        (task("simple", critical=True), False, False, False),
        (task("coding", Tier.T3, critical=True), False, False, False),
    ],
)
def test_what_the_steps_do_to_a_task(asked: Task, moved: bool, parked: bool, shrunk: bool) -> None:
    assert (is_moved(asked, ALL), is_parked(asked, ALL), shrunk_by(asked, ALL, POLICY, True) is POLICY) == (
        moved,
        parked,
        shrunk,
    )
    assert not any((is_moved(asked, ()), is_parked(asked, ()), shrunk_by(asked, (), POLICY, True)))


@pytest.mark.parametrize(
    ("fields", "shrunk"),
    [
        ({}, True),
        ({"effort": Effort.NONE}, True),
        ({"effort": Effort.LOW}, False),
        ({"response_format": ResponseFormat.JSON}, False),
        ({"tools": (ToolSpec("look", "looks", "{}"),)}, False),
    ],
)
def test_only_an_answer_that_is_worth_something_in_part_is_shortened(
    fields: dict[str, Any], shrunk: bool
) -> None:
    may = may_shrink(replace(REQUEST, **fields))
    assert may is shrunk
    assert shrunk_by(task(), ALL, POLICY, may) is (POLICY if shrunk else None)


@pytest.mark.parametrize(
    ("usual", "left"), [(4_000, 2_000), (1_000, 512), (700, 512), (512, 512), (300, 300), (1, 1)]
)
def test_the_output_limit_that_is_left(usual: int, left: int) -> None:
    assert shrunk_output(usual, CrisisPolicy()) == left


def test_a_share_of_nothing_leaves_the_least_and_a_share_above_one_adds_nothing() -> None:
    assert shrunk_output(4_000, CrisisPolicy(output_share=0.0, least_output_tokens=1)) == 1
    assert shrunk_output(4_000, CrisisPolicy(output_share=2.0)) == 4_000


def test_home_is_where_it_would_go_if_nobody_were_lost() -> None:
    lost = {"big": {"until_s": 600}}
    state = build_state(
        CONFIG,
        {
            "crisis": list(ALL),
            "blocks": lost,
            "accounts": {"big/main": {"block": {"until_s": 600}, "limits": [["requests", "day", 5, 5]]}},
            "routes": {"big/main/m": {"block": {"until_s": 600}}},
        },
    )
    ask = build_ask(CONFIG, {"type": "simple", "failed": ["small/main/m"], "after": "small/main/m"})
    home = home_of(ask, compile_policy(CONFIG), state, ("big",))
    assert home is not None
    assert home.id == "big/main/m"
    assert peaceful(state, ()).accounts == state.accounts


def test_home_of_a_conversation_that_is_away_is_its_home() -> None:
    state = build_state(CONFIG, {"conversation": {"route": "big/main/m", "home": "small/main/m"}})
    home = home_of(build_ask(CONFIG, {}), compile_policy(CONFIG), state, ())
    assert home is not None
    assert home.id == "small/main/m"


@pytest.mark.parametrize(
    ("output", "limit", "left"),
    [(50, 4_000, 50), (3_000, 4_000, 2_000), (150, 120, 100), (3_000, None, 3_000)],
)
def test_what_is_expected_of_an_answer_is_no_more_than_its_smaller_limit(
    output: int, limit: int | None, left: int
) -> None:
    assert held_to(output, limit, POLICY) == left
    assert held_to(output, limit, None) == output


def test_what_only_fits_with_the_smaller_answer_of_a_crisis_is_routed() -> None:
    config = build_config({"providers": {"narrow": {"models": {"m": {"context": 1_000}}}}})
    ask = replace(build_ask(config, {"input": 700, "output": 400, "type": "simple"}), asked_output_tokens=400)
    state = build_state(config, {"crisis": ["shrink_output"]})
    policy = compile_policy(config)
    assert isinstance(decide(ask, policy, state), NoRoute)
    assert isinstance(decide(replace(ask, may_shrink=True), policy, state), NoRoute), "512 are always left"
    leaving = replace(config.preferences, crisis=replace(config.preferences.crisis, least_output_tokens=100))
    policy = compile_policy(replace(config, preferences=leaving))
    assert isinstance(decide(replace(ask, may_shrink=True), policy, state), Decision)
    assert isinstance(decide(replace(ask, may_shrink=False), policy, state), NoRoute)
