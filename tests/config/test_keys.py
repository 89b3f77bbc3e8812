"""Keys: references only, pools from variables, and no key in anything that is printed."""

from __future__ import annotations

import json
import pickle

import pytest

from trunkline.config.desk import set_value
from trunkline.config.keys import KeyRing, looks_like_key, parse_key_ref
from trunkline.config.settings import settings
from trunkline.domain.errors import ConfigError
from trunkline.domain.routes import Billing, KeyRef, KeySource
from trunkline.store.codec import encode

CANARY = "sk-canary-Q7x0123456789abcdefXYZ"
GOOGLE = "[[providers.google.accounts]]\n"


def accounts(loaded, provider: str) -> list[tuple[str, str]]:
    return [(account.id, str(account.key)) for account in loaded.config.catalogue.provider(provider).accounts]


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("env:GOOGLE_API_KEY_1", KeyRef(KeySource.ENV, "GOOGLE_API_KEY_1")),
        ("${GOOGLE_API_KEY}", KeyRef(KeySource.ENV, "GOOGLE_API_KEY")),
        ("vault:work.google", KeyRef(KeySource.VAULT, "work.google")),
        ("keyring:google", KeyRef(KeySource.KEYRING, "google")),
        ("none", KeyRef(KeySource.NONE)),
        ("", None),
        ("env:", None),
        ("env:A B", None),
        ("env:9LIVES", None),
        ("$GOOGLE_API_KEY", None),
        ("hunter2", None),
        (CANARY, None),
        ("env:sk_canary0123456789abcdef", None),
        ("vault:AIzaSyA0123456789abcdefgh", None),
    ],
)
def test_references(text, ref):
    assert parse_key_ref(text) == ref


@pytest.mark.parametrize(
    "text",
    [
        "xai/grok-4.6",
        "gpt-oss-120b",
        "openai/gpt-5.4-mini",
        "task-oriented-assistant-model-2026",
        "hf-small",
        "key-1",
    ],
)
def test_names_are_not_taken_for_keys(text):
    assert not looks_like_key(text)


def test_one_variable_is_main_and_numbered_ones_are_a_pool(home):
    environ = {
        "GEMINI_API_KEY": "a",
        "GOOGLE_API_KEY_2": "c",
        "GOOGLE_API_KEY_10": "d",
        "GOOGLE_API_KEY_1": "b",
    }
    assert accounts(home.load(environ=environ), "google") == [
        ("main", "env:GEMINI_API_KEY"),
        ("google-1", "env:GOOGLE_API_KEY_1"),
        ("google-2", "env:GOOGLE_API_KEY_2"),
        ("google-10", "env:GOOGLE_API_KEY_10"),
    ]


def test_adding_a_key_renames_no_account(home):
    before = accounts(home.load(environ={"ZAI_API_KEY": "a"}), "zai")
    after = accounts(home.load(environ={"ZAI_API_KEY": "a", "ZAI_API_KEY_1": "b"}), "zai")
    assert after[: len(before)] == before


def test_empty_variables_and_repeated_values_make_no_account(home):
    environ = {
        "GEMINI_API_KEY": "same",
        "GOOGLE_API_KEY": " same\n",
        "GOOGLE_API_KEY_1": "  ",
        "GOOGLE_API_KEY_2": "b",
    }
    assert [id_ for id_, _ in accounts(home.load(environ=environ), "google")] == ["main", "google-2"]


def test_two_names_with_two_values_are_two_accounts(home):
    environ = {"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b", "GEMINI_API_KEY_1": "c", "GOOGLE_API_KEY_1": "d"}
    assert accounts(home.load(environ=environ), "google") == [
        ("main", "env:GEMINI_API_KEY"),
        ("google-1", "env:GEMINI_API_KEY_1"),
        ("main-2", "env:GOOGLE_API_KEY"),
        ("google-1-2", "env:GOOGLE_API_KEY_1"),
    ]


def test_variables_add_to_configured_accounts_that_do_not_use_them(home):
    providers = GOOGLE + 'id = "work"\nkey = "env:GOOGLE_API_KEY_1"\nbilling = "free"\n'
    loaded = home.load(providers, environ={"GOOGLE_API_KEY_1": "a", "GOOGLE_API_KEY_2": "b"})
    assert accounts(loaded, "google") == [
        ("work", "env:GOOGLE_API_KEY_1"),
        ("google-2", "env:GOOGLE_API_KEY_2"),
    ]
    assert loaded.config.catalogue.account("google", "work").billing is Billing.FREE


def test_a_reference_that_leads_nowhere_has_no_key(home):
    providers = GOOGLE + 'id = "a"\nkey = "env:NOT_SET"\n' + GOOGLE + 'id = "b"\nkey = "keyring:x"\n'
    loaded = home.load(providers)
    assert [account.has_key for account in loaded.config.catalogue.provider("google").accounts] == [
        False,
        False,
    ]
    assert any("keyring" in note and "env:NAME" in note for note in loaded.notes)


def test_the_ring_opens_references_late():
    environ: dict[str, str] = {}
    ring = KeyRing(environ)
    ref = KeyRef(KeySource.ENV, "A")
    assert ring.secret(ref) is None
    assert not ring.has(ref)
    environ["A"] = f" {CANARY}\n"
    assert ring.secret(ref).reveal() == CANARY
    assert ring.has(KeyRef(KeySource.NONE))
    assert ring.secret(KeyRef(KeySource.VAULT, "A")) is None


def test_own_endpoint_with_and_without_a_key(home):
    own = '[providers.mine]\nprotocol = "openai"\nbase_url = "http://127.0.0.1:9/v1/"\n{}'
    loaded = home.load(own.format('key = "none"\n'))
    assert accounts(loaded, "mine") == [("main", "none")]
    assert loaded.config.catalogue.account("mine", "main").has_key
    assert loaded.config.catalogue.provider("mine").base_url == "http://127.0.0.1:9/v1"
    assert accounts(home.load(own.format('key_env = ["MINE_KEY"]\n')), "mine") == []
    keyed = home.load(own.format('key_env = ["MINE_KEY"]\n'), environ={"MINE_KEY_1": "x"})
    assert accounts(keyed, "mine") == [("mine-1", "env:MINE_KEY_1")]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("192.168.1.5:9000", "http://192.168.1.5:9000/v1"),
        ("http://gpu.local:11434/", "http://gpu.local:11434/v1"),
        ("https://gpu.example.org/ollama/v1", "https://gpu.example.org/ollama/v1"),
        ("[::1]:11434", "http://[::1]:11434/v1"),
    ],
)
def test_a_variable_gives_a_local_server_its_address_and_switches_it_on(home, given, address):
    provider = home.load(environ={"OLLAMA_HOST": given}).config.catalogue.provider("ollama")
    assert provider.base_url == address
    assert [(a.id, a.has_key) for a in provider.accounts] == [("main", True)]


def test_a_local_server_is_off_until_enabled(home):
    assert accounts(home.load(), "ollama") == []
    assert accounts(home.load("[providers.ollama]\nenabled = true\n"), "ollama") == [("main", "none")]


def test_a_provider_switched_off_keeps_its_accounts_out(home):
    providers = "[providers.google]\nenabled = false\n" + GOOGLE + 'id = "a"\nkey = "env:K"\n'
    loaded = home.load(providers, environ={"K": "x", "GEMINI_API_KEY": "y"})
    assert [(a.id, a.enabled) for a in loaded.config.catalogue.provider("google").accounts] == [("a", False)]


PLAIN = [
    GOOGLE + f'id = "a"\nkey = "{CANARY}"\n',
    GOOGLE + f'id = "a"\nkey = "env:{CANARY}"\n',
    GOOGLE + f'id = "{CANARY}"\nkey = "none"\n',
    GOOGLE + f'id = "a"\nkey = "none"\napi_key = "{CANARY}"\n',
    GOOGLE + f'id = "a"\nkey = "none"\ntoken = "{CANARY.removeprefix("sk-")}"\n',
    f'[providers.google]\nkey = "{CANARY}"\n',
    f'[providers.google]\nkey_env = ["{CANARY}"]\n',
    f'[providers.google]\nbase_url = "https://x.example/v1?key={CANARY}"\n',
    f'[providers.google]\nbase_url = "https://u:{CANARY}@x.example"\n',
    f'[providers.google.quirks]\nextra_headers = {{ "X-Api-Key" = "{CANARY.removeprefix("sk-")}" }}\n',
    f'[providers.google.quirks]\nextra_headers = {{ "X-Thing" = "Bearer {CANARY}" }}\n',
    f'[providers."{CANARY}"]\nprotocol = "openai"\n',
    f'["{CANARY}"]\n',
    f'[providers.google.models.m]\ncontext = "{CANARY}"\n',
    f"[providers.google]\npool = {CANARY}\n",
    f'[providers.google]\npool = "{CANARY}\n',
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_key_is_refused_and_not_repeated(home, text):
    with pytest.raises(ConfigError) as caught:
        home.load(providers=text)
    error = caught.value
    for shown in (str(error), repr(error), json.dumps({k: str(v) for k, v in vars(error).items()})):
        assert "Q7x0123456789" not in shown
    assert error.__cause__ is None


def test_the_refusal_says_how_to_keep_a_key(home):
    with pytest.raises(ConfigError) as caught:
        home.load(GOOGLE + 'id = "a"\nkey = "hunter2hunter2"\n')
    assert "hunter2" not in str(caught.value)
    assert 'key = "env:GOOGLE_API_KEY"' in caught.value.remedy
    assert caught.value.line == 3


def test_the_canary_is_in_nothing_that_a_whole_configuration_prints(home):
    environ = {"OPENAI_API_KEY": CANARY, "GOOGLE_API_KEY_1": CANARY + "1", "MINE": CANARY + "2"}
    loaded = home.load(GOOGLE + 'id = "a"\nkey = "${MINE}"\n', 'mode = "cost_first"\n', environ)
    secret = loaded.keys.secret(KeyRef(KeySource.ENV, "OPENAI_API_KEY"))
    assert secret.reveal() == CANARY
    printed = [repr(loaded), str(loaded), repr(loaded.keys), str(loaded.keys), f"{secret} {secret!r}"]
    printed += [encode(loaded.config.catalogue).decode(), encode(loaded.config.preferences).decode()]
    printed += [repr(settings(loaded)), " ".join(loaded.notes), loaded.config.generation]
    printed.append(set_value(loaded, environ, "mode", "balanced"))
    assert not [text for text in printed if "Q7x0123456789" in text]
    with pytest.raises(TypeError):
        pickle.dumps(secret)
