"""Routes and the things they are made of: providers, accounts, models."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from trunkline.domain.accepts import Accepts
from trunkline.domain.caching import PromptCache
from trunkline.domain.counting import CountingRule, Tokenizer
from trunkline.domain.limits import LimitSpec
from trunkline.domain.money import Price


class Billing(StrEnum):
    """How an account is paid for; decides what a refusal means and how it is worded."""

    RATE_LIMIT = "rate_limit"
    SUBSCRIPTION = "subscription"
    CREDITS = "credits"
    FREE = "free"
    LOCAL = "local"


class PoolStrategy(StrEnum):
    """How an account of a pool is picked for a new conversation."""

    ROUND_ROBIN = "round_robin"
    LEAST_USED = "least_used"
    RANDOM = "random"
    PRIORITY = "priority"
    SOONEST_RESET = "soonest_reset"


class Capability(StrEnum):
    """What a model can take or give beyond text. `image_urls`: images by address, not only inline. `embeddings`: it
    gives vectors, and nothing else."""

    TOOLS = "tools"
    IMAGES = "images"
    IMAGE_URLS = "image_urls"
    JSON = "json"
    THINKING = "thinking"
    EMBEDDINGS = "embeddings"


class Prefill(StrEnum):
    """How a model continues an assistant message that is already begun, if it does."""

    NONE = "none"
    ASSISTANT = "assistant"
    PREFIX = "prefix"
    PARTIAL = "partial"


class ThinkingControl(StrEnum):
    """How a request says how long a model should think: OpenAI's `reasoning_effort`, OpenRouter's `reasoning`
    object, a `thinking` switch, Anthropic's adaptive thinking, a budget of tokens, Gemini's level; or not at all."""

    NONE = "none"
    EFFORT = "effort"
    REASONING = "reasoning"
    SWITCH = "switch"
    ADAPTIVE = "adaptive"
    BUDGET = "budget"
    LEVEL = "level"


class ReasoningEcho(StrEnum):
    """How a provider wants its reasoning back with the tool calls that followed it: not at all, as
    `reasoning_content`, as `reasoning_details`, or in `<think>` tags within the content."""

    NONE = "none"
    CONTENT = "content"
    DETAILS = "details"
    TAGS = "tags"


class ToolIds(StrEnum):
    """What tool-call ids a provider takes: any, at most 64 letters, digits, dashes and underscores, or exactly nine
    letters and digits (Mistral)."""

    ANY = "any"
    WORD = "word"
    NINE = "nine"


class SelfReport(StrEnum):
    """Whose account endpoint a provider has: what it tells of balance and allowances, free of charge."""

    NONE = "none"
    OPENROUTER = "openrouter"
    ZAI = "zai"
    MOONSHOT = "moonshot"
    DEEPSEEK = "deepseek"
    MINIMAX = "minimax"


class LocalServer(StrEnum):
    """Which program serves models on this machine."""

    NONE = "none"
    OLLAMA = "ollama"
    LMSTUDIO = "lmstudio"
    LLAMACPP = "llamacpp"
    VLLM = "vllm"


class KeySource(StrEnum):
    """Where a key is kept."""

    ENV = "env"
    VAULT = "vault"
    KEYRING = "keyring"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A reference to a key, never the key."""

    source: KeySource
    name: str = ""

    def __str__(self) -> str:
        return "none" if self.source is KeySource.NONE else f"{self.source.value}:{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """Provider, account and model: the thing a request is sent down."""

    provider: str
    account: str
    model: str

    @property
    def id(self) -> str:
        """`provider/account/model`; the model is verbatim and may hold slashes."""
        return f"{self.provider}/{self.account}/{self.model}"

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Selector:
    """A set of routes: every part that is None stands for any."""

    provider: str | None = None
    account: str | None = None
    model: str | None = None

    def matches(self, provider: str, account: str, model: str) -> bool:
        """Whether the route of these three parts is in the set."""
        return (
            (self.provider is None or self.provider == provider)
            and (self.account is None or self.account == account)
            and (self.model is None or self.model == model)
        )

    def covers(self, provider: str, model: str) -> bool:
        """Whether some route to that model is in the set."""
        return self.provider in (None, provider) and self.model in (None, model)

    def __str__(self) -> str:
        return "/".join(part for part in (self.provider, self.account, self.model) if part is not None)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as one provider serves it. `quality` is a raw score of the catalogue's one column; `quality_share`
    is that score normalised to 0..1 within the catalogue (None: no score known). Its prompts are counted with
    `tokenizer`, and what is not text in them by the rule of `counting`."""

    provider: str
    id: str
    context_tokens: int
    max_output_tokens: int | None = None
    price: Price = field(default_factory=Price)
    quality: float | None = None
    quality_share: float | None = None
    preference: int | None = None
    capabilities: tuple[Capability, ...] = ()
    tags: tuple[str, ...] = ()
    prefill: Prefill = Prefill.NONE
    temperature: bool = True
    thinking: ThinkingControl = ThinkingControl.NONE
    retired_on: str | None = None
    successor: str | None = None
    first_token_ms: float | None = None
    tokens_per_s: float | None = None
    tokenizer: Tokenizer = Tokenizer.O200K
    counting: CountingRule = CountingRule.OPENAI
    cache: PromptCache = field(default_factory=PromptCache)

    @property
    def embeds(self) -> bool:
        """It gives vectors and no answers."""
        return Capability.EMBEDDINGS in self.capabilities


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """One set of credentials at a provider. `has_key` is False when its key reference leads nowhere. `base_url` is
    set where it is not the provider's, `endpoint` where that is one of the provider's named ones. `set_aside`: a
    person took it out for now, though the configuration has it enabled. `check_ms` is how often its account endpoint is
    asked, where that is not the usual; 0: never."""

    provider: str
    id: str
    key: KeyRef
    billing: Billing
    has_key: bool = True
    organisation: str | None = None
    enabled: bool = True
    base_url: str | None = None
    endpoint: str | None = None
    limits: tuple[LimitSpec, ...] = ()
    set_aside: bool = False
    check_ms: int | None = None

    @property
    def costs_cash(self) -> bool:
        """Whether a call is paid for by its tokens; a free, subscribed or local account's is not, whatever its
        model's list price."""
        return self.billing not in (Billing.FREE, Billing.LOCAL, Billing.SUBSCRIPTION)


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider departs from its protocol, as data.

    `output_limit_field`: name of the output limit in a request. `default_output_tokens`: the limit sent where none
    is asked for. `reserves_output_limit`: the whole output limit counts against token allowances from the start.
    `stream_usage`: ask for usage with `stream_options`. `requests_window` and `tokens_window`: the windows that its
    `x-ratelimit-*` headers speak of, as window texts. `single_system_message`: only one, and first. `json_mode`:
    knows `response_format`. `temperature_min`, `temperature_max`: what it takes. `efforts`: the words that it
    takes for `reasoning_effort`, ascending. `tool_ids`: which it takes.
    `zone`: time zone of reset times in prose. `echo_reasoning`: how reasoning goes back with tool calls.
    `think_tags`: a `<think>…</think>` block that opens the content is reasoning. `image_urls`: takes images by
    address. `extra_headers` and `extra_body` (field, JSON text) go with every request. `models_path`: its list of
    models. `self_report`: its account endpoint. `local_server`: the program it is.
    """

    output_limit_field: str = "max_tokens"
    stream_usage: bool = True
    requests_window: str = "60s"
    tokens_window: str = "60s"
    single_system_message: bool = False
    json_mode: bool = True
    temperature_min: float = 0.0
    temperature_max: float = 2.0
    efforts: tuple[str, ...] = ("low", "medium", "high")
    tool_ids: ToolIds = ToolIds.ANY
    echo_reasoning: ReasoningEcho = ReasoningEcho.NONE
    think_tags: bool = False
    image_urls: bool = True
    default_output_tokens: int | None = None
    reserves_output_limit: bool = False
    zone: str = "UTC"
    extra_headers: tuple[tuple[str, str], ...] = ()
    extra_body: tuple[tuple[str, str], ...] = ()
    models_path: str = "/models"
    self_report: SelfReport = SelfReport.NONE
    local_server: LocalServer = LocalServer.NONE


@dataclass(frozen=True, slots=True)
class RetiredModel:
    """A model id that a provider no longer serves since `retired_on` (ISO date), and the id that took its place."""

    id: str
    retired_on: str
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """Another address of a provider, for keys that only work there: a coding plan's, another region's. `note` says
    for whom it is; `billing` is set where accounts there are paid for differently; keys for it are looked for in the
    variables `key_env`."""

    id: str
    base_url: str
    billing: Billing | None = None
    note: str = ""
    key_env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A service with a protocol and a base URL, its pool of accounts, the models it serves and those it served.
    `key_env` are the variables in which its keys are looked for."""

    id: str
    protocol: str
    base_url: str
    pool: PoolStrategy = PoolStrategy.ROUND_ROBIN
    billing: Billing = Billing.CREDITS
    timezone: str = "UTC"
    accounts: tuple[AccountSpec, ...] = ()
    models: tuple[ModelSpec, ...] = ()
    quirks: Quirks = field(default_factory=Quirks)
    retired: tuple[RetiredModel, ...] = ()
    endpoints: tuple[EndpointSpec, ...] = ()
    key_env: tuple[str, ...] = ()
    accepts: Accepts = field(default_factory=Accepts)

    @property
    def takes_schema(self) -> bool:
        """Whether the JSON schema of an answer is a field there, and not only words."""
        said = self.accepts.json_schema
        return self.quirks.json_mode if said is None else said


@dataclass(frozen=True)
class Catalogue:
    """Everything that exists, indexed. Built once per configuration and shared."""

    providers: tuple[ProviderSpec, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "_providers", {provider.id: provider for provider in self.providers})
        object.__setattr__(
            self,
            "_accounts",
            {(a.provider, a.id): a for provider in self.providers for a in provider.accounts},
        )
        object.__setattr__(
            self, "_models", {(m.provider, m.id): m for provider in self.providers for m in provider.models}
        )
        object.__setattr__(
            self,
            "_retired",
            {(provider.id, r.id): r for provider in self.providers for r in provider.retired},
        )

    _providers: dict[str, ProviderSpec] = field(init=False, repr=False, compare=False, default_factory=dict)
    _accounts: dict[tuple[str, str], AccountSpec] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _models: dict[tuple[str, str], ModelSpec] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _retired: dict[tuple[str, str], RetiredModel] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def provider(self, provider: str) -> ProviderSpec | None:
        """The provider of that id, if there is one."""
        return self._providers.get(provider)

    def account(self, provider: str, account: str) -> AccountSpec | None:
        """The account of that id at that provider, if there is one."""
        return self._accounts.get((provider, account))

    def model(self, provider: str, model: str) -> ModelSpec | None:
        """The model of that id at that provider, if there is one."""
        return self._models.get((provider, model))

    def select(self, text: str) -> Selector | None:
        """Read `provider`, `provider/account`, `provider/model`, `provider/account/model` or a bare model id.

        The second segment is an account only if it names one; everything after is the model verbatim. A bare
        text that names no provider is a model id, whoever serves it. A retired id stands for its successor. None
        when nothing known is named.
        """
        head, slash, rest = text.strip().partition("/")
        provider = self._providers.get(head)
        if provider is not None and not slash:
            return Selector(provider=head)
        if provider is not None:
            second, second_slash, tail = rest.partition("/")
            if (head, second) in self._accounts:
                if not second_slash:
                    return Selector(provider=head, account=second)
                tail = self._served(head, tail)
                if (head, tail) in self._models:
                    return Selector(provider=head, account=second, model=tail)
            rest = self._served(head, rest)
            if (head, rest) in self._models:
                return Selector(provider=head, model=rest)
        bare = text.strip()
        if any(model_id == bare for _, model_id in self._models):
            return Selector(model=bare)
        for provider_id, model_id in self._retired:
            if model_id == bare and self._served(provider_id, bare) != bare:
                return Selector(provider=provider_id, model=self._served(provider_id, bare))
        return None

    def _served(self, provider: str, model: str) -> str:
        """The model itself, or what took its place when it is retired, be that by several steps; the model itself where
        nothing known did."""
        served, seen = model, {model}
        while (provider, served) not in self._models:
            retired = self._retired.get((provider, served))
            if retired is None or retired.successor is None or retired.successor in seen:
                return model
            served = retired.successor
            seen.add(served)
        return served
