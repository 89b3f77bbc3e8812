"""The shape of preferences.toml, checked by pydantic. Only this room sees these types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trunkline.config.fields import (
    AliasStrategyText,
    BudgetText,
    CalledHost,
    Hour,
    Id,
    ListeningHost,
    OriginText,
    Pace,
    Percent,
    Port,
    PriorityText,
    QualityText,
    Seconds,
    Share,
    SomeModels,
    Step,
    Table,
    Text,
    TierText,
    Tokens,
    Usd,
    Weight,
    doc,
)
from trunkline.domain.preferences import AliasStrategy, BudgetMode, QualityMode
from trunkline.domain.tasks import Priority

Money = Annotated[Usd, Step(0.5)]
PriceOf1k = Annotated[Usd, Step(0.0001)]
Switch = Literal["auto", "on", "off"]
UnknownModelWord = Literal["refuse", "auto"]
CrisisStepText = Literal["simple_to_cheap", "park_the_rest", "shrink_output", "allow_local"]


class WeightsTable(Table):
    preference: Weight = doc("weight of a route's place in your lists", 0.0)
    quota: Weight = doc("weight of what is left of its allowances", 0.0)
    context: Weight = doc("weight of the room in its context window", 0.0)
    cost: Weight = doc("weight of what this request costs in cash", 0.0)
    quality: Weight = doc("weight of the model's score", 0.0)
    speed: Weight = doc("weight of first token and tokens a second", 0.0)
    health: Weight = doc("weight of how well it has worked lately", 0.0)


class ModeTable(Table):
    about: Text | None = doc("what the mode does, in a line", None)
    budget: BudgetText = doc("what may be spent: the budget axis of the mode", BudgetMode.NONE)
    quality: QualityText = doc("what is wanted of the model: the quality axis", QualityMode.BALANCED)
    weights: WeightsTable = doc("weights of the score's terms")


class FloorsTable(Table):
    t1: Share | None = doc("least quality, 0 to 1, of simple work of this type", None)
    t2: Share | None = doc("least quality, 0 to 1, of medium work of this type", None)
    t3: Share | None = doc("least quality, 0 to 1, of complex work of this type", None)


class TaskTable(Table):
    prefer: list[Text] = doc("who is asked for it, in order; your own list ranks first", [])
    budget_tokens: Tokens | None = doc(
        "tokens that one message of this type and its answer may take (rule 5)", None
    )
    priority: PriorityText = doc(
        "how soon it is let through: high at once, the others in lanes", Priority.MEDIUM
    )
    quality_floor: Share | None = doc(
        "least quality, 0 to 1, in place of the general one; 0: the general one", None
    )
    floors: FloorsTable = doc("least quality by tier, in place of the task type's", FloorsTable())


class TierTable(Table):
    prefer: list[Text] = doc("who is asked, in order, where the task type does not say", [])
    emergency: Text = doc(
        'who is left when nobody good enough can serve: a route, "pause" (agents\' work waits), "anybody"',
        "pause",
    )
    ceiling_usd_per_1k: PriceOf1k | None = doc("dearest blended price, USD per thousand tokens", None)
    quality_floor: Share | None = doc("least quality, 0 to 1", None)


class RoleTable(Table):
    tasks: list[Text] = doc("task types that it applies to")
    tier: TierText = doc("tier that it applies to")
    prefer: list[Text] = doc("who is asked for it, in order", [])
    budget_tokens: Tokens | None = doc("tokens that one such message and its answer may take", None)
    priority: PriorityText | None = doc("how soon it is let through, in place of the task type's", None)


class ListsTable(Table):
    budget: dict[BudgetText, list[Text]] = doc("who is asked, in order, while the budget axis is {name}", {})
    quality: dict[QualityText, list[Text]] = doc(
        "who is asked, in order, while the quality axis is {name}", {}
    )


class BudgetTable(Table):
    day_usd: Money | None = doc("most USD that a day may cost; without it there is no cap", None)
    conversation_usd: Money | None = doc("most USD that one conversation may cost", None)


class ThresholdsTable(Table):
    tier_simple_below: Share = doc("complexity under which a task is simple (tier t1)", 0.3)
    tier_complex_above: Share = doc("complexity over which a task is complex (tier t3)", 0.7)
    switch_below_tokens: Annotated[int, Field(ge=0), Step(1_000)] = doc(
        "a conversation of fewer tokens may move to another route freely", 5_000
    )
    warn_at: Share = doc("share of a limit used from which it warns", 0.80)
    critical_at: Share = doc("share of a limit used from which it is critical", 0.95)
    route_away_at: Share = doc("share of a limit used from which others go first", 0.95)
    patience_s: Annotated[float, Field(ge=0, le=600), Step(1)] = doc(
        "seconds that a stated wait of the first choice may last before another is asked", 3.0
    )
    max_attempts: Annotated[int, Field(ge=1, le=20)] = doc("most upstream calls of one request", 6)
    estimate_margin: Annotated[float, Field(ge=1, le=3), Step(0.05)] = doc(
        "factor on estimated tokens, to be on the safe side", 1.1
    )
    rule1_below_tokens: Annotated[int, Field(ge=0), Step(1_000)] = doc(
        "rule 1 (cheapest for small and simple): tokens under which a task is small", 20_000
    )
    rule2_above_queued: Annotated[int, Field(ge=0)] = doc(
        "rule 2 (batches): small tasks waiting before they are put together", 5
    )
    rule3_health_above: Percent = doc("rule 3 (free first): least health of a free model", 80)
    rule4_load_below: Share = doc("rule 4 (dearer off-peak): share of the own concurrency in use", 0.5)
    night_from_hour: Hour = doc("rule 4 (dearer off-peak): first hour of the night, local time", 22)
    night_until_hour: Hour = doc("rule 4 (dearer off-peak): first hour of the day, local time", 7)
    provider_check_s: Seconds = doc("seconds between two checks of a provider", 60.0)
    throttle_below: Percent = doc("success, 0 to 100, under which a route is slowed", 20)
    throttle_s: Annotated[float, Field(ge=0, le=600), Step(1)] = doc(
        "longest delay of a slowed route, in seconds", 5.0
    )
    medium_lane_s: Pace = doc(
        "seconds between two requests of one origin of medium priority; 0: no lane", 2.0
    )
    low_lane_s: Pace = doc("seconds between two requests of one origin of low priority; 0: no lane", 5.0)


class TimeoutsTable(Table):
    connect_s: Seconds = doc("seconds to wait for a connection", 10.0)
    first_token_s: Seconds = doc("seconds to wait for the first token, until a route's own is learned", 30.0)
    stall_s: Seconds = doc("seconds of silence in a stream after which it counts as stalled", 60.0)
    total_s: Seconds = doc("seconds that one upstream call may take", 600.0)
    first_token_floor_s: Seconds = doc("least seconds to wait for a first token, whatever was learned", 5.0)
    first_token_ceiling_s: Seconds = doc(
        "most seconds to wait for a first token, whatever was learned", 120.0
    )
    least_tokens_per_s: Annotated[float, Field(ge=0, le=100), Step(0.5)] = doc(
        "tokens a second under which a stream is given up; 0: never", 1.0
    )
    pace_window_s: Seconds = doc("seconds over which the pace of a stream is taken", 20.0)
    request_s: Seconds = doc("seconds that a request may take with all its attempts", 600.0)


class CrisisTable(Table):
    enabled: bool = doc("whether there is a crisis mode", True)
    lost_providers: Annotated[int, Field(ge=1)] = doc(
        "providers without a usable account that make a crisis", 2
    )
    of_enabled: Annotated[int, Field(ge=1)] = doc("least enabled providers for there to be one", 3)
    after_s: Seconds = doc("seconds that they must have been lost", 60.0)
    steps: list[CrisisStepText] = doc(
        "what a crisis changes, in this order",
        ["simple_to_cheap", "park_the_rest", "shrink_output", "allow_local"],
    )
    output_share: Share = doc("share of the usual output limit that an answer gets in a crisis", 0.5)
    least_output_tokens: Annotated[int, Field(ge=1), Step(64)] = doc(
        "output limit that a crisis leaves at least", 512
    )


class QueueTable(Table):
    age_s: Seconds = doc("seconds of waiting that lift a request by one lane", 30.0)
    park_at_most_h: Annotated[float, Field(ge=0.1, le=8_784), Step(1)] | None = doc(
        "hours that a request may be kept for until somebody can serve it; without it, however long", None
    )
    recheck_s: Seconds = doc("seconds until a kept request is tried again where nobody states a reset", 60.0)
    spread_s: Annotated[float, Field(ge=0, le=600), Step(1)] = doc(
        "seconds over which those who waited for a reset are spread", 2.0
    )


class RulesTable(Table):
    auto_routing: bool = doc("choose a route for every request; off: the default only", True)
    switch_on_limit: bool = doc("move on to the next route when a limit is hit", True)
    preserve_context: bool = doc("carry the conversation over to the next route", True)
    cheap_simple: bool = doc("rule 1: the cheapest viable model for small simple tasks", True)
    batch_small: bool = doc("rule 2: several small tasks in one request", True)
    prefer_free: bool = doc("rule 3: free models first, while they are healthy", True)
    off_peak_dearer: bool = doc("rule 4: dearer models for non-critical work off-peak", True)
    price_ceilings: bool = doc("routes dearer than the tier's ceiling go last", True)
    token_budgets: bool = doc("rule 5: over the token budget of its task, a message is not just sent", True)
    upgrade_tier: bool = doc("one tier higher after an answer that was refused, empty or regenerated", True)
    switch_for_saving: bool = doc("a conversation moves where that saves more than it costs", True)
    retry_refused_elsewhere: bool = doc("ask another model what one refused for its content", False)


class LearningTable(Table):
    enabled: bool = doc("let how answers are received move what is thought of a model's quality", True)
    prior_weight: Annotated[float, Field(ge=0.1, le=10_000), Step(5)] = doc(
        "answers that the catalogue's figure counts for beside what was learned", 20.0
    )
    half_life_days: Annotated[float, Field(ge=0.1, le=36_500), Step(5)] = doc(
        "days after which what was learned counts half", 30.0
    )
    explore_share: Share = doc(
        "share of the requests that nobody waits for (none of a chat or `ask`) that try another route than the best "
        "one, up to twice as dear",
        0.0,
    )


class HistoryTable(Table):
    window_share: Share = doc("share of a context window that history may fill", 0.7)
    topic_share: Share = doc("share of the history for the current topic", 0.4)
    recent_share: Share = doc("share of the history for recent messages", 0.3)
    summary_share: Share = doc("share of the history for a summary of the rest", 0.3)
    internal_share: Share = doc("share of a window that input of an internal call may fill", 0.7)
    trim_share: Share = doc("a trim aims at this share of its target", 0.8)
    compress_above_usd_per_1m: Money | None = doc(
        "USD per million input tokens above which history is compressed; without it, never", None
    )
    compress_by: Share = doc("share by which compressing makes it shorter", 0.3)
    keep_turns: Annotated[int, Field(ge=0)] = doc("last turns that are left as they are", 5)
    keep_days: Annotated[int, Field(ge=1, le=36_500)] | None = doc(
        "days after which what was said is erased from this machine; without it, never", None
    )


class GatewayTable(Table):
    host: ListeningHost = doc("address that the gateway listens on", "127.0.0.1")
    port: Port = doc("port that the gateway listens on", 8787)
    allow_remote: bool = doc("let it listen on an address that other machines reach", False)
    tls_cert: Text | None = doc("certificate (PEM file) for https; without it, http", None)
    tls_key: Text | None = doc("key of the certificate (PEM file), where that does not hold it itself", None)
    allowed_hosts: list[CalledHost] = doc(
        "names by which it may be called, beside localhost and 127.0.0.1", []
    )
    allowed_origins: list[OriginText] = doc(
        "web pages that may use it from a browser, such as http://localhost:3000", []
    )
    require_token: bool = doc(
        "whether everybody who asks needs a token; off only where nobody but this machine can", True
    )
    max_body_mb: Annotated[int, Field(ge=1, le=1_024), Step(8)] = doc("largest request, in MiB", 32)
    max_concurrent: Annotated[int, Field(ge=1, le=10_000), Step(8)] = doc("requests worked on at once", 64)
    max_waiting: Annotated[int, Field(ge=0, le=100_000), Step(32)] = doc(
        "requests that may wait for that; more are refused", 256
    )
    unknown_model: UnknownModelWord = doc(
        "what a request for a model that nobody here knows or can be asked for becomes: refused, or routed like any",
        "refuse",
    )


class AliasTable(Table):
    models: SomeModels = doc("who may answer under this name")
    strategy: AliasStrategyText = doc(
        "how one of them is chosen: in order, or by the score", AliasStrategy.ORDER
    )


class PreferencesFile(Table):
    mode: Text = doc("what counts most: a named pair of the two axes with its weights", "balanced")
    budget_mode: BudgetText | None = doc("the budget axis by itself, in place of the mode's", None)
    quality: QualityText | None = doc("the quality axis by itself, in place of the mode's", None)
    default: list[Text] = doc("who is asked where no other list applies; the first is the default model", [])
    quality_floor: Share = doc("least quality of a model, as a share of the best score", 0.0)
    theme: Text = doc("colours of the control centre", "trunkline-dark")
    low_bandwidth: Switch = doc("spare the line: fewer and smaller updates; auto: over SSH", "auto")
    ascii: Switch = doc("draw with letters and dashes only; auto: where the terminal has no lines", "auto")
    budget: BudgetTable = doc("money", BudgetTable())
    modes: dict[Id, ModeTable] = doc("modes by name, in the order of the mode key")
    lists: ListsTable = doc("ordered lists of the two axes", ListsTable())
    tasks: dict[Id, TaskTable] = doc("task types by name", {})
    tiers: dict[TierText, TierTable] = doc("tiers by name", {})
    roles: dict[Id, RoleTable] = doc("roles by name", {})
    rules: RulesTable = doc("habits and cost rules", RulesTable())
    learning: LearningTable = doc("what is learned of models", LearningTable())
    thresholds: ThresholdsTable = doc("numbers of the routing policy", ThresholdsTable())
    crisis: CrisisTable = doc("when too few providers are left", CrisisTable())
    queue: QueueTable = doc("work that waits", QueueTable())
    timeouts: TimeoutsTable = doc("time limits in seconds", TimeoutsTable())
    history: HistoryTable = doc("how much history is sent", HistoryTable())
    gateway: GatewayTable = doc("the gateway that programs of this machine ask", GatewayTable())
    aliases: dict[Id, AliasTable] = doc("names of your own for lists of models", {})
    keymap: dict[Text, Text] = doc("keys of the control centre: an action's id = its keys", {})
