from __future__ import annotations

import pytest

from trunkline.domain.tasks import TASK_TYPES, Priority, Tier
from trunkline.gateway.dialect import UnreadableError
from trunkline.gateway.hints import Said, hints_of


def test_headers_and_metadata_say_the_same_things_and_headers_win() -> None:
    headers = {
        "x-trunkline-task": "coding",
        "x-trunkline-priority": "low",
        "x-trunkline-deadline": "30",
        "x-trunkline-budget": "0.25",
        "x-trunkline-origin": "agent-7",
        "x-trunkline-tier": "t3",
        "x-trunkline-over-budget": "1",
        "x-trunkline-avoid": "openai, google/free",
    }
    metadata = {name.removeprefix("x-trunkline-"): value for name, value in headers.items()}
    expected = Said(
        task_type="coding",
        tier=Tier.T3,
        priority=Priority.LOW,
        within_ms=30_000,
        budget_pico=250_000_000_000,
        origin="agent-7",
        over_budget_ok=True,
        avoid=("openai", "google/free"),
    )

    assert hints_of(headers, {}, TASK_TYPES) == expected
    assert hints_of({}, metadata, TASK_TYPES) == expected
    assert hints_of({"x-trunkline-task": "audit"}, {"task": "coding"}, TASK_TYPES).task_type == "audit"
    assert hints_of({}, {}, TASK_TYPES) == Said()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("x-trunkline-task", "codeing", "one of coding"),
        ("x-trunkline-priority", "urgent", "one of high, medium, low"),
        ("x-trunkline-deadline", "soon", "seconds from now"),
        ("x-trunkline-deadline", "-1", "seconds from now"),
        ("x-trunkline-deadline", "nan", "seconds from now"),
        ("x-trunkline-budget", "0", "USD"),
        ("x-trunkline-budget", "inf", "USD"),
    ],
)
def test_a_hint_that_cannot_be_used_is_refused_by_name(name: str, value: str, expected: str) -> None:
    with pytest.raises(UnreadableError, match=expected) as refused:
        hints_of({name: value}, {}, TASK_TYPES)
    assert refused.value.param == name


def test_an_origins_name_cannot_steer_a_terminal() -> None:
    said = hints_of({"x-trunkline-origin": "\x1b[31magent" + "x" * 200}, {}, TASK_TYPES)
    assert said.origin is not None
    assert "\x1b" not in said.origin
    assert len(said.origin) <= 60
