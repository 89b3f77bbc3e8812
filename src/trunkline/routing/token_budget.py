"""Cost rule 5: a message over the token budget of its task is split or asked about, not just sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.domain.messages import Message, Role, ToolResultPart
from trunkline.domain.preferences import Preferences
from trunkline.domain.tasks import Task

# Under this a task type is a guess, and the largest budget holds.
_SURE = 0.5


@dataclass(frozen=True, slots=True)
class OverBudget:
    """A message and its answer are expected to take `expected_tokens`, more than the `budget_tokens` that the setting
    called `setting` allows for work that is called `work`."""

    expected_tokens: int
    budget_tokens: int
    work: str
    setting: str


def new_messages(messages: Sequence[Message]) -> tuple[Message, ...]:
    """What is new since the last answer and somebody chose to send: a person's message with what it brings along. What
    was said before is not paid for by the task at hand, and neither are instructions that come with every request; what
    tools gave is as long as it is, and an agent that is refused it can do nothing about that."""
    end = len(messages)
    while end and messages[end - 1].role is Role.ASSISTANT:  # the beginning of the answer that is asked for
        end -= 1
    begin = end
    while begin and messages[begin - 1].role is not Role.ASSISTANT:
        begin -= 1
    return tuple(
        message
        for message in messages[begin:end]
        if message.role is not Role.SYSTEM
        and not any(isinstance(part, ToolResultPart) for part in message.parts)
    )


def over_budget(task: Task, new_tokens: int, preferences: Preferences) -> OverBudget | None:
    """Whether `new_tokens` and the answer exceed the budget of the role, else of the task type; while it is not sure
    what the task is, the largest budget of all holds. None: they do not, there is none, or the rule is off."""
    if not preferences.rules.token_budgets:
        return None
    expected_tokens = new_tokens + task.output_tokens
    budgets = _budgets(task, preferences)
    if not budgets or expected_tokens <= budgets[0][0]:
        return None
    return OverBudget(expected_tokens, *budgets[0])


def _budgets(task: Task, preferences: Preferences) -> list[tuple[int, str, str]]:
    """Tokens, work and setting of the budgets that might hold, the one that does first."""
    of_tasks = [
        (policy.budget_tokens, policy.type, f"tasks.{policy.type}.budget_tokens")
        for policy in preferences.tasks
        if policy.budget_tokens is not None
    ]
    if not task.hinted and task.type_confidence < _SURE:
        return sorted(of_tasks, key=lambda budget: -budget[0])
    own = [budget for budget in of_tasks if budget[1] == task.type]
    role = preferences.role(task.type, task.tier)
    if role is not None and role.budget_tokens is not None:
        return [(role.budget_tokens, role.role, f"roles.{role.role}.budget_tokens"), *own]
    return own
