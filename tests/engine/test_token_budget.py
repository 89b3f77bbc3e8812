"""Cost rule 5 in the engine: what is over its token budget is refused before anybody is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.engine_world import Serves, agent, ask, open_world

from trunkline.domain.faults import FaultKind
from trunkline.domain.messages import Hints, Message, Role
from trunkline.domain.receipts import Outcome
from trunkline.domain.tasks import Origin, OriginKind, Priority, Tier

PREFERENCES = """
[tasks.creative]
budget_tokens = 3000
[tasks.coding]
priority = "high"
[roles.implementation]
tasks = ["coding"]
tier = "t2"
priority = "low"
"""
LONG = "Write a poem about every one of these words, please. " * 400
HINTS = Hints(task_type="creative", tier=Tier.T2)


@pytest.mark.parametrize("asked", [ask, agent])
async def test_over_its_budget_a_message_is_refused_and_nobody_is_asked(tmp_path, asked):
    async with open_world(tmp_path, Serves("acme"), preferences=PREFERENCES) as world:
        receipt = (await world.run(asked(LONG, hints=HINTS))).receipt
        assert receipt.outcome is Outcome.FAILED
        assert receipt.attempts == ()
        assert (receipt.fault.kind, receipt.fault.code) == (FaultKind.BAD_REQUEST, "over_token_budget")
        for part in (
            "over the 3,000 that creative may take",
            "tasks.creative.budget_tokens",
            "--over-budget",
        ):
            assert part in receipt.fault.message
        assert world.engine.preview_now(asked(LONG, hints=HINTS)).over_budget.budget_tokens == 3_000
        assert world.served("acme") == 0


async def test_who_says_that_it_may_is_answered(tmp_path):
    async with open_world(tmp_path, Serves("acme"), preferences=PREFERENCES) as world:
        told = await world.run(ask(LONG, hints=HINTS, over_budget_ok=True))
        assert told.receipt.outcome is Outcome.ANSWERED
        internal = ask(LONG, hints=HINTS)
        internal = replace(internal, origin=Origin(OriginKind.INTERNAL))
        assert (await world.run(internal)).receipt.outcome is Outcome.ANSWERED


async def test_a_long_conversation_is_not_over_the_budget_of_its_next_message(tmp_path):
    history = (
        Message.of(Role.USER, LONG),
        Message.of(Role.ASSISTANT, LONG),
        Message.of(Role.USER, "shorter"),
    )
    async with open_world(tmp_path, Serves("acme"), preferences=PREFERENCES) as world:
        told = await world.run(replace(ask(hints=HINTS), messages=history))
        assert told.receipt.task.input_tokens > 6_000
        assert told.receipt.outcome is Outcome.ANSWERED


async def test_a_role_gives_its_priority_in_place_of_the_task_types(tmp_path):
    async with open_world(tmp_path, Serves("acme"), preferences=PREFERENCES) as world:
        priorities = {
            tier: world.engine.preview_now(agent(hints=Hints(task_type="coding", tier=tier))).task.priority
            for tier in Tier
        }
        assert priorities == {Tier.T1: Priority.HIGH, Tier.T2: Priority.LOW, Tier.T3: Priority.HIGH}
        said = agent(hints=Hints(task_type="coding", tier=Tier.T2), priority=Priority.MEDIUM)
        assert world.engine.preview_now(said).task.priority is Priority.MEDIUM
