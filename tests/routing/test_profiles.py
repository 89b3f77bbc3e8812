"""What is preferred for one kind of task, after answers were received."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.routing.test_brute_force import cases

from trunkline.domain.learned import Verdicts
from trunkline.domain.preferences import Config
from trunkline.domain.state import RoutingState
from trunkline.domain.tasks import Tier
from trunkline.routing import RoutingAsk, compile_policy
from trunkline.routing import profiles as under_test
from trunkline.routing.profiles import ProfileKey, build_profile, renewed

counts = st.sampled_from([0.0, 0.5, 3.0, 40.0])
received = st.none() | st.dictionaries(
    st.sampled_from(["m", "n", "o", "k"]), st.builds(Verdicts, good=counts, bad=counts)
)


@settings(max_examples=40, deadline=None)
@given(
    cases(),
    received,
    received,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["balanced", "max_quality", "cost_first"]),
)
def test_a_profile_that_is_renewed_is_the_one_that_is_built(
    case: tuple[Config, RoutingAsk, RoutingState],
    before: Mapping[str, Verdicts] | None,
    after: Mapping[str, Verdicts] | None,
    cheapest: bool,
    flag: bool,
    mode: str,
) -> None:
    config, ask, _ = case
    policy = compile_policy(config)
    key = ProfileKey(
        ask.task.type, ask.task.tier, mode, ask.prefer, dearer=flag, cheapest=cheapest, any_local=flag
    )
    built = build_profile(key, config, policy.rows, before)
    assert renewed(built, policy.rows, after) == build_profile(key, config, policy.rows, after)


@settings(max_examples=20, deadline=None)
@given(cases(), received)
def test_only_the_models_of_which_something_new_is_known_are_looked_at_again(
    case: tuple[Config, RoutingAsk, RoutingState], before: Mapping[str, Verdicts] | None
) -> None:
    config, ask, _ = case
    policy = compile_policy(config)
    key = ProfileKey(ask.task.type, Tier.T2, "balanced")
    first = policy.profile(key, before)
    assert policy.profile(key, before) is first
    after = {**(before or {}), "m": Verdicts(good=1.25)}
    looked_at: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        basis = under_test._basis
        patched.setattr(
            under_test, "_basis", lambda row, *rest: (looked_at.append(row.model), basis(row, *rest))[1]
        )
        policy.profile(key, after)
    assert looked_at == [row.model for row in policy.rows if row.model == "m"]
