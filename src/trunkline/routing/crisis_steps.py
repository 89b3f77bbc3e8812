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


def may_shrink(request: ChatRequest) -> bool:
    """Whether its answer is worth something with a smaller output limit: not what must be whole (a JSON document, a
    tool's arguments), nor what is preceded by thinking, which takes from the same limit."""
    whole = bool(request.tools) or request.response_format is ResponseFormat.JSON
    return not whole and request.effort in (None, Effort.NONE)


def shrunk_by(
    task: Task, steps: Collection[CrisisStep], policy: CrisisPolicy, may_shrink: bool
) -> CrisisPolicy | None:
    """By what its answer gets a smaller output limit: by `policy`, or by nothing (None), as what is critical."""
    return policy if may_shrink and CrisisStep.SHRINK_OUTPUT in steps and not task.critical else None


def held_to(output_tokens: int, limit_tokens: int | None, held_by: CrisisPolicy | None) -> int:
    """What is left of an output of so many tokens where the usual limit is `limit_tokens` (None: not known) and a
    crisis makes it smaller; `held_by` None: it does not."""
    if held_by is None or limit_tokens is None:
        return output_tokens
    return min(output_tokens, shrunk_output(limit_tokens, held_by))


def shrunk_output(usual_tokens: int, policy: CrisisPolicy) -> int:
    """The output limit that a crisis leaves of the usual one, in tokens; never more than the usual one."""
    held_to = max(policy.least_output_tokens, round(usual_tokens * policy.output_share))
    return max(1, min(usual_tokens, held_to))
