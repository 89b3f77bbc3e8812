"""Estimates without a tokenizer, held to the ratios that o200k was measured at (characters per token: prose about
5.2, code 4.6, JSON 2.6, CJK 1.3)."""

from __future__ import annotations

import json

import pytest

from trunkline.analysis import TokenCounter, estimate_tokens
from trunkline.domain.messages import ImagePart, Message, Role, TextPart

PROSE = (
    "The harbour was quiet when the first boats came in, and nobody on the pier had anything to say. " * 20
)
CODE = (
    "def merge(left, right):\n    result = []\n    while left and right:\n        result.append(left.pop(0))\n"
    * 20
)
JSON = json.dumps([{"id": n, "name": f"item-{n}", "price": 1.5 * n, "tags": ["a", "b"]} for n in range(60)])
CJK = "请写一个函数,把两个有序列表合并成一个有序列表,并解释它的复杂度。" * 20


@pytest.mark.parametrize(
    ("text", "low", "high"), [(PROSE, 4.2, 5.3), (CODE, 3.2, 4.8), (JSON, 2.2, 2.8), (CJK, 1.1, 1.6)]
)
def test_each_kind_of_content_has_its_own_ratio(text: str, low: float, high: float) -> None:
    assert low <= len(text) / estimate_tokens(text) <= high


def test_a_long_text_is_judged_by_its_ends() -> None:
    once = estimate_tokens(PROSE * 4)
    assert estimate_tokens(PROSE * 400) == pytest.approx(100 * once, rel=0.02)


def test_nothing_is_nothing_and_something_is_at_least_one() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1


def test_mixed_scripts_lie_between_their_parts() -> None:
    mixed = estimate_tokens(CJK + PROSE)
    assert mixed == pytest.approx(estimate_tokens(CJK) + estimate_tokens(PROSE), rel=0.15)


def test_a_growing_conversation_counts_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    def counting(text: str) -> int:
        counted.append(len(text))
        return estimate_tokens(text)

    monkeypatch.setattr("trunkline.analysis.tokens.estimate_tokens", counting)
    counter = TokenCounter()
    messages = [Message.of(Role.USER, f"{n} {PROSE}") for n in range(5)]
    first = [counter.message_tokens(message) for message in messages]
    again = [Message.of(Role.USER, f"{n} {PROSE}") for n in range(5)]
    assert [counter.message_tokens(message) for message in again] == first
    assert len(counted) == 5
    counter.message_tokens(Message.of(Role.USER, "new"))
    assert counted[5:] == [3]


def test_the_memory_is_bounded() -> None:
    counter = TokenCounter(capacity=3)
    for n in range(10):
        counter.message_tokens(Message.of(Role.USER, str(n)))
    assert len(counter) == 3


def test_an_image_counts() -> None:
    counter = TokenCounter()
    plain = Message(Role.USER, (TextPart("what is this"),))
    shown = Message(Role.USER, (TextPart("what is this"), ImagePart("data:image/png;base64,AAAA")))
    assert counter.message_tokens(shown) - counter.message_tokens(plain) > 500
