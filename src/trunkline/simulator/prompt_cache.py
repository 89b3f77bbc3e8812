"""The provider's prompt cache: how much of a prompt was seen before by the same model for the same account."""

from __future__ import annotations

from collections import OrderedDict

from trunkline.simulator.answers import prompt_key, tokens_of
from trunkline.simulator.play import Asked

_KEPT = 4_096


class PromptCache:
    """Remembers the beginnings of prompts."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, None] = OrderedDict()

    def use(self, owner: str, asked: Asked, least_tokens: int) -> tuple[int, int]:
        """How many tokens of the prompt are read from the cache, and how many are written to it; both 0 where the
        part that can be kept is below `least_tokens`. It is kept from now on."""
        total = sum(tokens_of(text) for text in asked.cacheable)
        if not asked.cacheable or total < least_tokens:
            return 0, 0
        read, sum_tokens, so_far = 0, 0, owner
        for text in asked.cacheable:
            so_far = f"{prompt_key(f'{so_far}{chr(0)}{text}')}"
            sum_tokens += tokens_of(text)
            key = int(so_far)
            if key in self._seen and sum_tokens >= least_tokens:
                read = sum_tokens
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        return read, total - read if asked.marks_cache else 0
