"""Cost rule 5: what counts towards a token budget, and whose budget holds."""

from __future__ import annotations

import pytest

from trunkline.domain.messages import Message, Role, ToolResultPart
from trunkline.domain.preferences import Preferences, RoleOverride, Rules, TaskPolicy
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.routing.token_budget import OverBudget, new_messages, over_budget

SYSTEM = Message.of(Role.SYSTEM, "be brief")
ASKED = Message.of(Role.USER, "first")
SAID = Message.of(Role.ASSISTANT, "answer")
NEXT = Message.of(Role.USER, "and then?")
FILE = Message.of(Role.USER, "a file")
RESULT = Message(Role.TOOL, (ToolResultPart("1", "result"),))


@pytest.mark.parametrize(
    ("messages", "new"),
    [
        ((SYSTEM, ASKED), (ASKED,)),
        ((SYSTEM, ASKED, SAID, FILE, NEXT), (FILE, NEXT)),
        ((ASKED, SAID, NEXT, SAID, RESULT), ()),
        ((ASKED, SAID, RESULT, NEXT), (NEXT,)),
        ((ASKED, SAID, NEXT, SAID), (NEXT,)),
        ((ASKED, SAID, SYSTEM, NEXT), (NEXT,)),
        ((SAID,), ()),
        ((), ()),
    ],
)
def test_only_what_came_since_the_last_answer_is_new(messages, new):
    assert new_messages(messages) == new


PREFERENCES = Preferences(
    tasks=(
        TaskPolicy("coding", budget_tokens=1_000),
        TaskPolicy("audit", budget_tokens=5_000),
        TaskPolicy("unlimited"),
    ),
    roles=(RoleOverride("implementation", ("coding",), Tier.T2, budget_tokens=400),),
)


def task(type_: str, tier: Tier = Tier.T1, *, sure: float = 0.9, hinted: bool = False) -> Task:
    return Task(type_, sure, 0.2, tier, 90_000, 100, Priority.MEDIUM, hinted=hinted)


@pytest.mark.parametrize(
    ("asked", "new_tokens", "over"),
    [
        (task("coding"), 900, None),
        (task("coding"), 901, OverBudget(1_001, 1_000, "coding", "tasks.coding.budget_tokens")),
        (
            task("coding", Tier.T2),
            301,
            OverBudget(401, 400, "implementation", "roles.implementation.budget_tokens"),
        ),
        (task("unlimited"), 10**9, None),
        (task("never heard of"), 10**9, None),
        (task("coding", sure=0.4), 4_900, None),
        (task("coding", sure=0.4), 4_901, OverBudget(5_001, 5_000, "audit", "tasks.audit.budget_tokens")),
        (
            task("coding", sure=0.4, hinted=True),
            901,
            OverBudget(1_001, 1_000, "coding", "tasks.coding.budget_tokens"),
        ),
    ],
)
def test_whose_budget_holds(asked, new_tokens, over):
    assert over_budget(asked, new_tokens, PREFERENCES) == over


def test_the_rule_can_be_turned_off():
    off = Preferences(tasks=PREFERENCES.tasks, rules=Rules(token_budgets=False))
    assert over_budget(task("coding"), 10**9, off) is None
