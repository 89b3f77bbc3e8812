"""Agents wrap what their user says; it is judged by what was said."""

from __future__ import annotations

import pytest
from tests.support.routing import build_config

from trunkline.analysis.analyser import analyse
from trunkline.analysis.spoken import spoken
from trunkline.domain.messages import ChatRequest, Message, Role, ToolCallPart, ToolResultPart
from trunkline.domain.tasks import Origin, OriginKind, Task

ASKED = "Draft a short friendly note that the office is closed on Monday."
CONTEXT = (
    "<session_context>\nThis is a CLI. The test suite of the project failed in parser.py.\n</session_context>"
)
REMINDER = "<system-reminder>\nThe file parser.py was changed; its tests fail.\n</system-reminder>"
CLAW = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nRunning: pytest parser.py\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"


@pytest.mark.parametrize(
    "text",
    [
        ASKED,
        f"{CONTEXT}{ASKED}",
        f"{REMINDER}\n{ASKED}\n\n{REMINDER}",
        f"<environment_context>\n  <cwd>/w</cwd>\n</environment_context>\n{ASKED}",
        f'<user_instructions source="AGENTS.md">Test all.</user_instructions>\n\n{ASKED}',
        f"[Sat 2026-11-21 19:42 UTC] {ASKED}\n\nRuntime: agent=work | session=agent:work:main | os=Linux",
        f"{CLAW}\n{ASKED}",
        f"{ASKED}\n\nTo suggest changes to a file you MUST return all of it.\nReply in English.",
        f"{ASKED}\n\n# *SEARCH/REPLACE block* Rules:\n\nEvery block must hold its path.",
    ],
)
def test_what_an_agent_puts_around_a_request_is_not_what_was_said(text: str) -> None:
    assert spoken(text) == ASKED


@pytest.mark.parametrize(
    "text",
    [
        "<context> is opened here and closed nowhere: why?",
        "Why does <div>this</div> not show?",
        "Translate <task>fix it</task>",
        "[1, 2, 3] sorted in reverse",
        "<context>" * 12_000,
        "<context>" * 11_000 + "</div>",
        "x </context> " * 7_000,
        "</p>" + "<" + "a_" * 40_000,
    ],
)
def test_all_else_is(text: str) -> None:
    assert spoken(text) == text.strip()


def _judged(*messages: Message) -> Task:
    thresholds = build_config({"providers": {}}).preferences.thresholds
    request = ChatRequest(messages, Origin(OriginKind.GATEWAY))
    return analyse(request, thresholds=thresholds, task_priorities={})


@pytest.mark.parametrize("beside", [CLAW, REMINDER])
def test_a_message_of_context_beside_a_request_is_not_judged_for_it(beside: str) -> None:
    """Nor what is sent with the results of tools in the middle of the work on it."""
    alone = _judged(Message.of(Role.USER, ASKED))
    call = Message(Role.ASSISTANT, (ToolCallPart("call_1", "run", "{}"),))
    result = Message(Role.TOOL, (ToolResultPart("call_1", "12"),))
    said = Message.of(Role.USER, ASKED), Message.of(Role.USER, beside)

    for task in (_judged(*said), _judged(*said, call, result, Message.of(Role.USER, beside))):
        assert (task.type, task.complexity, task.tier) == (alone.type, alone.complexity, alone.tier)
    assert _judged(Message.of(Role.USER, beside)).type != alone.type, "where there is nothing else it counts"


def test_a_follow_up_is_known_as_one_in_its_wrapping() -> None:
    asked = Message.of(Role.USER, "Write a Python function that merges two sorted lists, with tests.")
    answered = Message.of(Role.ASSISTANT, "Shall I add type hints?")
    bare = _judged(asked, answered, Message.of(Role.USER, "yes, do it"))

    wrapped = _judged(asked, answered, Message.of(Role.USER, f"yes, do it\n{REMINDER}"))
    assert (wrapped.type, wrapped.tier) == (bare.type, bare.tier) == ("coding", bare.tier)
