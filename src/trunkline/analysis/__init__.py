"""What is being asked: token counts, task type, complexity. Pure functions of the request."""

from __future__ import annotations

from trunkline.analysis.analyser import analyse, complexity_of, tier_of
from trunkline.analysis.classify import Guess, classify
from trunkline.analysis.estimate import estimate_tokens
from trunkline.analysis.followup import Followed
from trunkline.analysis.prompt import (
    CountingPlan,
    Rereads,
    count_ahead,
    is_ready,
    messages_tokens,
    most_tokens,
)
from trunkline.analysis.tokens import CountText, TokenCounter

__all__ = [
    "CountText",
    "CountingPlan",
    "Followed",
    "Guess",
    "Rereads",
    "TokenCounter",
    "analyse",
    "classify",
    "complexity_of",
    "count_ahead",
    "estimate_tokens",
    "is_ready",
    "messages_tokens",
    "most_tokens",
    "tier_of",
]
