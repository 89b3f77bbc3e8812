"""The ranking equals one that looks at every route by the formulas of DESIGN §4.3, written without shortcuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.counting import Tokenizer
from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.limits import LimitUse, Metric, WindowKind
from trunkline.domain.money import Price
from trunkline.domain.preferences import Config
from trunkline.domain.routes import AccountSpec, Billing, ModelSpec, Route
from trunkline.domain.state import AccountState, RouteState, RoutingState
from trunkline.domain.tasks import Tier
from trunkline.routing import RoutingAsk, compile_policy, decide

PROVIDERS = ("p", "q", "r", "s", "t", "u")
ACCOUNTS = ("a", "a1", "a10")
MODELS = ("m", "m/x", "n", "o")
SELECTORS = ["p", "q", "p/a1", "q/m/x", "r/n", "r/a10/n", "s/a", "n"]
WEIGHTS = {"balanced": (0.4, 0.3, 0.15, 0.1, 0.05, 0, 0), "health_first": (0, 0, 0, 0.3, 0, 0.2, 0.5)}

prices = st.sampled_from(
    [
        None,
        [0, 0],
        [1, 2],
        [1, 2, 0.1],
        [0.1, 0.5],
        [0.1, 0.5, 0.01],
        [3, 15],
        [1, 2, 0.1, 1.25],
        [3, 15, 0.3],
        {"input": 1, "output": 2, "bands": [[900, 4, 9]]},
        {"input": 1, "output": 2, "bands": [[1_000, 40, 90]]},
        {"input": 0, "output": 0, "bands": [[900, 1, 2]]},
        {"input": 1, "output": 2, "peaks": ["fri 10:00-14:00"], "peak_percent": 250},
        {"input": 1, "output": 2, "peaks": ["fri 12:01-14:00", "thu 12:00-13:00"], "peak_percent": 900},
    ]
)
models = st.fixed_dictionaries(
    {
        "context": st.sampled_from([1_200, 4_000, 128_000]),
        "price": prices,
        "quality": st.sampled_from([None, 0.2, 0.5, 0.5, 0.9]),
        "preference": st.sampled_from([None, 0, 50, 50, 80]),
        "can": st.sampled_from([[], ["tools"]]),
        "first_token_ms": st.sampled_from([None, 400.0]),
        "least_cached": st.sampled_from([500, 1_024, 4_096]),
        "tokenizer": st.sampled_from(["o200k", "o200k", "cl100k"]),
        "counting": st.sampled_from(["openai", "openai", "gemini"]),
    }
)
# What the prompt counts, where it is not the same for every model.
counts = st.sampled_from(
    [
        None,
        {"o200k": 900, "estimate": 900},
        {"o200k": {"openai": 900, "gemini": 900}, "cl100k": {"openai": 900, "gemini": 900}},
        {"o200k": {"openai": 600, "gemini": 1_100}, "estimate": {"openai": 800, "gemini": 950}},
        {"estimate": {"openai": 900, "gemini": 900}, "thinking": {"p": 300}},
    ]
)
accounts = st.lists(st.sampled_from(ACCOUNTS), min_size=1, unique=True).flatmap(
    lambda names: st.tuples(
        *(
            st.fixed_dictionaries(
                {
                    "id": st.just(name),
                    "billing": st.sampled_from(["credits", "credits", "free", "subscription"]),
                }
            )
            for name in names
        )
    )
)
pool_strategies = st.sampled_from(["round_robin", "least_used", "random", "priority", "soonest_reset"])
providers = st.dictionaries(
    st.sampled_from(PROVIDERS),
    st.fixed_dictionaries(
        {
            "accounts": accounts,
            "models": st.dictionaries(st.sampled_from(MODELS), models, min_size=2),
            "pool": pool_strategies,
        }
    ),
    min_size=2,
)
preferences = st.fixed_dictionaries(
    {
        "default": st.lists(st.sampled_from(SELECTORS), max_size=2, unique=True),
        "tasks": st.fixed_dictionaries(
            {
                "coding": st.fixed_dictionaries(
                    {
                        "prefer": st.lists(st.sampled_from(SELECTORS), max_size=4, unique=True),
                        "stated": st.booleans(),
                        "floor": st.sampled_from([0.0, 0.4]),
                    }
                )
            }
        ),
        "tiers": st.fixed_dictionaries(
            {
                "t1": st.sampled_from([{}, {"ceiling": 0.5}]),
                "t2": st.sampled_from([{}, {"ceiling": 0.5}, {"ceiling": 2}]),
                "t3": st.sampled_from([{}, {"ceiling": 2}]),
            }
        ),
        "rules": st.fixed_dictionaries(
            {
                "cheap_simple": st.booleans(),
                "prefer_free": st.booleans(),
                "off_peak_dearer": st.booleans(),
                "preserve_context": st.just(False),
            }
        ),
        "budget_day_usd": st.sampled_from([None, None, 10]),
        "learning": st.sampled_from([{}, {"enabled": False}, {"prior_weight": 4}]),
    }
)
limits = st.lists(
    st.fixed_dictionaries(
        {
            "metric": st.sampled_from(["requests", "total_tokens", "concurrency", "cost"]),
            "window": st.sampled_from(["60s", "day", "session:5h", "balance"]),
            "amount": st.sampled_from([1, 4_000, 10**10]),
            "used": st.sampled_from([0, 1, 2_000, 3_900, 5_000]),
            "model": st.sampled_from([None, None, "m", "n", "m*", "*/x"]),
            "resets_in_s": st.sampled_from([None, 60, 9_000]),
            "forecast": st.sampled_from([None, None, [0, 1], [3_000, 0.9], [3_000, 0.4], [100, 0.5]]),
        }
    ),
    max_size=3,
)
blocks = st.sampled_from(
    [None, None, None, {"until_s": 60}, {"until_s": -5}, {"until_s": 60, "half_open": True}]
)


verdicts = st.sampled_from([[30, 0], [0, 30], [2, 1], [0, 4]])


def conversations(routes: list[tuple[str, str, str]]) -> st.SearchStrategy[dict[str, Any] | None]:
    """One that may move, so that the ranking decides; its cache is warm or not."""
    warm = {"warm_s": st.sampled_from([60, 60, -1]), "cached": st.sampled_from([0, 600, 5_000])}
    route = st.sampled_from(routes).map("/".join)
    return st.none() | st.fixed_dictionaries({"route": route, **warm})


@st.composite
def cases(draw: st.DrawFn) -> tuple[Config, RoutingAsk, RoutingState]:
    config = build_config({"providers": draw(providers), "preferences": draw(preferences)})
    routes = [
        (provider.id, account.id, model.id)
        for provider in config.catalogue.providers
        for account in provider.accounts
        for model in provider.models
    ]
    known = draw(st.sets(st.sampled_from(routes), max_size=6))
    state: dict[str, Any] = {
        "mode": draw(
            st.sampled_from(["balanced", "health_first", "free_only", "cost_first", "quality_first"])
        ),
        "crisis": draw(st.sampled_from([[], [], ["simple_to_cheap"]])),
        "accounts": {
            f"{provider}/{account}": {
                "limits": draw(limits),
                "block": draw(blocks),
                "health": draw(st.sampled_from([100, 80, 30])),
            }
            for provider, account in sorted({route[:2] for route in routes})
            if draw(st.booleans())
        },
        "routes": {
            "/".join(route): {
                "block": draw(blocks),
                "health": draw(st.sampled_from([100, 50])),
                "success": draw(st.sampled_from([None, 1.0, 0.55])),
                "first_token_ms": draw(st.sampled_from([None, 900.0])),
            }
            for route in sorted(known)
        },
        "quality": {
            f"coding/{tier}": draw(st.dictionaries(st.sampled_from(MODELS), verdicts))
            for tier in ("t1", "t2")
        },
        "off_peak": draw(st.booleans()),
        "spent_usd": draw(st.sampled_from([0, 9.9999, 7])),
        "conversation": draw(conversations(routes)),
    }
    counted = draw(counts)
    if counted is not None and not isinstance(
        counted["estimate" if "estimate" in counted else "o200k"], dict
    ):
        counted = {name: {"openai": n, "gemini": n} for name, n in counted.items()}
    learned = draw(st.lists(st.sampled_from(routes), max_size=4))
    factor = st.sampled_from([0.7, 1.0, 1.5, 3.0])
    state["token_factors"] = {
        f"{p}/{m}": {"o200k": draw(factor), "estimate": draw(factor)} for p, _, m in learned
    }
    ask = build_ask(
        config,
        {
            "counted": counted,
            "input": draw(st.sampled_from([1_000, 1_030])) if counted is None else 990,
            "critical": draw(st.booleans()),
            "least_input": draw(st.sampled_from([0, 0, 0, 990])),
            "tier": draw(st.sampled_from(["t1", "t2"])),
            "needs": draw(st.sampled_from([[], ["tools"]])),
            "budget_usd": draw(st.sampled_from([0.0001, 0.01, 100])),
            "exhaustive": draw(st.booleans()),
        },
    )
    return config, ask, build_state(config, state)


@pytest.fixture(autouse=True, scope="module")
def _small_chunks() -> Iterator[None]:
    """So that catalogues of this size are left early too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trunkline.routing.decision._CHUNK", 4)
        patch.setattr("trunkline.routing.decision.LONGEST_RANKING", 5)
        yield


@settings(max_examples=120, deadline=None)
@given(cases())
def test_ranking_is_that_of_looking_at_every_route(case: tuple[Config, RoutingAsk, RoutingState]) -> None:
    config, ask, state = case
    expected = Brute(config, ask, state).ranking()
    decision = decide(ask, compile_policy(config), state)
    if not expected:
        assert isinstance(decision, NoRoute)
        return
    assert isinstance(decision, Decision)
    assert len(decision.ranking) == min(5, len(expected))
    keys = {route: key for key, route in Brute(config, ask, state).all_keys()}
    for place, ranked in enumerate(decision.ranking):
        route = (ranked.route.provider, ranked.route.account, ranked.route.model)
        assert ranked.score == pytest.approx(-keys[route][3])
        if place:  # the pool may give the first to another account of the same model
            assert keys[route][:3] == expected[place][0][:3]
            assert keys[route][3] == pytest.approx(expected[place][0][3])
    first = keys[expected[0][1]]
    rows = {
        route[::2] for key, route in expected if key[:3] == first[:3] and key[3] == pytest.approx(first[3])
    }
    assert (decision.route.provider, decision.route.model) in rows
    assert len({ranked.route for ranked in decision.ranking}) == len(decision.ranking)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_exhaustive_finds_the_same_twelve(case: tuple[Config, RoutingAsk, RoutingState]) -> None:
    config, ask, state = case
    policy = compile_policy(config)
    short = decide(replace(ask, exhaustive=False), policy, state)
    long = decide(replace(ask, exhaustive=True), policy, state)
    if isinstance(long, NoRoute):
        assert short == long
    else:
        assert isinstance(short, Decision)
        assert short.ranking == long.ranking
        assert (short.route, short.reason, short.rule) == (long.route, long.reason, long.rule)


Triple = tuple[str, str, str]


class Brute:
    """Every route, one after the other."""

    def __init__(self, config: Config, ask: RoutingAsk, state: RoutingState) -> None:
        self.config, self.ask, self.state = config, ask, state
        self.policy = config.preferences.tasks[0]
        self.usual, self.output = ask.task.input_tokens, ask.task.output_tokens
        self.models = [m for p in config.catalogue.providers for m in p.models]
        self.free_only = state.mode == "free_only"
        self.crisis = bool(state.crisis_steps) and ask.task.tier is Tier.T1 and not ask.task.critical

    def routes(self) -> list[tuple[AccountSpec, ModelSpec]]:
        return [(a, m) for p in self.config.catalogue.providers for a in p.accounts for m in p.models]

    def all_keys(self) -> list[tuple[tuple[Any, ...], Triple]]:
        able = [(a, m) for a, m in self.routes() if self.may(a, m)]
        led = any(self.order(a, m) == 0 for a, m in able)
        return [(self.key(a, m, led), (m.provider, a.id, m.id)) for a, m in able]

    def ranking(self) -> list[tuple[tuple[Any, ...], Triple]]:
        best: dict[tuple[str, str], tuple[tuple[Any, ...], Triple]] = {}
        for entry in self.all_keys():
            row = (entry[1][0], entry[1][2])
            best[row] = min(best.get(row, entry), entry)
        return sorted(best.values())

    def input(self, model: ModelSpec) -> int:
        counted = self.ask.task.counted
        if counted is None:
            return self.usual
        of_rule = {one.tokenizer: one.tokens for one in counted.totals if one.rule is model.counting}
        by = model.tokenizer if model.tokenizer in of_rule else Tokenizer.ESTIMATE
        factor = self.state.token_factors.get((model.provider, model.id), {}).get(by, 1.1)
        upper = ceil((of_rule[by] + dict(counted.thinking).get(model.provider, 0)) * factor)
        return max(upper, self.ask.task.least_input_tokens)

    # -- eligibility

    def uses(self, account: AccountSpec, model: ModelSpec) -> list[LimitUse]:
        state = self.state.accounts.get((account.provider, account.id))
        return [use for use in (state.limits if state else ()) if fnmatchcase(model.id, use.model or "*")]

    def claim(self, use: LimitUse, model: ModelSpec) -> int:
        tokens = self.input(model) + self.output
        return {Metric.TOTAL_TOKENS: tokens, Metric.COST: self.list_cost(model)}.get(use.metric, 1)

    def may(self, account: AccountSpec, model: ModelSpec) -> bool:
        state = self.account_state(account)
        blocks = (state.block, self.route_state(account, model).block)
        cost = self.cost(account, model)
        return not (
            any(block is not None and block.holds_at(self.state.now_ms) for block in blocks)
            or any(self.claim(use, model) > use.left for use in self.uses(account, model))
            or self.input(model) + self.output > model.context_tokens
            or not set(self.ask.task.needs) <= set(model.capabilities)
            or (self.free_only and cost > 0 and self.stated(account, model) is None)
            or (cost > 0 and self.ask.budget_pico is not None and cost > self.ask.budget_pico)
            or (cost > 0 and self.state.spent_day_pico + cost > self.day_pico)
        )

    @property
    def day_pico(self) -> int:
        budget_pico = self.config.preferences.budget_day_pico
        return 10**20 if budget_pico is None else budget_pico

    # -- sorting

    def account_state(self, account: AccountSpec) -> AccountState:
        found = self.state.accounts.get((account.provider, account.id))
        return found or AccountState(account.provider, account.id)

    def route_state(self, account: AccountSpec, model: ModelSpec) -> RouteState:
        for route, state in self.state.routes.items():
            if (route.provider, route.account, route.model) == (model.provider, account.id, model.id):
                return state
        return RouteState()

    def place(self, account: AccountSpec, model: ModelSpec, texts: tuple[str, ...]) -> int | None:
        selectors = [s for s in map(self.config.catalogue.select, texts) if s is not None]
        places = [i for i, s in enumerate(selectors) if s.matches(model.provider, account.id, model.id)]
        return places[0] if places else None

    def wished(self, account: AccountSpec, model: ModelSpec) -> int | None:
        if self.crisis or not self.policy.stated or not self.policy.prefer:
            return None
        return self.place(account, model, self.policy.prefer)

    def stated(self, account: AccountSpec, model: ModelSpec) -> int | None:
        return None if self.below(model) else self.wished(account, model)

    def named(self, account: AccountSpec, model: ModelSpec) -> bool:
        prefer = self.policy.prefer or self.config.preferences.default_prefer
        return self.place(account, model, prefer) is not None

    def quality(self, model: ModelSpec, unknown: float = 0.0) -> float:
        prior = unknown if model.quality_share is None else model.quality_share
        learning = self.config.preferences.learning
        found = self.state.quality[self.ask.task.type, self.ask.task.tier.value].get(model.id)
        if not learning.enabled or found is None:
            return prior
        weight = learning.prior_weight
        return (prior * weight + found.good) / (weight + found.good + found.bad)

    @property
    def floor(self) -> float:
        return 0.0 if self.crisis else self.policy.quality_floor

    def below(self, model: ModelSpec) -> bool:
        return self.quality(model, unknown=1.0) < self.floor

    def meets(self, model: ModelSpec) -> bool:
        return self.quality(model) >= self.floor

    def dear(self, account: AccountSpec, model: ModelSpec) -> bool:
        tier, preferences = self.ask.task.tier, self.config.preferences
        if preferences.rules.off_peak_dearer and self.state.off_peak and not self.ask.task.critical:
            tier = Tier.T2 if tier is Tier.T1 else Tier.T3
        policy = preferences.tier(tier)
        ceiling = None if policy is None else policy.ceiling_pico_per_token
        if ceiling is None or self.crisis or self.state.mode == "quality_first":
            return False
        if self.is_free(account, model) or self.named(account, model):
            return False
        blended = {m.id + m.provider: m.price for m in self.models}
        sums = {
            name: (3 * price.input + price.output) / 4
            for name, price in blended.items()
            if price.input is not None and price.output is not None
        }
        return sums.get(model.id + model.provider, max(sums.values(), default=0)) > ceiling

    def past_mark(self, account: AccountSpec, model: ModelSpec) -> bool:
        return any(
            min(1.0, use.used / use.amount) > 0.95
            for use in self.uses(account, model)
            if not use.window.paces_only and use.metric is not Metric.CONCURRENCY
        )

    def order(self, account: AccountSpec, model: ModelSpec) -> int:
        if self.past_mark(account, model):
            return 2
        return 1 if self.stated(account, model) is None else 0

    def key(self, account: AccountSpec, model: ModelSpec, led: bool) -> tuple[Any, ...]:
        order, stated = self.order(account, model), self.stated(account, model)
        below = self.below(model)
        behind = 1 + self.dear(account, model) + 2 * below
        wished = self.wished(account, model)
        lead = 0 if not below else 2**20 if wished is None else wished
        if stated is not None:
            behind, lead = 0, stated
        elif order == 1 and not led and self.favoured(account, model):
            behind, lead = 0, self.cost(account, model) if self.rule() == 1 else 0
        cost = self.cost(account, model)
        # Sums are rounded: two ways of adding the same terms may differ in the last place.
        return (order, behind, lead, -round(self.score(account, model), 12), cost, self.id(account, model))

    def id(self, account: AccountSpec, model: ModelSpec) -> str:
        return f"{model.provider}/{account.id}/{model.id}"

    def rule(self) -> int | None:
        rules = self.config.preferences.rules
        if self.crisis:
            return 1
        if self.state.mode == "quality_first":
            return None
        if rules.cheap_simple and self.ask.task.tier is Tier.T1:
            return 1
        if self.state.spent_day_pico > 0.8 * self.day_pico and not self.ask.task.critical:
            return 1
        if self.state.mode == "cost_first":
            return 1
        return 3 if rules.prefer_free else None

    def favoured(self, account: AccountSpec, model: ModelSpec) -> bool:
        if not self.meets(model):
            return False
        if self.rule() == 3:
            free = model.price.is_free or account.billing is Billing.FREE
            return free and self.health(account, model) > 80
        return self.rule() == 1

    def health(self, account: AccountSpec, model: ModelSpec) -> int:
        return min(self.account_state(account).health, self.route_state(account, model).health)

    # -- terms

    def parts(self, model: ModelSpec) -> tuple[int, int]:
        """Of input and of output, cold."""
        tokens = self.input(model)
        price = model.price.at(tokens, self.state.now_ms)
        if price.input is not None and price.output is not None:
            return tokens * self.fresh(price, tokens, model.cache.least_tokens), self.output * price.output
        known = [m.price.at(self.usual, self.state.now_ms) for m in self.models]
        inputs = [self.fresh(price, self.usual) for price in known if price.input is not None]
        outputs = [price.output for price in known if price.output is not None]
        if not inputs or not outputs:
            return self.reference_parts()
        return self.usual * max(inputs), self.output * max(outputs)

    def fresh(self, price: Price, tokens: int, least: int = 1_024) -> int:
        return price.written if price.written is not None and tokens >= least else price.input or 0

    def list_cost(self, model: ModelSpec) -> int:
        return sum(self.parts(model))

    def is_free(self, account: AccountSpec, model: ModelSpec) -> bool:
        return model.price.is_free or account.billing in (Billing.FREE, Billing.SUBSCRIPTION)

    def cost(self, account: AccountSpec, model: ModelSpec) -> int:
        if self.is_free(account, model):
            return 0
        paid, output = self.parts(model)
        conversation, price = self.state.conversation, model.price.at(self.input(model), self.state.now_ms)
        if (
            conversation is not None
            and self.state.now_ms < conversation.cache_warm_until_ms
            and conversation.route == Route(account.provider, account.id, model.id)
            and price.input is not None
            and price.output is not None
        ):
            held = min(conversation.cached_tokens, self.input(model))
            cached = price.input if price.cached is None else price.cached
            fresh = self.fresh(price, self.input(model), model.cache.least_tokens)
            paid = held * cached + (self.input(model) - held) * fresh
        share = self.route_state(account, model).success_share
        return paid + output + (0 if share is None else int((1.0 - share) * paid))

    def reference_parts(self) -> tuple[int, int]:
        price = compile_policy(self.config).reference_price.at(self.usual, self.state.now_ms)
        return self.usual * self.fresh(price, self.usual), self.output * (price.output or 0)

    def reference(self) -> int:
        return sum(self.reference_parts())

    def score(self, account: AccountSpec, model: ModelSpec) -> float:
        weights = WEIGHTS.get(self.state.mode, WEIGHTS["balanced"])
        if self.state.mode == "quality_first":
            weights = (0.2, 0.2, 0.05, 0.05, 0.5, 0, 0)
        if self.state.mode == "cost_first":
            weights = (0.2, 0.2, 0.05, 0.5, 0.05, 0, 0)
        return sum(w * t for w, t in zip(weights, self.terms(account, model), strict=True))

    def terms(self, account: AccountSpec, model: ModelSpec) -> tuple[float, ...]:
        prefer = self.policy.prefer or self.config.preferences.default_prefer
        place = self.place(account, model, prefer)
        preference = (model.preference or 0) / 100 if place is None else max(0.2, 1 - 0.2 * place)
        quota = min([1.0, *(self.quota(use, model) for use in self.uses(account, model))])
        context = min(1.0, model.context_tokens / (4 * (self.input(model) + self.output)))
        cost, reference = self.cost(account, model), self.reference()
        cheap = 1.0 if cost == 0 else 1 / (1 + cost / reference) if reference else 0.0
        first_ms = self.route_state(account, model).first_token_ms or model.first_token_ms
        speed = 1 / (1 + ((first_ms or 1_000) + 1_000 * self.output / 60) / 4_000)
        health = self.health(account, model) / 100
        return (preference, quota, context, cheap, self.quality(model), speed, health)

    def quota(self, use: LimitUse, model: ModelSpec) -> float:
        needed, window_ms = 1.0, use.window.nominal_ms
        if use.forecast is not None and use.forecast.confidence >= 0.5 and window_ms is not None:
            allowances_a_window = use.forecast.burn_per_hour * window_ms / 3_600_000 / use.amount
            needed = max(allowances_a_window, (1 + allowances_a_window) / 2)
        renews = use.window.kind in (WindowKind.CALENDAR, WindowKind.SESSION)
        if renews and use.resets_at_ms is not None and window_ms is not None:
            needed *= min(1.0, (use.resets_at_ms - self.state.now_ms) / window_ms)
        return min(1.0, (use.left - self.claim(use, model)) / use.amount / needed)
