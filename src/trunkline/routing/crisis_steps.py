"""What a crisis changes for one request (DESIGN §4.6). Pure: task and settings in, answer out."""

from __future__ import annotations

from collections.abc import Collection

from trunkline.domain.crisis import CrisisStep
from trunkline.domain.messages import ChatRequest, Effort, ResponseFormat
from trunkline.domain.preferences import CrisisPolicy
from trunkline.domain.tasks import SIMPLE, Task, Tier


def is_simple(task: Task) -> bool:
    """Of the task type `simple`, or of the simple tier whatever its type."""
    return task.type == SIMPLE or task.tier is Tier.T1


def is_moved(task: Task, steps: Collection[CrisisStep]) -> bool:
    """Whether the cheapest route that is left answers it, whatever lists and quality floors say."""
    return CrisisStep.SIMPLE_TO_CHEAP in steps and not task.critical and is_simple(task)


def is_parked(task: Task, steps: Collection[CrisisStep]) -> bool:
    """Whether the crisis keeps it until a provider is back: what is above simple and not critical."""
    return CrisisStep.PARK_THE_REST in steps and not task.critical and not is_simple(task)


def is_shrunk(request: ChatRequest, task: Task, steps: Collection[CrisisStep]) -> bool:
    """Whether its answer gets a smaller output limit. Not what is critical; and not an answer that is worth nothing
    unless it is whole (a JSON document, a tool's arguments) or that is preceded by thinking, which takes from the same
    limit."""
    if CrisisStep.SHRINK_OUTPUT not in steps or task.critical:
        return False
    whole = bool(request.tools) or request.response_format is ResponseFormat.JSON
    return not whole and request.effort in (None, Effort.NONE)


def shrunk_output(usual_tokens: int, policy: CrisisPolicy) -> int:
    """The output limit that a crisis leaves of the usual one, in tokens; never more than the usual one."""
    held_to = max(policy.least_output_tokens, round(usual_tokens * policy.output_share))
    return max(1, min(usual_tokens, held_to))
