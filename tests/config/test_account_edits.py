"""Accounts and limits changed in the user's own file, however that is written."""

from __future__ import annotations

import pytest

from trunkline.config.account_edits import (
    AccountEdit,
    InheritedLimits,
    LimitEdit,
    NewAccount,
    RemovedAccount,
    check_account,
    check_limit,
)
from trunkline.config.account_facts import (
    AccountOrigin,
    LimitsOrigin,
    LimitText,
    accounts_of_provider,
    all_accounts,
)
from trunkline.config.desk import ConfigDesk, Edit, TextEdit
from trunkline.domain.errors import ConfigError

CANARY = "sk-canary-Q7x0123456789abcdefXYZ"
ENVIRON = {"GROQ_API_KEY": "one", "GROQ_API_KEY_1": "two", "ZAI_CODING_API_KEY": "three"}
TABLES = """\
# mine
[providers.groq]
pool = "priority"

[[providers.groq.accounts]]  # work
id = "work"
key = "env:GROQ_WORK"   # from the office
limits = [
  { metric = "requests", amount = 60, window = "60s" },  # their mail
  { metric = "cost", amount = 2.5, window = "day" },
]

[[providers.groq.accounts]]
id = "spare"
key = "env:GROQ_SPARE"

[providers.openai]
pool = "random"
"""
INLINE = """\
[providers.groq]
accounts = [
  { id = "work", key = "env:GROQ_WORK" },  # from the office
  { id = "spare", key = "env:GROQ_SPARE", enabled = false },
]
"""
TEN_A_DAY = LimitText("requests", 10, "day")


@pytest.fixture
def desk(home) -> ConfigDesk:
    return ConfigDesk(home.places, ENVIRON)


def saved(desk: ConfigDesk, *edits: TextEdit | Edit) -> str:
    desk.save(desk.plan(desk.read(), edits))
    return desk.places.providers_file.read_text()


def by_id(desk: ConfigDesk, provider: str = "groq"):
    return {account.id: account for account in accounts_of_provider(desk.read(), provider)}


def test_accounts_say_where_they_come_from(home, desk):
    home.write(providers=TABLES)
    groq = by_id(desk)
    work = groq["work"]
    assert (work.origin, work.line, work.key, work.has_key) == (AccountOrigin.FILE, 5, "env:GROQ_WORK", False)
    assert (work.limits_origin, [str(limit) for limit in work.limits]) == (
        LimitsOrigin.OWN,
        ["60 requests / 60s", "$2.50 cost / day"],
    )
    assert (groq["main"].origin, groq["main"].key, groq["main"].line) == (
        AccountOrigin.VARIABLE,
        "env:GROQ_API_KEY",
        None,
    )
    coding = by_id(desk, "zai")["coding"]
    assert (coding.address, coding.endpoint, coding.billing) == ("zai/coding", "coding", "subscription")
    assert {account.provider for account in all_accounts(desk.read())} == {"groq", "zai"}


def test_the_first_change_of_a_variables_account_writes_its_table(home, desk):
    text = saved(desk, AccountEdit("groq/main", {"billing": "free", "organisation": "me"}))
    assert text.endswith(
        '[[providers.groq.accounts]]\nid = "main"\nkey = "env:GROQ_API_KEY"\nbilling = "free"\norganisation = "me"\n'
    )
    groq = by_id(desk)
    assert set(groq) == {"main", "groq-1"}
    assert (groq["main"].origin, groq["main"].billing) == (AccountOrigin.FILE, "free")
    text = saved(desk, AccountEdit("zai/coding", {"enabled": False}))
    assert 'id = "coding"\nkey = "env:ZAI_CODING_API_KEY"\nendpoint = "coding"\nenabled = false\n' in text
    assert not by_id(desk, "zai")["coding"].enabled


@pytest.mark.parametrize("text", [TABLES, INLINE], ids=["tables", "inline"])
def test_fields_change_in_place_and_everything_else_stays(home, desk, text):
    home.write(providers=text)
    after = saved(desk, AccountEdit("groq/spare", {"organisation": "me", "enabled": False}))
    spare = by_id(desk)["spare"]
    assert (spare.organisation, spare.enabled) == ("me", False)
    assert "# from the office" in after
    assert set(text.splitlines()) - set(after.splitlines()) <= {text.splitlines()[3]}
    while desk.undo():
        pass
    assert home.places.providers_file.read_text() == text


@pytest.mark.parametrize("text", [TABLES, INLINE, ""], ids=["tables", "inline", "empty"])
def test_an_account_is_added_and_taken_out_again(home, desk, text):
    home.write(providers=text)
    before = set(by_id(desk))
    saved(desk, NewAccount("groq/third", "env:GROQ_THIRD", {"billing": "free"}))
    third = by_id(desk)["third"]
    assert (third.key, third.billing, third.has_key) == ("env:GROQ_THIRD", "free", False)
    saved(desk, RemovedAccount("groq/third"))
    assert set(by_id(desk)) == before
    assert home.places.providers_file.read_text() == text


def test_an_account_of_a_provider_of_ones_own(home, desk):
    text = saved(
        desk,
        Edit("providers.mine", {"protocol": "openai", "base_url": "http://127.0.0.1:8000/v1"}),
        Edit('providers.mine.models."big"', {"context": 8192, "price": {"input": 1.0, "output": 2.0}}),
        NewAccount("mine/main", "none"),
    )
    assert '[[providers.mine.accounts]]\nid = "main"\nkey = "none"\n' in text
    assert desk.read().config.catalogue.model("mine", "big").context_tokens == 8192


def test_limits_are_changed_one_by_one_with_their_comments_kept(home, desk):
    home.write(providers=TABLES)
    after = saved(desk, LimitEdit("groq/work", 1, LimitText("cost", 5, "month")))
    assert '{ metric = "requests", amount = 60, window = "60s" },  # their mail' in after
    assert [str(limit) for limit in by_id(desk)["work"].limits] == ["60 requests / 60s", "$5.00 cost / month"]
    saved(desk, LimitEdit("groq/work", 0, None))
    saved(desk, LimitEdit("groq/work", None, LimitText("total_tokens", 1e6, "1d", "model")))
    assert [str(limit) for limit in by_id(desk)["work"].limits] == [
        "$5.00 cost / month",
        "1,000,000 total_tokens / 1d · model",
    ]
    saved(desk, InheritedLimits("groq/work"))
    assert by_id(desk)["work"].limits_origin is LimitsOrigin.INHERITED


def test_limits_written_as_tables_are_changed_too(home, desk):
    home.write(
        providers='[[providers.groq.accounts]]\nid = "work"\nkey = "env:A"\n\n'
        '[[providers.groq.accounts.limits]] # a\nmetric = "requests"\namount = 60\nwindow = "60s"\n'
    )
    after = saved(desk, LimitEdit("groq/work", None, TEN_A_DAY))
    assert after.count("[[providers.groq.accounts.limits]]") == 2
    assert "# a" in after
    saved(desk, LimitEdit("groq/work", 0, None))
    assert [str(limit) for limit in by_id(desk)["work"].limits] == ["10 requests / day"]


def test_adding_a_limit_keeps_those_that_were_inherited(home, desk):
    saved(desk, Edit("providers.groq.billing", "free"))
    inherited = by_id(desk)["main"].limits
    assert inherited
    saved(desk, LimitEdit("groq/main", None, TEN_A_DAY))
    main = by_id(desk)["main"]
    assert main.limits == (*inherited, TEN_A_DAY)
    assert main.limits_origin is LimitsOrigin.OWN
    assert by_id(desk)["groq-1"].limits == inherited


def test_the_limits_of_a_provider_are_a_list_too(home, desk):
    text = saved(desk, Edit("providers.groq.limits", [TEN_A_DAY.table()]))
    assert 'limits = [{ metric = "requests", amount = 10, window = "day" }]' in text
    assert by_id(desk)["main"].limits == (TEN_A_DAY,)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (AccountEdit("groq/main", {"billing": "fre"}), "Did you mean 'free'"),
        (AccountEdit("groq/main", {"biling": "free"}), "Did you mean 'billing'"),
        (AccountEdit("groq/nobody", {"billing": "free"}), "an account that exists"),
        (NewAccount("groq/main", "env:OTHER"), "no other account"),
        (NewAccount("groq", "env:OTHER"), "provider/account"),
        (NewAccount("groq/two words", "env:OTHER"), "a name of letters"),
        (RemovedAccount("groq/main"), "GROQ_API_KEY is set: disable it"),
        (RemovedAccount("groq/nobody"), "an account that exists"),
        (LimitEdit("groq/main", 7, TEN_A_DAY), "one of its 0 limits"),
        (LimitEdit("groq/main", None, LimitText("requests", 10, "fortnight")), "a window"),
        (LimitEdit("groq/main", None, LimitText("cost", 1e9, "day")), "at most 9000000 USD"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_nothing_is_written(home, desk, edit, said):
    with pytest.raises(ConfigError, match=said):
        desk.plan(desk.read(), [edit])
    assert not home.places.providers_file.exists()


@pytest.mark.parametrize(
    "edit",
    [
        NewAccount("groq/new", CANARY),
        AccountEdit("groq/main", {"key": CANARY}),
        AccountEdit("groq/main", {"organisation": CANARY}),
        NewAccount(f"groq/{CANARY}", "none"),
    ],
)
def test_a_plain_key_is_refused_with_its_remedy_and_never_repeated(home, desk, edit):
    with pytest.raises(ConfigError) as caught:
        desk.plan(desk.read(), [edit])
    assert "Q7x0" not in str(caught.value)
    assert "environment variable" in str(caught.value)
    assert not home.places.providers_file.exists()


def test_fields_are_checked_as_they_are_typed():
    assert check_account("key", "env:NAME") is None
    assert check_account("billing", "free") is None
    assert check_limit("amount", "10") is None
    assert check_limit("window", "session:5h") is None
    assert "a key reference" in str(check_account("key", "NAME"))
    assert "Q7x0" not in str(check_account("key", CANARY))
    assert "never the key" in str(check_account("key", CANARY))
    assert "a number" in str(check_limit("amount", "many"))
    assert "Did you mean 'requests'" in str(check_limit("metric", "request"))
    assert "one of requests" in str(check_limit("metric", "share"))  # only ever told by a provider
