"""Looking for openings first must never miss what the pattern itself would find."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.analysis.signs import SIGNS, openings_of, shape_of

FRAGMENTS = sorted({opening for sign in SIGNS for opening in sign.openings})


@given(
    st.lists(
        st.sampled_from([*FRAGMENTS, "the", "a", "it?", "s", "\n", "12", "my ", "x.y", "-"]), max_size=12
    )
)
def test_openings_hide_nothing(fragments: list[str]) -> None:
    for text in (" ".join(fragments), "".join(fragments)):
        for sign in SIGNS:
            assert sign.found_in(text) == (sign.pattern.search(text) is not None), sign.pattern.pattern


def test_most_signs_have_openings() -> None:
    assert sum(bool(sign.openings) for sign in SIGNS) > 0.8 * len(SIGNS)


@pytest.mark.parametrize(
    ("pattern", "openings"),
    [
        (r"\b(?:tests?|deploy\w*|c(?:at|ow)s)\b", ()),
        (r"\b(?:tests?|deploy\w*|set (?:a|an))\b", ("test", "deploy", "set ")),
        (r"^(?:who|what(?:'s| is))\b.*\?", ("who", "what")),
        (r"[abc](?:who)", ()),
    ],
)
def test_openings_are_the_literal_beginnings(pattern: str, openings: tuple[str, ...]) -> None:
    re.compile(pattern)
    assert openings_of(pattern) == openings


@pytest.mark.parametrize("text", ["$x + 1$", r"\frac{1}{2}", "x^2", "∫ f"])
def test_formulas_are_seen(text: str) -> None:
    assert shape_of(text).has_formula
