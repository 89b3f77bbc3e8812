"""Messages that only make sense after what went before."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trunkline.analysis.classify import Guess
from trunkline.domain.tasks import SIMPLE, Tier

_LONGEST = 48
# From this probability on, words that could follow up ask for another kind of work: "next, write a poem about it".
_CLEARLY = 0.85
# What nobody is less sure of than this was said before.
_INHERITED = 0.7

_FOLLOW_UP = re.compile(
    r"(?:ok(?:ay)?|yes|yep|yeah|sure|please|great|perfect|go(?: on| ahead)?|continue|carry on|proceed|next|more|"
    r"again|try again|sounds good|keep going|same|(?:now )?do (?:it|that|so|this)|make it|fix (?:it|that|this)|"
    r"undo|and (?:now|then)|then|why|how so|shorter|longer|explain (?:it|that|this|more)|"
    r"ja|genau|gerne?|weiter|mach (?:das|es|weiter)|nochmal|noch einmal|kürzer|länger|warum|wieso|bitte|"
    r"sí|vale|claro|sigue|continúa|hazlo|otra vez|más (?:corto|largo)|por qué|adelante|"
    r"sim|isso|pode fazer|faça isso|prossiga|de novo|mais (?:curto|longo)|por quê|vá em frente)\b.{0,40}"
    # The next of several things that were spoken of: nothing is asked for but what was asked before.
    r"|(?:and (?:the|that|those|these|what about|how about)|(?:and )?(?:what|how) about|"
    r"und (?:der|die|das|dem|den|dann)|(?:und )?was ist mit|"
    r"y (?:el|la|los|las|qué hay de)|¿?qué hay de|¿?qué tal|e (?:o|a|os|as|quanto a)|que tal)\b.{1,28}"
    r"|那.{1,10}呢[?？]?"
    r"|¿por qué\?|(?:好的?|可以|是的|行|继续|再来|重试|为什么|做吧|改一下|短一点|详细一点).{0,12}",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Followed:
    """What the turn before was taken for; `complexity` is 0..1."""

    type: str
    tier: Tier
    complexity: float


def inherited(own: Guess, followed: Followed) -> Guess | None:
    """The judgement of a follow-up whose words alone make `own`: the type of what it follows, and not less complex;
    None where the words clearly ask for work of another type."""
    if own.type not in (SIMPLE, followed.type) and own.confidence >= _CLEARLY:
        return None
    return Guess(followed.type, max(own.confidence, _INHERITED), max(own.complexity, followed.complexity))


def is_follow_up(text: str) -> bool:
    """Whether `text` only makes sense after what went before, in any of the five languages."""
    stripped = text.strip()
    return len(stripped) <= _LONGEST and _FOLLOW_UP.fullmatch(stripped) is not None
