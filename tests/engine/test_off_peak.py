"""The engine knows by the user's own clock when dearer models may serve (cost rule 4)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import Serves, agent, open_world

from trunkline.domain.decisions import Decision
from trunkline.domain.messages import Hints
from trunkline.domain.tasks import Tier

DEAR = Serves(
    "dear", models={"d": {"price": {"input": 4.0, "output": 20.0}, "quality": 60, "preference": 90}}
)
FAIR = Serves("fair", models={"f": {"price": {"input": 0.2, "output": 0.4}, "quality": 60, "preference": 10}})
ALL_ON = "[tiers.t2]\nceiling_usd_per_1k = 0.001\n[rules]\nprefer_free = false\n"


# Noon in Greenwich is day nearly everywhere, and so is the day of the week.
@pytest.mark.parametrize(
    ("day", "preferences", "served_by"),
    [
        (18, ALL_ON, "fair"),  # a Wednesday
        (21, ALL_ON, "dear"),  # a Saturday
        (21, f"{ALL_ON}off_peak_dearer = false\n", "fair"),
    ],
)
async def test_on_a_weekend_what_is_not_critical_may_be_dearer(
    tmp_path: Path, day: int, preferences: str, served_by: str
) -> None:
    clock = FakeClock(int(datetime(2026, 11, day, 12, tzinfo=UTC).timestamp() * 1000))
    async with open_world(tmp_path, DEAR, FAIR, preferences=preferences, clock=clock) as world:
        asked = agent(hints=Hints(task_type="research", tier=Tier.T2))
        decision = (await world.engine.preview(asked)).decision
        assert isinstance(decision, Decision)
        assert decision.route.provider == served_by
        assert (decision.rule == "off_peak_dearer") == (served_by == "dear")
