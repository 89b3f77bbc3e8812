"""The shape of providers.toml and preferences.toml, checked by pydantic. Only this room sees these types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from trunkline.config.fields import (
    MOST_USD,
    Amount,
    BillingText,
    BodyFields,
    BudgetText,
    CapabilityText,
    Count,
    Day,
    EchoText,
    Headers,
    Hour,
    HoursText,
    Id,
    KeyReference,
    LocalServerText,
    MetricText,
    Percent,
    PoolText,
    PrefillText,
    PriorityText,
    QualityText,
    ScopeText,
    Seconds,
    SelfReportText,
    Share,
    Table,
    Text,
    ThinkingText,
    TierText,
    ToolIdsText,
    Url,
    Usd,
    Variable,
    Weight,
    WindowText,
    Zone,
    doc,
)
from trunkline.domain.limits import Metric
from trunkline.domain.preferences import BudgetMode, QualityMode
from trunkline.domain.routes import (
    Billing,
    LocalServer,
    PoolStrategy,
    Prefill,
    ReasoningEcho,
    SelfReport,
    ThinkingControl,
    ToolIds,
)
from trunkline.domain.tasks import Priority


class BandTable(Table):
    tokens: Count = doc("input tokens above which these prices hold for the whole call")
    input: Usd = doc("USD per million input tokens")
    output: Usd = doc("USD per million output tokens")
    cached: Usd | None = doc("USD per million input tokens read from the provider's cache", None)
    written: Usd | None = doc("USD per million input tokens written to the provider's cache", None)


class PriceTable(Table):
    input: Usd | None = doc("USD per million input tokens", None)
    output: Usd | None = doc("USD per million output tokens", None)
    cached: Usd | None = doc("USD per million input tokens read from the provider's cache", None)
    written: Usd | None = doc("USD per million input tokens written to the provider's cache", None)
    above: list[BandTable] = doc("prices of longer inputs, by rising numbers of tokens", [])

    @model_validator(mode="after")
    def _rises(self) -> PriceTable:
        tokens = [band.tokens for band in self.above]
        if tokens != sorted(set(tokens)):
            raise ValueError("bands by rising numbers of tokens, none twice")
        return self


class PeakTable(Table):
    percent: Annotated[int, Field(ge=1, le=10_000)] = doc(
        "percent of the price that is charged in these hours"
    )
    hours: list[HoursText] = doc('hours of the week in UTC, such as "Mon-Fri 06:00-10:00"')


class LimitTable(Table):
    metric: MetricText = doc("what is counted")
    amount: Amount = doc("how much of it is allowed; USD where the metric is cost")
    window: WindowText = doc("how it renews: 60s, day, week, month, session:5h, balance", "balance")
    scope: ScopeText | None = doc("what shares it: account, model (each by itself) or organisation", None)
    model: Text | None = doc("the model that it applies to; with a * in it, the models that share it", None)

    @model_validator(mode="after")
    def _amount_fits(self) -> LimitTable:
        if self.metric is Metric.COST and self.amount > MOST_USD:
            raise ValueError(f"an amount of at most {MOST_USD} USD")
        return self


class ModelTable(Table):
    context: Count = doc("input window in tokens")
    max_output: Count | None = doc("most tokens of one answer", None)
    price: PriceTable = doc("prices in USD per million tokens", PriceTable())
    peak: PeakTable | None = doc("hours in which it costs more, in place of the provider's", None)
    quality: Usd | None = doc("score on the catalogue's one scale", None)
    preference: Percent | None = doc("0 to 100, counts where no list names the model", None)
    capabilities: list[CapabilityText] = doc("what it takes or gives beyond text", [])
    tags: list[Text] = doc("free words", [])
    prefill: PrefillText = doc("how it continues an answer already begun", Prefill.NONE)
    temperature: bool = doc("whether it accepts a temperature", True)
    thinking: ThinkingText = doc("how a request says how long it should think", ThinkingControl.NONE)
    retired_on: Day | None = doc("day from which it is no longer served", None)
    successor: Text | None = doc("the model of the same provider that takes its place", None)
    first_token_ms: Usd | None = doc("usual wait for the first token, until it is measured", None)
    tokens_per_s: Usd | None = doc("usual speed, until it is measured", None)
    enabled: bool = doc("false takes the model out of the catalogue", True)


class RetiredTable(Table):
    on: Day = doc("day from which it was no longer served")
    successor: Text | None = doc("the model of the same provider that took its place", None)


class AccountTable(Table):
    id: Id = doc("name of the account")
    key: KeyReference = doc("where its key is: env:NAME, ${NAME} or none")
    billing: BillingText | None = doc("how it is paid for, where it differs from the provider's", None)
    organisation: Id | None = doc("accounts of one organisation share one allowance", None)
    enabled: bool = doc("false leaves it out", True)
    base_url: Url | None = doc("its own address, where it has one", None)
    endpoint: Id | None = doc("one of the provider's other addresses, by name", None)
    limits: list[LimitTable] | None = doc("its allowances, in place of the provider's", None)


EffortWords = Annotated[
    tuple[Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"], ...],
    Field(strict=False, min_length=1),
]


class QuirksTable(Table):
    output_limit_field: Literal["max_tokens", "max_completion_tokens"] = doc(
        "what the output limit is called in a request", "max_tokens"
    )
    stream_usage: bool = doc("ask for usage with stream_options", True)
    requests_window: WindowText = doc("window of its x-ratelimit-*-requests headers", "60s")
    tokens_window: WindowText = doc("window of its x-ratelimit-*-tokens headers", "60s")
    single_system_message: bool = doc("takes one system message only", False)
    json_mode: bool = doc("knows response_format", True)
    temperature_min: Annotated[float, Field(ge=0, le=2)] = doc("least temperature it takes", 0.0)
    temperature_max: Annotated[float, Field(ge=0, le=2)] = doc("largest temperature it takes", 2.0)
    efforts: EffortWords = doc("words it takes for reasoning_effort, ascending", ("low", "medium", "high"))
    tool_ids: ToolIdsText = doc("ids of tool calls it takes: any, word, nine", ToolIds.ANY)
    echo_reasoning: EchoText = doc(
        "how it wants reasoning back with tool calls: none, content, details, tags", ReasoningEcho.NONE
    )
    think_tags: bool = doc("reasoning opens the content as a <think> block", False)
    image_urls: bool = doc("takes images by address, not only inline", True)
    default_output_tokens: Count | None = doc("output limit sent where none is asked for", None)
    reserves_output_limit: bool = doc("counts the whole output limit from the start", False)
    zone: Zone = doc("time zone of reset times in its texts", "UTC")
    extra_headers: Headers = doc("sent with every request", {})
    extra_body: BodyFields = doc("fields added to the body of every request", {})
    models_path: Annotated[str, Field(pattern="^/")] = doc(
        "its list of models, under the base URL", "/models"
    )
    self_report: SelfReportText = doc("whose account endpoint it has", SelfReport.NONE)
    local_server: LocalServerText = doc("the program it is, on this machine", LocalServer.NONE)


class EndpointTable(Table):
    base_url: Url = doc("its address")
    billing: BillingText | None = doc("how accounts there are paid for, where it differs", None)
    key_env: list[Variable] = doc("variables that hold keys for it; NAME_1 … NAME_n make a pool", [])
    limits: list[LimitTable] | None = doc("allowances of accounts there, in place of the provider's", None)
    note: str = doc("for whom it is", "")


class ProviderTable(Table):
    protocol: Literal["openai", "anthropic", "gemini"] = doc("wire language")
    base_url: Url = doc("address of the service")
    base_url_env: Variable | None = doc("variable that overrides the address", None)
    key_env: list[Variable] = doc("variables that hold its keys; NAME_1 … NAME_n make a pool", [])
    key: KeyReference | None = doc("key of an account without variables; none where no key is wanted", None)
    enabled: bool = doc("false leaves the provider out", True)
    pool: PoolText = doc("how an account is picked", PoolStrategy.ROUND_ROBIN)
    billing: BillingText = doc("how its accounts are paid for", Billing.CREDITS)
    timezone: Zone = doc("time zone of day, week and month windows", "UTC")
    limits: list[LimitTable] = doc("allowances of every account that has none of its own", [])
    peak: PeakTable | None = doc("hours in which its models cost more than is written", None)
    free_limits: list[LimitTable] = doc("allowances of accounts whose billing is free", [])
    endpoints: dict[Id, EndpointTable] = doc("other addresses, for keys that only work there", {})
    accounts: list[AccountTable] = doc("accounts beside those that variables make", [])
    models: dict[Text, ModelTable] = doc("models by id", {})
    retired: dict[Text, RetiredTable] = doc("models that are no longer served, by id", {})
    quirks: QuirksTable = doc("how it departs from its protocol", QuirksTable())


class ProvidersFile(Table):
    providers: dict[Id, ProviderTable] = doc("providers by id", {})


class WeightsTable(Table):
    preference: Weight = doc("weight of the preference term", 0.0)
    quota: Weight = doc("weight of the quota term", 0.0)
    context: Weight = doc("weight of the context term", 0.0)
    cost: Weight = doc("weight of the cost term", 0.0)
    quality: Weight = doc("weight of the quality term", 0.0)
    speed: Weight = doc("weight of the speed term", 0.0)
    health: Weight = doc("weight of the health term", 0.0)


class ModeTable(Table):
    budget: BudgetText = doc("budget axis of the mode", BudgetMode.NONE)
    quality: QualityText = doc("quality axis of the mode", QualityMode.BALANCED)
    weights: WeightsTable = doc("weights of the score's terms")


class TaskTable(Table):
    prefer: list[Text] = doc("ordered list: provider, provider/model or provider/account/model", [])
    budget_tokens: Count | None = doc("tokens that a task of this type may take", None)
    priority: PriorityText = doc("how soon it is let through", Priority.MEDIUM)
    quality_floor: Share | None = doc(
        "least quality, 0 to 1, in place of the general one; 0: the general one", None
    )


class TierTable(Table):
    prefer: list[Text] = doc("ordered list, where the task type does not say", [])
    emergency: Text = doc('what is left when nobody can serve: "pause", or a route', "pause")
    ceiling_usd_per_1k: Usd | None = doc("dearest blended price, USD per thousand tokens", None)
    quality_floor: Share | None = doc("least quality, 0 to 1", None)


class RoleTable(Table):
    tasks: list[Text] = doc("task types that it applies to")
    tier: TierText = doc("tier that it applies to")
    prefer: list[Text] = doc("ordered list", [])
    budget_tokens: Count | None = doc("tokens that such a task may take", None)
    priority: PriorityText | None = doc("how soon it is let through", None)


class ListsTable(Table):
    budget: dict[BudgetText, list[Text]] = doc("ordered lists of the budget axis", {})
    quality: dict[QualityText, list[Text]] = doc("ordered lists of the quality axis", {})


class BudgetTable(Table):
    day_usd: Usd | None = doc("most USD of a day", None)
    conversation_usd: Usd | None = doc("most USD of a conversation", None)


class ThresholdsTable(Table):
    tier_simple_below: Share = doc("complexity under it is tier t1", 0.3)
    tier_complex_above: Share = doc("complexity over it is tier t3", 0.7)
    switch_below_tokens: Annotated[int, Field(ge=0)] = doc("a conversation under it may move freely", 5_000)
    warn_at: Share = doc("share of a limit used from which it warns", 0.80)
    critical_at: Share = doc("share of a limit used from which it is critical", 0.95)
    route_away_at: Share = doc("share of a limit used from which others go first", 0.95)
    patience_s: Annotated[float, Field(ge=0, le=600)] = doc("longest stated wait for a first choice", 3.0)
    max_attempts: Annotated[int, Field(ge=1, le=20)] = doc("upstream calls of one request", 6)
    estimate_margin: Annotated[float, Field(ge=1, le=3)] = doc("factor on token estimates", 1.1)
    rule1_below_tokens: Annotated[int, Field(ge=0)] = doc("rule 1: largest small task", 20_000)
    rule2_above_queued: Annotated[int, Field(ge=0)] = doc("rule 2: queued small tasks before batching", 5)
    rule3_health_above: Percent = doc("rule 3: least health of a free model", 80)
    rule4_load_below: Share = doc("rule 4: most of the own concurrency in use", 0.5)
    night_from_hour: Hour = doc("rule 4: first hour of the night, local time", 22)
    night_until_hour: Hour = doc("rule 4: first hour of the day, local time", 7)
    provider_check_s: Seconds = doc("time between checks of a provider", 60.0)
    throttle_below: Percent = doc("success under it slows a route", 20)
    throttle_s: Annotated[float, Field(ge=0, le=600)] = doc("longest such delay", 5.0)
    medium_lane_s: Seconds = doc("time between requests of medium priority", 2.0)
    low_lane_s: Seconds = doc("time between requests of low priority", 5.0)


class TimeoutsTable(Table):
    connect_s: Seconds = doc("to connect", 10.0)
    first_token_s: Seconds = doc("to the first token, until learned", 30.0)
    stall_s: Seconds = doc("between two tokens", 60.0)
    total_s: Seconds = doc("of one upstream call", 600.0)
    request_s: Seconds = doc("of a whole request with all its attempts", 600.0)


class RulesTable(Table):
    auto_routing: bool = doc("choose a route for every request; off: the default only", True)
    switch_on_limit: bool = doc("move on when a limit is hit", True)
    preserve_context: bool = doc("carry the conversation over to the next route", True)
    cheap_simple: bool = doc("rule 1: cheapest viable model for small simple tasks", True)
    batch_small: bool = doc("rule 2: several small tasks in one request", True)
    prefer_free: bool = doc("rule 3: free models while they are healthy", True)
    off_peak_dearer: bool = doc("rule 4: dearer models for non-critical work off-peak", True)
    retry_refused_elsewhere: bool = doc("ask another model what one refused for its content", False)


class HistoryTable(Table):
    window_share: Share = doc("share of a window that history may fill", 0.7)
    topic_share: Share = doc("of that, the current topic", 0.4)
    recent_share: Share = doc("of that, recent history", 0.3)
    summary_share: Share = doc("of that, a summary of the rest", 0.3)
    internal_share: Share = doc("share of a window that input of an internal call may fill", 0.7)
    trim_share: Share = doc("a trim aims at this share of its target", 0.8)
    compress_above_usd_per_1m: Usd | None = doc("input price above which history is compressed", None)
    compress_by: Share = doc("reduction aimed at", 0.3)
    keep_turns: Annotated[int, Field(ge=0)] = doc("last turns left as they are", 5)


class PreferencesFile(Table):
    mode: Text = doc("named pair of the two axes", "balanced")
    budget_mode: BudgetText | None = doc("budget axis, in place of the mode's", None)
    quality: QualityText | None = doc("quality axis, in place of the mode's", None)
    default: list[Text] = doc("ordered list where no other applies; the first is the default model", [])
    quality_floor: Share = doc("least quality, 0 to 1", 0.0)
    theme: Text = doc("colours", "trunkline-dark")
    budget: BudgetTable = doc("money", BudgetTable())
    modes: dict[Id, ModeTable] = doc("modes by name, in the order of the mode key")
    lists: ListsTable = doc("ordered lists of the two axes", ListsTable())
    tasks: dict[Id, TaskTable] = doc("task types by name", {})
    tiers: dict[TierText, TierTable] = doc("tiers by name", {})
    roles: dict[Id, RoleTable] = doc("roles by name", {})
    rules: RulesTable = doc("habits and cost rules", RulesTable())
    thresholds: ThresholdsTable = doc("numbers of the routing policy", ThresholdsTable())
    timeouts: TimeoutsTable = doc("time limits in seconds", TimeoutsTable())
    history: HistoryTable = doc("how much history is sent", HistoryTable())
    keymap: dict[Text, Text] = doc("keys of the control centre: action = key", {})
