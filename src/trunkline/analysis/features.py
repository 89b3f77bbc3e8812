"""From a text to the features that the task model weighs: the same code in training and at run time.

Words and pairs of words of the request, which are weighed less the more there are; and signs: groups of the lexicon,
which mean the same in every genre and language, pairs of them, length, question form, code, tables, traces. All are
present or absent; each is named by a short string, of which the model knows only a hash.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from trunkline.analysis.layout import Layout, layout_of

# Words that are read of the request: so many from its beginning, so many from its end.
_FIRST_WORDS, _LAST_WORDS = 90, 50

_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’][^\W\d_]+)?[+#]*|\d[\d.,]*|[?!]|[\n.:;]+")
# The same where there is nothing but ASCII in lower case: sets of letters are matched faster than classes.
_ASCII_WORD = re.compile(r"[a-z][a-z0-9]*(?:'[a-z]+)?[+#]*|[0-9][0-9.,]*|[?!]|[\n.:;]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
# Where a clause ends, and with it what pairs of words are made of.
_BREAKS = "\n.:;?!"
_ENDINGS = ("ies", "ing", "ed", "es", "er", "s", "d", "n", "e")
_LENGTHS = (2, 4, 6, 9, 13, 20, 32, 50, 90, 160, 320)


class Features(NamedTuple):
    """Names of the features that a text has. `scale` is what each of `words` counts, of which there are many in a
    long text; the others count one each."""

    words: list[str]
    signs: list[str]
    scale: float


@cache
def lexicon() -> dict[str, tuple[str, ...]]:
    """The groups of each word that the lexicon knows."""
    groups: dict[str, list[str]] = {}
    for line in files("trunkline.analysis").joinpath("lexicon.txt").read_text("utf-8").splitlines():
        name, colon, words = line.partition(": ")
        if colon and not line.startswith("#"):
            for word in words.split():
                groups.setdefault(word, []).append(name)
    return {word: tuple(dict.fromkeys(names)) for word, names in groups.items()}


@cache
def _openers() -> frozenset[str]:
    """The first words of the pairs that the lexicon knows."""
    return frozenset(pair.partition("-")[0] for pair in lexicon() if "-" in pair)


@lru_cache(maxsize=1_024)
def groups_of(word: str) -> tuple[str, ...]:
    """The groups of `word`, in lower case; of its stem where the lexicon has only that."""
    known = lexicon()
    found = known.get(word)
    if found is not None:
        return found
    if len(word) > 3:
        for ending in _ENDINGS:
            if word.endswith(ending):
                stem = word[: -len(ending)]
                for form in (stem, stem + "e", stem + "y", stem[:-1] if stem[-2:-1] == stem[-1:] else stem):
                    if len(form) > 2 and (found := known.get(form)) is not None:
                        return found
    return ()


def features_of(text: str) -> Features:
    """The features of `text`, of which the caller has cut off all but the ends."""
    layout, known, openers = layout_of(text), lexicon(), _openers()
    words: list[str] = []
    begun: list[str] = []
    met: list[str] = []
    previous, before = "", ""
    tokens = _tokens(layout.prose)
    count = 0
    for token in tokens:
        if token[0] in _BREAKS:
            previous = before = ""
            continue
        count += 1
        word, names, groups = _read(token)
        words += names
        if previous:
            words.append(f"b{previous}-{word}")
            if previous in openers:
                groups = (*groups, *known.get(f"{previous}-{word}", ()))
        else:
            words.append("s" + word)
        met += groups
        if not before:
            begun += groups
        before, previous = previous, word
    signs = _signs(layout, Counter(met), list(dict.fromkeys(begun)), tokens, count)
    return Features(list(dict.fromkeys(words)), signs, 1.0 / max(count, 4) ** 0.5)


@lru_cache(maxsize=8_192)
def _read(token: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The word that a token stands for (of numbers only their length counts), the features that it has by itself, and
    its groups."""
    if token[0].isdigit():
        token = "0" if len(token) > 1 else "1"
    names = ("u" + token, "p" + token[:5]) if len(token) > 5 else ("u" + token,)
    return token, names, groups_of(token)


def _tokens(prose: str) -> list[str]:
    plain = prose.isascii()
    found = (_ASCII_WORD if plain else _WORD).findall(prose.lower())
    if len(found) > _FIRST_WORDS + _LAST_WORDS:
        found = [*found[:_FIRST_WORDS], "\n", *found[-_LAST_WORDS:]]
    if plain or _CJK.search(prose) is None:
        return found
    spread: list[str] = []
    for token in found:
        if _CJK.match(token) is None:
            spread.append(token)
        else:
            spread.extend(_cut(token[:60]))
    return spread[: _FIRST_WORDS + _LAST_WORDS]


def _cut(run: str) -> list[str]:
    """Words of a script without spaces: the longest that the lexicon knows, else single characters."""
    known, words, at = lexicon(), [], 0
    while at < len(run):
        for length in (4, 3, 2):
            if run[at : at + length] in known:
                break
        else:
            length = 1
        words.append(run[at : at + length])
        at += length
    return words


def _signs(
    layout: Layout, groups: Counter[str], begun: list[str], tokens: list[str], count: int
) -> list[str]:
    signs = ["1", *(f"l{length}" for length in _LENGTHS if count > length)]
    signs += ["k" + name for name in layout.signs]
    asked = [name for name in groups if name[:2] == "v_" or name[:2] == "q_"]
    for name, times in groups.items():
        signs.append("g" + name)
        if times > 2:
            signs.append("G" + name)
        if name[:2] != "v_":
            signs += [f"x{verb}|{name}" for verb in asked]
        signs += [f"y{kind}|{name}" for kind in layout.kinds]
    signs += ["h" + name for name in begun]
    signs += [f"z{name}|{len_}" for name in begun for len_ in ("s" if count < 14 else "l",)]
    first = next((token for token in tokens if token[0] not in _BREAKS), "")
    for name in groups_of(first):
        signs.append("f" + name)
    if "?" in tokens:
        signs.append("q")
        if tokens[-1] == "?":
            signs.append("Q")
    return signs
