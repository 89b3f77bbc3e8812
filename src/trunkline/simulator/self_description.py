"""What providers tell of an account or of themselves beside their protocol: balances, quotas, windows of local
servers. Each style has its own paths. Of a plan's windows that the account is held to, its true use is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from trunkline.simulator.allowance import Allowances
from trunkline.simulator.description import Account, Provider

T = TypeVar("T")
Teller = Callable[[Provider, Account], Any]
PlanTeller = Callable[["Plan"], Any]

_HOUR_MS = 3_600_000
_FIVE_HOURS_MS, _WEEK_MS = 5 * _HOUR_MS, 7 * 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan's endpoint tells of one account."""

    account: Account
    allowances: Allowances
    now_ms: int

    def window(self, length_ms: int, usual_percent: int) -> tuple[int, int | None]:
        """The used percent of windows of that length, and when they reset (wall ms; None: not begun). Of one that
        nobody is held to it is `usual_percent`, until the next whole multiple of its length."""
        standing = self.allowances.of_plan(self.account, length_ms)
        if standing is None:
            return usual_percent, (self.now_ms // length_ms + 1) * length_ms
        used = standing.amount - standing.remaining
        resets_at_ms = round(standing.resets_at_ms)
        return 100 * used // max(1, standing.amount), resets_at_ms if resets_at_ms > self.now_ms else None


def is_asked(provider: Provider, method: str, path: str) -> bool:
    """Whether that path is such a question to `provider`."""
    known = _found(_TELLERS, provider, method, path) or _found(_PLAN_TELLERS, provider, method, path)
    return known is not None


def tell(provider: Provider, method: str, path: str, plan: Plan) -> Any:
    """The reply of `provider` to a question about the plan's account or itself; None where that path is no such
    question."""
    teller = _found(_TELLERS, provider, method, path)
    if teller is not None:
        return teller(provider, plan.account)
    of_plan = _found(_PLAN_TELLERS, provider, method, path)
    return None if of_plan is None else of_plan(plan)


def _found(
    tellers: Mapping[str, Mapping[tuple[str, str], T]], provider: Provider, method: str, path: str
) -> T | None:
    for (asked_method, ending), teller in tellers.get(provider.style, {}).items():
        if method == asked_method and (path == ending or path.endswith(f"/{ending}")):
            return teller
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


def _zai_quota(plan: Plan) -> Any:
    short, week = plan.window(_FIVE_HOURS_MS, 20), plan.window(_WEEK_MS, 35)
    windows = [
        {"type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": short[0], "nextResetTime": short[1]},
        {"type": "TOKENS_LIMIT", "unit": 6, "number": 1, "percentage": week[0], "nextResetTime": week[1]},
        {"type": "TIME_LIMIT", "unit": 5, "number": 1, "percentage": 1, "nextResetTime": week[1]},
    ]
    return {"code": 200, "msg": "ok", "success": True, "data": {"limits": windows, "level": "pro"}}


def _minimax_remains(plan: Plan) -> Any:
    short, week = plan.window(_FIVE_HOURS_MS, 20), plan.window(_WEEK_MS, 35)
    ends_at_ms = short[1] or plan.now_ms + _FIVE_HOURS_MS
    entry = {
        "model_name": "MiniMax-M*",
        "start_time": ends_at_ms - _FIVE_HOURS_MS,
        "end_time": ends_at_ms,
        "current_interval_remaining_percent": 100 - short[0],
        "current_weekly_remaining_percent": 100 - week[0],
        "weekly_end_time": week[1] or plan.now_ms + _WEEK_MS,
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

_PLAN_TELLERS: Mapping[str, Mapping[tuple[str, str], PlanTeller]] = {
    "zai": {("GET", "api/monitor/usage/quota/limit"): _zai_quota},
    "minimax": {
        ("GET", "v1/token_plan/remains"): _minimax_remains,
        ("GET", "v1/api/openplatform/coding_plan/remains"): _minimax_remains,
    },
}
