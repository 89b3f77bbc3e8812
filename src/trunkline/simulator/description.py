"""What the simulator plays: providers, accounts, models, limits, faults, read from TOML.

seed = 7                              # of every random draw
[story]
length_s = 60                         # the faults' clock starts again after that, if
loop = true

[providers.google]                    # served under http://127.0.0.1:PORT/google
protocol = "openai"                   # openai (at /google/v1), anthropic (/google/v1/messages), gemini (/google/v1beta)
style = "openai"                      # of bodies and streams: see `styles.STYLES`; the protocol's own where not given
headers = "openai"                    # of limits: openai, groq, cerebras, mistral, anthropic, unified, none
retry_after = true                    # on a 429
strict = ["known_fields"]             # what is refused: openai_reading.CHECKS, anthropic_reading.STRICT, …
any_model = false                     # serves its first model under whatever name
balance = 12.5                        # USD, as account endpoints tell it
[[providers.google.accounts]]
id = "google-1"
key = "sim-google-1"                  # "*" takes any key, or none
organisation = "me"                   # accounts that share limits of scope "organisation"
without = ["gemini-pro"]              # models that are not found with this key
limits = [{ metric = "requests", amount = 20, window = "60s", scope = "model" }]
[[providers.google.limits]]           # the same for every account of the provider
[providers.google.models."gemini-flash"]
first_token_ms = [400, 0.3, 0.02]     # mean, jitter (share of the mean), tail (share of draws 3 to 8 times as long)
tokens_per_s = [90, 0.2, 0]           # 0 is at once
output_tokens = [180, 0.5, 0.05]
thinks = "asked"                      # always, asked (by parameter or prompt: see `wishes`), never
cache_least_tokens = 1024             # the beginning of a prompt that is cached from then on
strict = ["temperature_fixed"]        # beside the provider's
dimensions = 1536                     # it gives vectors of so many, and no answers

[[faults]]                            # see `faults.KINDS`
kind = "cut"
provider = "google"
at_s = 40
first = 1
after = 5
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trunkline.domain.limits import LimitScope, Metric, Window

ANY_KEY = "*"


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution: `mean`, `jitter` as a share of it to either side, and the share of draws (`tail`, 0..1) that
    come out three to eight times as large."""

    mean: float
    jitter: float = 0.0
    tail: float = 0.0

    def draw(self, rng: random.Random) -> float:
        """One value, never below zero."""
        if self.mean <= 0:
            return 0.0
        value = self.mean * (1 + self.jitter * rng.uniform(-1, 1))
        if self.tail and rng.random() < self.tail:
            value *= rng.uniform(3, 8)
        return max(0.0, value)


@dataclass(frozen=True, slots=True)
class Limit:
    """An allowance that is enforced: `amount` of `metric` per `window`."""

    metric: Metric
    amount: int
    window: Window
    scope: LimitScope = LimitScope.ACCOUNT
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One key of a provider, and what it is allowed; models in `without` are not found for it."""

    id: str
    key: str
    organisation: str | None = None
    without: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A model: how fast it is, how much it says, and what. `fixed_chunks` makes every answer the same N encoded
    chunks, which costs next to nothing; `continues` lets it carry on a text as asked to. `thinks` is always, asked or
    never; a prompt's beginning of `cache_least_tokens` is cached; `strict` is what it refuses beside the provider. With
    `dimensions` it gives vectors of that many, and no answers."""

    id: str
    context_tokens: int = 131_072
    max_output_tokens: int = 8_192
    first_token_ms: Spread = Spread(0)
    tokens_per_s: Spread = Spread(0)
    output_tokens: Spread = Spread(120, 0.5)
    chunk_tokens: int = 4
    answers: tuple[str, ...] = ()
    continues: bool = True
    fixed_chunks: int = 0
    thinks: str = "asked"
    cache_least_tokens: int = 1_024
    strict: frozenset[str] = frozenset()
    dimensions: int = 0


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider served under `/<id>/`. `strict` is what all its models refuse; `any_model`: it serves its first model
    under whatever name, as a local server does; `balance` is what its account endpoint tells, in USD."""

    id: str
    protocol: str
    style: str
    headers: str
    retry_after: bool
    accounts: Mapping[str, Account]
    models: Mapping[str, Model]
    strict: frozenset[str] = frozenset()
    any_model: bool = False
    balance: float = 0.0

    def model_named(self, name: str) -> Model | None:
        """The model of that id."""
        found = self.models.get(name)
        return next(iter(self.models.values()), None) if found is None and self.any_model else found

    def strictness(self, model: str) -> frozenset[str]:
        """What is refused of a request to that model."""
        found = self.model_named(model)
        return self.strict if found is None or not found.strict else self.strict | found.strict

    def account_of(self, key: str) -> Account | None:
        """Whose key that is."""
        return self.accounts.get(key) or self.accounts.get(ANY_KEY)


@dataclass(frozen=True, slots=True)
class FaultRule:
    """A fault and when it strikes. None matches anything; `stream` picks streams, or whole replies, only. `at_s` and
    `until_s` are on the story's clock; of the requests matched then, the `first` n, each `every` n-th, or a share
    (`probability`) are struck."""

    name: str
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    account: str | None = None
    model: str | None = None
    stream: bool | None = None
    at_s: float = 0.0
    until_s: float | None = None
    first: int | None = None
    every: int | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """Everything the simulator plays."""

    providers: Mapping[str, Provider]
    faults: tuple[FaultRule, ...] = ()
    seed: int = 0
    story_s: float | None = None
    loop: bool = False
    file: str = field(default="description", compare=False)
