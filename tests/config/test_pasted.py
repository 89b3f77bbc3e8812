"""What `trunkline serve` prints for agents is pasted into the shell that Trunkline itself is run in."""

from __future__ import annotations

import pytest

from trunkline.gateway.snippets import NO_TOKEN
from trunkline.store.gateway_tokens import new_text

TOKEN = new_text(lambda count: bytes(range(count)))
GATEWAY = "http://127.0.0.1:8787/v1"


@pytest.mark.parametrize("token", [TOKEN, NO_TOKEN])
def test_a_token_of_the_gateway_is_no_key_and_its_address_no_provider(home, token: str) -> None:
    environ = {
        "OPENAI_BASE_URL": GATEWAY,
        "OPENAI_API_KEY": token,
        "GEMINI_API_KEY_2": token,
        "ZAI_API_KEY": "k",
    }
    loaded = home.load(environ=environ)
    catalogue = loaded.config.catalogue

    openai = catalogue.provider("openai")
    assert openai is not None
    assert (openai.accounts, openai.base_url) == ((), "https://api.openai.com/v1")
    google, zai = catalogue.provider("google"), catalogue.provider("zai")
    assert google is not None
    assert zai is not None
    assert not google.accounts
    assert [account.has_key for account in zai.accounts] == [True]
    assert [note.partition(":")[0] for note in loaded.notes if "for agents" in note] == ["openai", "google"]
    assert token not in str(loaded.notes)


def test_an_address_with_a_key_of_its_own_is_a_providers(home) -> None:
    loaded = home.load(environ={"OPENAI_BASE_URL": GATEWAY, "OPENAI_API_KEY": "sk-mine", "UNRELATED": TOKEN})
    openai = loaded.config.catalogue.provider("openai")
    assert openai is not None
    assert (openai.base_url, [account.has_key for account in openai.accounts]) == (GATEWAY, [True])
    assert not any("for agents" in note for note in loaded.notes)
