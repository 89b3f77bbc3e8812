"""Who should answer: pure functions of ask, compiled policy and state."""

from __future__ import annotations

from trunkline.routing.ask import RoutingAsk
from trunkline.routing.decision import decide
from trunkline.routing.explain import (
    carried_words,
    moved_sentence,
    no_route_sentence,
    reason_sentence,
    rejection_sentence,
    rejection_words,
    short_reason,
    way_out,
)
from trunkline.routing.explanation import Explanation, explained, likely_words, standing_words
from trunkline.routing.inputs import Difference, Inputs, decide_again, differences, frozen_state
from trunkline.routing.policy import CompiledPolicy, compile_policy

__all__ = [
    "CompiledPolicy",
    "Difference",
    "Explanation",
    "Inputs",
    "RoutingAsk",
    "carried_words",
    "compile_policy",
    "decide",
    "decide_again",
    "differences",
    "explained",
    "frozen_state",
    "likely_words",
    "moved_sentence",
    "no_route_sentence",
    "reason_sentence",
    "rejection_sentence",
    "rejection_words",
    "short_reason",
    "standing_words",
    "way_out",
]
