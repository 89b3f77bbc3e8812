"""Fuzzy choice among texts, for every list of the deck that is narrowed by typing. Pure.

Textual's own matcher is not used: it tries every way in which letters can be found, which takes seconds for a long
text, and its highlighting reads the text as markup, which names from providers must never be.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_LETTER, _WORD_START, _ADJACENT, _TEXT_START = 1.0, 3.0, 4.0, 1.0
_AT_WORD_START = r"(?<![^\W_])"
_MOST_QUERY, _MOST_TEXT = 64, 300  # letters looked at; names of things are shorter


@dataclass(frozen=True, slots=True)
class Match:
    """A text that holds the letters of a query: `index` is its place among the choices, `positions` where the letters
    are, rising. A higher `score` is a better one; scores of different queries do not compare."""

    index: int
    text: str
    score: float
    positions: tuple[int, ...]


def best(query: str, choices: Sequence[str], limit: int) -> tuple[Match, ...]:
    """The `limit` choices that fit best; equally good ones, and all where the query is empty, in the order given.

    Each word of the query must be found, its letters in order but not side by side. Small letters match any case,
    a capital makes its word match exactly. Runs of letters and starts of words count most."""
    words = _words(query)
    if not words:
        return tuple(Match(index, text, 0.0, ()) for index, text in enumerate(choices[:limit]))
    found: list[tuple[float, int]] = []
    for index, text in enumerate(choices):
        score = 0.0
        for word in words:
            hit = word.find(text)
            if hit is None:
                break
            score += hit[0]
        else:
            found.append((-score, index))
    return tuple(
        Match(index, choices[index], -score, _positions(words, choices[index]))
        for score, index in heapq.nsmallest(limit, found)
    )


def match(query: str, text: str) -> Match | None:
    """How one text fits; None where it does not."""
    return next(iter(best(query, (text,), 1)), None)


def _positions(words: tuple[_Word, ...], text: str) -> tuple[int, ...]:
    return tuple(sorted({at for word in words for at in (word.find(text) or (0.0, ()))[1]}))


@lru_cache(maxsize=64)
def _words(query: str) -> tuple[_Word, ...]:
    return tuple(_Word(word) for word in query[:_MOST_QUERY].split())


class _Word:
    """One word of a query, as patterns that never go back over what they skipped."""

    def __init__(self, word: str) -> None:
        self._any_case = word == word.lower()
        self._word = word
        first, *rest = (re.escape(letter) for letter in word)
        self._run = re.compile(_AT_WORD_START + re.escape(word))
        # The letters at the side of the last one, else at the next start of a word, else anywhere; beginning as late
        # as possible, because the end of a path or a route tells most.
        nearest = "".join(f"(?>(?={x})|.*?{_AT_WORD_START}(?={x})|.*?(?={x}))({x})" for x in rest)
        self._by_words = re.compile(f".*{_AT_WORD_START}({first}){nearest}", re.DOTALL)
        self._anywhere = re.compile(f"({first})" + "".join(f"[^{x}]*+({x})" for x in rest))

    def find(self, text: str) -> tuple[float, Sequence[int]] | None:
        """The score, and where the letters are."""
        if len(text) > _MOST_TEXT:
            text = text[:_MOST_TEXT]
        if self._any_case:
            lowered = text.lower()
            text = lowered if len(lowered) == len(text) else text
        at = text.find(self._word)
        if at >= 0:
            return self._beside(text, at)
        found = self._by_words.match(text) or self._anywhere.search(text)
        return None if found is None else _scored(text, [start for start, _ in found.regs[1:]])

    def _beside(self, text: str, at: int) -> tuple[float, Sequence[int]]:
        """The letters stand side by side at `at`; perhaps they do at the start of a word, too."""
        length = len(self._word)
        run = self._run.search(text, at)
        if run is not None:
            at = run.start()
        positions = range(at, at + length)
        score = _LETTER * length + _ADJACENT * (length - 1) + length / len(text)
        if run is not None:
            return score + _WORD_START + (_TEXT_START if at == 0 else 0.0), positions
        initials = self._by_words.match(text)
        if initials is not None:
            other = _scored(text, [start for start, _ in initials.regs[1:]])
            if other[0] > score:
                return other
        return score, positions


def _scored(text: str, positions: list[int]) -> tuple[float, Sequence[int]]:
    length = len(positions)
    score = _LETTER * length + length / len(text)
    if positions[0] == 0:
        score += _TEXT_START
    before = -2
    for at in positions:
        if at == before + 1:
            score += _ADJACENT
        elif at == 0 or not text[at - 1].isalnum():
            score += _WORD_START
        before = at
    return score, positions
