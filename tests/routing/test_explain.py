"""The sentence that says why a route may not answer."""

from __future__ import annotations

import pytest

from trunkline.domain.decisions import Rejection, RejectionCode
from trunkline.routing.explain import rejection_sentence


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("tools", "cannot take tools"),
        ("image_urls", "cannot take images by address, only inline"),
        ("image_urls, images", "cannot take images"),
        ("json, tools", "cannot take a JSON format and tools"),
    ],
)
def test_what_a_model_cannot_take(missing: str, sentence: str) -> None:
    rejection = Rejection("p/a/m", RejectionCode.CAPABILITY, (("missing", missing),))
    assert rejection_sentence(rejection, 0) == f"p/a/m: {sentence}"
