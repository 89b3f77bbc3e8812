"""The shape of providers.toml, checked by pydantic. Only this room sees these types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from trunkline.config.fields import (
    MOST_USD,
    Amount,
    BillingText,
    BodyFields,
    CapabilityText,
    Count,
    Day,
    EchoText,
    Headers,
    HoursText,
    Id,
    KeyReference,
    LocalServerText,
    MetricText,
    Percent,
    PoolText,
    PrefillText,
    ScopeText,
    SelfReportText,
    Table,
    Text,
    ThinkingText,
    TokenizerText,
    Tokens,
    ToolIdsText,
    Url,
    Usd,
    Variable,
    WindowText,
    Zone,
    doc,
)
from trunkline.domain.counting import Tokenizer
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

CheckSeconds = Annotated[float, Field(ge=0, le=86_400)]
CacheMinutes = Annotated[float, Field(ge=0, le=1_440)]


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


class CacheTable(Table):
    minutes: CacheMinutes | None = doc(
        "how long a prompt stays in the cache after its last use, 0 where nothing is kept", None
    )
    least_tokens: Count | None = doc("shortest prompt that is kept", None)


class LimitTable(Table):
    metric: MetricText = doc("what is counted")
    amount: Amount = doc("how much of it is allowed; USD where the metric is cost")
    window: WindowText = doc("how it renews: 60s, day, week, month, session:5h, balance", "balance")
    scope: ScopeText | None = doc("what shares it: account, model (each by itself) or organisation", None)
    model: Text | None = doc("the model that it applies to; with a * in it, the models that share it", None)

    @model_validator(mode="after")
    def _amount_fits(self) -> LimitTable:
        if self.metric == "cost" and self.amount > MOST_USD:
            raise ValueError(f"an amount of at most {MOST_USD} USD")
        return self


class ModelTable(Table):
    context: Tokens = doc("input window in tokens")
    max_output: Tokens | None = doc("most tokens of one answer", None)
    price: PriceTable = doc("prices in USD per million tokens", PriceTable())
    peak: PeakTable | None = doc("hours in which it costs more, in place of the provider's", None)
    cache: CacheTable = doc("its prompt cache, as far as it differs from the provider's", CacheTable())
    quality: Usd | None = doc("score in the catalogue's column, or in one whose best is quality_best", None)
    quality_best: Annotated[float, Field(gt=0, le=MOST_USD)] | None = doc(
        "best score of the column that quality is from, where that is not the catalogue's", None
    )
    preference: Percent | None = doc("0 to 100, counts where no list names the model", None)
    capabilities: list[CapabilityText] = doc("what it takes or gives beyond text", [])
    tags: list[Text] = doc("free words", [])
    prefill: PrefillText = doc("how it continues an answer already begun", Prefill.NONE)
    temperature: bool = doc("whether it accepts a temperature", True)
    thinking: ThinkingText = doc("how a request says how long it should think", ThinkingControl.NONE)
    tokenizer: TokenizerText = doc(
        "what its prompts are counted with: o200k, cl100k, or estimate for none", Tokenizer.O200K
    )
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
    check_s: CheckSeconds | None = doc("as the provider's, for this account", None)


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


SamplingField = Literal["top_p", "top_k", "seed", "random_seed", "frequency_penalty", "presence_penalty"]


class AcceptsTable(Table):
    tool_choice: list[Literal["auto", "none", "required", "named"]] = doc(
        "what can be demanded of tools", ["auto", "none", "required", "named"]
    )
    forced_beside_thinking: bool = doc("a tool can be forced while the model thinks", True)
    parallel_tool_calls: bool = doc("knows parallel_tool_calls", True)
    json_schema: bool | None = doc("takes the JSON schema of an answer; as json_mode where not said", None)
    sampling: list[SamplingField] | None = doc(
        "fields for how tokens are drawn; those of its protocol where nothing is said", None
    )
    stops: Annotated[int, Field(ge=0, le=100)] | None = doc("most stop sequences it takes", None)
    stops_without_temperature: bool = doc("takes stop sequences where it takes no temperature", True)
    native_fields: list[Text] | None = doc("further fields of its protocol that it takes, not any", None)
    tool_images: bool = doc("takes images within the result of a tool", False)
    packed_vectors: bool = doc("gives embeddings as base64 where asked to", False)
    texts_per_call: Annotated[int, Field(ge=1)] | None = doc(
        "most texts of one call for embeddings; 2048 where nothing is said, by Google's protocol 100", None
    )


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
    cache: CacheTable = doc("its prompt cache; 5 minutes and 1024 tokens where nothing is said", CacheTable())
    free_limits: list[LimitTable] = doc("allowances of accounts whose billing is free", [])
    check_s: CheckSeconds | None = doc(
        "seconds between two askings of its account endpoints, where not provider_check_s; 0 for never", None
    )
    endpoints: dict[Id, EndpointTable] = doc("other addresses, for keys that only work there", {})
    accounts: list[AccountTable] = doc("accounts beside those that variables make", [])
    models: dict[Text, ModelTable] = doc("models by id", {})
    retired: dict[Text, RetiredTable] = doc("models that are no longer served, by id", {})
    quirks: QuirksTable = doc("how it departs from its protocol", QuirksTable())
    accepts: AcceptsTable = doc("which wishes of a request it takes", AcceptsTable())


class ProvidersFile(Table):
    providers: dict[Id, ProviderTable] = doc("providers by id", {})
