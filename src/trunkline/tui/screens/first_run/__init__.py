"""The first start: what was found on this machine, what it gives, and which mode to begin with. Importing this imports
no Textual; `run_first_run` does."""

from __future__ import annotations

from trunkline.tui.screens.first_run.facts import (
    Choice,
    FirstRunFacts,
    FoundAccount,
    MissingProvider,
    ModeFact,
    Outcome,
    ServerFact,
)
from trunkline.tui.screens.first_run.opening import run_first_run

__all__ = [
    "Choice",
    "FirstRunFacts",
    "FoundAccount",
    "MissingProvider",
    "ModeFact",
    "Outcome",
    "ServerFact",
    "run_first_run",
]
