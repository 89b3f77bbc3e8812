"""Nothing but variables: every provider of the catalogue is ready, with the right address, billing and limits."""

from __future__ import annotations

import pytest

from trunkline.config.load import Loaded, missing_keys
from trunkline.domain.limits import FigureSource, LimitScope, Metric
from trunkline.domain.routes import Billing

# provider: (variables, address, billing)
PROVIDERS = {
    "openai": (("OPENAI_API_KEY",), "https://api.openai.com/v1", Billing.RATE_LIMIT),
    "anthropic": (("ANTHROPIC_API_KEY",), "https://api.anthropic.com", Billing.RATE_LIMIT),
    "google": (
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "https://generativelanguage.googleapis.com",
        Billing.RATE_LIMIT,
    ),
    "zai": (("ZAI_API_KEY",), "https://api.z.ai/api/paas/v4", Billing.CREDITS),
    "kimi": (("MOONSHOT_API_KEY", "KIMI_API_KEY"), "https://api.moonshot.ai/v1", Billing.CREDITS),
    "kimi-code": (("KIMI_CODE_API_KEY",), "https://api.kimi.com/coding/v1", Billing.SUBSCRIPTION),
    "minimax": (("MINIMAX_API_KEY",), "https://api.minimax.io/v1", Billing.CREDITS),
    "openrouter": (("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1", Billing.CREDITS),
    "groq": (("GROQ_API_KEY",), "https://api.groq.com/openai/v1", Billing.RATE_LIMIT),
    "mistral": (("MISTRAL_API_KEY",), "https://api.mistral.ai/v1", Billing.RATE_LIMIT),
    "deepseek": (("DEEPSEEK_API_KEY",), "https://api.deepseek.com", Billing.CREDITS),
    "xai": (("XAI_API_KEY",), "https://api.x.ai/v1", Billing.CREDITS),
    "cerebras": (("CEREBRAS_API_KEY",), "https://api.cerebras.ai/v1", Billing.RATE_LIMIT),
}
VARIABLES = [(provider, name) for provider, (names, _, _) in PROVIDERS.items() for name in names]
# provider, endpoint: (variables, address, billing)
ENDPOINTS = {
    ("zai", "coding"): (
        ("ZAI_CODING_API_KEY",),
        "https://api.z.ai/api/coding/paas/v4",
        Billing.SUBSCRIPTION,
    ),
    ("zai", "china"): (
        ("ZAI_CHINA_API_KEY", "ZHIPUAI_API_KEY", "ZHIPU_API_KEY"),
        "https://open.bigmodel.cn/api/paas/v4",
        Billing.CREDITS,
    ),
    ("zai", "china-coding"): (
        ("ZAI_CHINA_CODING_API_KEY",),
        "https://open.bigmodel.cn/api/coding/paas/v4",
        Billing.SUBSCRIPTION,
    ),
    ("kimi", "china"): (("MOONSHOT_CHINA_API_KEY",), "https://api.moonshot.cn/v1", Billing.CREDITS),
    ("minimax", "plan"): (("MINIMAX_PLAN_API_KEY",), "https://api.minimax.io/v1", Billing.SUBSCRIPTION),
    ("minimax", "china"): (("MINIMAX_CHINA_API_KEY",), "https://api.minimaxi.com/v1", Billing.CREDITS),
}
# provider: limits of an account of the free tier as (metric, amount, window, scope, model)
REQUESTS, TOKENS, CALLS = Metric.REQUESTS, Metric.TOTAL_TOKENS, Metric.CONCURRENCY
EACH, ONE, ALL = LimitScope.MODEL, LimitScope.ACCOUNT, LimitScope.ORGANISATION
FREE = {
    "google": {
        (REQUESTS, 5, "60s", EACH, None),
        (REQUESTS, 20, "day", EACH, None),
        (REQUESTS, 0, "day", EACH, "gemini-3.1-pro-preview"),
    },
    "groq": {
        (REQUESTS, 30, "60s", EACH, None),
        (REQUESTS, 1000, "1d", EACH, None),
        (TOKENS, 12_000, "60s", EACH, "llama-3.3-70b-versatile"),
        (TOKENS, 100_000, "1d", EACH, "llama-3.3-70b-versatile"),
    },
    "mistral": {
        (REQUESTS, 1, "1s", ALL, None),
        (TOKENS, 500_000, "60s", ALL, None),
        (TOKENS, 1_000_000_000, "month", ALL, None),
    },
    "cerebras": {(REQUESTS, 5, "60s", EACH, None), (TOKENS, 1_000_000, "1d", EACH, None)},
}
ALWAYS = {
    "openrouter": {(REQUESTS, 20, "60s", ALL, "*:free"), (REQUESTS, 50, "day", ALL, "*:free")},
    "deepseek": {
        (CALLS, 2500, "balance", EACH, "deepseek-flash"),
        (CALLS, 500, "balance", EACH, "deepseek-v4-pro"),
    },
}


def all_at_once(home) -> Loaded:
    names = [name for _, name in VARIABLES]
    names += [name for names_, _, _ in ENDPOINTS.values() for name in names_]
    return home.load(environ={name + end: f"{name}{end} value" for name in names for end in ("", "_1", "_2")})


def limits(account) -> set[tuple[object, ...]]:
    return {(one.metric, one.amount, str(one.window), one.scope, one.model) for one in account.limits}


def test_all_variables_at_once_are_all_accounts(home):
    loaded = all_at_once(home)
    assert loaded.notes == ()
    found = {
        (p.id, a.endpoint, str(a.key))
        for p in loaded.config.catalogue.providers
        for a in p.accounts
        if a.has_key
    }
    expected = {
        (provider, None, f"env:{name}{end}") for provider, name in VARIABLES for end in ("", "_1", "_2")
    }
    for (provider, endpoint), (names, _, _) in ENDPOINTS.items():
        expected |= {(provider, endpoint, f"env:{name}{end}") for name in names for end in ("", "_1", "_2")}
    assert {one for one in found if one[2] != "none"} == expected
    assert not {missing.provider for missing in missing_keys(loaded) if not missing.local}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_accounts_of_one_provider(home, provider):
    _, address, billing = PROVIDERS[provider]
    spec = all_at_once(home).config.catalogue.provider(provider)
    assert spec.base_url == address
    ids = [account.id for account in spec.accounts]
    assert len(ids) == len(set(ids))
    assert ids[:3] == ["main", f"{provider}-1", f"{provider}-2"]
    for account in spec.accounts:
        if account.endpoint is None:
            assert (account.base_url, account.billing) == (None, billing), account.id
            assert limits(account) == ALWAYS.get(provider, set()), account.id


@pytest.mark.parametrize(("provider", "endpoint"), ENDPOINTS, ids="/".join)
def test_accounts_of_one_endpoint(home, provider, endpoint):
    _, address, billing = ENDPOINTS[provider, endpoint]
    spec = all_at_once(home).config.catalogue.provider(provider)
    there = [account for account in spec.accounts if account.endpoint == endpoint]
    assert [account.id for account in there][:3] == [endpoint, f"{endpoint}-1", f"{endpoint}-2"]
    assert {(account.base_url, account.billing) for account in there} == {(address, billing)}


@pytest.mark.parametrize(("provider", "variable"), VARIABLES, ids=[name for _, name in VARIABLES])
def test_one_variable_is_enough(home, provider, variable):
    catalogue = home.load(environ={variable: "x"}).config.catalogue
    assert [a.id for a in catalogue.provider(provider).accounts if a.has_key] == ["main"]
    assert catalogue.select(f"{provider}/main") is not None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_free_tier_limits_have_their_documented_scope(home, provider):
    text = f'[providers.{provider}]\nbilling = "free"\n'
    catalogue = home.load(text, environ={PROVIDERS[provider][0][0]: "x"}).config.catalogue
    account = catalogue.account(provider, "main")
    assert account.billing is Billing.FREE
    assert limits(account) == FREE.get(provider, set()) | ALWAYS.get(provider, set())


def test_what_the_catalogue_documents_is_an_estimate_and_what_the_user_writes_is_not(home):
    shipped = home.load(environ={"OPENROUTER_API_KEY": "x"}).config.catalogue.account("openrouter", "main")
    assert {limit.source for limit in shipped.limits} == {FigureSource.ESTIMATED}
    own = '[[providers.openrouter.limits]]\nmetric = "requests"\namount = 1000\nwindow = "day"\nmodel = "*:free"\n'
    written = home.load(own, environ={"OPENROUTER_API_KEY": "x"}).config.catalogue.account(
        "openrouter", "main"
    )
    assert [(limit.amount, limit.source) for limit in written.limits] == [(1000, FigureSource.CONFIGURED)]


def test_days_end_where_the_provider_says(home):
    catalogue = all_at_once(home).config.catalogue
    zones = {p.id: p.timezone for p in catalogue.providers if p.timezone != "UTC"}
    assert zones == {"google": "America/Los_Angeles", "zai": "Asia/Shanghai"}
    assert catalogue.provider("zai").quirks.zone == "Asia/Shanghai"


def test_two_keys_of_one_organisation_share_the_free_models_of_openrouter(home):
    """Trap 24: more keys of an account do not help."""
    own = "".join(
        f'[[providers.openrouter.accounts]]\nid = "{id_}"\nkey = "env:OPENROUTER_API_KEY_{n}"\norganisation = "me"\n'
        for n, id_ in enumerate(("a", "b"))
    )
    accounts = home.load(own).config.catalogue.provider("openrouter").accounts
    assert {limit.scope for account in accounts for limit in account.limits} == {LimitScope.ORGANISATION}
    assert {account.organisation for account in accounts} == {"me"}
