"""Counting text, each piece of it once: with a vocabulary where one is loaded, else by the estimator."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from trunkline.analysis.estimate import MOST_CHARS, estimate_tokens
from trunkline.analysis.pieces import PIECE_CHARS, pieces
from trunkline.domain.counting import Tokenizer

# Tokens of a text by one vocabulary; may be called from any thread.
CountText = Callable[[str], int]

_Key = tuple[int, int, Tokenizer]


class TokenCounter:
    """Remembers at most `capacity` counts by the text's hash (no text is held), the longest unused forgotten first. May
    be used from several threads. A text that has grown at its end costs only its new part."""

    def __init__(self, capacity: int = 16_384) -> None:
        self._capacity = capacity
        self._counts: OrderedDict[_Key, int] = OrderedDict()
        self._lock = threading.Lock()
        self._vocabularies: Mapping[Tokenizer, CountText] = {}

    def use(self, vocabularies: Mapping[Tokenizer, CountText]) -> None:
        """Count with these from now on."""
        self._vocabularies = dict(vocabularies)

    def has(self, tokenizer: Tokenizer) -> bool:
        """Whether its vocabulary is loaded; the estimator needs none."""
        return tokenizer is Tokenizer.ESTIMATE or tokenizer in self._vocabularies

    def tokens(self, text: str, tokenizer: Tokenizer) -> int:
        """Tokens of `text`, however long that takes: a long text is for a thread. Raises KeyError where that vocabulary
        is not loaded."""
        known = self.known(text, tokenizer)
        if known is not None:
            return known
        if tokenizer is Tokenizer.ESTIMATE:
            return self._keep(text, tokenizer, estimate_tokens(text))
        count = self._vocabularies[tokenizer]
        if len(text) <= PIECE_CHARS:
            return self._keep(text, tokenizer, count(text))
        total = 0
        for piece in pieces(text):
            known = self._find(piece, tokenizer)
            total += self._keep(piece, tokenizer, count(piece)) if known is None else known
        return self._keep(text, tokenizer, total)

    def known(self, text: str, tokenizer: Tokenizer) -> int | None:
        """Tokens of `text` where they were counted before."""
        return self._find(text, tokenizer) if text else 0

    def work_chars(self, texts: Iterable[str], tokenizer: Tokenizer, *, most: int) -> int:
        """How many characters would have to be read for the `tokens` of all `texts`; stops looking beyond `most`."""
        chars = 0
        for text in texts:
            if self.known(text, tokenizer) is None:
                chars += self._work_chars(text, tokenizer)
                if chars > most:
                    break
        return chars

    def _work_chars(self, text: str, tokenizer: Tokenizer) -> int:
        if tokenizer is Tokenizer.ESTIMATE:
            return min(len(text), MOST_CHARS)
        if len(text) <= PIECE_CHARS:
            return len(text)
        return sum(len(piece) for piece in pieces(text) if self._find(piece, tokenizer) is None)

    def __len__(self) -> int:
        return len(self._counts)

    def _find(self, text: str, tokenizer: Tokenizer) -> int | None:
        key = (hash(text), len(text), tokenizer)
        with self._lock:
            known = self._counts.get(key)
            if known is not None:
                self._counts.move_to_end(key)
            return known

    def _keep(self, text: str, tokenizer: Tokenizer, count: int) -> int:
        with self._lock:
            self._counts[hash(text), len(text), tokenizer] = count
            if len(self._counts) > self._capacity:
                self._counts.popitem(last=False)
        return count
