"""What is compared when preferences are tried: as tables, without an engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.routing import build_config, build_state

from trunkline.domain.decisions import Decision, NoRoute, Ranked, Reason, Terms
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import KeyRef, Route
from trunkline.domain.secret import Secret
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.engine.generation import Generation
from trunkline.engine.trials import NOBODY, compared, retiered, try_generation
from trunkline.store.queries import AskedRequest
from trunkline.store.records import StoredRequest

ASKED = AskedRequest(
    "R1", 5, "agent-7", Task("coding", 0.9, 0.5, Tier.T2, 100, 50, Priority.MEDIUM), StoredRequest("g")
)


class NoKeys:
    def secret(self, ref: KeyRef) -> Secret | None:
        return None


def chosen(route: str, cost_pico: int = 7) -> Decision:
    found = Route(*route.split("/"))
    return Decision(found, Reason.COST, None, 0.5, (Ranked(found, 0.5, Terms(), cost_pico),), ())


def generation(**thresholds: float) -> Generation:
    config = build_config({"providers": {"a": {"models": {"m": {}}}}})
    of = Generation.of(config, NoKeys())
    object.__setattr__(of.config.preferences, "thresholds", Thresholds(**thresholds))  # type: ignore[arg-type]
    return of


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (chosen("a/x/m"), chosen("a/x/m", 9), None),
        (NoRoute(()), NoRoute((), 9), None),
        (chosen("a/x/m"), chosen("a/y/m", 9), ("a/x/m", "a/y/m", "cost", "cost", 7, 9)),
        (chosen("a/x/m"), NoRoute(()), ("a/x/m", None, "cost", NOBODY, 7, None)),
        (NoRoute(()), chosen("a/x/m"), (None, "a/x/m", NOBODY, "cost", None, 7)),
    ],
)
def test_a_change_is_another_route(
    before: Decision | NoRoute, after: Decision | NoRoute, change: tuple[object, ...] | None
) -> None:
    found = compared(ASKED, before, after)
    if change is None:
        assert found is None
        return
    assert found is not None
    assert (found.request_id, found.at_ms, found.origin, found.task_type, found.tier) == (
        "R1",
        5,
        "agent-7",
        "coding",
        "t2",
    )
    assert change == (
        found.before,
        found.after,
        found.before_reason,
        found.after_reason,
        found.before_cost_pico,
        found.after_cost_pico,
    )


@pytest.mark.parametrize(
    ("tier", "thresholds", "after"),
    [
        (Tier.T2, {}, Tier.T2),
        (Tier.T2, {"tier_simple_below": 0.6}, Tier.T1),
        (Tier.T2, {"tier_complex_above": 0.4}, Tier.T3),
        (Tier.T3, {"tier_simple_below": 0.6}, Tier.T3),  # its asker named it
    ],
)
def test_tried_thresholds_give_their_tier(tier: Tier, thresholds: dict[str, float], after: Tier) -> None:
    task = Task("coding", 0.9, 0.5, tier, 100, 50, Priority.MEDIUM)
    assert retiered(task, generation(), generation(**thresholds)).tier is after


async def test_the_same_preferences_change_nothing_and_none_asked_is_none_looked_at() -> None:
    now = generation()
    state = build_state(now.config, {})
    for asked in ((), (ASKED, ASKED)):
        trial = await try_generation(asked, now, now, lambda _: state)
        assert (trial.looked_at, trial.changes, trial.error) == (len(asked), (), None)
        assert trial.explored_share == 0


@pytest.mark.parametrize(("enabled", "share"), [(True, 0.05), (False, 0.0)])
async def test_which_share_is_no_matter_of_the_best_route_is_said(enabled: bool, share: float) -> None:
    now, tried = generation(), generation()
    learning = replace(tried.config.preferences.learning, enabled=enabled, explore_share=0.05)
    preferences = replace(tried.config.preferences, learning=learning)
    tried = Generation.of(replace(tried.config, preferences=preferences), NoKeys())
    state = build_state(now.config, {})
    assert (await try_generation((), now, tried, lambda _: state)).explored_share == share
