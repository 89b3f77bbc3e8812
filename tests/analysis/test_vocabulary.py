"""Against the real vocabularies, as tiktoken reads them, from the wheel of bpe-openai: nothing is fetched."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.support.token_samples import samples
from tests.support.vocabulary import fill_cache

from trunkline.analysis import CountText, TokenCounter, estimate_tokens
from trunkline.analysis.pieces import pieces
from trunkline.domain.counting import Tokenizer
from trunkline.engine.vocabularies import tiktoken_vocabulary

SAMPLES = samples()


@pytest.fixture(scope="module")
def o200k(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountText]:
    folder = tmp_path_factory.mktemp("vocabularies")
    fill_cache(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        yield tiktoken_vocabulary(Tokenizer.O200K)


@pytest.mark.parametrize("kind", SAMPLES)
def test_an_estimate_is_within_fifteen_percent(kind: str, o200k: CountText) -> None:
    assert estimate_tokens(SAMPLES[kind]) == pytest.approx(o200k(SAMPLES[kind]), rel=0.15)


def test_estimates_of_all_kinds_lie_neither_low_nor_high(o200k: CountText) -> None:
    shares = [estimate_tokens(text) / o200k(text) for text in SAMPLES.values()]
    assert 0.95 < sum(shares) / len(shares) < 1.08


def test_a_long_text_counts_in_pieces_as_it_does_whole(o200k: CountText) -> None:
    for kind in ("prose", "Python", "JSON", "Chinese", "Markdown table", "log"):
        text = SAMPLES[kind] * (40_000 // len(SAMPLES[kind]) + 1)
        whole = o200k(text)
        assert len(list(pieces(text))) > 9
        assert sum(map(o200k, pieces(text))) == pytest.approx(whole, rel=0.002)


def test_special_tokens_in_a_text_are_only_text(o200k: CountText) -> None:
    assert o200k("<|endoftext|>") > 1


def test_it_counts_on_several_threads(o200k: CountText) -> None:
    counter, alone = TokenCounter(), TokenCounter()
    counter.use({Tokenizer.O200K: o200k})
    alone.use({Tokenizer.O200K: o200k})
    expected = {text: alone.tokens(text, Tokenizer.O200K) for text in SAMPLES.values()}
    found: list[bool] = []

    def count() -> None:
        found.append(
            all(counter.tokens(text, Tokenizer.O200K) == tokens for text, tokens in expected.items())
        )

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 3
