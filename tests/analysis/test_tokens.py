"""Counting text once, whatever it grows to, and estimating it where there is no vocabulary."""

from __future__ import annotations

import json
import threading

import pytest
from tests.support.token_samples import samples

from trunkline.analysis import TokenCounter, estimate_tokens
from trunkline.analysis.pieces import PIECE_CHARS, pieces
from trunkline.domain.counting import Tokenizer

O200K = Tokenizer.O200K
PROSE = samples()["prose"]
CJK = samples()["Chinese"]


class Words:
    """A vocabulary in which every word is a token; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> int:
        self.asked.append(text)
        return len(text.split())


def counter_of(words: Words, capacity: int = 1_000) -> TokenCounter:
    counter = TokenCounter(capacity)
    counter.use({O200K: words})
    return counter


def test_nothing_is_nothing_and_something_is_at_least_one() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1


def test_a_long_text_is_judged_by_slices_of_it() -> None:
    once = estimate_tokens(PROSE * 4)
    assert estimate_tokens(PROSE * 400) == pytest.approx(100 * once, rel=0.03)
    halves = PROSE * 100 + json.dumps([[n / 7 for n in range(9_000)]])
    whole = sum(estimate_tokens(halves[at : at + 3_000]) for at in range(0, len(halves), 3_000))
    assert estimate_tokens(halves) == pytest.approx(whole, rel=0.15)


def test_mixed_scripts_lie_between_their_parts() -> None:
    mixed = estimate_tokens(CJK + PROSE)
    assert mixed == pytest.approx(estimate_tokens(CJK) + estimate_tokens(PROSE), rel=0.1)


def test_a_text_is_counted_once() -> None:
    words = Words()
    counter = counter_of(words)
    assert counter.tokens("one two three", O200K) == 3
    assert counter.tokens("one two" + " three", O200K) == 3
    assert len(words.asked) == 1
    assert counter.known("one two", O200K) is None
    assert counter.known("", O200K) == 0


@pytest.mark.parametrize("line_end", ["\n", " "])
def test_a_text_that_grows_costs_only_its_new_part(line_end: str) -> None:
    words = Words()
    counter = counter_of(words)
    text = line_end.join(f"line {n} says what line {n} always says" for n in range(2_000))
    expected = len(text.split())
    assert counter.tokens(text, O200K) == expected
    assert max(map(len, words.asked)) <= PIECE_CHARS
    words.asked.clear()
    assert counter.tokens(f"{text}{line_end}and one more", O200K) == expected + 3
    assert sum(map(len, words.asked)) < 2 * PIECE_CHARS
    assert counter.work_chars([text], O200K, most=100_000) == 0


def test_a_text_without_a_place_to_cut_is_cut_all_the_same() -> None:
    text = "x" * 3 * PIECE_CHARS + "y"
    assert [len(piece) for piece in pieces(text)] == [PIECE_CHARS] * 3 + [1]
    assert "".join(pieces(PROSE * 50)) == PROSE * 50


def test_work_is_told_before_it_is_done() -> None:
    counter = counter_of(Words())
    texts = [PROSE, PROSE * 20, ""]
    assert counter.work_chars(texts, O200K, most=10**6) == 21 * len(PROSE)
    assert counter.work_chars(texts, Tokenizer.ESTIMATE, most=10**6) < len(PROSE) + 4_000
    assert counter.work_chars([PROSE] * 100, O200K, most=1_000) < 3 * len(PROSE)


def test_the_memory_is_bounded() -> None:
    words = Words()
    counter = counter_of(words, capacity=3)
    for n in range(10):
        counter.tokens(f"text {n}", O200K)
        counter.tokens("kept because it is used", O200K)
    assert len(counter) == 3
    assert words.asked.count("kept because it is used") == 1


def test_without_its_vocabulary_a_text_is_not_counted_by_another() -> None:
    counter = counter_of(Words())
    assert counter.has(O200K)
    assert counter.has(Tokenizer.ESTIMATE)
    assert not counter.has(Tokenizer.CL100K)
    with pytest.raises(KeyError):
        counter.tokens("text", Tokenizer.CL100K)


def test_several_threads_count_at_once() -> None:
    counter = counter_of(Words(), capacity=50)
    wrong: list[int] = []

    def count(first: int) -> None:
        for n in range(first, first + 300):
            if counter.tokens("word " * (n % 70 + 1), O200K) != n % 70 + 1:
                wrong.append(n)

    threads = [threading.Thread(target=count, args=(17 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(counter) == 50
