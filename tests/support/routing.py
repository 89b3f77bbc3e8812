"""Small configurations and states for routing, written as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.clock import START_MS

from trunkline.domain.caching import PromptCache
from trunkline.domain.carried import Carried, Thinking
from trunkline.domain.counting import Counted, CountingRule, PromptCount, Tokenizer
from trunkline.domain.crisis import CrisisStep
from trunkline.domain.decisions import Pin, PinScope
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.learned import Verdicts
from trunkline.domain.limits import FigureSource, Forecast, LimitScope, LimitUse, Metric, Window, limit_key
from trunkline.domain.money import PeakHours, Price, PriceBand, pico_from_usd, pico_per_token
from trunkline.domain.preferences import (
    BudgetMode,
    Config,
    EnvironmentOverride,
    LearningPolicy,
    Mode,
    Preferences,
    QualityMode,
    RoleOverride,
    Rules,
    TaskPolicy,
    Thresholds,
    TierPolicy,
    Weights,
)
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Capability,
    Catalogue,
    KeyRef,
    KeySource,
    ModelSpec,
    PoolStrategy,
    Prefill,
    ProviderSpec,
    Quirks,
    Route,
    Selector,
    ToolIds,
)
from trunkline.domain.state import AccountState, Block, ConversationState, RouteState, RoutingState
from trunkline.domain.tasks import Priority, Task, Tier
from trunkline.routing import RoutingAsk

Data = Mapping[str, Any]
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

MODES = (
    Mode("balanced"),
    Mode("free_only", BudgetMode.FREE_ONLY),
    Mode("cost_first", BudgetMode.COST_FIRST),
    Mode("quality_first", BudgetMode.QUALITY_FIRST, QualityMode.MAX_QUALITY),
    Mode("max_speed", quality=QualityMode.MAX_SPEED),
    Mode("max_context", quality=QualityMode.MAX_CONTEXT),
    Mode("health_first"),
)
WEIGHTS = (
    ("balanced", Weights(preference=0.40, quota=0.30, context=0.15, cost=0.10, quality=0.05)),
    ("health_first", Weights(health=0.5, cost=0.3, speed=0.2)),
)


def build_config(data: Data) -> Config:
    """`providers` by id, `preferences`; a price is `[input, output, cached, written]` in USD per million tokens, the
    last two if there are any, or a table with `bands` (`[above, input, output]`) and `peaks` (`fri 10:00-14:00`, UTC)
    at `peak_percent`. A tier's `ceiling` is blended USD per million tokens."""
    catalogue = Catalogue(tuple(_provider(name, given) for name, given in data["providers"].items()))
    return Config("test", catalogue, _preferences(data.get("preferences", {})))


def _provider(name: str, given: Data) -> ProviderSpec:
    billing = Billing(given.get("billing", "credits"))
    return ProviderSpec(
        id=name,
        protocol="openai",
        base_url="http://127.0.0.1",
        pool=PoolStrategy(given.get("pool", "round_robin")),
        billing=billing,
        accounts=tuple(_account(name, account, billing) for account in given.get("accounts", ["main"])),
        quirks=Quirks(tool_ids=ToolIds(given.get("tool_ids", "any"))),
        models=tuple(_model(name, model, spec) for model, spec in given["models"].items()),
    )


def _account(provider: str, given: str | Data, billing: Billing) -> AccountSpec:
    spec: Data = {"id": given} if isinstance(given, str) else given
    return AccountSpec(
        provider=provider,
        id=spec["id"],
        key=KeyRef(KeySource.ENV, f"{provider.upper()}_KEY"),
        billing=Billing(spec.get("billing", billing)),
        has_key=spec.get("has_key", True),
        enabled=spec.get("enabled", True),
    )


def _model(provider: str, model: str, given: Data) -> ModelSpec:
    return ModelSpec(
        provider=provider,
        id=model,
        context_tokens=given.get("context", 128_000),
        max_output_tokens=given.get("max_output"),
        price=_price(given.get("price")),
        quality_share=given.get("quality"),
        preference=given.get("preference"),
        capabilities=tuple(Capability(name) for name in given.get("can", [])),
        retired_on=given.get("retired_on"),
        successor=given.get("successor"),
        first_token_ms=given.get("first_token_ms"),
        tokens_per_s=given.get("tokens_per_s"),
        tokenizer=Tokenizer(given.get("tokenizer", "o200k")),
        counting=CountingRule(given.get("counting", "openai")),
        prefill=Prefill(given.get("prefill", "none")),
        cache=PromptCache(round(60_000 * given.get("cache_minutes", 5)), given.get("least_cached", 1_024)),
    )


def _price(given: Sequence[float] | Data | None) -> Price:
    if given is None:
        return Price()
    if not isinstance(given, Mapping):
        return Price(*(pico_per_token(part) for part in given))
    bands = (
        PriceBand(above, pico_per_token(price_input), pico_per_token(price_output))
        for above, price_input, price_output in given.get("bands", [])
    )
    return Price(
        pico_per_token(given["input"]),
        pico_per_token(given["output"]),
        bands=tuple(bands),
        peaks=tuple(map(_peak, given.get("peaks", []))),
        peak_percent=given.get("peak_percent", 100),
    )


def _peak(text: str) -> PeakHours:
    day, hours = text.split()
    minutes = (60 * int(at[:2]) + int(at[3:]) for at in hours.split("-"))
    return PeakHours((_WEEKDAYS.index(day),), *minutes)


def _preferences(given: Data) -> Preferences:
    weights = {
        **dict(WEIGHTS),
        **{name: Weights(**parts) for name, parts in given.get("weights", {}).items()},
    }
    budget_usd = given.get("budget_day_usd")
    return Preferences(
        modes=MODES,
        default_prefer=tuple(given.get("default", ())),
        default_stated=given.get("default_stated", False),
        tasks=tuple(
            TaskPolicy(
                name,
                tuple(task.get("prefer", ())),
                task.get("stated", False),
                quality_floor=task.get("floor", 0.0),
            )
            for name, task in given.get("tasks", {}).items()
        ),
        tiers=tuple(
            TierPolicy(
                Tier(name),
                tuple(tier.get("prefer", ())),
                tier.get("stated", False),
                pico_per_token(tier["ceiling"]) if "ceiling" in tier else None,
                tier.get("floor"),
                tier.get("emergency"),
                tier.get("pauses", False),
            )
            for name, tier in given.get("tiers", {}).items()
        ),
        roles=tuple(
            RoleOverride(
                name,
                tuple(role["tasks"]),
                Tier(role["tier"]),
                tuple(role["prefer"]),
                role.get("stated", False),
            )
            for name, role in given.get("roles", {}).items()
        ),
        overrides=tuple(
            EnvironmentOverride(target, selector, f"TRUNKLINE_ROUTE_{target.upper()}")
            for target, selector in given.get("overrides", {}).items()
        ),
        budget_lists=tuple((BudgetMode(k), tuple(v)) for k, v in given.get("budget_lists", {}).items()),
        quality_lists=tuple((QualityMode(k), tuple(v)) for k, v in given.get("quality_lists", {}).items()),
        weights=tuple(weights.items()),
        budget_day_pico=None if budget_usd is None else pico_from_usd(budget_usd),
        quality_floor=given.get("floor", 0.0),
        thresholds=Thresholds(**given.get("thresholds", {})),
        rules=Rules(**given.get("rules", {"cheap_simple": False, "prefer_free": False})),
        learning=LearningPolicy(**given.get("learning", {})),
    )


def parse_selector(config: Config, text: str) -> Selector:
    """A selector that must name something known."""
    selector = config.catalogue.select(text)
    assert selector is not None, text
    return selector


def parse_route(config: Config, text: str) -> Route:
    """A full route id."""
    selector = parse_selector(config, text)
    assert selector.provider is not None, text
    assert selector.account is not None, text
    assert selector.model is not None, text
    return Route(selector.provider, selector.account, selector.model)


def config_model(config: Config, text: str) -> tuple[str, str]:
    """`provider/model` of a model that there is."""
    provider, _, model = text.partition("/")
    assert config.catalogue.model(provider, model) is not None, text
    return provider, model


def build_ask(config: Config, data: Data) -> RoutingAsk:
    """`type`, `tier`, `input`, `output`, `needs`; `counted` (see `_counted`), `least_input`, `carried`;
    `pin`, `prefer`, `avoid`, `failed`, `after`, `budget_usd`; `may_wait_s`, in seconds from now."""
    complexity = data.get("complexity", {"t1": 0.1, "t2": 0.5, "t3": 0.9}[data.get("tier", "t2")])
    task = Task(
        type=data.get("type", "coding"),
        type_confidence=data.get("confidence", 0.9),
        complexity=complexity,
        tier=Tier(data.get("tier", "t2")),
        input_tokens=data.get("input", 1_000),
        output_tokens=data.get("output", 500),
        priority=Priority.MEDIUM,
        critical=data.get("critical", False),
        needs=tuple(Capability(name) for name in data.get("needs", [])),
        counted=_counted(data.get("counted")),
        least_input_tokens=data.get("least_input", 0),
        carried=_carried(data.get("carried")),
    )
    budget_usd = data.get("budget_usd")
    return RoutingAsk(
        task,
        selector=parse_selector(config, data["pin"]) if "pin" in data else None,
        prefer=tuple(parse_selector(config, text) for text in data.get("prefer", [])),
        avoid=tuple(parse_selector(config, text) for text in data.get("avoid", [])),
        failed=frozenset(parse_route(config, text) for text in data.get("failed", [])),
        after=parse_route(config, data["after"]) if "after" in data else None,
        budget_pico=None if budget_usd is None else pico_from_usd(budget_usd),
        exhaustive=data.get("exhaustive", False),
        may_wait_until_ms=START_MS + 1000 * data["may_wait_s"] if "may_wait_s" in data else None,
    )


def _carried(given: Data | None) -> Carried | None:
    """`thinking`: a list of `[provider, model, turns]`, signed; `tool_calls`, `system_messages`, `begun`."""
    if given is None:
        return None
    return Carried(
        thinking=tuple(Thinking(*of, signed=True) for of in given.get("thinking", ())),
        tool_calls=given.get("tool_calls", 0),
        system_messages=given.get("system_messages", 0),
        begun=given.get("begun", False),
    )


def _counted(given: Data | None) -> PromptCount | None:
    """A table of totals by tokenizer, for the OpenAI rule or by rule; `thinking` by provider."""
    if given is None:
        return None
    totals = []
    for name, tokens in given.items():
        if name != "thinking":
            by_rule = tokens if isinstance(tokens, Mapping) else {"openai": tokens}
            totals += [Counted(Tokenizer(name), CountingRule(rule), n) for rule, n in by_rule.items()]
    return PromptCount(tuple(totals), tuple(given.get("thinking", {}).items()))


def build_state(config: Config, data: Data) -> RoutingState:
    """Times are seconds from now: `block_s`, `resets_in_s`, `until_s`. `limits` are `[metric, window, amount,
    used]` with an optional model, reset and `forecast` (`[burn per hour, confidence]`). `crisis` are the steps in
    force, `override` what is forced. `token_factors` are tables by tokenizer, by `provider/model`. `quality` is
    `[good, bad]` by model, by `task type/tier`."""
    now_ms = START_MS
    accounts = {}
    for text, given in data.get("accounts", {}).items():
        provider, account = text.split("/")
        accounts[provider, account] = AccountState(
            provider,
            account,
            limits=tuple(_use(provider, account, limit, now_ms) for limit in given.get("limits", [])),
            block=_block(text, FaultScope.ACCOUNT, given.get("block"), now_ms),
            health=given.get("health", 100),
            in_flight=given.get("in_flight", 0),
            concurrency=given.get("concurrency"),
            elsewhere=given.get("elsewhere", 0),
            at_most=given.get("concurrency"),
            last_used_ms=given.get("last_used_ms", 0),
        )
    routes = {
        parse_route(config, text): RouteState(
            block=_block(text, FaultScope.MODEL, given.get("block"), now_ms),
            health=given.get("health", 100),
            success_share=given.get("success"),
            first_token_ms=given.get("first_token_ms"),
            tokens_per_s=given.get("tokens_per_s"),
        )
        for text, given in data.get("routes", {}).items()
    }
    blocks = {
        name: block
        for name, given in data.get("blocks", {}).items()
        if (block := _block(name, FaultScope.PROVIDER, given, now_ms)) is not None
    }
    return RoutingState(
        now_ms,
        accounts=accounts,
        routes=routes,
        providers=blocks,
        cursors=data.get("cursors", {}),
        mode=data.get("mode", "balanced"),
        pin=_pin(config, data.get("pin"), now_ms),
        conversation=_conversation(config, data.get("conversation"), now_ms),
        spent_day_pico=pico_from_usd(data.get("spent_usd", 0)),
        draw=data.get("draw", 0.0),
        crisis_steps=tuple(CrisisStep(step) for step in data.get("crisis", ())),
        override=parse_selector(config, data["override"]) if "override" in data else None,
        quality={
            (text.split("/")[0], text.split("/")[1]): {
                model: Verdicts(*counts) for model, counts in models.items()
            }
            for text, models in data.get("quality", {}).items()
        },
        off_peak=data.get("off_peak", False),
        explore_draw=data.get("explore_draw", 1.0),
        token_factors={
            (text.split("/", 1)[0], text.split("/", 1)[1]): {
                Tokenizer(one): by for one, by in factors.items()
            }
            for text, factors in data.get("token_factors", {}).items()
        },
    )


def _use(provider: str, account: str, given: Sequence[Any] | Data, now_ms: int) -> LimitUse:
    limit: Data = (
        given
        if isinstance(given, Mapping)
        else dict(zip(("metric", "window", "amount", "used"), given, strict=True))
    )
    metric, window, model = Metric(limit["metric"]), Window.parse(limit["window"]), limit.get("model")
    resets_in_s = limit.get("resets_in_s")
    return LimitUse(
        key=limit_key(provider=provider, owner=account, model=model, metric=metric, window=window),
        metric=metric,
        window=window,
        scope=LimitScope.MODEL if model else LimitScope.ACCOUNT,
        model=model,
        amount=limit["amount"],
        used=limit["used"],
        resets_at_ms=None if resets_in_s is None else now_ms + round(resets_in_s * 1000),
        source=FigureSource.CONFIGURED,
        as_of_ms=now_ms,
        forecast=_forecast(limit.get("forecast")),
    )


def _forecast(given: Sequence[float] | None) -> Forecast | None:
    return None if given is None else Forecast(given[0], None, given[1])


def _block(target: str, scope: FaultScope, given: Data | None, now_ms: int) -> Block | None:
    if given is None:
        return None
    until_s = given.get("until_s")
    return Block(
        target,
        scope,
        FaultKind(given.get("kind", "overloaded")),
        code=given.get("code", "503"),
        message=given.get("message", ""),
        since_ms=now_ms + round(given.get("since_s", -1) * 1000),
        until_ms=None if until_s is None else now_ms + round(until_s * 1000),
        half_open=given.get("half_open", False),
        failures=given.get("failures", 1),
    )


def _pin(config: Config, given: Data | None, now_ms: int) -> Pin | None:
    if given is None:
        return None
    until_s = given.get("until_s")
    until_ms = None if until_s is None else now_ms + round(until_s * 1000)
    return Pin(parse_selector(config, given["selector"]), PinScope.EVERYTHING, until_ms)


def _conversation(config: Config, given: Data | None, now_ms: int) -> ConversationState | None:
    if given is None:
        return None
    return ConversationState(
        "c",
        parse_route(config, given["route"]),
        tokens=given.get("tokens", 10_000),
        task_type=given.get("type", "coding"),
        tier=given.get("tier", "t2"),
        cache_warm_until_ms=now_ms + round(given.get("warm_s", 0) * 1000),
        home=parse_route(config, given["home"]) if "home" in given else None,
        cached_tokens=given.get("cached", 0),
        turns=given.get("turns", 1),
        turns_left=given.get("turns_left", 0.0),
        cached_share=given.get("cached_share", 1.0),
        turn_tokens=given.get("turn_tokens", 0),
        pause_ms=round(given.get("pause_s", 0) * 1000),
        left=tuple(config_model(config, text) for text in given.get("left", ())),
        cache_is_used=given.get("cache_is_used", False),
    )
