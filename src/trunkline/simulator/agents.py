"""The traffic of simulated agents as data: who asks what, and when. Every prompt here was written for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from trunkline.domain.tasks import (
    CODING,
    CREATIVE,
    DATA_ANALYSIS,
    DOCUMENTATION,
    OPERATIONS,
    ORCHESTRATION,
    REASONING,
    SIMPLE,
    Priority,
)

_HINT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class AgentPrompt:
    """One request of an agent, `at_s` seconds after the start. `task_hint` is what the agent says it is, if it does."""

    at_s: float
    agent_name: str
    task_hint: str | None
    prompt: str
    priority: Priority
    stream: bool


@dataclass(frozen=True, slots=True)
class _Agent:
    """An agent asks every `every_s` seconds on average; `topics` fill its templates."""

    name: str
    task: str
    every_s: float
    priority: Priority
    stream: bool
    templates: tuple[str, ...]
    topics: tuple[str, ...] = ("",)


_AGENTS = (
    _Agent(
        "agent-1",
        CODING,
        1.6,
        Priority.HIGH,
        True,
        (
            "Write a Python function that {topic}. Keep it under forty lines and add a doctest.",
            "Here is my attempt at code that {topic}; it fails on empty input. Refactor it and say what was wrong.",
            "Implement a small class that {topic}, with type hints, and one unit test for the awkward case.",
            "There is a bug somewhere in the function that {topic}. List the three likeliest causes and fix the first.",
        ),
        (
            "merges two sorted lists",
            "reads a log file backwards line by line",
            "groups orders by customer and week",
            "retries a call with jitter",
            "splits a text into sentences",
            "keeps the ten most recent entries",
            "parses durations such as 1h30m",
            "finds duplicate files by content",
        ),
    ),
    _Agent(
        "agent-2",
        SIMPLE,
        0.7,
        Priority.LOW,
        False,
        (
            "HEARTBEAT_OK?",
            "Are you there? Answer with HEARTBEAT_OK and nothing else.",
            "Status check. If everything is fine, reply HEARTBEAT_OK.",
        ),
    ),
    _Agent(
        "agent-3",
        DOCUMENTATION,
        2.2,
        Priority.LOW,
        True,
        (
            "Write the README section that explains {topic} to somebody who starts on Monday.",
            "Document {topic} in Markdown: what it does, how to turn it off, and where its log is.",
            "Rewrite our notes on {topic} as a guide of five short steps.",
        ),
        (
            "the nightly export",
            "the retry settings",
            "the on-call rota",
            "the sandbox accounts",
            "the release script",
        ),
    ),
    _Agent(
        "agent-4",
        DATA_ANALYSIS,
        1.8,
        Priority.MEDIUM,
        True,
        (
            "Mon 412, Tue 398, Wed 655, Thu 401, Fri 377. What happened to {topic}: data or noise?",
            "Turn these figures on {topic} into a table with shares: north 120, south 88, west 203, east 41.",
            "Does price or season explain the drop in {topic}? Prices 9, 9, 11, 11; sales 50, 52, 31, 30.",
        ),
        ("sign-ups", "returns", "page views", "support tickets", "deliveries"),
    ),
    _Agent(
        "agent-5",
        OPERATIONS,
        1.5,
        Priority.MEDIUM,
        False,
        (
            "The disk of {topic} is 91 % full and grows 2 % a day. What do I check first, and what can wait?",
            "Draft the steps to restart {topic} without losing a request.",
            "{topic} answered in 40 ms yesterday and in 900 ms today; nothing was deployed. Where do I look?",
        ),
        ("the mail relay", "build host two", "the metrics store", "the image proxy", "the staging database"),
    ),
    _Agent(
        "agent-6",
        ORCHESTRATION,
        1.1,
        Priority.MEDIUM,
        False,
        (
            "Five jobs are waiting: {topic}. In which order do they run if only two fit at once?",
            "Who takes {topic} next? agent-1 is busy until ten past, agent-4 is free, agent-7 has failed twice.",
            "Summarise in one line what is left to do for {topic}.",
        ),
        (
            "the weekly report",
            "the import of the supplier list",
            "the link check",
            "the backup test",
            "translations",
        ),
    ),
    _Agent(
        "agent-7",
        REASONING,
        2.6,
        Priority.HIGH,
        True,
        (
            "We can either {topic} now or wait a quarter. Argue both sides, decide, say what would change your mind.",
            "Two teams want to {topic} in different ways. What do they really disagree about?",
            "Prove or refute: if we {topic}, the worst case gets better but the average does not.",
        ),
        (
            "move the queue to another region",
            "drop the second cache",
            "merge the two schedulers",
            "cut the free tier",
        ),
    ),
    _Agent(
        "agent-8",
        CREATIVE,
        3.0,
        Priority.LOW,
        True,
        (
            "Write a short friendly note that tells customers about {topic}.",
            "Six names for a tool that deals with {topic}, and one sentence on the best of them.",
            "A toast of four lines for a colleague who spent a year on {topic}.",
        ),
        (
            "slower deliveries in December",
            "the new search page",
            "a switched-off feature",
            "tidying old invoices",
        ),
    ),
)


def agent_schedule(seed: int, seconds: float, speed: float = 1.0) -> Iterator[AgentPrompt]:
    """What the agents ask within `seconds`, in order of time: about five requests a second, times `speed`. The same
    arguments give the same schedule, and another speed the same story compressed."""
    story_s = seconds * speed
    asked = [
        prompt
        for index, agent in enumerate(_AGENTS)
        for prompt in _of_agent(agent, seed * 100 + index, story_s)
    ]
    for prompt in sorted(asked, key=lambda prompt: (prompt.at_s, prompt.agent_name)):
        yield AgentPrompt(
            prompt.at_s / speed,
            prompt.agent_name,
            prompt.task_hint,
            prompt.prompt,
            prompt.priority,
            prompt.stream,
        )


def _of_agent(agent: _Agent, seed: int, story_s: float) -> Iterator[AgentPrompt]:
    rng = random.Random(seed)
    at_s = rng.uniform(0, agent.every_s)
    while at_s < story_s:
        hint = agent.task if rng.random() < _HINT_SHARE else None
        prompt = rng.choice(agent.templates).replace("{topic}", rng.choice(agent.topics))
        yield AgentPrompt(
            at_s, agent.name, hint, prompt[0].upper() + prompt[1:], agent.priority, agent.stream
        )
        at_s += agent.every_s * rng.uniform(0.4, 1.6)
