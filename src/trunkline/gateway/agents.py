"""Which agent asks, by what it calls itself: for those that share the token that `serve` made, or need none.

As they sent it themselves in November 2026: Claude Code 2.1 (`claude-cli/2.1.197 (external, sdk-cli)`), Codex 0.169
(`codex_exec/0.169.0 (…)`, `codex_cli_rs/…`), Gemini CLI 0.61 (`GeminiCLI-tui/0.61.0/MODEL (…)`) and opencode 1.18
(`opencode/1.18.33 ai-sdk/…`). OpenClaw is told its name by what `serve` prints. Others go by that of the SDK that they
are made with, which says nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trunkline.gateway.dialect import Problem, ProblemKind
from trunkline.gateway.guard import Client

FIRST_TOKEN = "default"  # noqa: S105 - a token's name
"""Of the token that `serve` makes where there is none: it says nothing of who has it."""

_GEMINI_CLI = "GeminiCLI"
_AGENTS = (
    ("claude-cli/", "claude-code"),
    ("codex", "codex"),
    (_GEMINI_CLI, "gemini-cli"),
    ("opencode/", "opencode"),
    ("OpenClaw", "openclaw"),
)


def name_of(client: Client, headers: Mapping[str, str]) -> str | None:
    """The name of who asks, where its request says nothing of it: its token's, which its owner chose; else its
    program's, where that is known. `headers` by lower-case name."""
    if client.name not in (None, FIRST_TOKEN):
        return client.name
    program = headers.get("user-agent", "")
    return next((name for begins, name in _AGENTS if program.startswith(begins)), client.name)


def told(problem: Problem, headers: Mapping[str, str]) -> Problem:
    """What is wrong with a model's name, as who asks can bear it: on a 404 Gemini CLI (0.61) asks again at once and for
    ever, sixty times a second, where a side job of its own names another model than its user did."""
    for_ever = problem.kind is ProblemKind.NOT_FOUND and headers.get("user-agent", "").startswith(_GEMINI_CLI)
    return replace(problem, kind=ProblemKind.BAD_REQUEST) if for_ever else problem
