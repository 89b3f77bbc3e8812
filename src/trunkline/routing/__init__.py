"""Who should answer: pure functions of ask, compiled policy and state."""

from __future__ import annotations

from trunkline.routing.ask import RoutingAsk
from trunkline.routing.decision import decide
from trunkline.routing.explain import (
    moved_sentence,
    no_route_sentence,
    reason_sentence,
    rejection_sentence,
    rejection_words,
    short_reason,
    way_out,
)
from trunkline.routing.policy import CompiledPolicy, compile_policy

__all__ = [
    "CompiledPolicy",
    "RoutingAsk",
    "compile_policy",
    "decide",
    "moved_sentence",
    "no_route_sentence",
    "reason_sentence",
    "rejection_sentence",
    "rejection_words",
    "short_reason",
    "way_out",
]
