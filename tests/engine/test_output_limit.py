"""The output limit that a call sends."""

from __future__ import annotations

import pytest

from trunkline.domain.output_limit import output_limit
from trunkline.domain.routes import ModelSpec, Quirks


@pytest.mark.parametrize(
    ("asked", "default", "most", "input_tokens", "sent"),
    [
        pytest.param(None, None, 8_000, 1_000, None, id="nothing asked, all of it fits"),
        pytest.param(None, None, None, 1_000, None, id="nothing asked, nothing known"),
        pytest.param(500, None, 8_000, 1_000, 500, id="asked"),
        pytest.param(90_000, None, 8_000, 1_000, 8_000, id="asked for more than the model gives"),
        pytest.param(None, 2_000, 8_000, 1_000, 2_000, id="the provider's default"),
        pytest.param(500, 2_000, 8_000, 1_000, 500, id="asked goes before the default"),
        pytest.param(None, None, 8_000, 95_000, None, id="nothing asked: the model's own limit holds"),
        pytest.param(None, 7_000, 8_000, 95_000, 5_000, id="little room beside the input"),
        pytest.param(7_000, None, 8_000, 95_000, 5_000, id="asked for more than there is room"),
        pytest.param(
            900, None, 8_000, 200_000, 16, id="an estimate over the window still asks for something"
        ),
    ],
)
def test_output_limit(
    asked: int | None, default: int | None, most: int | None, input_tokens: int, sent: int | None
) -> None:
    model = ModelSpec("p", "m", 100_000, max_output_tokens=most)
    assert output_limit(asked, model, Quirks(default_output_tokens=default), input_tokens) == sent
