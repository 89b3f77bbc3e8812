"""The shape of providers.toml and preferences.toml, checked by pydantic. Only this room sees these types."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from trunkline.config.keys import REFERENCE_EXPECTED, parse_key_ref
from trunkline.domain.limits import LimitScope, Metric, Window
from trunkline.domain.preferences import BudgetMode, QualityMode
from trunkline.domain.routes import (
    Billing,
    Capability,
    LocalServer,
    PoolStrategy,
    Prefill,
    ReasoningEcho,
    SelfReport,
    ThinkingControl,
    ToolIds,
)
from trunkline.domain.tasks import Priority, Tier

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_CREDENTIAL_HEADERS = {
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
}


class PlainKeyError(ValueError):
    """A value that may be a plain key; it must not be shown."""


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("a name of letters, digits, dots, dashes and underscores")
    return text


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("text on one line, not empty")
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise PlainKeyError("the name of an environment variable")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise PlainKeyError("an address without a user name or password in it")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an address such as https://llm.example.org/v1")
    return text.rstrip("/")


def _key(text: str) -> str:
    if parse_key_ref(text) is None:
        raise PlainKeyError(REFERENCE_EXPECTED)
    return text


def _window(text: str) -> str:
    try:
        Window.parse(text)
    except ValueError:
        raise ValueError(
            'a window: "60s", "5m", "2h" or "1d" (rolling), "day", "week" or "month", "session:5h", "balance"'
        ) from None
    return text


def _zone(text: str) -> str:
    if text != "UTC":
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(text)
        except (ValueError, OSError, KeyError):  # KeyError: ZoneInfoNotFoundError
            raise ValueError('a time zone such as "America/Los_Angeles" or "UTC"') from None
    return text


def _day(value: object) -> object:
    if isinstance(value, str):
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError('a day such as "2026-12-01"') from None
    return value.isoformat() if isinstance(value, date) else value


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name.lower() in _CREDENTIAL_HEADERS:
            raise PlainKeyError("headers without credentials; a key belongs to an account, as a reference")
        if not _HEADER.fullmatch(name) or not value.isprintable():
            raise ValueError("header names of letters, digits and dashes, and values on one line")
    return headers


Id = Annotated[str, AfterValidator(_id)]
Variable = Annotated[str, AfterValidator(_variable)]
Url = Annotated[str, AfterValidator(_url)]
KeyReference = Annotated[str, AfterValidator(_key)]
WindowText = Annotated[str, AfterValidator(_window)]
Zone = Annotated[str, AfterValidator(_zone)]
Day = Annotated[str, BeforeValidator(_day)]
Text = Annotated[str, AfterValidator(_text)]
Share = Annotated[float, Field(ge=0, le=1)]
# Counters and money are 64-bit integers in the store, money in pico-dollars.
MOST_USD = 9_000_000
Usd = Annotated[float, Field(ge=0, le=MOST_USD)]
Amount = Annotated[float, Field(ge=0, le=1e15)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Percent = Annotated[int, Field(ge=0, le=100)]
Hour = Annotated[int, Field(ge=0, le=23)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
# Enumerations are written as text, which pydantic's strict mode would refuse.
BillingText = Annotated[Billing, Field(strict=False)]
PoolText = Annotated[PoolStrategy, Field(strict=False)]
CapabilityText = Annotated[Capability, Field(strict=False)]
PrefillText = Annotated[Prefill, Field(strict=False)]
ThinkingText = Annotated[ThinkingControl, Field(strict=False)]
EchoText = Annotated[ReasoningEcho, Field(strict=False)]
ToolIdsText = Annotated[ToolIds, Field(strict=False)]
SelfReportText = Annotated[SelfReport, Field(strict=False)]
LocalServerText = Annotated[LocalServer, Field(strict=False)]
MetricText = Annotated[Metric, Field(strict=False)]
ScopeText = Annotated[LimitScope, Field(strict=False)]
BudgetText = Annotated[BudgetMode, Field(strict=False)]
QualityText = Annotated[QualityMode, Field(strict=False)]
PriorityText = Annotated[Priority, Field(strict=False)]
TierText = Annotated[Tier, Field(strict=False)]


def doc(text: str, default: Any = ...) -> Any:
    """A field with its help text; without a default it must be given."""
    return Field(default, description=text)


class Table(BaseModel):
    """A TOML table: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class PriceTable(Table):
    input: Usd | None = doc("USD per million input tokens", None)
    output: Usd | None = doc("USD per million output tokens", None)
    cached: Usd | None = doc("USD per million input tokens read from the provider's cache", None)
    written: Usd | None = doc("USD per million input tokens written to the provider's cache", None)


class LimitTable(Table):
    metric: MetricText = doc("what is counted")
    amount: Amount = doc("how much of it is allowed; USD where the metric is cost")
    window: WindowText = doc("how it renews: 60s, day, week, month, session:5h, balance", "balance")
    scope: ScopeText | None = doc("what shares it: account, model (each by itself) or organisation", None)
    model: Text | None = doc("the one model that it applies to", None)

    @model_validator(mode="after")
    def _amount_fits(self) -> LimitTable:
        if self.metric is Metric.COST and self.amount > MOST_USD:
            raise ValueError(f"an amount of at most {MOST_USD} USD")
        return self


class ModelTable(Table):
    context: Count = doc("input window in tokens")
    max_output: Count | None = doc("most tokens of one answer", None)
    price: PriceTable = doc("prices in USD per million tokens", PriceTable())
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
    tool_ids: ToolIdsText = doc("ids of tool calls it takes: any, word, nine", ToolIds.ANY)
    echo_reasoning: EchoText = doc(
        "how it wants reasoning back with tool calls: none, content, details, tags", ReasoningEcho.NONE
    )
    think_tags: bool = doc("reasoning opens the content as a <think> block", False)
    image_urls: bool = doc("takes images by address, not only inline", True)
    default_output_tokens: Count | None = doc("output limit sent where none is asked for", None)
    reserves_output_limit: bool = doc("counts the whole output limit from the start", False)
    zone: Zone = doc("time zone of reset times in its texts", "UTC")
    extra_headers: Annotated[dict[str, str], AfterValidator(_headers)] = doc("sent with every request", {})
    extra_body: dict[Text, Any] = doc("fields added to the body of every request", {})
    models_path: Annotated[str, Field(pattern="^/")] = doc(
        "its list of models, under the base URL", "/models"
    )
    self_report: SelfReportText = doc("whose account endpoint it has", SelfReport.NONE)
    local_server: LocalServerText = doc("the program it is, on this machine", LocalServer.NONE)


class EndpointTable(Table):
    base_url: Url = doc("its address")
    billing: BillingText | None = doc("how accounts there are paid for, where it differs", None)
    key_env: list[Variable] = doc("variables that hold keys for it; NAME_1 … NAME_n make a pool", [])
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
