"""Task type and complexity of a text by weighted signs: a first honest heuristic behind the final interface."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from trunkline.analysis.signs import SIGNS, Shape, shape_of
from trunkline.domain.tasks import (
    AUDIT,
    CODING,
    CREATIVE,
    DATA_ANALYSIS,
    DOCUMENTATION,
    OPERATIONS,
    ORCHESTRATION,
    REASONING,
    SIMPLE,
)

# Of a long text only so many characters at either end are read.
_END = 2_000
# The request itself stands at the start or the end; signs of words are looked for there.
_HEAD, _TAIL = 360, 160
# Every type has this much for it before any sign is seen, so that one weak sign does not make a sure judgement.
_PRIOR = 0.35
_SHARPNESS = 1.1
_UNSURE = 0.5

_DEMANDING = re.compile(
    r"\b(?:architect(?:ure)?|design|prove|proof|strateg\w+|optimi[sz]e|refactor|concurren\w+|distributed|"
    r"trade-?offs?|comprehensive|in depth|detailed|analy[sz]e|compare|evaluate|migrat\w+|scalab\w+|"
    r"step by step|derive|root cause|production|end-to-end|security|complex|research)\b"
)
_LIGHT = re.compile(
    r"\b(?:hi|hello|thanks|thank you|ping|heartbeat\w*|what time|what's|translate|weather|remind|timer|alarm|"
    r"spell|define|who (?:is|was|are)|when (?:is|was|did)|where (?:is|was)|yes or no)\b"
)
_BASE = {
    SIMPLE: 0.12,
    ORCHESTRATION: 0.25,
    OPERATIONS: 0.38,
    DATA_ANALYSIS: 0.42,
    DOCUMENTATION: 0.42,
    CODING: 0.45,
    REASONING: 0.48,
    CREATIVE: 0.45,
    AUDIT: 0.58,
}


@dataclass(frozen=True, slots=True)
class Guess:
    """A judgement: `confidence` and `complexity` are 0..1."""

    type: str
    confidence: float
    complexity: float


def classify(text: str) -> Guess:
    """Judge `text` by its two ends. With few signs the confidence is low, and then the type is `simple` only
    where nothing else has anything for it."""
    return _judge(text if len(text) <= 2 * _END else f"{text[:_END]}\n{text[-_END:]}", len(text))


@lru_cache(maxsize=512)
def _judge(ends: str, length: int) -> Guess:
    """Judge a text by its ends. Remembered: an agent sends the same last message with every step of its work, a
    schedule the same prompt every time, and what is previewed while it is typed is sent a moment later."""
    shape = shape_of(ends)
    asked = ends if len(ends) <= _HEAD + _TAIL else f"{ends[:_HEAD]}\n{ends[-_TAIL:]}"
    lowered = asked.lower()
    scores = _scores(lowered, shape)
    best = max(scores, key=lambda kind: scores[kind])
    weight = {kind: math.exp(_SHARPNESS * score) for kind, score in scores.items()}
    confidence = weight[best] / sum(weight.values())
    if best == SIMPLE and confidence < _UNSURE:
        rest = max((kind for kind in scores if kind != SIMPLE), key=lambda kind: scores[kind])
        best = rest if scores[rest] > _PRIOR else SIMPLE
    return Guess(best, round(confidence, 3), _complexity(best, lowered, shape, length))


def _scores(lowered: str, shape: Shape) -> dict[str, float]:
    scores = dict.fromkeys(_BASE, _PRIOR)
    for sign in SIGNS:
        if sign.found_in(lowered):
            scores[sign.kind] += sign.weight
    if shape.has_table:
        scores[DATA_ANALYSIS] += 2.6
        scores[SIMPLE] -= 1.0
        scores[REASONING] -= 0.6
    if shape.has_formula:
        scores[REASONING] += 1.8
        scores[SIMPLE] -= 0.8
    if shape.has_code:
        for kind, weight in (
            (CODING, 0.9),
            (AUDIT, 0.7),
            (DOCUMENTATION, 0.7),
            (SIMPLE, -2.0),
            (CREATIVE, -1.2),
        ):
            scores[kind] += weight
    if shape.numbers >= 3 and not shape.has_code and not shape.has_table:
        scores[REASONING] += 1.2
        scores[SIMPLE] -= 0.6
    if shape.words <= 14 and not shape.has_code and not shape.has_table:
        scores[SIMPLE] += 1.0 if shape.words <= 10 else 0.7
    elif shape.words > 45:
        scores[SIMPLE] -= 0.9
    return scores


def _complexity(kind: str, lowered: str, shape: Shape, length: int) -> float:
    """From the type's typical figure, moved by length, demanding and light words, and how much is asked."""
    moved = _BASE[kind] + 0.10 * min(3.0, math.log10(1 + length / 100))
    moved += 0.07 * min(4, len(set(_DEMANDING.findall(lowered))))
    moved -= 0.12 if _LIGHT.search(lowered) is not None else 0.0
    moved += 0.03 * min(5, shape.bullets)
    if shape.words < 8:
        moved -= 0.08
    return round(min(1.0, max(0.0, moved)), 3)


_FOLLOW_UP = re.compile(
    r"(?:ok(?:ay)?|yes|yep|yeah|sure|please|great|perfect|go(?: on| ahead)?|continue|carry on|proceed|next|more|"
    r"again|try again|sounds good|keep going|same|(?:now )?do (?:it|that|so|this)|make it|fix (?:it|that|this)|"
    r"undo|and (?:now|then)|then|why|how so|shorter|longer|explain (?:it|that|this|more))\b.{0,40}",
    re.IGNORECASE | re.DOTALL,
)


def is_follow_up(text: str) -> bool:
    """Whether `text` only makes sense after what went before."""
    stripped = text.strip()
    return len(stripped) <= 48 and _FOLLOW_UP.fullmatch(stripped) is not None
