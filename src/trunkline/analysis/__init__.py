"""What is being asked: token counts, task type, complexity. Pure functions of the request."""

from __future__ import annotations

from trunkline.analysis.analyser import analyse, tier_of
from trunkline.analysis.classify import Guess, classify
from trunkline.analysis.tokens import TokenCounter, estimate_tokens

__all__ = ["Guess", "TokenCounter", "analyse", "classify", "estimate_tokens", "tier_of"]
