"""How fast a stream comes, and whether that is too slow."""

from __future__ import annotations

from collections import deque

_CHARS_PER_TOKEN = 4
# So long a stream must have been too slow before it is said: who comes back from a pause is not slow.
_SAID_AFTER = 0.25


def tokens_in(pieces: int, chars: int) -> float:
    """About how many tokens came in so many pieces of content with so many characters together: a piece is a token at
    least, whatever its script."""
    return max(pieces, chars / _CHARS_PER_TOKEN)


class Pace:
    """Tokens of one stream over the last `window_ms`, from its first content on. Only what comes is looked at: that
    nothing comes at all is a stall, and another's business."""

    def __init__(self, least_per_s: float, window_ms: int) -> None:
        self._least_per_s = least_per_s
        self._window_ms = window_ms
        self._came: deque[tuple[float, float]] = deque()
        self._tokens = 0.0
        self._began_ms: float | None = None
        self._slow_since_ms: float | None = None

    def came(self, tokens: float, now_ms: float) -> float | None:
        """So many tokens have come. The pace in tokens a second where it has been too slow for a while: said once for
        each such while."""
        if self._least_per_s <= 0:
            return None
        if self._began_ms is None:
            self._began_ms = now_ms
        self._came.append((now_ms, tokens))
        self._tokens += tokens
        while self._came[0][0] <= now_ms - self._window_ms:
            self._tokens -= self._came.popleft()[1]
        per_s = self._tokens / self._window_ms * 1000
        if now_ms - self._began_ms < self._window_ms or per_s >= self._least_per_s:
            self._slow_since_ms = None
            return None
        if self._slow_since_ms is None:
            self._slow_since_ms = now_ms
        if now_ms - self._slow_since_ms < _SAID_AFTER * self._window_ms:
            return None
        self._slow_since_ms = now_ms
        return per_s
