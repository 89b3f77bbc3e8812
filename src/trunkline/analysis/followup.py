"""Messages that only make sense after what went before."""

from __future__ import annotations

import re

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
