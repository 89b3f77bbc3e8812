"""How often account endpoints are asked: the usual, the provider's, the account's own."""

from __future__ import annotations

import pytest

from trunkline.domain.errors import ConfigError

MINE = """
[providers.mine]
protocol = "openai"
base_url = "https://llm.example.org/v1"
{provider}
accounts = [{{ id = "a", key = "none" }}, {{ id = "b", key = "none"{account} }}]
[providers.mine.models."m"]
context = 1000
"""


@pytest.mark.parametrize(
    ("provider", "account", "expected"),
    [
        ("", "", [None, None]),
        ("check_s = 300", "", [300_000, 300_000]),
        ("check_s = 300", ", check_s = 0", [300_000, 0]),
        ("check_s = 0", ", check_s = 12.5", [0, 12_500]),
    ],
)
def test_the_nearest_word_counts(home, provider: str, account: str, expected: list[int | None]) -> None:
    loaded = home.load(MINE.format(provider=provider, account=account))
    assert [one.check_ms for one in loaded.config.catalogue.provider("mine").accounts] == expected


@pytest.mark.parametrize("wrong", ["-1", "90000", '"often"'])
def test_what_cannot_be_is_refused_with_its_place(home, wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        home.load(MINE.format(provider=f"check_s = {wrong}", account=""))
    assert refused.value.key == "providers.mine.check_s"
