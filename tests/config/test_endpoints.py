"""Other addresses of a provider: whose keys go there, how those accounts are paid for, and what they may take."""

from __future__ import annotations

import pytest

from trunkline.domain.routes import AccountSpec, Billing

ZAI = """
[providers.zai]
limits = [{ metric = "concurrency", amount = 9 }]
[providers.zai.endpoints.coding]
base_url = "https://coding.example/v4/"
billing = "subscription"
key_env = ["ZAI_CODING_API_KEY"]
"""
HOME = "https://api.z.ai/api/paas/v4"
CODING = "https://coding.example/v4"


def accounts(home, providers: str, environ: dict[str, str] | None = None) -> tuple[AccountSpec, ...]:
    return home.load(ZAI + providers, environ=environ).config.catalogue.provider("zai").accounts


def test_variables_of_an_endpoint_make_accounts_there(home):
    environ = {
        "ZAI_CODING_API_KEY_2": "d",
        "ZAI_CODING_API_KEY_1": "c",
        "ZAI_CODING_API_KEY": "b",
        "ZAI_API_KEY": "a",
        "ZAI_API_KEY_1": "e",
    }
    found = [(a.id, a.base_url, a.endpoint, a.billing, str(a.key)) for a in accounts(home, "", environ)]
    there = (CODING, "coding", Billing.SUBSCRIPTION)
    assert found == [
        ("main", None, None, Billing.CREDITS, "env:ZAI_API_KEY"),
        ("zai-1", None, None, Billing.CREDITS, "env:ZAI_API_KEY_1"),
        ("coding", *there, "env:ZAI_CODING_API_KEY"),
        ("coding-1", *there, "env:ZAI_CODING_API_KEY_1"),
        ("coding-2", *there, "env:ZAI_CODING_API_KEY_2"),
    ]


def test_a_key_in_both_variables_is_the_endpoints(home):
    found = accounts(home, "", {"ZAI_API_KEY": "same", "ZAI_CODING_API_KEY": "same"})
    assert [(a.id, a.endpoint) for a in found] == [("coding", "coding")]


def test_a_configured_account_keeps_its_variable_to_itself(home):
    own = '[[providers.zai.accounts]]\nid = "plan"\nkey = "env:ZAI_API_KEY"\nendpoint = "coding"\n'
    found = accounts(home, own, {"ZAI_API_KEY": "a", "ZAI_CODING_API_KEY": "a"})
    assert [(a.id, a.base_url, a.endpoint, a.billing) for a in found] == [
        ("plan", CODING, "coding", Billing.SUBSCRIPTION)
    ]


@pytest.mark.parametrize(
    ("lines", "billing"),
    [("", Billing.SUBSCRIPTION), ('billing = "credits"\n', Billing.CREDITS)],
    ids=["the endpoint's", "its own"],
)
def test_billing_of_the_account_goes_before_that_of_the_endpoint(home, lines, billing):
    own = '[[providers.zai.accounts]]\nid = "a"\nkey = "none"\nendpoint = "coding"\n' + lines
    assert [a.billing for a in accounts(home, own)] == [billing]


@pytest.mark.parametrize(
    ("endpoint_limits", "own_limits", "amounts"),
    [
        ("", "", [9]),
        ('limits = [{ metric = "requests", amount = 120, window = "session:5h" }]\n', "", [120]),
        ("limits = []\n", "", []),
        ("limits = []\n", 'limits = [{ metric = "requests", amount = 3, window = "day" }]\n', [3]),
    ],
    ids=["the provider's", "the endpoint's", "none at the endpoint", "its own"],
)
def test_the_nearest_list_of_limits_holds(home, endpoint_limits, own_limits, amounts):
    account = '[[providers.zai.accounts]]\nid = "a"\nkey = "none"\nendpoint = "coding"\n' + own_limits
    found = accounts(home, endpoint_limits + account)
    assert [limit.amount for limit in found[0].limits] == amounts


def test_the_catalogue_knows_its_endpoints(home):
    provider = home.load(ZAI + 'note = "for the plan"\n').config.catalogue.provider("zai")
    (coding,) = [e for e in provider.endpoints if e.id == "coding"]
    assert (coding.base_url, coding.billing, coding.note) == (CODING, Billing.SUBSCRIPTION, "for the plan")
    assert provider.base_url == HOME


def test_an_account_named_like_an_endpoint_leaves_it_the_next_name(home):
    own = '[[providers.zai.accounts]]\nid = "coding"\nkey = "env:MINE"\n'
    found = accounts(home, own, {"MINE": "a", "ZAI_CODING_API_KEY": "b"})
    assert [(a.id, a.endpoint) for a in found] == [("coding", None), ("coding-2", "coding")]


def test_an_endpoint_without_encryption_is_said_once(home):
    environ = {"ZAI_CODING_API_KEY": "a", "ZAI_CODING_API_KEY_1": "b"}
    loaded = home.load(ZAI.replace("https://coding", "http://coding"), environ=environ)
    assert [note for note in loaded.notes if "not encrypted" in note] == [
        "zai: http://coding.example/v4 is not encrypted; keys and prompts can be read on the way"
    ]
