"""Plain text is cut by patterns of its own, for speed; they find what the general ones find."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from trunkline.analysis import estimate, features

# What the patterns tell apart, more often than chance would have it.
telling = st.text(st.sampled_from(list(" \t\n\r\x0b\x0c\x1c\x1fabZ019'_+#=/-.,?!:;\x00\x7f")), max_size=80)
plain = st.text(st.characters(max_codepoint=127), max_size=80) | telling


@given(plain)
@example(" " + "a1" * 12)
def test_pieces_are_the_same(text: str) -> None:
    assert estimate._ASCII_PIECE.findall(text) == estimate._PIECE.findall(text)


@given(plain)
def test_words_are_the_same(text: str) -> None:
    lower = text.lower()
    assert features._ASCII_WORD.findall(lower) == features._WORD.findall(lower)
