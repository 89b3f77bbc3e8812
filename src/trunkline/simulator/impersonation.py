"""A description that impersonates a catalogue: its providers, accounts, models and limits, answered by nobody real.

Each provider speaks its protocol and words its refusals as the real one does, as far as its id, its address or its
quirks tell who it is. Accounts have made-up keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from trunkline.domain.limits import LimitScope, LimitSpec, Metric
from trunkline.domain.routes import (
    AccountSpec,
    Catalogue,
    LocalServer,
    ModelSpec,
    ProviderSpec,
    SelfReport,
)

KeyOf = Callable[[AccountSpec], str]

# Answers come quickly, and in chunks that take long enough to be told apart.
_FIRST_TOKEN_MS = 15
_TOKENS_PER_S = 1_500
_OUTPUT_TOKENS = 90
_DIMENSIONS = 256

_BY_HOST = (
    ("api.z.ai", "zai"),
    ("bigmodel.cn", "zai"),
    ("moonshot.ai", "moonshot"),
    ("moonshot.cn", "moonshot"),
    ("kimi.com", "moonshot"),
    ("minimax.io", "minimax"),
    ("minimaxi.com", "minimax"),
    ("openrouter.ai", "openrouter"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral"),
    ("deepseek.com", "deepseek"),
    ("x.ai", "xai"),
    ("cerebras.ai", "cerebras"),
    ("googleapis.com", "gemini_compat"),
)
# A provider behind an address that says nothing, as a proxy's or the demo's, goes by its name.
_BY_NAME = {
    "zai": "zai",
    "kimi": "moonshot",
    "kimi-code": "moonshot",
    "moonshot": "moonshot",
    "minimax": "minimax",
    "openrouter": "openrouter",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "xai": "xai",
    "cerebras": "cerebras",
}
_BY_REPORT = {
    SelfReport.OPENROUTER: "openrouter",
    SelfReport.ZAI: "zai",
    SelfReport.MOONSHOT: "moonshot",
    SelfReport.DEEPSEEK: "deepseek",
    SelfReport.MINIMAX: "minimax",
}
_BY_PROGRAM = {
    LocalServer.OLLAMA: "ollama",
    LocalServer.LMSTUDIO: "lmstudio",
    LocalServer.LLAMACPP: "llamacpp",
    LocalServer.VLLM: "vllm",
}
# Which of OpenAI's relatives tell limits in headers; the others keep silent.
_HEADERS = {"openai": "openai", "groq": "groq", "cerebras": "cerebras", "mistral": "mistral"}
_WITHOUT_RETRY_AFTER = frozenset({"zai", "openrouter", "minimax", "gemini", "gemini_compat"})


def impersonated(catalogue: Catalogue, key_of: KeyOf) -> dict[str, Any]:
    """What `loading.read_description` reads, of every provider with an account that can be asked. `key_of` gives the
    made-up key of an account; no two of a provider's are alike."""
    providers = {
        provider.id: _provider(provider, accounts, key_of)
        for provider in catalogue.providers
        if provider.models and (accounts := usable_accounts(provider))
    }
    return {"seed": 7, "providers": providers}


def usable_accounts(provider: ProviderSpec) -> tuple[AccountSpec, ...]:
    """The accounts of a provider that can be asked."""
    return tuple(account for account in provider.accounts if account.enabled and account.has_key)


def simulated_url(provider: ProviderSpec, port: int) -> str:
    """Where the simulator at that port serves it, as its protocol's base URLs have it."""
    version = "/v1" if provider.protocol == "openai" else ""
    return f"http://127.0.0.1:{port}/{provider.id}{version}"


def style_of(provider: ProviderSpec) -> str:
    """Whose words its refusals are in, a name of `styles.STYLES`."""
    host = urlsplit(provider.base_url).hostname or ""
    if provider.protocol == "gemini":
        return "gemini"
    if provider.protocol == "anthropic":
        return "minimax_anthropic" if "minimax" in host or "minimax" in provider.id else "anthropic"
    quirks = provider.quirks
    known = _BY_REPORT.get(quirks.self_report) or _BY_PROGRAM.get(quirks.local_server)
    if known is not None:
        return known
    by_host = next(
        (style for ending, style in _BY_HOST if host == ending or host.endswith(f".{ending}")), None
    )
    return by_host or _BY_NAME.get(provider.id, "openai")


def _provider(provider: ProviderSpec, accounts: tuple[AccountSpec, ...], key_of: KeyOf) -> dict[str, Any]:
    style = style_of(provider)
    headers = "anthropic" if style == "anthropic" else _HEADERS.get(style, "none")
    return {
        "protocol": provider.protocol,
        "style": style,
        "headers": headers,
        "retry_after": style not in _WITHOUT_RETRY_AFTER,
        "accounts": [_account(account, key_of(account)) for account in accounts],
        "models": {model.id: _model(model) for model in provider.models},
    }


def _account(account: AccountSpec, key: str) -> dict[str, Any]:
    organisation = {} if account.organisation is None else {"organisation": account.organisation}
    limits = [_limit(limit) for limit in account.limits if limit.metric is not Metric.COST]
    return {"id": account.id, "key": key, **organisation, "limits": limits}


def _limit(limit: LimitSpec) -> dict[str, Any]:
    """A limit as the simulator enforces it; money it does not count."""
    values: dict[str, Any] = {
        "metric": limit.metric.value,
        "amount": limit.amount,
        "window": str(limit.window),
        "zone": limit.window.zone,
        "scope": (LimitScope.ACCOUNT if limit.model else limit.scope).value,
    }
    return values if limit.model is None else values | {"model": limit.model}


def _model(model: ModelSpec) -> Mapping[str, Any]:
    return {
        "context": model.context_tokens,
        "max_output": model.max_output_tokens or 8_192,
        "first_token_ms": [_FIRST_TOKEN_MS, 0.0, 0.0],
        "tokens_per_s": [_TOKENS_PER_S, 0.0, 0.0],
        "output_tokens": [_OUTPUT_TOKENS, 0.0, 0.0],
        "thinks": "asked",
        "dimensions": _DIMENSIONS if model.embeds else 0,
    }
