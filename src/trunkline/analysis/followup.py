"""Messages that only make sense after what went before."""

from __future__ import annotations

import re

_LONGEST = 48

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


def is_follow_up(text: str) -> bool:
    """Whether `text` only makes sense after what went before, in any of the five languages."""
    stripped = text.strip()
    return len(stripped) <= _LONGEST and _FOLLOW_UP.fullmatch(stripped) is not None
