"""Why a request may not be decided yet, by what a person ordered and by what a crisis asks for."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.crisis import CrisisStep
from trunkline.domain.queue import HeldFor
from trunkline.domain.tasks import Task
from trunkline.engine.control import Standing
from trunkline.routing.crisis_steps import is_parked


@dataclass(frozen=True, slots=True)
class Hold:
    """Why, as a word and as a sentence."""

    held_for: HeldFor
    why: str


def hold_of(task: Task, orders: Standing, crisis_steps: tuple[CrisisStep, ...]) -> Hold | None:
    """What holds `task` back now; None: nothing. What is critical is never held."""
    if task.critical:
        return None
    if orders.paused:
        return Hold(HeldFor.PAUSE, "paused: only what is critical goes")
    if orders.override_text is not None:
        return Hold(
            HeldFor.OVERRIDE, f"everything goes to {orders.override_text}: only what is critical goes"
        )
    if is_parked(task, crisis_steps):
        return Hold(HeldFor.CRISIS, "crisis: kept until a provider is back")
    return None
