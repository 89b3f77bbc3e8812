"""What providers tell of an account or of themselves beside their protocol: balances, quotas, windows of local
servers. Each style has its own paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trunkline.simulator.description import Account, Provider

Teller = Callable[[Provider, Account], Any]

_RESETS_AT_MS = 1_795_219_200_000
_HOUR_MS = 3_600_000


def tell(provider: Provider, account: Account, method: str, path: str) -> Any:
    """The reply of `provider` to a question about `account` or itself; None where that path is no such question."""
    for (asked_method, ending), teller in _TELLERS.get(provider.style, {}).items():
        if method == asked_method and (path == ending or path.endswith(f"/{ending}")):
            return teller(provider, account)
    return None


def _openrouter_key(provider: Provider, account: Account) -> Any:
    data = {
        "label": account.id,
        "limit": provider.balance,
        "limit_remaining": provider.balance,
        "limit_reset": None,
        "usage": 0.25,
        "usage_daily": 0.0,
        "usage_weekly": 0.1,
        "usage_monthly": 0.25,
        "is_free_tier": False,
        "expires_at": None,
        "rate_limit": {"requests": -1, "interval": "10s"},
        "free_model_daily_requests": {"used": 3, "limit": 1000, "remaining": 997},
    }
    return {"data": data}


def _openrouter_credits(provider: Provider, account: Account) -> Any:
    return {"data": {"total_credits": provider.balance + 0.25, "total_usage": 0.25}}


def _moonshot_balance(provider: Provider, account: Account) -> Any:
    money = {"available_balance": provider.balance, "voucher_balance": 0.0, "cash_balance": provider.balance}
    return {"code": 0, "data": money, "scode": "0x0", "status": True}


def _deepseek_balance(provider: Provider, account: Account) -> Any:
    money = f"{provider.balance:.2f}"
    info = {"currency": "USD", "total_balance": money, "granted_balance": "0.00", "topped_up_balance": money}
    return {"is_available": provider.balance > 0, "balance_infos": [info]}


def _zai_quota(provider: Provider, account: Account) -> Any:
    windows = [
        {"type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": 20, "nextResetTime": _RESETS_AT_MS},
        {"type": "TOKENS_LIMIT", "unit": 6, "number": 1, "percentage": 35, "nextResetTime": _RESETS_AT_MS},
        {"type": "TIME_LIMIT", "unit": 5, "number": 1, "percentage": 1, "nextResetTime": _RESETS_AT_MS},
    ]
    return {"code": 200, "msg": "ok", "success": True, "data": {"limits": windows, "level": "pro"}}


def _minimax_remains(provider: Provider, account: Account) -> Any:
    entry = {
        "model_name": "MiniMax-M*",
        "start_time": _RESETS_AT_MS - 5 * _HOUR_MS,
        "end_time": _RESETS_AT_MS,
        "current_interval_remaining_percent": 80,
        "current_weekly_remaining_percent": 65,
        "weekly_end_time": _RESETS_AT_MS,
    }
    return {"model_remains": [entry], "base_resp": {"status_code": 0, "status_msg": "success"}}


def _first_window(provider: Provider) -> int:
    return next((model.context_tokens for model in provider.models.values()), 0)


def _llamacpp_props(provider: Provider, account: Account) -> Any:
    return {"default_generation_settings": {"n_ctx": _first_window(provider)}, "total_slots": 1}


def _ollama_running(provider: Provider, account: Account) -> Any:
    models = provider.models.values()
    return {"models": [{"name": m.id, "model": m.id, "context_length": m.context_tokens} for m in models]}


def _ollama_tags(provider: Provider, account: Account) -> Any:
    return {"models": [{"name": model.id, "model": model.id} for model in provider.models.values()]}


def _ollama_show(provider: Provider, account: Account) -> Any:
    return {"model_info": {"sim.context_length": _first_window(provider), "general.architecture": "sim"}}


def _lmstudio_models(provider: Provider, account: Account) -> Any:
    data = [
        {
            "id": model.id,
            "object": "model",
            "type": "llm",
            "state": "loaded",
            "max_context_length": model.context_tokens,
            "loaded_context_length": model.context_tokens,
        }
        for model in provider.models.values()
    ]
    return {"object": "list", "data": data}


def _version(provider: Provider, account: Account) -> Any:
    return {"version": "0.19.0"}


_TELLERS: Mapping[str, Mapping[tuple[str, str], Teller]] = {
    "openrouter": {("GET", "v1/key"): _openrouter_key, ("GET", "v1/credits"): _openrouter_credits},
    "moonshot": {("GET", "users/me/balance"): _moonshot_balance},
    "deepseek": {("GET", "user/balance"): _deepseek_balance},
    "zai": {("GET", "api/monitor/usage/quota/limit"): _zai_quota},
    "minimax": {
        ("GET", "v1/token_plan/remains"): _minimax_remains,
        ("GET", "v1/api/openplatform/coding_plan/remains"): _minimax_remains,
    },
    "llamacpp": {
        ("GET", "props"): _llamacpp_props,
        ("GET", "health"): lambda provider, account: {"status": "ok"},
    },
    "ollama": {
        ("GET", "api/ps"): _ollama_running,
        ("GET", "api/tags"): _ollama_tags,
        ("POST", "api/show"): _ollama_show,
        ("GET", "api/version"): _version,
    },
    "lmstudio": {("GET", "api/v0/models"): _lmstudio_models},
    "vllm": {("GET", "version"): _version, ("GET", "health"): lambda provider, account: {}},
}
